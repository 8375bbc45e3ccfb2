/* Messages: every golden vector, in both directions, with the members where the specification has them. */
#include "roundtrip.h"

#include "base/clock.h"
#include "crypto/identity.h"
#include "wire/address.h"
#include "wire/departure.h"
#include "wire/messages.h"
#include "wire/peer_entry.h"
#include "wire/type_build.h"

/* ---- what a message must say, as a JSON pattern: "$a.b" stands for member b of member a of the case's input */

static const json_t *input_at(const struct vector *vector, const char *path)
{
    const json_t *place = vector->input;
    while (place && *path) {
        char step[64];
        size_t len = strcspn(path, ".");
        snprintf(step, sizeof step, "%.*s", (int)len, path);
        place = json_is_array(place) ? json_array_get(place, strtoul(step, NULL, 10)) : json_object_get(place, step);
        path += len + (path[len] == '.');
    }
    return place;
}

/* Numbers may be given as text. Where both are objects, what they have in common decides, and there must be something.
 */
static bool matches(const struct vector *vector, const json_t *got, const json_t *want)
{
    const char *text = json_string_value(want), *name;
    json_t *value;
    if (text && *text == '$')
        want = input_at(vector, text + 1);
    if (json_is_array(want) && json_is_array(got)) {
        size_t count = json_array_size(want);
        bool same = json_array_size(got) == count;
        for (size_t i = 0; same && i < count; i++)
            same = matches(vector, json_array_get(got, i), json_array_get(want, i));
        return same;
    }
    if (json_is_object(want) && json_is_object(got)) {
        size_t common = 0;
        bool same = true;
        json_object_foreach((json_t *)got, name, value)
        {
            const json_t *other = json_object_get(want, name);
            common += other != NULL;
            same = same && (!other || matches(vector, value, other));
        }
        return same && common > 0;
    }
    if (json_is_integer(got) && json_is_string(want))
        return (uint64_t)json_integer_value(got) == number_value(want);
    return json_equal(got, want);
}

static void expect_pattern(struct vector *vector, const struct msk_type *type, struct msk_bytes bytes,
                           const char *pattern)
{
    struct msk_error err;
    json_t *got, *want = json_loads(pattern, JSON_DECODE_ANY, NULL);
    assert_non_null(want);
    assert_int_equal(msk_bytes_to_json(type, bytes, &got, &err), 0);
    if (!matches(vector, got, want)) {
        char *text = json_dumps(got, JSON_ENCODE_ANY);
        fail_msg("%s: \"%s\": is %s, expected %s", vector->file, vector->name, text, pattern);
    }
    json_decref(got);
    json_decref(want);
}

/* ---- a file of messages: type and pattern by the beginning of the case's name */

struct shape {
    const char *name;
    const struct msk_type *type;
    const char *pattern; /* NULL: nothing to compare */
};

static const struct shape *shape_of(const struct vector *vector, const struct shape *shapes)
{
    for (; shapes->name; shapes++)
        if (strncmp(vector->name, shapes->name, strlen(shapes->name)) == 0)
            return shapes;
    vector_fail(vector, "no test knows this message");
    return NULL;
}

static void message(struct vector *vector, const struct shape *shapes)
{
    const struct shape *shape = shape_of(vector, shapes);
    struct msk_bytes bytes = hex_member(vector, vector->json, "hex");
    expect_decoded(vector, shape->type, bytes);
    if (shape->pattern)
        expect_pattern(vector, shape->type, bytes, shape->pattern);
}

static const struct {
    const char *as;
    const struct msk_type *type;
} decode_types[] = {
    {"announcement", &msk_type_announcement},
    {"bond message", &msk_type_bond_message},
    {"call reply", &msk_type_call_reply},
    {"gossip message", &msk_type_gossip_message},
    {"handshake start", &msk_type_handshake_start},
    {"raft message", &msk_type_raft_message},
    {"signed peer entry", &msk_type_signed_peer_entry},
    {"snapshot", &msk_type_catalog_snapshot},
};

static const struct msk_type *decode_type(struct vector *vector)
{
    const char *as = text_member(vector, vector->input, "as");
    for (size_t i = 0; i < sizeof decode_types / sizeof decode_types[0]; i++)
        if (strcmp(decode_types[i].as, as) == 0)
            return decode_types[i].type;
    vector_fail(vector, as);
    return NULL;
}

static void decode_case(struct vector *vector)
{
    expect_decode_case(vector, decode_type(vector));
}

