#include "tale.h"

void tale_begin(struct tale *tale, size_t lines)
{
    *tale = (struct tale){.capacity = lines};
    if (lines)
        tale->lines = calloc(lines, sizeof *tale->lines);
    assert_true(!lines || tale->lines);
}

void tale_end(struct tale *tale)
{
    free(tale->lines);
    *tale = (struct tale){0};
}

void tale_print(const struct tale *tale, FILE *to)
{
    size_t first = tale->count > tale->capacity ? tale->count - tale->capacity : 0;
    for (size_t i = first; i < tale->count; i++)
        fprintf(to, "%s\n", tale->lines[i % tale->capacity]);
}

void tale_add(struct tale *tale, const struct net *net, const char *format, ...)
{
    va_list args;
    if (!tale->capacity)
        return;
    char *line = tale->lines[tale->count++ % tale->capacity];
    int len = snprintf(line, TALE_LINE_MAX, "%8llu  ", (unsigned long long)net->now_ms);
    va_start(args, format);
    vsnprintf(line + len, TALE_LINE_MAX - (size_t)len, format, args);
    va_end(args);
}

bool tale_tells(const struct msk_event *event)
{
    static const enum msk_event_kind hidden[] = {
        MSK_EVENT_DIAL_STARTED,   MSK_EVENT_DIAL_FAILED,       MSK_EVENT_DIAL_REFUSED,    MSK_EVENT_HEARTBEAT_MISSED,
        MSK_EVENT_BOND_DUPLICATE, MSK_EVENT_PEER_ENTRY_UPDATE, MSK_EVENT_APPEND_RECEIVED, MSK_EVENT_APPEND_ACKED};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (event->kind == hidden[i])
            return false;
    return event->has_group;
}

/* The number of the member whose id begins here, 0: none. */
static int member_at(const struct net *net, const char *text)
{
    char name[MSK_DIGEST_SHORT_SIZE];
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        if (strncmp(text, msk_digest_short(&net->places[i].id, name), MSK_DIGEST_SHORT_SIZE - 1) == 0)
            return i;
    return 0;
}

void tale_sentence(const struct net *net, int place, const struct msk_event *event, char line[TALE_LINE_MAX])
{
    struct msk_builder sentence;
    msk_builder_init(&sentence, 4096);
    msk_event_sentence(event, &sentence);
    msk_builder_byte(&sentence, 0);
    int len = snprintf(line, TALE_LINE_MAX, "%d ", place);
    for (const char *at = (const char *)sentence.data; *at && len < TALE_LINE_MAX - 8;) {
        int member = member_at(net, at);
        if (member)
            len += sprintf(line + len, "%d", member);
        else
            line[len++] = *at;
        at += member ? MSK_DIGEST_SHORT_SIZE - 1 : 1;
    }
    line[len] = 0;
    msk_builder_free(&sentence);
}
