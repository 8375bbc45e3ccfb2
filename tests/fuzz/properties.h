/* properties.h: what must hold for every input there is. The fuzzer looks for inputs that break it; the unit test
 * wire_fuzz tries mutations of the golden vectors. A broken property ends the process. */
#ifndef MSK_FUZZ_PROPERTIES_H
#define MSK_FUZZ_PROPERTIES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ed25519.h"
#include "crypto/json_text.h"
#include "crypto/jwt.h"
#include "wire/address.h"
#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/peer_entry.h"
#include "wire/schema.h"
#include "wire/url.h"

#define FUZZ_MEMORY (8 << 20)

#define MUST(condition)                                                             \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

/* What a refusal must look like. */
static inline void must_explain(int rc, struct msk_bytes in, const struct msk_error *err, const struct msk_place *place)
{
    MUST(rc == MSK_E_INVALID || rc == MSK_E_LIMIT);
    MUST(err->code == rc && *err->text);
    MUST(place->fault != MSK_FAULT_NONE && place->offset <= in.len && *place->path);
}

/* The canonical bytes decode again, to the same value and the same bytes, also by way of JSON. */
static inline void must_be_stable(const struct msk_type *type, struct msk_arena *arena, const void *value,
                                  struct msk_bytes canonical)
{
    struct msk_error err;
    struct msk_builder again;
    json_t *json;
    void *copy = msk_arena_alloc(arena, 1, type->size);
    MUST(copy);
    msk_builder_init(&again, FUZZ_MEMORY);
    MUST(msk_decode(type, canonical, arena, copy, &err) == 0);
    MUST(msk_compare(type, value, copy) == 0);
    MUST(msk_encode(type, copy, &again) == 0);
    MUST(msk_bytes_equal(msk_builder_view(&again), canonical));
    msk_builder_reset(&again);
    MUST(msk_value_to_json(type, value, &json, &err) == 0);
    MUST(msk_json_to_bytes(type, json, &again, &err) == 0);
    MUST(msk_bytes_equal(msk_builder_view(&again), canonical));
    json_decref(json);
    msk_builder_free(&again);
}

/* Whatever decodes is stable; whatever does not is explained. */
static inline void property_decode(const struct msk_type *type, struct msk_bytes in)
{
    struct msk_arena arena;
    struct msk_builder canonical;
    struct msk_error err = {0};
    struct msk_place place = {0};
    msk_arena_init(&arena, FUZZ_MEMORY);
    msk_builder_init(&canonical, FUZZ_MEMORY);
    void *value = msk_arena_alloc(&arena, 1, type->size);
    MUST(value);
    int rc = msk_decode_at(type, in, &arena, value, &err, &place);
    if (rc < 0) {
        must_explain(rc, in, &err, &place);
    } else {
        MUST(msk_encode(type, value, &canonical) == 0);
        must_be_stable(type, &arena, value, msk_builder_view(&canonical));
    }
    msk_builder_free(&canonical);
    msk_arena_free(&arena);
}

/* Any entry that decodes can be signed by its owner, and is then accepted and copied unchanged. */
static inline void property_entry(struct msk_bytes in)
{
    static const uint8_t secret[MSK_SECRET_LEN] = {7};
    struct msk_arena arena;
    struct msk_signed_peer_entry entry = {0};
    msk_arena_init(&arena, FUZZ_MEMORY);
    if (msk_decode(MSK_TYPE(peer_entry), in, &arena, &entry.entry, NULL) == 0) {
        struct msk_builder bytes;
        msk_builder_init(&bytes, FUZZ_MEMORY);
        MUST(msk_ed25519_public(secret, &entry.entry.address.peer_id) == 0);
        MUST(msk_peer_entry_sign(&entry, secret) == 0);
        struct msk_signed_peer_entry *copy = msk_signed_peer_entry_copy(&entry);
        MUST(copy && msk_encode(MSK_TYPE(signed_peer_entry), copy, &bytes) == 0);
        must_be_stable(MSK_TYPE(signed_peer_entry), &arena, &entry, msk_builder_view(&bytes));
        msk_signed_peer_entry_free(copy);
        msk_builder_free(&bytes);
    }
    msk_arena_free(&arena);
}