/* ---- peer entries, built from what the case says in words */

static struct msk_digest_seq digests(struct vector *vector, const json_t *list)
{
    struct msk_digest_seq out = {.count = json_array_size(list)};
    out.items = msk_arena_alloc(&vector->scratch, out.count, sizeof *out.items);
    for (size_t i = 0; i < out.count; i++)
        assert_int_equal(msk_digest_parse(string_bytes(json_array_get(list, i)), &out.items[i], NULL), 0);
    return out;
}

/* "relay:URL" or "ip:IP:PORT" */
static struct msk_transport_addr address(const char *text)
{
    struct msk_transport_addr out = {.kind = MSK_ADDR_RELAY, .relay = msk_bytes_of_text(strchr(text, ':') + 1)};
    struct msk_bytes ip = out.relay;
    if (*text == 'i') {
        out.kind = MSK_ADDR_IP;
        assert_int_equal(msk_socket_addr_parse(ip, &out.ip, NULL), 0);
    }
    return out;
}

static struct msk_transport_addr_set addresses(struct vector *vector, const json_t *list)
{
    struct msk_transport_addr_set out = {.count = json_array_size(list)};
    out.items = msk_arena_alloc(&vector->scratch, out.count, sizeof *out.items);
    for (size_t i = 0; i < out.count; i++) /* backwards: the encoder sorts */
        out.items[out.count - 1 - i] = address(json_string_value(json_array_get(list, i)));
    return out;
}

static struct msk_ticket_map tickets(struct vector *vector, const json_t *list)
{
    struct msk_ticket_map out = {.count = json_array_size(list)};
    out.items = msk_arena_alloc(&vector->scratch, out.count, sizeof *out.items);
    for (size_t i = 0; i < out.count; i++) {
        const json_t *item = json_array_get(list, i);
        struct msk_ticket_entry *entry = &out.items[out.count - 1 - i];
        entry->id = digest_member(vector, item, "id");
        entry->ticket.class_id = digest_member(vector, item, "class");
        entry->ticket.data = hex_member(vector, item, "data");
        struct msk_digest id = msk_ticket_id(&entry->ticket.class_id, entry->ticket.data);
        assert_true(msk_digest_equal(&id, &entry->id));
    }
    return out;
}

static struct msk_peer_entry entry_of(struct vector *vector, const json_t *words)
{
    return (struct msk_peer_entry){
        .protocol = msk_bytes_of_text(text_member(vector, words, "protocol")),
        .network = digest_member(vector, words, "network"),
        .version = {json_integer_value(member(vector, words, "started_ms")),
                    json_integer_value(member(vector, words, "updated_ms"))},
        .address = {.peer_id = digest_member(vector, words, "id"),
                    .addresses = addresses(vector, member(vector, words, "addrs"))},
        .tags = digests(vector, member(vector, words, "tags")),
        .streams = digests(vector, member(vector, words, "streams")),
        .functions = digests(vector, member(vector, words, "functions")),
        .groups = digests(vector, member(vector, words, "groups")),
        .tickets = tickets(vector, member(vector, words, "tickets")),
    };
}

static void expect_owned_copy(struct vector *vector, const struct msk_signed_peer_entry *signed_entry)
{
    struct msk_signed_peer_entry *copy = msk_signed_peer_entry_copy(signed_entry);
    assert_non_null(copy);
    expect_bytes(vector, "signed_hex", encode(vector, MSK_TYPE(signed_peer_entry), copy));
    for (size_t i = 0; i < signed_entry->entry.groups.count; i++)
        assert_true(msk_peer_entry_lists_group(&copy->entry, &signed_entry->entry.groups.items[i]));
    assert_false(msk_peer_entry_lists_group(&copy->entry, &copy->entry.network));
    msk_signed_peer_entry_free(copy);
}

