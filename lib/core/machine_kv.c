/* kv: texts by text. In Rust:
 *
 *   enum Command { Set(String, String), Delete(String), Cas(String, Option<String>, Option<String>) }
 *   enum Query { Get(String), Scan(String) }              // one key; all that begin so
 *   enum Answer { Value(Option<String>), Pairs(BTreeMap<String, String>) }
 *
 * Cas(key, old, new) sets or deletes (new is None) if the present value is `old` (None: there is none); Cas("", None,
 * None) never changes anything. The pairs are a skip list in the order of their keys. */
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "core/machine.h"
#include "wire/layout.h"

#define HEIGHT_MAX 20

/* ---- what it speaks */

struct msk_kv_pair {
    struct msk_bytes key, value;
};
MSK_SEQ(msk_kv_pairs, struct msk_kv_pair);

struct msk_kv_cas {
    struct msk_bytes key;
    bool has_old, has_new;
    struct msk_bytes old, new;
};

struct msk_kv_command {
    enum { KV_SET, KV_DELETE, KV_CAS } kind;
    union {
        struct msk_kv_pair set;
        struct msk_bytes key;
        struct msk_kv_cas cas;
    };
};

struct msk_kv_query {
    enum { KV_GET, KV_SCAN } kind;
    struct msk_bytes key;
};

struct msk_kv_value {
    bool has_value;
    struct msk_bytes value;
};

struct msk_kv_answer {
    enum { KV_VALUE, KV_PAIRS } kind;
    union {
        struct msk_kv_value value;
        struct msk_kv_pairs pairs;
    };
};

/* clang-format off */
MSK_TUPLE(kv_pair,  MSK_FIELD(key, text), MSK_FIELD(value, text));
MSK_LIST(map, kv_pairs, kv_pair);
MSK_TUPLE(kv_cas,   MSK_FIELD(key, text), MSK_OPTION(old, text), MSK_OPTION(new, text));
MSK_TUPLE(kv_value, MSK_OPTION(value, text));
MSK_CHOICE(kv_command,
    MSK_CASE_OF("Set",    set, kv_pair),
    MSK_CASE_OF("Delete", key, text),
    MSK_CASE_OF("Cas",    cas, kv_cas));
MSK_CHOICE(kv_query,
    MSK_CASE_OF("Get",  key, text),
    MSK_CASE_OF("Scan", key, text));
MSK_CHOICE(kv_answer,
    MSK_CASE_OF("Value", value, kv_value),
    MSK_CASE_OF("Pairs", pairs, kv_pairs));
/* clang-format on */

/* ---- the skip list */

struct pair {
    struct msk_bytes key, value; /* the key lies behind `next`, the value is owned */
    struct pair *next[];
};

struct kv {
    struct msk_random random;
    struct pair *first[HEIGHT_MAX];
    size_t count;
};

/* The links that lead to the first key not below `key`, at each height; that pair, or NULL. */
static struct pair *find(struct kv *kv, struct msk_bytes key, struct pair **links[HEIGHT_MAX])
{
    struct pair **at = kv->first;
    for (int height = HEIGHT_MAX - 1; height >= 0; height--) {
        while (at[height] && msk_compare_bytes(at[height]->key, key) < 0)
            at = at[height]->next;
        links[height] = &at[height];
    }
    return at[0];
}

static struct pair *find_equal(struct kv *kv, struct msk_bytes key, struct pair **links[HEIGHT_MAX])
{
    struct pair *pair = find(kv, key, links);
    return pair && msk_compare_bytes(pair->key, key) == 0 ? pair : NULL;
}

static int set_value(struct pair *pair, struct msk_bytes value)
{
    uint8_t *copy = msk_memdup(value.data, value.len);
    if (!copy)
        return MSK_E_NOMEM;
    msk_free((void *)pair->value.data);
    pair->value = MSK_BYTES(copy, value.len);
    return 0;
}

static int insert(struct kv *kv, struct msk_bytes key, struct msk_bytes value, struct pair **links[HEIGHT_MAX])
{
    int height = 1;
    while (height < HEIGHT_MAX && msk_random_below(&kv->random, 4) == 0)
        height++;
    size_t head = sizeof(struct pair) + (size_t)height * sizeof(struct pair *);
    struct pair *pair = msk_calloc(1, head + key.len);
    if (!pair || set_value(pair, value) < 0) {
        msk_free(pair);
        return MSK_E_NOMEM;
    }
    if (key.len)
        memcpy((uint8_t *)pair + head, key.data, key.len);
    pair->key = MSK_BYTES((uint8_t *)pair + head, key.len);
    for (int i = 0; i < height; i++) {
        pair->next[i] = *links[i];
        *links[i] = pair;
    }
    kv->count++;
    return 0;
}

static void remove_pair(struct kv *kv, struct pair *pair, struct pair **links[HEIGHT_MAX])
{
    for (int i = 0; i < HEIGHT_MAX && *links[i] == pair; i++)
        *links[i] = pair->next[i];
    msk_free((void *)pair->value.data);
    msk_free(pair);
    kv->count--;
}

static int put(struct kv *kv, struct msk_bytes key, struct msk_bytes value)
{
    struct pair **links[HEIGHT_MAX];
    struct pair *pair = find_equal(kv, key, links);
    return pair ? set_value(pair, value) : insert(kv, key, value, links);
}

static void clear(struct kv *kv)
{
    while (kv->first[0]) {
        struct pair *pair = kv->first[0];
        kv->first[0] = pair->next[0];
        msk_free((void *)pair->value.data);
        msk_free(pair);
    }
    memset(kv->first, 0, sizeof kv->first);
    kv->count = 0;
}

/* ---- the machine */