/* The same frames come out however the stream is cut; the first byte says how. */
static inline void property_frames(struct msk_bytes in)
{
    enum { MAX = 300 };
    struct msk_frame_reader whole, cut;
    struct msk_bytes a, b;
    if (in.len == 0)
        return;
    size_t step = 1 + in.data[0] % 37;
    in = MSK_BYTES(in.data + 1, in.len - 1);
    msk_frame_reader_init(&whole, MAX);
    msk_frame_reader_init(&cut, MAX);
    MUST(msk_frame_reader_feed(&whole, in) == 0);
    int rc = msk_frame_reader_next(&whole, &a, NULL), got = 0;
    for (size_t at = 0; at < in.len && got >= 0; at += step) {
        MUST(msk_frame_reader_feed(&cut, MSK_BYTES(in.data + at, step < in.len - at ? step : in.len - at)) == 0);
        while ((got = msk_frame_reader_next(&cut, &b, NULL)) == 1) {
            MUST(rc == 1 && msk_bytes_equal(a, b));
            rc = msk_frame_reader_next(&whole, &a, NULL);
        }
    }
    MUST(rc == got);
    MUST(rc < 0 || msk_frame_reader_end(&whole, NULL) == msk_frame_reader_end(&cut, NULL));
    msk_frame_reader_free(&whole);
    msk_frame_reader_free(&cut);
}

/* A normal form is its own normal form. */
static inline void property_url(struct msk_bytes in)
{
    struct msk_builder once, twice;
    struct msk_error err = {0};
    msk_builder_init(&once, 4 * MSK_URL_MAX);
    msk_builder_init(&twice, 4 * MSK_URL_MAX);
    int rc = msk_url_normalise(in, &once, &err);
    if (rc < 0)
        MUST(*err.text && err.code == rc);
    else if (once.len <= MSK_URL_MAX)
        MUST(msk_url_normalise(msk_builder_view(&once), &twice, &err) == 0 &&
             msk_bytes_equal(msk_builder_view(&once), msk_builder_view(&twice)));
    msk_builder_free(&once);
    msk_builder_free(&twice);
}

/* Compact text reads back as itself, but for fractions, whose reading is the reference's: they settle in one more step.
 */
static inline void property_json(struct msk_bytes in)
{
    struct msk_arena arena;
    struct msk_json json;
    struct msk_builder text[3];
    msk_arena_init(&arena, 64 << 20);
    for (int i = 0; i < 3; i++)
        msk_builder_init(&text[i], 64 << 20);
    if (msk_json_parse(in, &arena, &json, NULL) == 0) {
        msk_json_write(&json, &text[0]);
        MUST(msk_json_parse(msk_builder_view(&text[0]), &arena, &json, NULL) == 0);
        msk_json_write(&json, &text[1]);
        bool whole = !memchr(text[0].data, '.', text[0].len) && !memchr(text[0].data, 'e', text[0].len);
        MUST(!whole || msk_bytes_equal(msk_builder_view(&text[0]), msk_builder_view(&text[1])));
    }
    for (int i = 0; i < 3; i++)
        msk_builder_free(&text[i]);
    msk_arena_free(&arena);
}

/* No token without the key is valid, and every refusal names its rule. */
static inline void property_token(struct msk_bytes in)
{
    static struct msk_jwt_public key;
    static struct msk_jwt_checker *checker; /* lives as long as the process */
    struct msk_jwt_validator validator = {
        .keys = &key, .checkers = &checker, .key_count = 1, .allow_non_expiring = true};
    struct msk_digest peer = {{0}};
    struct msk_jwt_verdict verdict;
    key.alg = msk_jwt_alg_find(msk_bytes_of_text("HS256"));
    MUST(checker || msk_jwt_checker_new(&key, &checker) == 0);
    MUST(msk_jwt_verify(&validator, in, &peer, 0, &verdict) == 0);
    MUST(!verdict.valid && *verdict.rule);
}

