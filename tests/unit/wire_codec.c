/* What the machinery does beyond the vectors: errors that name the place, limits, JSON, memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "wire/messages.h"
#include "wire/type_build.h"

#define MEMORY (1 << 20)

static struct msk_arena arena;

static int setup(void **state)
{
    (void)state;
    msk_arena_init(&arena, MEMORY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    msk_arena_free(&arena);
    return 0;
}

static struct msk_bytes hex(const char *text)
{
    size_t len = strlen(text) / 2;
    uint8_t *bytes = msk_arena_alloc(&arena, len + 1, 1);
    assert_int_equal(msk_hex_decode(text, 2 * len, bytes, len, NULL), 0);
    return MSK_BYTES(bytes, len);
}

/* ---- errors */

static void expect_error(const struct msk_type *type, struct msk_bytes in, enum msk_fault fault, const char *text)
{
    struct msk_error err;
    struct msk_place place;
    void *value = msk_arena_alloc(&arena, 1, type->size);
    assert_true(msk_decode_at(type, in, &arena, value, &err, &place) < 0);
    assert_string_equal(err.text, text);
    assert_int_equal(place.fault, fault);
    char offset[32];
    snprintf(offset, sizeof offset, " at offset %zu", place.offset);
    assert_non_null(strstr(err.text, offset));
    assert_true(strncmp(err.text, place.path, strlen(place.path)) == 0);
}

/* An append entries with `count` entries whose fourth has a bad term. */
static struct msk_bytes bad_fourth_term(void)
{
    struct msk_log_entry entries[3] = {{.term = 1}, {.term = 2}, {.term = 3}};
    struct msk_raft_message message = {
        .kind = MSK_RAFT_APPEND_ENTRIES,
        .append_entries = {.term = 7, .leader = {{1}}, .prev = {3, 4}, .entries = {entries, 3}, .leader_commit = 9}};
    struct msk_builder out;
    msk_builder_init(&out, 1000);
    assert_int_equal(msk_encode(MSK_TYPE(raft_message), &message, &out), 0);
    out.data[36] = 4; /* the count */
    out.len--;        /* the leader's commit index gives way to a fourth entry */
    msk_builder_append(&out, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 14);
    struct msk_bytes copy = MSK_BYTES(msk_arena_copy(&arena, out.data, out.len), out.len);
    msk_builder_free(&out);
    return copy;
}

static void errors_name_path_and_offset(void **state)
{
    (void)state;
    expect_error(MSK_TYPE(raft_message), bad_fourth_term(), MSK_FAULT_BAD_VARINT,
                 "raft_message.append_entries.entries[3].term: varint longer than 10 bytes at offset 43");
    expect_error(MSK_TYPE(bond_message), hex("06"), MSK_FAULT_REJECTED,
                 "bond_message: unknown case 6, there are 6 at offset 0");
    expect_error(MSK_TYPE(bond_message), hex(""), MSK_FAULT_UNEXPECTED_END,
                 "bond_message: the input ends within a varint at offset 0");
    expect_error(MSK_TYPE(gossip_message), hex("000502"), MSK_FAULT_BAD_BOOL,
                 "gossip_message.membership.disconnect.alive: 2 is neither 0 nor 1 at offset 2");
    expect_error(MSK_TYPE(gossip_message), hex("000003"), MSK_FAULT_BAD_OPTION,
                 "gossip_message.membership.join.data: 3 is neither 0 (none) nor 1 (some) at offset 2");
    expect_error(MSK_TYPE(call_reply), hex("00ff01"), MSK_FAULT_UNEXPECTED_END,
                 "call_reply.ok: 255 bytes announced, 0 left at offset 1");
    expect_error(MSK_TYPE(version), hex("03302e34"), MSK_FAULT_REJECTED,
                 "version: not a semantic version like 0.4.2 at offset 0");
    expect_error(MSK_TYPE(relay_url), hex("0161"), MSK_FAULT_REJECTED,
                 "relay_url: not an absolute URL like https://relay.example.com/ at offset 0");
    expect_error(MSK_TYPE(endpoint_addr),
                 hex("0000000000000000000000000000000000000000000000000000000000000000"
                     "0101"
                     "0000000000ffff04"),
                 MSK_FAULT_BAD_VARINT, "endpoint_addr.addrs[0].Ip.port: varint beyond 16 bits at offset 39");
    expect_error(MSK_TYPE(peer_id), hex("0200000000000000000000000000000000000000000000000000000000000000"),
                 MSK_FAULT_REJECTED, "peer_id: no peer id: these 32 bytes are no Ed25519 public key at offset 0");
}