static int create(void *context, void **state)
{
    struct kv *kv = msk_calloc(1, sizeof *kv);
    (void)context;
    if (!kv)
        return MSK_E_NOMEM;
    msk_random_seed(&kv->random, 1);
    *state = kv;
    return 0;
}

static void destroy(void *state)
{
    if (state)
        clear(state);
    msk_free(state);
}

static int compare_and_set(struct kv *kv, const struct msk_kv_cas *cas)
{
    struct pair **links[HEIGHT_MAX];
    struct pair *pair = find_equal(kv, cas->key, links);
    bool matches = cas->has_old ? pair && msk_bytes_equal(pair->value, cas->old) : !pair;
    if (!matches)
        return 0;
    if (cas->has_new)
        return pair ? set_value(pair, cas->new) : insert(kv, cas->key, cas->new, links);
    if (pair)
        remove_pair(kv, pair, links);
    return 0;
}

static int obey(struct kv *kv, const struct msk_kv_command *command)
{
    struct pair **links[HEIGHT_MAX];
    struct pair *pair;
    switch (command->kind) {
    case KV_SET:
        return put(kv, command->set.key, command->set.value);
    case KV_DELETE:
        pair = find_equal(kv, command->key, links);
        if (pair)
            remove_pair(kv, pair, links);
        return 0;
    case KV_CAS:
        return compare_and_set(kv, &command->cas);
    }
    return 0;
}

static int apply(void *state, const struct msk_machine_batch *batch)
{
    int result = 0;
    for (size_t i = 0; i < batch->count && result == 0; i++) {
        struct msk_arena arena;
        struct msk_kv_command command;
        msk_arena_init(&arena, MSK_DECODED_MAX);
        int rc = msk_decode(MSK_TYPE(kv_command), batch->entries[i].command, &arena, &command, NULL);
        result = rc == 0 ? obey(state, &command) : rc == MSK_E_NOMEM ? rc : 0;
        msk_arena_free(&arena);
    }
    return result;
}

static bool begins_with(struct msk_bytes text, struct msk_bytes prefix)
{
    return text.len >= prefix.len && (prefix.len == 0 || memcmp(text.data, prefix.data, prefix.len) == 0);
}

/* As many as one answer takes, in the order of their keys. */
static int scan(struct kv *kv, struct msk_bytes prefix, struct msk_arena *arena, struct msk_kv_pairs *out)
{
    struct pair **links[HEIGHT_MAX];
    size_t len = 0;
    *out = (struct msk_kv_pairs){.items = msk_arena_alloc(arena, MSK_MACHINE_LINES_MAX, sizeof *out->items)};
    if (!out->items)
        return MSK_E_NOMEM;
    for (struct pair *pair = find(kv, prefix, links); pair && begins_with(pair->key, prefix); pair = pair->next[0]) {
        len += pair->key.len + pair->value.len + 20;
        if (out->count == MSK_MACHINE_LINES_MAX || len > MSK_MACHINE_RESULT_MAX)
            break;
        out->items[out->count++] = (struct msk_kv_pair){pair->key, pair->value};
    }
    return 0;
}

static int answer(struct kv *kv, const struct msk_kv_query *query, struct msk_arena *arena, struct msk_builder *result)
{
    struct msk_kv_answer answer = {.kind = KV_PAIRS};
    struct pair **links[HEIGHT_MAX];
    if (query->kind == KV_SCAN) {
        int rc = scan(kv, query->key, arena, &answer.pairs);
        return rc < 0 ? rc : msk_encode(MSK_TYPE(kv_answer), &answer, result);
    }
    const struct pair *pair = find_equal(kv, query->key, links);
    answer = (struct msk_kv_answer){.kind = KV_VALUE, .value = {pair != NULL, pair ? pair->value : MSK_BYTES("", 0)}};
    return msk_encode(MSK_TYPE(kv_answer), &answer, result);
}

static int query(void *state, uint64_t ticket, struct msk_bytes bytes, struct msk_builder *result)
{
    struct msk_arena arena;
    struct msk_kv_query query;
    (void)ticket;
    msk_arena_init(&arena, MSK_MACHINE_RESULT_MAX);
    int rc = msk_decode(MSK_TYPE(kv_query), bytes, &arena, &query, NULL);
    rc = rc == 0 ? answer(state, &query, &arena, result) : rc == MSK_E_NOMEM ? rc : MSK_E_INVALID;
    msk_arena_free(&arena);
    return rc;
}

/* Keys and values in turn. */
static int snapshot(void *state, struct msk_builder *out)
{
    const struct kv *kv = state;
    for (const struct pair *pair = kv->first[0]; pair; pair = pair->next[0]) {
        msk_write_counted(out, pair->key);
        msk_write_counted(out, pair->value);
    }
    return out->error;
}

static int restore(void *state, struct msk_bytes bytes)
{
    struct msk_reader in = {.in = bytes, .root = MSK_TYPE(kv_command)};
    clear(state);
    while (in.offset < bytes.len) {
        struct msk_bytes key, value;
        if (msk_read_counted(&in, &key) < 0 || msk_read_counted(&in, &value) < 0)
            return MSK_E_DAMAGED;
        int rc = put(state, key, value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static const uint8_t cas_of_nothing[] = {KV_CAS, 0, 0, 0};

const struct msk_machine msk_machine_kv = {.name = "kv",
                                           .id = "kv",
                                           .rust_type = "kv::Kv",
                                           .command = MSK_TYPE(kv_command),
                                           .query = MSK_TYPE(kv_query),
                                           .result = MSK_TYPE(kv_answer),
                                           .has_idle = true,
                                           .idle = {cas_of_nothing, sizeof cas_of_nothing},
                                           .create = create,
                                           .destroy = destroy,
                                           .apply = apply,
                                           .query_state = query,
                                           .snapshot = snapshot,
                                           .restore = restore};