static void peer_entry(struct vector *vector)
{
    struct msk_signed_peer_entry signed_entry = {.entry = entry_of(vector, member(vector, vector->input, "entry"))};
    struct msk_bytes secret = hex_member(vector, vector->input, "secret");
    struct msk_digest digest;
    expect_bytes(vector, "hex", encode(vector, MSK_TYPE(peer_entry), &signed_entry.entry));
    assert_int_equal(msk_peer_entry_digest(&signed_entry.entry, &digest), 0);
    expect_digest(vector, "digest", digest);
    assert_int_equal(msk_peer_entry_sign(&signed_entry, secret.data), 0);
    expect_bytes(vector, "signature", MSK_BYTES(signed_entry.signature, MSK_SIGNATURE_LEN));
    expect_bytes(vector, "signed_hex", encode(vector, MSK_TYPE(signed_peer_entry), &signed_entry));
    expect_stable(vector, MSK_TYPE(signed_peer_entry), hex_member(vector, vector->json, "signed_hex"));
    expect_owned_copy(vector, &signed_entry);
    signed_entry.signature[40] ^= 1;
    assert_int_equal(msk_peer_entry_verify(&signed_entry), MSK_E_REFUSED);
    signed_entry.entry.address.peer_id.bytes[0] ^= 1;
    assert_int_equal(msk_peer_entry_sign(&signed_entry, secret.data), MSK_E_INVALID);
}

static struct msk_entry_version version_of(struct vector *vector, const char *key)
{
    const json_t *pair = member(vector, vector->input, key);
    return (struct msk_entry_version){json_integer_value(json_array_get(pair, 0)),
                                      json_integer_value(json_array_get(pair, 1))};
}

static void newer(struct vector *vector)
{
    struct msk_entry_version old = version_of(vector, "old"), new = version_of(vector, "new");
    assert_int_equal(msk_entry_version_compare(&new, &old) > 0, json_is_true(member(vector, vector->json, "newer")));
}

static void peer_entries(void **state)
{
    (void)state;
    vectors_run("peer_entries", (struct vector_op[]){{"", peer_entry},
                                                     {"decode", decode_case},
                                                     {"newer", newer},
                                                     {"validate-tickets", vector_tested_elsewhere},
                                                     {0}});
}

/* Entries inside other messages: the message's JSON must hold the entry the input describes. */
#define ENTRY(at)                                                                                     \
    "{\"entry\":{\"protocol\":\"$" at "protocol\",\"network\":\"$" at "network\",\"version\":[\"$" at \
    "started_ms\",\"$" at "updated_ms\"],\"address\":{\"id\":\"$" at "id\"},\"tags\":\"$" at          \
    "tags\",\"streams\":\"$" at "streams\",\"functions\":\"$" at "functions\",\"groups\":\"$" at "groups\"}}"

static void catalog_message(struct vector *vector)
{
    static const struct shape shapes[] = {
        {"snapshot: empty", MSK_TYPE(catalog_snapshot), "{\"entries\":[]}"},
        {"snapshot: one", MSK_TYPE(catalog_snapshot), "{\"entries\":[" ENTRY("entries.0.") "]}"},
        {"snapshot: two", MSK_TYPE(catalog_snapshot),
         "{\"entries\":[" ENTRY("entries.0.") "," ENTRY("entries.1.") "]}"},
        {"snapshot:", MSK_TYPE(catalog_snapshot), NULL},
        {"ping query", MSK_TYPE(unit), "null"},
        {"ping reply", MSK_TYPE(signed_peer_entry), ENTRY("entry.")},
        {0},
    };
    message(vector, shapes);
}

static void catalog(void **state)
{
    (void)state;
    vectors_run("catalog", (struct vector_op[]){{"", catalog_message}, {"decode", decode_case}, {0}});
}

static void handshake(struct vector *vector)
{
    static const struct shape shapes[] = {
        {"handshake start, no bonds", MSK_TYPE(handshake_start),
         "{\"network_id\":\"$network\",\"group_id\":\"$group\",\"proof\":\"$proof\",\"bonds\":[]}"},
        {"handshake start, one bond", MSK_TYPE(handshake_start),
         "{\"network_id\":\"$network\",\"group_id\":\"$group\",\"proof\":\"$proof\",\"bonds\":[" ENTRY(
             "bonds.0.") "]}"},
        {"handshake start", MSK_TYPE(handshake_start),
         "{\"network_id\":\"$network\",\"group_id\":\"$group\",\"proof\":\"$proof\"}"},
        {"handshake end, no bonds", MSK_TYPE(handshake_end), "{\"proof\":\"$proof\",\"bonds\":[]}"},
        {"handshake end, one bond", MSK_TYPE(handshake_end),
         "{\"proof\":\"$proof\",\"bonds\":[" ENTRY("bonds.0.") "]}"},
        {"handshake end", MSK_TYPE(handshake_end), "{\"proof\":\"$proof\"}"},
        {0},
    };
    message(vector, shapes);
}

