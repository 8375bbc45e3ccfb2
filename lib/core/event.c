#include "core/event.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/text.h"

#define EVENT_VERSION     1
#define TEXT_SHOWN_MAX    1024 /* bytes of one text field */
#define DIGESTS_SHOWN_MAX 16   /* of a list, in a sentence */
#define SENTENCE_MAX      (64u << 10)
#define JSON_NUMBER_MAX   (UINT64_C(1) << 53) /* above it many readers lose digits: written as text */
#define NUMBER_TEXT_SIZE  24

struct row {
    const char *name; /* upper case */
    enum msk_level level;
    const char *sentence;
};

static const struct row rows[MSK_EVENT_COUNT] = {
#define X(name, level, sentence) [MSK_EVENT_##name] = {#name, MSK_LEVEL_##level, sentence},
#include "core/events.def"
#undef X
};

static const char *const level_names[] = {
#define X(name, text) text,
    MSK_LEVEL_MAP(X)
#undef X
};

const char *msk_event_name(enum msk_event_kind kind)
{
    static char names[MSK_EVENT_COUNT][32]; /* lower-cased on first use: always to the same bytes */
    const char *upper = rows[kind].name;
    char *lower = names[kind];
    if (!lower[0]) {
        msk_assert(strlen(upper) < sizeof names[0]);
        for (size_t i = 0; upper[i]; i++)
            lower[i] = upper[i] >= 'A' && upper[i] <= 'Z' ? (char)(upper[i] + 32) : upper[i];
    }
    return lower;
}

enum msk_level msk_event_level(enum msk_event_kind kind)
{
    return rows[kind].level;
}

const char *msk_level_name(enum msk_level level)
{
    return level_names[level];
}

/* ---- fields */

/* Peers have a say in some texts, so whatever could disturb a terminal or is no UTF-8 becomes a question mark. */
static void append_clean(struct msk_builder *out, const char *text)
{
    size_t len = strnlen(text, TEXT_SHOWN_MAX), bad;
    bool cut = len == TEXT_SHOWN_MAX;
    while (len > 0) {
        size_t good = msk_utf8_valid(MSK_BYTES(text, len), &bad) ? len : bad;
        for (size_t i = 0; i < good; i++)
            msk_builder_byte(out, (uint8_t)text[i] < 0x20 || text[i] == 0x7f ? '?' : (uint8_t)text[i]);
        if (good < len) {
            msk_builder_byte(out, '?');
            good++;
        }
        text += good;
        len -= good;
    }
    if (cut)
        msk_builder_text(out, "...");
}

static void append_digests(struct msk_builder *out, const struct msk_digest_seq *digests)
{
    char text[MSK_DIGEST_SHORT_SIZE];
    if (digests->count == 0)
        msk_builder_text(out, "nobody");
    for (size_t i = 0; i < digests->count && i < DIGESTS_SHOWN_MAX; i++)
        msk_builder_printf(out, "%s%s", i ? " " : "", msk_digest_short(&digests->items[i], text));
    if (digests->count > DIGESTS_SHOWN_MAX)
        msk_builder_printf(out, " and %zu more", digests->count - DIGESTS_SHOWN_MAX);
}

static void append_field(struct msk_builder *out, const struct msk_field *field)
{
    char digest[MSK_DIGEST_SHORT_SIZE], time[MSK_TIME_TEXT_SIZE];
    switch (field->kind) {
    case MSK_FIELD_U64:
    case MSK_FIELD_ID64:
        msk_builder_printf(out, "%" PRIu64, field->u64);
        return;
    case MSK_FIELD_I64:
        msk_builder_printf(out, "%" PRId64, field->i64);
        return;
    case MSK_FIELD_BOOL:
        msk_builder_text(out, field->flag ? "yes" : "no");
        return;
    case MSK_FIELD_TEXT:
        append_clean(out, field->text ? field->text : "none");
        return;
    case MSK_FIELD_DIGEST:
        msk_builder_text(out, msk_digest_short(&field->digest, digest));
        return;
    case MSK_FIELD_DIGESTS:
        append_digests(out, &field->digests);
        return;
    case MSK_FIELD_CURSOR:
        msk_builder_printf(out, "(%" PRIu64 ",%" PRIu64 ")", field->cursor.term, field->cursor.index);
        return;
    case MSK_FIELD_TIME:
        msk_builder_text(out, msk_time_ms_text(field->i64, time));
        return;
    }
}

static const struct msk_field *find_field(const struct msk_event *event, const char *name, size_t len)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strlen(event->fields[i].name) == len && memcmp(event->fields[i].name, name, len) == 0)
            return &event->fields[i];
    return NULL;
}

void msk_event_sentence(const struct msk_event *event, struct msk_builder *out)
{
    const char *at = rows[event->kind].sentence, *brace;
    while ((brace = strchr(at, '{'))) {
        size_t len = strcspn(brace + 1, "}");
        const struct msk_field *field = find_field(event, brace + 1, len);
        msk_builder_append(out, at, (size_t)(brace - at));
        if (field)
            append_field(out, field);
        else
            msk_builder_text(out, "?");
        at = brace + 1 + len + 1;
    }
    msk_builder_text(out, at);
}

