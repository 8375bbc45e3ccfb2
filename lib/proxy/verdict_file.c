#include "proxy/verdict_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_CAPACITY 256

/* ---- writing */

static void append_json_text(struct msk_builder *out, const char *text)
{
    json_t *value = json_string(text);
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (quoted)
        msk_builder_text(out, quoted);
    else
        out->error = MSK_E_NOMEM;
    free(quoted);
    json_decref(value);
}

void msk_verdict_header_append(struct msk_builder *out, const struct msk_network *network, uint64_t seed)
{
    msk_builder_printf(out, "{\"v\":1,\"verdicts\":\"mosaik-chaos\",\"seed\":\"%llu\",\"nodes\":[",
                       (unsigned long long)seed);
    for (size_t i = 0; i < network->node_count; i++) {
        msk_builder_text(out, i ? "," : "");
        append_json_text(out, network->nodes[i].name);
    }
    msk_builder_text(out, "]}");
}

void msk_verdict_append(struct msk_builder *out, const struct msk_network *network, const struct msk_ruled *ruled)
{
    const struct msk_verdict *verdict = &ruled->verdict;
    msk_builder_printf(out, "{\"n\":%llu,\"from\":", (unsigned long long)ruled->number);
    append_json_text(out, network->nodes[ruled->from].name);
    msk_builder_text(out, ",\"to\":");
    append_json_text(out, network->nodes[ruled->to].name);
    msk_builder_printf(out, ",\"at_us\":%llu,\"len\":%zu,\"kind\":\"", (unsigned long long)(ruled->at_ns / 1000),
                       ruled->len);
    msk_packet_kinds_append(out, ruled->kinds);
    msk_builder_printf(out, "\",\"fate\":\"%s\"", msk_fate_name(verdict->fate));
    if (verdict->delay_ns)
        msk_builder_printf(out, ",\"delay_us\":%.3f", (double)verdict->delay_ns / 1000);
    if (verdict->reordered)
        msk_builder_text(out, ",\"reordered\":true");
    if (verdict->duplicate)
        msk_builder_text(out, ",\"duplicate\":true");
    if (verdict->corrupt)
        msk_builder_printf(out, ",\"corrupt_bit\":%u", verdict->corrupt_bit);
    msk_builder_text(out, "}");
}

/* ---- reading */

static int fail_memory(struct msk_error *err)
{
    return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

static int parse_verdict(const json_t *object, struct msk_verdict *out, struct msk_error *err)
{
    const char *fate = json_string_value(json_object_get(object, "fate"));
    const json_t *delay = json_object_get(object, "delay_us"), *bit = json_object_get(object, "corrupt_bit");
    double delay_us = json_number_value(delay);
    *out = (struct msk_verdict){0};
    if (!fate || msk_fate_of_name(fate, &out->fate))
        return msk_fail(err, MSK_E_INVALID, "\"fate\" is missing or unknown");
    if (delay && !(json_is_number(delay) && delay_us >= 0 && delay_us < 1e12))
        return msk_fail(err, MSK_E_INVALID, "\"delay_us\" is no time");
    if (bit && !(json_is_integer(bit) && json_integer_value(bit) >= 0 && json_integer_value(bit) <= UINT32_MAX))
        return msk_fail(err, MSK_E_INVALID, "\"corrupt_bit\" is no number of a bit");
    out->delay_ns = (uint64_t)llround(delay_us * 1000);
    out->reordered = json_is_true(json_object_get(object, "reordered"));
    out->duplicate = json_is_true(json_object_get(object, "duplicate"));
    out->corrupt = bit != NULL;
    out->corrupt_bit = (uint32_t)json_integer_value(bit);
    out->meant = out->delay_ns > 0;
    return 0;
}

static int keep(struct msk_replay_link *link, const struct msk_verdict *verdict, struct msk_error *err)
{
    if (link->count == MSK_REPLAY_MAX)
        return msk_fail(err, MSK_E_LIMIT, "more than %u verdicts", MSK_REPLAY_MAX);
    if (link->count == link->capacity) {
        size_t capacity = link->capacity ? 2 * link->capacity : FIRST_CAPACITY;
        struct msk_verdict *verdicts = msk_realloc(link->verdicts, capacity * sizeof *verdicts);
        if (!verdicts)
            return fail_memory(err);
        link->verdicts = verdicts;
        link->capacity = capacity;
    }
    link->verdicts[link->count++] = *verdict;
    return 0;
}

static int parse_object(const json_t *object, const struct msk_network *network, struct msk_replay *out,
                        struct msk_error *err)
{
    struct msk_verdict verdict;
    size_t from, to;
    const char *from_name = json_string_value(json_object_get(object, "from"));
    const char *to_name = json_string_value(json_object_get(object, "to"));
    if (json_object_get(object, "verdicts"))
        return 0; /* the first line */
    if (!from_name || !to_name)
        return msk_fail(err, MSK_E_INVALID, "no verdict: \"from\" or \"to\" is missing");
    int rc = msk_network_find(network, from_name, &from, err);
    if (rc == 0)
        rc = msk_network_find(network, to_name, &to, err);
    if (rc == 0)
        rc = parse_verdict(object, &verdict, err);
    if (rc)
        return rc;
    struct msk_replay_link *link = &out->links[from * out->node_count + to];
    if (json_integer_value(json_object_get(object, "n")) != (json_int_t)link->count + 1)
        return msk_fail(err, MSK_E_INVALID, "\"n\" is not %zu, the next number of this link", link->count + 1);
    return keep(link, &verdict, err);
}

static int parse_line(struct msk_bytes line, const struct msk_network *network, struct msk_replay *out,
                      struct msk_error *err)
{
    json_error_t where;
    json_t *object = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &where);
    int rc = object ? parse_object(object, network, out, err)
                    : msk_fail(err, MSK_E_INVALID, "column %d: %s", where.column, where.text);
    json_decref(object);
    return rc;
}

int msk_replay_parse(struct msk_bytes file, const struct msk_network *network, struct msk_replay *out,
                     struct msk_error *err)
{
    out->node_count = network->node_count;
    out->links = msk_calloc(out->node_count * out->node_count, sizeof *out->links);
    if (!out->links)
        return fail_memory(err);
    for (size_t number = 1; file.len > 0; number++) {
        const uint8_t *end = memchr(file.data, '\n', file.len);
        size_t len = end ? (size_t)(end - file.data) : file.len;
        int rc = len ? parse_line(MSK_BYTES(file.data, len), network, out, err) : 0;
        if (rc)
            return msk_wrap(err, rc == MSK_E_NOTFOUND ? MSK_E_INVALID : rc, "line %zu", number);
        size_t step = end ? len + 1 : len;
        file = MSK_BYTES(file.data + step, file.len - step);
    }
    return 0;
}

void msk_replay_free(struct msk_replay *replay)
{
    for (size_t i = 0; replay->links && i < replay->node_count * replay->node_count; i++)
        msk_free(replay->links[i].verdicts);
    msk_free(replay->links);
    *replay = (struct msk_replay){0};
}

const struct msk_verdict *msk_replay_find(const struct msk_replay *replay, size_t from, size_t to, uint64_t number)
{
    if (!replay->links)
        return NULL;
    const struct msk_replay_link *link = &replay->links[from * replay->node_count + to];
    return number - 1 < link->count ? &link->verdicts[number - 1] : NULL;
}