static void handshakes(void **state)
{
    (void)state;
    vectors_run("handshakes", (struct vector_op[]){{"", handshake}, {"decode", decode_case}, {0}});
}

/* ---- announcements */

static void departure(struct vector *vector)
{
    struct msk_bytes secret = hex_member(vector, vector->input, "secret");
    struct msk_bytes time = string_bytes(member(vector, vector->input, "timestamp_text"));
    struct msk_announcement announcement = {
        .kind = MSK_ANNOUNCE_DEPARTURE,
        .departure = {.last_version = {json_integer_value(member(vector, vector->input, "started_ms")),
                                       json_integer_value(member(vector, vector->input, "updated_ms"))}}};
    struct msk_departure *gone = &announcement.departure;
    uint8_t preimage[MSK_DEPARTURE_PREIMAGE_LEN];
    assert_int_equal(
        msk_time_parse((const char *)time.data, time.len, &gone->timestamp.seconds, &gone->timestamp.nanoseconds), 0);
    assert_int_equal(msk_ed25519_public(secret.data, &gone->peer_id), 0);
    msk_departure_preimage(gone, preimage);
    expect_bytes(vector, "signed_preimage", MSK_BYTES(preimage, sizeof preimage));
    expect_digest(vector, "signed_digest", msk_digest_of_parts(&MSK_BYTES(preimage, sizeof preimage), 1));
    assert_int_equal(msk_departure_sign(gone, secret.data), 0);
    expect_bytes(vector, "hex", encode(vector, MSK_TYPE(announcement), &announcement));
    assert_int_equal(msk_departure_verify(gone), 0);
    gone->last_version.updated_ms++;
    assert_int_equal(msk_departure_verify(gone), MSK_E_REFUSED);
}

static void announcement(struct vector *vector)
{
    static const struct shape shapes[] = {
        {"own entry update", MSK_TYPE(announcement), "{\"entry\":" ENTRY("entry.") "}"},
        {"graceful departure", MSK_TYPE(announcement),
         "{\"departure\":{\"last_version\":[\"$started_ms\",\"$updated_ms\"],\"timestamp\":\"$timestamp_text\"}}"},
        {0},
    };
    message(vector, shapes);
    if (json_object_get(vector->input, "timestamp_text"))
        departure(vector);
}

static void announce(void **state)
{
    (void)state;
    vectors_run("announce", (struct vector_op[]){{"", announcement}, {"decode", decode_case}, {0}});
}

/* ---- consensus, bare and in its envelope */

#define RAFT_SHAPES(type, before, open, close)                                                                        \
    {before "append entries, ", type,                                                                                 \
     open "{\"append_entries\":{\"term\":\"$term\",\"leader\":\"$leader\",\"prev\":{\"term\":\"$prev.0\",\"index\":"  \
          "\"$prev.1\"},"                                                                                             \
          "\"entries\":\"$entries\",\"leader_commit\":\"$leader_commit\"}}" close},                                   \
        {before "append entries response", type,                                                                      \
         open "{\"append_entries_response\":{\"term\":\"$term\",\"last_log_index\":\"$last_log_index\",\"vote\":\"$"  \
              "vote\"}}" close},                                                                                      \
        {before "request vote response", type,                                                                        \
         open "{\"request_vote_response\":{\"term\":\"$term\",\"vote\":\"$vote\"}}" close},                           \
        {before "request vote", type,                                                                                 \
         open "{\"request_vote\":{\"term\":\"$term\",\"candidate\":\"$candidate\","                                   \
              "\"log\":{\"term\":\"$log_position.0\",\"index\":\"$log_position.1\"}}}" close},                        \
        {before "forward command ack", type,                                                                          \
         open "{\"forward\":{\"command_ack\":{\"request_id\":\"$request_id\","                                        \
              "\"assigned\":{\"start\":\"$assigned.0\",\"end\":\"$assigned.1\"}}}}" close},                           \
        {before "forward command, empty list", type,                                                                  \
         open "{\"forward\":{\"command\":{\"commands\":[],\"request_id\":\"$request_id\"}}}" close},                  \
        {before "forward command, one unit", type,                                                                    \
         open "{\"forward\":{\"command\":{\"commands\":\"$commands\",\"request_id\":\"$request_id\"}}}" close},       \
        {before "forward command", type,                                                                              \
         open "{\"forward\":{\"command\":{\"commands\":[\"$commands.0.command\",\"$commands.1.command\","             \
              "\"$commands.2.command\",\"$commands.3.command\"],\"request_id\":\"$request_id\"}}}" close},            \
        {before "forward query response", type,                                                                       \
         open "{\"forward\":{\"query_response\":{\"request_id\":\"$request_id\",\"result\":\"$result\",\"position\":" \
              "\"$position\"}}}" close},                                                                              \
        {before "forward query", type,                                                                                \
         open "{\"forward\":{\"query\":{\"query\":\"$query\",\"request_id\":\"$request_id\"}}}" close},               \
        {before "state sync: availability request", type, open "{\"state_sync\":\"availability_request\"}" close},    \
        {before "state sync: availability response", type,                                                            \
         open "{\"state_sync\":{\"availability_response\":{\"start\":\"$range.0\",\"end\":\"$range.1\"}}}" close},    \
        {before "state sync: fetch request", type,                                                                    \
         open "{\"state_sync\":{\"fetch_entries_request\":{\"start\":\"$range.0\",\"end\":\"$range.1\"}}}" close},    \
        {before "state sync: fetch response", type,                                                                   \
         open "{\"state_sync\":{\"fetch_entries_response\":{\"range\":{\"start\":\"$range.0\",\"end\":\"$range.1\"}," \
              "\"entries\":\"$entries\"}}}" close},                                                                   \
    {                                                                                                                 \
        0                                                                                                             \
    }