/* ---- JSON */

static json_t *json_u64(uint64_t value, bool as_text)
{
    char text[NUMBER_TEXT_SIZE];
    if (!as_text && value <= JSON_NUMBER_MAX)
        return json_integer((json_int_t)value);
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

static json_t *json_digest(const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    return json_string(msk_digest_text(digest, text));
}

static json_t *json_digests(const struct msk_digest_seq *digests)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < digests->count; i++)
        if (json_array_append_new(list, json_digest(&digests->items[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *json_cursor(const struct msk_cursor *cursor)
{
    return json_pack("{s:o, s:o}", "term", json_u64(cursor->term, false), "index", json_u64(cursor->index, false));
}

static json_t *json_time(int64_t wall_ms)
{
    char text[MSK_TIME_TEXT_SIZE];
    return json_string(msk_time_ms_text(wall_ms, text));
}

static json_t *json_of_builder(struct msk_builder *text)
{
    json_t *json = text->error ? NULL : json_stringn(text->len ? (const char *)text->data : "", text->len);
    msk_builder_free(text);
    return json;
}

static json_t *json_text(const char *text)
{
    struct msk_builder clean;
    if (!text)
        return json_null();
    msk_builder_init(&clean, SENTENCE_MAX);
    append_clean(&clean, text);
    return json_of_builder(&clean);
}

static json_t *json_field(const struct msk_field *field)
{
    switch (field->kind) {
    case MSK_FIELD_U64:
    case MSK_FIELD_ID64:
        return json_u64(field->u64, field->kind == MSK_FIELD_ID64);
    case MSK_FIELD_I64:
        return json_integer(field->i64);
    case MSK_FIELD_BOOL:
        return json_boolean(field->flag);
    case MSK_FIELD_TEXT:
        return json_text(field->text);
    case MSK_FIELD_DIGEST:
        return json_digest(&field->digest);
    case MSK_FIELD_DIGESTS:
        return json_digests(&field->digests);
    case MSK_FIELD_CURSOR:
        return json_cursor(&field->cursor);
    case MSK_FIELD_TIME:
        return json_time(field->i64);
    }
    return NULL;
}

static json_t *json_sentence(const struct msk_event *event)
{
    struct msk_builder sentence;
    msk_builder_init(&sentence, SENTENCE_MAX);
    msk_event_sentence(event, &sentence);
    return json_of_builder(&sentence);
}

json_t *msk_event_to_json(const struct msk_event *event, const struct msk_event_frame *frame)
{
    json_t *json = json_object();
    int failed = 0;
    if (!json)
        return NULL;
    failed |= json_object_set_new(json, "v", json_integer(EVENT_VERSION));
    char stamp[MSK_TIME_TEXT_SIZE];
    failed |= json_object_set_new(json, "ts", json_string(msk_time_stamp_text(frame->now.wall_ms, stamp)));
    failed |= json_object_set_new(json, "mono_ms", json_u64(frame->now.mono_ms, false));
    failed |= json_object_set_new(json, "node", json_digest(frame->node));
    failed |= json_object_set_new(json, "net", json_digest(frame->network));
    if (event->has_group) {
        failed |= json_object_set_new(json, "group", json_digest(&event->group));
        failed |= json_object_set_new(json, "alias", json_text(frame->alias));
    }
    failed |= json_object_set_new(json, "event", json_string(msk_event_name(event->kind)));
    failed |= json_object_set_new(json, "level", json_string(msk_level_name(msk_event_level(event->kind))));
    failed |= json_object_set_new(json, "seq", json_u64(frame->seq, false));
    for (size_t i = 0; i < event->field_count; i++)
        failed |= json_object_set_new(json, event->fields[i].name, json_field(&event->fields[i]));
    failed |= json_object_set_new(json, "text", json_sentence(event));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

/* ---- ownership */

static int own_field(struct msk_field *field)
{
    if (field->kind == MSK_FIELD_TEXT && field->text) {
        field->text = msk_strdup(field->text);
        return field->text ? 0 : MSK_E_NOMEM;
    }
    if (field->kind == MSK_FIELD_DIGESTS) {
        field->digests.items = msk_memdup(field->digests.items, field->digests.count * sizeof *field->digests.items);
        return field->digests.items ? 0 : MSK_E_NOMEM;
    }
    return 0;
}

int msk_event_copy(const struct msk_event *from, struct msk_event *to)
{
    memcpy(to, from, offsetof(struct msk_event, fields) + from->field_count * sizeof from->fields[0]);
    for (to->field_count = 0; to->field_count < from->field_count; to->field_count++)
        if (own_field(&to->fields[to->field_count]) < 0) {
            msk_event_free(to);
            return MSK_E_NOMEM;
        }
    return 0;
}

void msk_event_free(struct msk_event *event)
{
    for (size_t i = 0; i < event->field_count; i++) {
        if (event->fields[i].kind == MSK_FIELD_TEXT)
            msk_free((void *)event->fields[i].text);
        if (event->fields[i].kind == MSK_FIELD_DIGESTS)
            msk_free(event->fields[i].digests.items);
    }
    event->field_count = 0;
}
