#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/input.h"
#include "ticket.h"

#define VIEW_MEMORY_MAX (64 * MSK_JWT_TOKEN_MAX)

int ticket_read(const char *argument, struct msk_builder *memory, struct msk_bytes *out, struct msk_error *err)
{
    *out = msk_bytes_of_text(argument);
    if (strcmp(argument, "-") != 0)
        return 0;
    int rc = msk_input_read(argument, memory, NULL, err);
    *out = msk_bytes_trim_end(msk_builder_view(memory));
    return rc;
}

static int parse_part(const struct msk_builder *text, struct msk_arena *arena, struct msk_json *out,
                      struct msk_error *err)
{
    const uint8_t *kept = msk_arena_copy(arena, text->data, text->len);
    return kept ? msk_json_parse(MSK_BYTES(kept, text->len), arena, out, err)
                : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

int ticket_view_make(struct msk_bytes token, struct ticket_view *out, struct msk_error *err)
{
    struct msk_builder header, claims;
    *out = (struct ticket_view){0};
    msk_arena_init(&out->arena, VIEW_MEMORY_MAX);
    msk_builder_init(&header, MSK_JWT_TOKEN_MAX);
    msk_builder_init(&claims, MSK_JWT_TOKEN_MAX);
    int rc = msk_jwt_read(token, &header, &claims, err);
    if (rc == 0)
        rc = parse_part(&header, &out->arena, &out->header, err);
    if (rc == 0)
        rc = parse_part(&claims, &out->arena, &out->claims, err);
    msk_builder_free(&header);
    msk_builder_free(&claims);
    return rc;
}

void ticket_view_free(struct ticket_view *view)
{
    msk_arena_free(&view->arena);
}

static const struct msk_json *claim(const struct ticket_view *view, const char *name, enum msk_json_kind kind)
{
    const struct msk_json_member *member = msk_json_find(&view->claims, name);
    return member && member->value.kind == kind ? &member->value : NULL;
}

const struct msk_json *ticket_text_claim(const struct ticket_view *view, const char *name)
{
    return claim(view, name, MSK_JSON_TEXT);
}

bool ticket_time_claim(const struct ticket_view *view, const char *name, uint64_t *seconds)
{
    const struct msk_json *value = claim(view, name, MSK_JSON_UNSIGNED);
    *seconds = value ? value->number : 0;
    return value != NULL;
}

json_t *ticket_expires_json(bool never, uint64_t expires_s)
{
    return never ? json_string("never") : json_integer((json_int_t)expires_s);
}

/* ---- times in words */

int64_t ticket_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *ticket_span_text(uint64_t seconds, char out[TICKET_TIME_TEXT_SIZE])
{
    static const struct {
        uint64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    uint64_t rest = i < 3 ? seconds % units[i].seconds / units[i + 1].seconds : 0;
    int len = snprintf(out, TICKET_TIME_TEXT_SIZE, "%" PRIu64 "%c", seconds / units[i].seconds, units[i].unit);
    if (rest > 0)
        snprintf(out + len, TICKET_TIME_TEXT_SIZE - (size_t)len, " %" PRIu64 "%c", rest, units[i + 1].unit);
    return out;
}

const char *ticket_time_text(uint64_t seconds, int64_t now_ms, char out[TICKET_TIME_TEXT_SIZE])
{
    char when[MSK_TIME_TEXT_SIZE] = "", span[TICKET_TIME_TEXT_SIZE];
    int64_t now_s = now_ms / 1000;
    if (seconds <= INT64_MAX)
        msk_time_text((int64_t)seconds, 0, when);
    if (!*when)
        snprintf(out, TICKET_TIME_TEXT_SIZE, "%" PRIu64 ", which is no date", seconds);
    else if ((int64_t)seconds == now_s)
        snprintf(out, TICKET_TIME_TEXT_SIZE, "%s, this second", when);
    else if ((int64_t)seconds > now_s)
        snprintf(out, TICKET_TIME_TEXT_SIZE, "%s, in %.40s", when, ticket_span_text(seconds - (uint64_t)now_s, span));
    else
        snprintf(out, TICKET_TIME_TEXT_SIZE, "%s, %.40s ago", when, ticket_span_text((uint64_t)now_s - seconds, span));
    return out;
}
