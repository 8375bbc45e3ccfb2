#include "proxy/packets.h"

#include <string.h>

#include "proxy/rule_value.h"

static const struct {
    const char *name;
    unsigned bit;
} kinds[] = {
#define X(name, text, bit) {text, bit},
    MSK_PACKET_KIND_MAP(X)
#undef X
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* A word with its text, between commas. */
#define WORD_MAX 32

static unsigned kind_of(const char *word)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, word) == 0)
            return kinds[i].bit;
    return 0;
}

static int parse_word(const char *word, struct msk_packets *out, struct msk_error *err)
{
    unsigned kind = kind_of(word);
    if (kind) {
        out->kinds |= kind;
        return 0;
    }
    if (strncmp(word, "first:", 6) == 0)
        return msk_rule_count_parse(word + 6, &out->first, err);
    if (strncmp(word, "every:", 6) == 0)
        return msk_rule_count_parse(word + 6, &out->every, err);
    if (word[0] < '0' || word[0] > '9')
        return msk_fail(err, MSK_E_INVALID,
                        "\"%s\" is none of initial, handshake, 1rtt, close, first:N, every:N, a number, all", word);
    if (out->index_count == MSK_PACKET_INDICES_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d numbers", MSK_PACKET_INDICES_MAX);
    return msk_rule_count_parse(word, &out->indices[out->index_count++], err);
}

int msk_packets_parse(const char *text, struct msk_packets *out, struct msk_error *err)
{
    struct msk_packets packets = {0};
    if (strcmp(text, "all") == 0) {
        *out = packets;
        return 0;
    }
    for (const char *at = text;; at++) {
        char word[WORD_MAX];
        size_t len = strcspn(at, ",");
        if (len >= sizeof word)
            return msk_fail(err, MSK_E_INVALID, "\"%.*s...\" is too long", WORD_MAX, at);
        memcpy(word, at, len);
        word[len] = 0;
        int rc = parse_word(word, &packets, err);
        if (rc)
            return rc;
        at += len;
        if (!*at)
            break;
    }
    *out = packets;
    return 0;
}

static void separate(struct msk_builder *out, size_t start, const char *separator)
{
    if (out->len > start)
        msk_builder_text(out, separator);
}

static void append_kinds(struct msk_builder *out, unsigned set, const char *separator)
{
    size_t start = out->len;
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (set & kinds[i].bit) {
            separate(out, start, separator);
            msk_builder_text(out, kinds[i].name);
        }
}

void msk_packet_kinds_append(struct msk_builder *out, unsigned set)
{
    size_t start = out->len;
    append_kinds(out, set, "+");
    if (out->len == start)
        msk_builder_text(out, "other");
}

void msk_packets_append(struct msk_builder *out, const struct msk_packets *packets)
{
    size_t start = out->len;
    append_kinds(out, packets->kinds, ",");
    if (packets->first) {
        separate(out, start, ",");
        msk_builder_printf(out, "first:%u", packets->first);
    }
    if (packets->every) {
        separate(out, start, ",");
        msk_builder_printf(out, "every:%u", packets->every);
    }
    for (size_t i = 0; i < packets->index_count; i++) {
        separate(out, start, ",");
        msk_builder_printf(out, "%u", packets->indices[i]);
    }
}

bool msk_packets_mean(const struct msk_packets *packets, unsigned set, uint64_t number)
{
    if (!packets->kinds && !packets->first && !packets->every && !packets->index_count)
        return true;
    if ((packets->kinds & set) || number <= packets->first || (packets->every && number % packets->every == 0))
        return true;
    for (size_t i = 0; i < packets->index_count; i++)
        if (packets->indices[i] == number)
            return true;
    return false;
}