static void long_paths_are_cut_not_lost(void **state)
{
    (void)state;
    char name[100];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    const struct msk_type *type = &msk_type_u64;
    for (int i = 0; i < 10; i++)
        type = msk_type_record(&arena, name, (struct msk_type_member[]){{.name = name, .type = type}}, 1);
    struct msk_error err;
    struct msk_place place;
    uint64_t value;
    assert_int_equal(msk_decode_at(type, hex(""), &arena, &value, &err, &place), MSK_E_INVALID);
    assert_int_equal(strlen(place.path), MSK_PATH_MAX - 1);
}

/* ---- limits */

static void counts_are_believed_only_as_far_as_the_input_goes(void **state)
{
    (void)state;
    struct msk_arena small;
    struct msk_catalog_snapshot snapshot;
    struct msk_error err;
    msk_arena_init(&small, MEMORY);
    assert_int_equal(msk_decode(MSK_TYPE(catalog_snapshot), hex("ffffffffffffffffff01"), &small, &snapshot, &err),
                     MSK_E_INVALID);
    assert_string_equal(err.text,
                        "catalog_snapshot.entries: 18446744073709551615 items announced, room for 0 at offset 0");
    assert_int_equal(small.used, 0);
    msk_arena_free(&small);
}

static void items_without_bytes_are_counted(void **state)
{
    (void)state;
    const struct msk_type *units = msk_type_seq(&arena, &msk_type_unit);
    expect_error(units, hex("81808004"), MSK_FAULT_LIMIT,
                 "seq: 8388609 empty items, at most 65536 are taken at offset 0");
    const struct msk_type *empty = msk_type_tuple(&arena, "empty", NULL, 0);
    expect_error(msk_type_seq(&arena, empty), hex("ffffffffffffffffff01"), MSK_FAULT_LIMIT,
                 "seq: 18446744073709551615 empty items, at most 65536 are taken at offset 0");
}

static void the_arena_bounds_a_value(void **state)
{
    (void)state;
    struct msk_arena small;
    struct msk_bytes value;
    struct msk_error err;
    struct msk_place place;
    msk_arena_init(&small, 5);
    assert_int_equal(msk_decode(MSK_TYPE(bytes), hex("0401020304"), &small, &value, &err), 0);
    msk_arena_free(&small);
    assert_int_equal(msk_decode_at(MSK_TYPE(bytes), hex("050102030405"), &small, &value, &err, &place), MSK_E_LIMIT);
    assert_int_equal(place.fault, MSK_FAULT_LIMIT);
    msk_arena_free(&small);
}

static void types_are_not_too_deep(void **state)
{
    (void)state;
    const struct msk_type *type = &msk_type_u8;
    int depth = 1;
    for (; type && depth < 1000; depth++)
        type = msk_type_option(&arena, type);
    assert_null(type);
    assert_int_equal(depth, MSK_DEPTH_MAX + 1);
    assert_int_equal(arena.error, MSK_E_LIMIT);
}