static void raft_message(struct vector *vector)
{
    static const struct shape shapes[] = {RAFT_SHAPES(MSK_TYPE(raft_message), "", "", "")};
    message(vector, shapes);
}

static void bond_message(struct vector *vector)
{
    static const struct shape own[] = {
        {"ping", MSK_TYPE(bond_message), "\"ping\""},
        {"pong", MSK_TYPE(bond_message), "\"pong\""},
        {"departure", MSK_TYPE(bond_message), "\"departure\""},
        {"peer entry update", MSK_TYPE(bond_message), "{\"peer_entry_update\":" ENTRY("entry.") "}"},
        {"bond formed", MSK_TYPE(bond_message), "{\"bond_formed\":" ENTRY("entry.") "}"},
        {0},
    };
    static const struct shape raft[] = {RAFT_SHAPES(MSK_TYPE(bond_message), "raft: ", "{\"raft\":", "}")};
    message(vector, strncmp(vector->name, "raft: ", 6) == 0 ? raft : own);
}

/* The sample machine's command: add(i64), set { value, label }, reset. */
static const struct msk_type *counter_command(struct msk_arena *arena)
{
    struct msk_type_member set[] = {{.name = "value", .type = &msk_type_u64},
                                    {.name = "label", .type = &msk_type_text}};
    struct msk_type_member cases[] = {{.name = "add", .type = &msk_type_i64},
                                      {.name = "set", .type = msk_type_record(arena, "set", set, 2)},
                                      {.name = "reset"}};
    return msk_type_choice(arena, "counter_command", cases, 3);
}

