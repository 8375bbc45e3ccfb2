/* event.h: what the core decided, told once: a line of JSON for machines, a plain sentence for people (groups.md 8.1).
 *
 * One table names every event, its level and its sentence. Fields are given where the event happens; the sentence's
 * {braces} are filled from them. Other rooms emit through the same table. */
#ifndef MSK_CORE_EVENT_H
#define MSK_CORE_EVENT_H

#include <jansson.h>

#include "base/clock.h"
#include "base/digest.h"
#include "wire/messages.h"

#define MSK_LEVEL_MAP(X) X(TRACE, "trace") X(DEBUG, "debug") X(INFO, "info") X(WARN, "warn") X(ERROR, "error")

enum msk_level {
#define X(name, text) MSK_LEVEL_##name,
    MSK_LEVEL_MAP(X)
#undef X
};

enum msk_event_kind {
#define X(name, level, sentence) MSK_EVENT_##name,
#include "core/events.def"
#undef X
    MSK_EVENT_COUNT
};

enum msk_field_kind {
    MSK_FIELD_U64,  /* JSON number, text above 2^53: terms, indices, counts, milliseconds */
    MSK_FIELD_ID64, /* JSON string: 64-bit identifiers */
    MSK_FIELD_I64,
    MSK_FIELD_BOOL,
    MSK_FIELD_TEXT,    /* copied; NULL is JSON null */
    MSK_FIELD_DIGEST,  /* 64 hex digits in JSON, ten in sentences */
    MSK_FIELD_DIGESTS, /* copied list */
    MSK_FIELD_CURSOR,  /* {"term","index"}; "(term,index)" in sentences */
    MSK_FIELD_TIME     /* wall ms; RFC 3339 */
};

struct msk_field {
    const char *name; /* static */
    enum msk_field_kind kind;
    union {
        uint64_t u64;
        int64_t i64;
        bool flag;
        const char *text;
        struct msk_digest digest;
        struct msk_digest_seq digests;
        struct msk_cursor cursor;
    };
};

#define MSK_F_U64(n, v)     ((struct msk_field){.name = (n), .kind = MSK_FIELD_U64, .u64 = (v)})
#define MSK_F_ID64(n, v)    ((struct msk_field){.name = (n), .kind = MSK_FIELD_ID64, .u64 = (v)})
#define MSK_F_I64(n, v)     ((struct msk_field){.name = (n), .kind = MSK_FIELD_I64, .i64 = (v)})
#define MSK_F_BOOL(n, v)    ((struct msk_field){.name = (n), .kind = MSK_FIELD_BOOL, .flag = (v)})
#define MSK_F_TEXT(n, v)    ((struct msk_field){.name = (n), .kind = MSK_FIELD_TEXT, .text = (v)})
#define MSK_F_DIGEST(n, v)  ((struct msk_field){.name = (n), .kind = MSK_FIELD_DIGEST, .digest = *(v)})
#define MSK_F_DIGESTS(n, v) ((struct msk_field){.name = (n), .kind = MSK_FIELD_DIGESTS, .digests = (v)})
#define MSK_F_CURSOR(n, v)  ((struct msk_field){.name = (n), .kind = MSK_FIELD_CURSOR, .cursor = (v)})
#define MSK_F_TIME(n, v)    ((struct msk_field){.name = (n), .kind = MSK_FIELD_TIME, .i64 = (v)})

#define MSK_EVENT_FIELDS_MAX 16

/* Owns its texts and lists once it is in an action list. */
struct msk_event {
    enum msk_event_kind kind;
    bool has_group;
    struct msk_digest group;
    size_t field_count;
    struct msk_field fields[MSK_EVENT_FIELDS_MAX];
};

const char *msk_event_name(enum msk_event_kind kind);
enum msk_level msk_event_level(enum msk_event_kind kind);
const char *msk_level_name(enum msk_level level);

/* The whole object of groups.md 8.1: v, ts, mono_ms, node, net, group, alias (may be NULL), event, level, seq, fields,
 * sentence under "text". A new reference, or NULL when memory is out. */
struct msk_event_frame {
    struct msk_now now;
    const struct msk_digest *node, *network;
    const char *alias;
    uint64_t seq;
};
json_t *msk_event_to_json(const struct msk_event *event, const struct msk_event_frame *frame);

/* The sentence, without a line end, appended to `out`. A brace without its field reads "?". Texts are cut and cleaned
 * of what could disturb a terminal, long lists cut. */
void msk_event_sentence(const struct msk_event *event, struct msk_builder *out);

/* Copy and free what an event owns (texts, lists). 0 or MSK_E_NOMEM. */
int msk_event_copy(const struct msk_event *from, struct msk_event *to);
void msk_event_free(struct msk_event *event);

#endif