/* Addresses that parse print as text that parses to the same. */
static inline void property_address(struct msk_bytes in)
{
    struct msk_socket_addr addr = {0}, again = {0};
    char text[MSK_SOCKET_TEXT_SIZE];
    if (msk_socket_addr_parse(in, &addr, NULL) < 0)
        return;
    MUST(msk_socket_addr_parse(msk_bytes_of_text(msk_socket_addr_text(&addr, text)), &again, NULL) == 0);
    MUST(msk_compare(MSK_TYPE(socket_addr), &addr, &again) == 0);
}

/* Whatever decodes by a stranger's types comes back from its encoding, and reads back from its JSON. That may be
 * another value: JSON has no odd numbers, and no nothing within an option of an option. */
static inline void property_described(const struct msk_type *type, struct msk_bytes in)
{
    struct msk_arena arena;
    struct msk_builder once, twice, by_json;
    struct msk_error err = {0};
    struct msk_place place = {0};
    json_t *json;
    msk_arena_init(&arena, FUZZ_MEMORY);
    msk_builder_init(&once, FUZZ_MEMORY);
    msk_builder_init(&twice, FUZZ_MEMORY);
    msk_builder_init(&by_json, FUZZ_MEMORY);
    void *value = msk_arena_alloc(&arena, 1, type->size);
    int rc = msk_decode_at(type, in, &arena, value, &err, &place);
    if (rc < 0)
        must_explain(rc, in, &err, &place);
    else if (msk_encode(type, value, &once) == 0) { /* a time may have no text */
        MUST(msk_canonical(type, msk_builder_view(&once), &twice, &err) == 0);
        MUST(msk_bytes_equal(msk_builder_view(&once), msk_builder_view(&twice)));
        MUST(msk_value_to_json(type, value, &json, &err) == 0);
        MUST(msk_json_to_bytes(type, json, &by_json, &err) == 0);
        json_decref(json);
    }
    msk_builder_free(&once);
    msk_builder_free(&twice);
    msk_builder_free(&by_json);
    msk_arena_free(&arena);
}

/* A schema, a zero byte, and a command. */
static inline void property_schema(struct msk_bytes in)
{
    const uint8_t *end = in.len ? memchr(in.data, 0, in.len) : NULL;
    size_t len = end ? (size_t)(end - in.data) : in.len;
    struct msk_schema *schema;
    struct msk_error err = {0};
    json_t *json = json_loadb(len ? (const char *)in.data : "", len, 0, NULL);
    if (!json)
        return;
    int rc = msk_schema_new(json, &schema, &err);
    json_decref(json);
    if (rc < 0) {
        MUST(rc == MSK_E_INVALID && *err.text);
        return;
    }
    if (schema->command && end)
        property_described(schema->command, MSK_BYTES(end + 1, in.len - len - 1));
    msk_schema_free(schema);
}

/* All of them; the first byte picks the property, for decoding also the type. */
static inline void property_any(struct msk_bytes in)
{
    static void (*const others[])(struct msk_bytes) = {property_entry, property_frames,  property_url,   property_json,
                                                       property_token, property_address, property_schema};
    size_t types, count = sizeof others / sizeof others[0];
    const struct msk_type_entry *all = msk_type_list(&types);
    if (in.len == 0)
        return;
    size_t pick = in.data[0] % (types + count);
    in = MSK_BYTES(in.data + 1, in.len - 1);
    if (pick < types)
        property_decode(all[pick].type, in);
    else
        others[pick - types](in);
}

#endif