/* Commands travel as bytes; whoever knows their type reads them in a second step. The first one that is no command. */
static int read_commands(struct vector *vector, const struct msk_type *type, struct msk_bytes_seq *commands)
{
    struct msk_error err;
    for (size_t i = 0; i < commands->count; i++) {
        struct msk_builder out;
        msk_builder_init(&out, 1000);
        int rc = msk_canonical(type, commands->items[i], &out, &err);
        commands->items[i] = MSK_BYTES(msk_arena_copy(&vector->scratch, out.data, out.len), out.len);
        msk_builder_free(&out);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void raft_decode_case(struct vector *vector)
{
    if (!strstr(vector->name, "command"))
        return decode_case(vector);
    const struct msk_type *command =
        strstr(vector->name, "unit command") ? MSK_TYPE(unit) : counter_command(&vector->scratch);
    struct msk_raft_message *ask = decode(vector, MSK_TYPE(raft_message), hex_member(vector, vector->input, "bytes"));
    int rc = read_commands(vector, command, &ask->forward.command.commands);
    assert_int_equal(rc, has_member(vector, "error") ? MSK_E_INVALID : 0);
    if (rc == 0)
        expect_bytes(vector, "hex", encode(vector, MSK_TYPE(raft_message), ask));
}

static void raft(void **state)
{
    (void)state;
    vectors_run("raft", (struct vector_op[]){{"", raft_message}, {"decode", raft_decode_case}, {0}});
}

static void bonds(void **state)
{
    (void)state;
    vectors_run("bonds", (struct vector_op[]){{"", bond_message}, {"decode", decode_case}, {0}});
}

/* ---- gossip */

#define NODE(i) "{\"peer_id\":\"$nodes." i ".id\",\"data\":\"$nodes." i ".data\"}"

static void gossip_message(struct vector *vector)
{
    const struct msk_type *type = MSK_TYPE(gossip_message);
    const struct shape shapes[] = {
        {"stream header", MSK_TYPE(digest), "\"$topic\""},
        {"peer data:", MSK_TYPE(peer_data), NULL},
        {"join", type, "{\"membership\":{\"join\":{\"data\":\"$data\"}}}"},
        {"forward join", type,
         "{\"membership\":{\"forward_join\":{\"peer\":{\"peer_id\":\"$peer\",\"data\":\"$data\"},\"ttl\":\"$ttl\"}}}"},
        {"shuffle, no nodes", type,
         "{\"membership\":{\"shuffle\":{\"origin\":\"$origin\",\"nodes\":[],\"ttl\":\"$ttl\"}}}"},
        {"shuffle reply, empty", type, "{\"membership\":{\"shuffle_reply\":{\"nodes\":[]}}}"},
        {"shuffle reply", type, "{\"membership\":{\"shuffle_reply\":{\"nodes\":[" NODE("0") "]}}}"},
        {"shuffle", type,
         "{\"membership\":{\"shuffle\":{\"origin\":\"$origin\",\"nodes\":[" NODE("0") "," NODE(
             "1") "],\"ttl\":\"$ttl\"}}}"},
        {"neighbor", type, "{\"membership\":{\"neighbor\":{\"priority\":\"$priority\",\"data\":\"$data\"}}}"},
        {"disconnect", type, "{\"membership\":{\"disconnect\":{\"alive\":\"$alive\",\"obsolete\":\"$obsolete\"}}}"},
        {"gossip, swarm", type,
         "{\"broadcast\":{\"gossip\":{\"id\":\"$id\",\"content\":\"$content\",\"scope\":{\"swarm\":\"$round\"}}}}"},
        {"gossip, neighbours", type,
         "{\"broadcast\":{\"gossip\":{\"id\":\"$id\",\"content\":\"$content\",\"scope\":\"neighbours\"}}}"},
        {"prune", type, "{\"broadcast\":\"prune\"}"},
        {"graft", type, "{\"broadcast\":{\"graft\":{\"id\":\"$id\",\"round\":\"$round\"}}}"},
        {"ihave, two", type,
         "{\"broadcast\":{\"i_have\":[{\"id\":\"$ids.0.0\",\"round\":\"$ids.0.1\"},{\"id\":\"$ids.1.0\",\"round\":\"$"
         "ids.1.1\"}]}}"},
        {"ihave, none", type, "{\"broadcast\":{\"i_have\":[]}}"},
        {0},
    };
    message(vector, shapes);
}

static void gossip(void **state)
{
    (void)state;
    vectors_run("gossip", (struct vector_op[]){{"", gossip_message}, {"decode", decode_case}, {0}});
}

/* ---- streams and functions */

static void stream_or_call(struct vector *vector)
{
    static const struct shape shapes[] = {
        {"consumer handshake", MSK_TYPE(stream_handshake), "{\"network_id\":\"$network\",\"stream_id\":\"$stream\"}"},
        {"start of stream", MSK_TYPE(stream_start), "{\"network_id\":\"$network\",\"stream_id\":\"$stream\"}"},
        {"call request", MSK_TYPE(call_request),
         "{\"network_id\":\"$network\",\"function_id\":\"$function\",\"payload\":\"$payload\"}"},
        {"call reply ok", MSK_TYPE(call_reply), "{\"ok\":\"$payload\"}"},
        {"call reply error", MSK_TYPE(call_reply), "{\"error\":\"$payload\"}"},
        {0},
    };
    message(vector, shapes);
}

static void streams_functions(void **state)
{
    (void)state;
    vectors_run("streams_functions", (struct vector_op[]){{"", stream_or_call}, {"decode", decode_case}, {0}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer_entries), cmocka_unit_test(catalog),
        cmocka_unit_test(handshakes),   cmocka_unit_test(announce),
        cmocka_unit_test(raft),         cmocka_unit_test(bonds),
        cmocka_unit_test(gossip),       cmocka_unit_test(streams_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