static unsigned depth_of(const struct msk_type *type)
{
    unsigned deepest = type->element ? depth_of(type->element) : 0;
    for (size_t i = 0; i < type->member_count; i++) {
        unsigned depth = type->members[i].type ? depth_of(type->members[i].type) : 0;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* ---- the registry */

static void every_type_is_found_once_and_fits_the_limits(void **state)
{
    (void)state;
    size_t count;
    const struct msk_type_entry *all = msk_type_list(&count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(msk_type_find(all[i].type->name), all[i].type);
        assert_true(depth_of(all[i].type) <= 12);
        assert_true(strlen(all[i].about) > 0);
    }
    assert_true(count >= 35);
    assert_null(msk_type_find("nothing"));
}

/* ---- values */

static void options_lie_where_their_members_are(void **state)
{
    (void)state;
    struct msk_forward forward;
    assert_int_equal(msk_decode(MSK_TYPE(forward), hex("0001020a0b0107"), &arena, &forward, NULL), 0);
    assert_int_equal(forward.kind, MSK_FORWARD_COMMAND);
    assert_int_equal(forward.command.commands.count, 1);
    assert_true(msk_bytes_equal(forward.command.commands.items[0], hex("0a0b")));
    assert_true(forward.command.has_request_id);
    assert_int_equal(forward.command.request_id, 7);
    struct msk_peer_info info;
    struct msk_digest id = {{0}};
    struct msk_builder in;
    msk_builder_init(&in, 100);
    msk_builder_append(&in, id.bytes, sizeof id.bytes);
    msk_builder_append(&in, "\1\3abc", 5);
    assert_int_equal(msk_decode(MSK_TYPE(peer_info), msk_builder_view(&in), &arena, &info, NULL), 0);
    msk_builder_free(&in);
    assert_true(info.has_data);
    assert_true(msk_bytes_equal(info.data, msk_bytes_of_text("abc")));
}

static void decoded_values_outlive_their_input(void **state)
{
    (void)state;
    uint8_t in[] = {2, 'h', 'i'};
    struct msk_bytes text;
    assert_int_equal(msk_decode(MSK_TYPE(text), MSK_BYTES(in, 3), &arena, &text, NULL), 0);
    memset(in, 0, sizeof in);
    assert_true(msk_bytes_equal(text, msk_bytes_of_text("hi")));
}

static void times_without_text_are_not_encoded(void **state)
{
    (void)state;
    struct msk_timestamp time = {.seconds = INT64_MAX};
    struct msk_builder out;
    msk_builder_init(&out, 100);
    assert_int_equal(msk_encode(MSK_TYPE(timestamp), &time, &out), MSK_E_INVALID);
    msk_builder_free(&out);
}

static int compare_texts(const struct msk_type *type, const char *a, const char *b)
{
    struct msk_error err;
    json_t *left = json_loads(a, JSON_DECODE_ANY, NULL), *right = json_loads(b, JSON_DECODE_ANY, NULL);
    void *first = msk_arena_alloc(&arena, 1, type->size), *second = msk_arena_alloc(&arena, 1, type->size);
    assert_int_equal(msk_json_to_value(type, left, &arena, first, &err), 0);
    assert_int_equal(msk_json_to_value(type, right, &arena, second, &err), 0);
    json_decref(left);
    json_decref(right);
    int order = msk_compare(type, first, second);
    assert_int_equal(msk_compare(type, second, first) < 0, order > 0);
    return order;
}

static void order_is_the_reference_s(void **state)
{
    (void)state;
    const struct msk_type *numbers = msk_type_seq(&arena, &msk_type_i32);
    assert_true(compare_texts(numbers, "[-1]", "[0]") < 0);
    assert_true(compare_texts(numbers, "[1]", "[1,-5]") < 0);
    assert_true(compare_texts(numbers, "[2]", "[1,9]") > 0);
    assert_true(compare_texts(&msk_type_text, "\"b\"", "\"aa\"") > 0);
    assert_true(compare_texts(msk_type_option(&arena, &msk_type_u8), "null", "0") < 0);
    assert_true(compare_texts(&msk_type_u128, "\"340282366920938463463374607431768211455\"", "1") > 0);
    assert_true(compare_texts(&msk_type_f64, "-1.5", "1.5") < 0);
    assert_true(compare_texts(&msk_type_f64, "\"NaN\"", "\"Infinity\"") > 0);
    assert_true(compare_texts(&msk_type_bool, "false", "true") < 0);
    assert_true(compare_texts(&msk_type_char, "\"a\"", "\"\\u00e9\"") < 0);
    assert_true(compare_texts(MSK_TYPE(timestamp), "\"1969-12-31T23:59:59.5Z\"", "\"1970-01-01T00:00:00Z\"") < 0);
    assert_true(compare_texts(MSK_TYPE(transport_addr), "{\"Ip\":\"[::]:1\"}", "{\"Ip\":\"255.0.0.1:2\"}") > 0);
    assert_true(compare_texts(MSK_TYPE(transport_addr), "{\"Relay\":\"https://z/\"}", "{\"Ip\":\"0.0.0.0:0\"}") < 0);
    assert_true(compare_texts(MSK_TYPE(duration), "{\"secs\":1,\"nanos\":0}", "{\"secs\":0,\"nanos\":999999999}") > 0);
}

/* ---- JSON */

static void expect_json(const struct msk_type *type, const char *bytes, const char *want)
{
    struct msk_error err;
    struct msk_builder out;
    json_t *json, *parsed = json_loads(want, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_int_equal(msk_bytes_to_json(type, hex(bytes), &json, &err), 0);
    if (!json_equal(json, parsed)) {
        char *got = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
        fail_msg("%s prints as %s, not %s", type->name, got, want);
    }
    msk_builder_init(&out, MEMORY);
    assert_int_equal(msk_json_to_bytes(type, parsed, &out, &err), 0);
    assert_true(msk_bytes_equal(msk_builder_view(&out), hex(bytes)));
    msk_builder_free(&out);
    json_decref(json);
    json_decref(parsed);
}

static void numbers_beyond_2_53_are_text(void **state)
{
    (void)state;
    expect_json(&msk_type_u64, "ffffffffffffff0f", "9007199254740991");
    expect_json(&msk_type_u64, "8080808080808010", "\"9007199254740992\"");
    expect_json(&msk_type_i64, "ffffffffffffffffff01", "\"-9223372036854775808\"");
    expect_json(&msk_type_i64, "feffffffffffffffff01", "\"9223372036854775807\"");
    expect_json(&msk_type_i128, "ffffffffffffffffffffffffffffffffffff03",
                "\"-170141183460469231731687303715884105728\"");
    expect_json(&msk_type_id64, "07", "\"7\"");
    expect_json(&msk_type_f64, "000000000000f07f", "\"Infinity\"");
    expect_json(&msk_type_f32, "000080ff", "\"-Infinity\"");
    expect_json(&msk_type_f32, "0000c07f", "\"NaN\"");
}

static void choices_and_maps_read_well(void **state)
{
    (void)state;
    expect_json(MSK_TYPE(bond_message), "00", "\"ping\"");
    expect_json(MSK_TYPE(raft_message), "03800102",
                "{\"request_vote_response\":{\"term\":128,\"vote\":\"abstained\"}}");
    expect_json(MSK_TYPE(raft_message), "0401ffffffffffffffffff010105",
                "{\"forward\":{\"command_ack\":{\"request_id\":\"18446744073709551615\","
                "\"assigned\":{\"start\":1,\"end\":5}}}}");
    expect_json(msk_type_map(&arena, &msk_type_i16, &msk_type_bool), "0201000a01", "{\"-1\":false,\"5\":true}");
    expect_json(msk_type_map(&arena, &msk_type_digest, &msk_type_u8),
                "010101010101010101010101010101010101010101010101010101010101010101"
                "07",
                "{\"0101010101010101010101010101010101010101010101010101010101010101\":7}");
    const struct msk_type *pair = msk_type_array(&arena, &msk_type_u8, 2);
    expect_json(msk_type_map(&arena, pair, &msk_type_u8), "01010203", "[[[1,2],3]]");
    expect_json(msk_type_map(&arena, &msk_type_text, &msk_type_text), "00", "{}");
    expect_json(&msk_type_text, "03610062", "\"a\\u0000b\"");
}

/* Any JSON, as text: of all texts of a value the shortest one is written. */
static void json_has_one_text(void **state)
{
    (void)state;
    static const char spaced[] = "\x12{\"b\": [1.50], \"a\":\"\\u0000\"}";
    const struct msk_bytes canonical = hex("187b2261223a225c7530303030222c2262223a5b312e355d7d");
    struct msk_builder out;
    msk_builder_init(&out, MEMORY);
    char padded[sizeof spaced];
    memcpy(padded, spaced, sizeof spaced);
    padded[0] = (char)(sizeof spaced - 2);
    assert_int_equal(msk_canonical(&msk_type_json, MSK_BYTES(padded, sizeof spaced - 1), &out, NULL), 0);
    assert_true(msk_bytes_equal(msk_builder_view(&out), canonical));
    msk_builder_free(&out);
    expect_json(&msk_type_json, "046e756c6c", "null");
    expect_error(&msk_type_json, hex("026e6f"), MSK_FAULT_REJECTED, "json: not JSON at offset 0");
    expect_error(&msk_type_json, hex("00"), MSK_FAULT_REJECTED, "json: not JSON at offset 0");
}

static void expect_bad_json(const struct msk_type *type, const char *text, const char *want)
{
    struct msk_error err;
    struct msk_builder out;
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    msk_builder_init(&out, MEMORY);
    assert_int_equal(msk_json_to_bytes(type, json, &out, &err), MSK_E_INVALID);
    assert_string_equal(err.text, want);
    msk_builder_free(&out);
    json_decref(json);
}

static void bad_json_is_named_by_its_place(void **state)
{
    (void)state;
    const struct msk_type *raft = MSK_TYPE(raft_message);
    expect_bad_json(raft, "{\"request_vote_response\":{\"term\":-1,\"vote\":\"granted\"}}",
                    "raft_message.request_vote_response.term: does not fit 64 bits");
    expect_bad_json(raft, "{\"request_vote_response\":{\"term\":1.5,\"vote\":\"granted\"}}",
                    "raft_message.request_vote_response.term: expected a whole number");
    expect_bad_json(raft, "{\"request_vote_response\":{\"term\":1,\"vote\":\"maybe\"}}",
                    "raft_message.request_vote_response.vote: has no case \"maybe\"");
    expect_bad_json(raft, "{\"request_vote_response\":{\"term\":1}}",
                    "raft_message.request_vote_response: member \"vote\" is missing");
    expect_bad_json(raft, "{\"request_vote_response\":{\"term\":1,\"vote\":\"denied\",\"x\":0}}",
                    "raft_message.request_vote_response: has no member \"x\"");
    expect_bad_json(raft, "[]", "raft_message: expected {\"case\": ...} or \"case\"");
    expect_bad_json(raft, "\"forward\"", "raft_message: case \"forward\" needs content");
    expect_bad_json(MSK_TYPE(bond_message), "{\"ping\":1}", "bond_message: case \"ping\" has no content");
    expect_bad_json(&msk_type_u8, "256", "u8: does not fit 8 bits");
    expect_bad_json(&msk_type_i8, "-129", "i8: does not fit 8 bits");
    expect_bad_json(&msk_type_bytes, "\"0g\"", "bytes: character 2 is no hex digit");
    expect_bad_json(&msk_type_bytes, "\"012\"", "bytes: an odd number of hex digits");
    expect_bad_json(&msk_type_bytes, "[1,256]", "bytes: item 1 is no byte");
    expect_bad_json(&msk_type_digest, "\"00\"", "digest: 1 bytes, expected 32");
    expect_bad_json(&msk_type_char, "\"ab\"", "char: expected text of one character");
    expect_bad_json(&msk_type_socket_addr, "\"localhost:1\"",
                    "socket_addr: \"localhost:1\" is no address like 192.0.2.7:4433 or [2001:db8::1]:4433");
    expect_bad_json(msk_type_array(&arena, &msk_type_u8, 2), "[1]", "array: expected a list of 2");
    expect_bad_json(msk_type_map(&arena, &msk_type_u8, &msk_type_u8), "{\"300\":1}", "map.300: does not fit 8 bits");
}

/* A signature that does not verify is refused on this way in, too. */
/* Lists in lists, as text behind its length, which takes two bytes. */
static struct msk_bytes nested(size_t depth, uint8_t *text)
{
    text[0] = (uint8_t)(2 * depth | 0x80);
    text[1] = (uint8_t)(2 * depth >> 7);
    memset(text + 2, '[', depth);
    memset(text + 2 + depth, ']', depth);
    return MSK_BYTES(text, 2 + 2 * depth);
}

static void json_values_nest_so_deep_only(void **state)
{
    (void)state;
    uint8_t text[2 + 2 * (MSK_JSON_VALUE_DEPTH_MAX + 1)];
    struct msk_bytes deep = nested(MSK_JSON_VALUE_DEPTH_MAX, text);
    json_t *json;
    assert_int_equal(msk_bytes_to_json(&msk_type_json, deep, &json, NULL), 0);
    json_t *deeper = json_pack("[o]", json);
    struct msk_builder out;
    msk_builder_init(&out, sizeof text);
    assert_int_equal(msk_json_to_bytes(&msk_type_json, deeper, &out, NULL), MSK_E_INVALID);
    msk_builder_free(&out);
    json_decref(deeper);
    expect_error(&msk_type_json, nested(MSK_JSON_VALUE_DEPTH_MAX + 1, text), MSK_FAULT_REJECTED,
                 "json: nested more than 100 deep at offset 204");
}

static void json_cannot_forge_entries(void **state)
{
    (void)state;
    char signature[2 * MSK_DIGEST_LEN * 2 + 1];
    memset(signature, '0', sizeof signature - 1);
    signature[sizeof signature - 1] = 0;
    const char *zero = "0000000000000000000000000000000000000000000000000000000000000000";
    const char *one = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
    json_t *json = json_pack("{s:{s:s,s:s,s:[i,i],s:{s:s,s:[]},s:[],s:[],s:[],s:[],s:{}},s:s}", "entry", "protocol",
                             "0.4.2", "network", zero, "version", 1, 2, "address", "id", one, "addrs", "tags",
                             "streams", "functions", "groups", "tickets", "signature", signature);
    struct msk_signed_peer_entry entry;
    struct msk_error err;
    assert_non_null(json);
    assert_int_equal(msk_json_to_value(MSK_TYPE(signed_peer_entry), json, &arena, &entry, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "signed_peer_entry: the signature is not the peer's");
    json_decref(json);
}

/* ---- memory */

/* Every allocation of a decode, sort, print, read and copy may fail; each failure is told, none leaks or crashes. */
static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct msk_bytes in = hex("03050103"), relays = hex("02" /* two relays, out of order */
                                                        "000a68747470733a2f2f622f"
                                                        "000a68747470733a2f2f612f");
    const struct msk_type *numbers = msk_type_set(&arena, &msk_type_u16),
                          *addresses = msk_type_set(&arena, MSK_TYPE(transport_addr));
    int failures = 0;
    for (uint64_t budget = 0; budget < 200; budget++) {
        struct msk_arena small;
        struct msk_builder out;
        struct msk_bytes list[2]; /* large enough for any list */
        msk_arena_init(&small, MEMORY);
        msk_builder_init(&out, MEMORY);
        msk_alloc_fail_after(budget);
        int rc = msk_decode(numbers, in, &small, list, NULL);
        if (rc == 0)
            rc = msk_copy(numbers, list, &small, list);
        if (rc == 0)
            rc = msk_canonical(addresses, relays, &out, NULL);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(rc == 0 || rc == MSK_E_NOMEM);
        failures += rc == MSK_E_NOMEM;
        msk_builder_free(&out);
        msk_arena_free(&small);
    }
    assert_true(failures > 5 && failures < 200);
}

static int json_budget;

static void *json_malloc(size_t size)
{
    return json_budget-- > 0 ? malloc(size) : NULL;
}

/* The same for jansson's memory. */
static void printing_may_run_out_of_memory(void **state)
{
    (void)state;
    const struct msk_type *map = msk_type_map(&arena, &msk_type_i16, MSK_TYPE(raft_message));
    int failures = 0;
    for (int budget = 0; budget < 100; budget++) {
        json_t *json;
        json_budget = budget;
        json_set_alloc_funcs(json_malloc, free);
        int rc = msk_bytes_to_json(map, hex("010104010102ff01"), &json, NULL);
        json_set_alloc_funcs(malloc, free);
        assert_true(rc == 0 || rc == MSK_E_NOMEM);
        assert_int_equal(rc == 0, json != NULL);
        failures += rc == MSK_E_NOMEM;
        json_decref(json);
    }
    assert_true(failures > 10 && failures < 100);
}

static void unsorted_sets_are_encoded_without_being_changed(void **state)
{
    (void)state;
    uint16_t items[] = {3, 1, 2, 1};
    struct {
        uint16_t *items;
        size_t count;
    } list = {items, 4};
    const struct msk_type *numbers = msk_type_set(&arena, &msk_type_u16);
    struct msk_builder out;
    msk_builder_init(&out, 100);
    assert_int_equal(msk_encode(numbers, &list, &out), 0);
    assert_true(msk_bytes_equal(msk_builder_view(&out), hex("03010203")));
    assert_int_equal(items[0], 3);
    msk_alloc_fail_after(0);
    msk_builder_reset(&out);
    assert_int_equal(msk_encode(numbers, &list, &out), MSK_E_NOMEM);
    msk_alloc_fail_after(UINT64_MAX);
    msk_builder_free(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(errors_name_path_and_offset),
        TEST(long_paths_are_cut_not_lost),
        TEST(counts_are_believed_only_as_far_as_the_input_goes),
        TEST(items_without_bytes_are_counted),
        TEST(the_arena_bounds_a_value),
        TEST(types_are_not_too_deep),
        TEST(every_type_is_found_once_and_fits_the_limits),
        TEST(options_lie_where_their_members_are),
        TEST(decoded_values_outlive_their_input),
        TEST(times_without_text_are_not_encoded),
        TEST(order_is_the_reference_s),
        TEST(numbers_beyond_2_53_are_text),
        TEST(choices_and_maps_read_well),
        TEST(json_has_one_text),
        TEST(bad_json_is_named_by_its_place),
        TEST(json_values_nest_so_deep_only),
        TEST(json_cannot_forge_entries),
        TEST(memory_may_run_out_anywhere),
        TEST(printing_may_run_out_of_memory),
        TEST(unsorted_sets_are_encoded_without_being_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
