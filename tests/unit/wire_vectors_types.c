/* Plain values, library types, ids: every golden vector, in both directions. */
#include "roundtrip.h"

#include "crypto/ed25519.h"
#include "crypto/identity.h"
#include "wire/messages.h"
#include "wire/schema.h"
#include "wire/type_build.h"

static const struct {
    const char *name;
    const struct msk_type *type;
} plain_types[] = {
    {"bool", &msk_type_bool},
    {"u8", &msk_type_u8},
    {"u16", &msk_type_u16},
    {"u32", &msk_type_u32},
    {"u64", &msk_type_u64},
    {"u128", &msk_type_u128},
    {"usize", &msk_type_u64},
    {"i8", &msk_type_i8},
    {"i16", &msk_type_i16},
    {"i32", &msk_type_i32},
    {"i64", &msk_type_i64},
    {"i128", &msk_type_i128},
    {"f32", &msk_type_f32},
    {"f64", &msk_type_f64},
    {"char", &msk_type_char},
    {"text", &msk_type_text},
    {"bytes", &msk_type_bytes},
    {"unit", &msk_type_unit},
    {"unit struct", &msk_type_unit},
    {"duration", &msk_type_duration},
    {"version", &msk_type_version},
    {"timestamp", &msk_type_timestamp},
    {"ip", &msk_type_ip},
    {"socket-address", &msk_type_socket_addr},
    {"relay-url", &msk_type_relay_url},
    {"transport-address", &msk_type_transport_addr},
    {"endpoint-address", &msk_type_endpoint_addr},
    {"public-key", &msk_type_peer_id},
    {"public key", &msk_type_peer_id},
    {"peer-entry-version", &msk_type_entry_version},
    {"ticket", &msk_type_ticket},
    {"expiration", &msk_type_expiration},
    {"digest", &msk_type_digest},
    {"signature", &msk_type_signature},
};

/* Types made of others, as a user of --schema describes them. */
static struct composed {
    const char *name, *type;
    struct msk_schema *schema; /* once it was wanted */
} composed[] = {
    {"seq of u32", "{'seq': 'u32'}", NULL},
    {"seq of u64", "{'seq': 'u64'}", NULL},
    {"seq of unit", "{'seq': 'unit'}", NULL},
    {"set of u16", "{'set': 'u16'}", NULL},
    {"map text->u8", "{'map': ['string', 'u8']}", NULL},
    {"map u8->u8", "{'map': ['u8', 'u8']}", NULL},
    {"option u8", "{'option': 'u8'}", NULL},
    {"option u64", "{'option': 'u64'}", NULL},
    {"option option u8", "{'option': {'option': 'u8'}}", NULL},
    {"newtype u64", "'u64'", NULL},
    {"tuple(u8,u16,text)", "{'tuple': ['u8', 'u16', 'string']}", NULL},
    {"struct{u8,u32,text,option bool}", "{'tuple': ['u8', 'u32', 'string', {'option': 'bool'}]}", NULL},
    {"enum", "{'enum': ['first', {'second': 'u8'}, {'third': {'struct': [{'x': 'u16'}]}}]}", NULL},
    {"enum of 3", "{'enum': ['first', {'second': 'u8'}, {'third': {'struct': [{'x': 'u16'}]}}]}", NULL},
    {"range u64", "{'struct': [{'start': 'u64'}, {'end': 'u64'}]}", NULL},
    {"range-inclusive u64", "{'struct': [{'start': 'u64'}, {'end': 'u64'}]}", NULL},
    {"result", "{'enum': [{'Ok': 'u8'}, {'Err': 'u8'}]}", NULL},
    {"encoded u64", "{'encoded': 'u64'}", NULL},
    {"encoded unit", "{'encoded': 'unit'}", NULL},
    {"consensus-config",
     "{'struct': [{'heartbeat_interval': 'duration'}, {'heartbeat_jitter': 'duration'}, {'max_missed_heartbeats': "
     "'u32'},"
     "{'election_timeout': 'duration'}, {'election_timeout_jitter': 'duration'}, {'bootstrap_delay': 'duration'},"
     "{'forward_timeout': 'duration'}, {'query_timeout': 'duration'}]}",
     NULL},
};

#define COMPOSED_COUNT (sizeof composed / sizeof composed[0])

static struct msk_schema *read_schema(const char *type)
{
    char text[1024];
    struct msk_schema *schema;
    struct msk_error err;
    snprintf(text, sizeof text, "{'command': %s}", type);
    for (char *quote; (quote = strchr(text, '\''));)
        *quote = '"';
    json_t *json = json_loads(text, 0, NULL);
    if (msk_schema_new(json, &schema, &err))
        fail_msg("%s: %s", text, err.text);
    json_decref(json);
    return schema;
}

static const struct msk_type *composed_type(const char *name)
{
    for (struct composed *one = composed; one < composed + COMPOSED_COUNT; one++)
        if (strcmp(name, one->name) == 0) {
            one->schema = one->schema ? one->schema : read_schema(one->type);
            return one->schema->command;
        }
    return NULL;
}

static int forget_composed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMPOSED_COUNT; i++)
        msk_schema_free(composed[i].schema);
    return 0;
}

/* The type a case is about. Arrays say only how many items they have, and of what in the case's name. */
static const struct msk_type *type_of(struct vector *vector)
{
    const json_t *name_json = json_object_get(vector->input, "type");
    const char *name = json_string_value(name_json ? name_json : member(vector, vector->input, "as"));
    for (size_t i = 0; i < sizeof plain_types / sizeof plain_types[0]; i++)
        if (strcmp(plain_types[i].name, name) == 0)
            return plain_types[i].type;
    const struct msk_type *type = composed_type(name);
    if (strcmp(name, "array") == 0)
        type = msk_type_array(&vector->scratch, strstr(vector->name, "u16") ? &msk_type_u16 : &msk_type_u8,
                              json_array_size(member(vector, vector->input, "value")));
    if (!type)
        vector_fail(vector, name);
    return type;
}

/* ---- what a case's value is as our JSON */

static json_t *json_of_text(struct vector *vector, const char *key)
{
    return json_string(text_member(vector, vector->input, key));
}

/* Some values are written otherwise in the input than in our JSON. NULL: nothing to compare. */
static json_t *input_as_json(struct vector *vector)
{
    const json_t *input = vector->input, *value = json_object_get(input, "value");
    const char *type = text_member(vector, input, "type");
    if (strcmp(type, "enum") == 0) {
        static const char *const names[] = {"first", "second", "third"};
        const char *name = names[number_member(vector, input, "variant")];
        return value ? json_pack("{s:O}", name, value) : json_string(name);
    }
    if (strcmp(type, "map text->u8") == 0)
        return json_pack("{s:i, s:i}", "a", 1, "b", 2);
    if (strncmp(type, "range", 5) == 0)
        return json_pack("{s:O, s:O}", "start", member(vector, input, "start"), "end", member(vector, input, "end"));
    if (strcmp(type, "duration") == 0)
        return json_pack("{s:O, s:O}", "secs", member(vector, input, "secs"), "nanos", member(vector, input, "nanos"));
    if (strcmp(type, "result") == 0)
        return json_object_get(input, "ok") ? json_pack("{s:i}", "Ok", 1) : json_pack("{s:i}", "Err", 2);
    if (strcmp(type, "transport-address") == 0 && json_object_get(input, "relay"))
        return json_pack("{s:o}", "Relay", json_of_text(vector, "relay"));
    if (strcmp(type, "transport-address") == 0 && json_object_get(input, "custom"))
        return json_pack("{s:O}", "Custom", member(vector, input, "custom"));
    if (strcmp(type, "peer-entry-version") == 0)
        return json_pack("[O, O]", member(vector, input, "started_ms"), member(vector, input, "updated_ms"));
    if (strcmp(type, "socket-address") == 0 && strstr(vector->name, "scope"))
        return json_string("[fe80::1]:9");
    return value && strcmp(type, "option option u8") != 0 ? json_incref((json_t *)value) : NULL;
}

/* The reference's JSON has bytes as arrays of numbers, ours as hex: those are only read. */
static bool has_bytes_as_numbers(const struct vector *vector)
{
    return strstr(vector->name, "ticket") || strstr(vector->name, "signature");
}

static void expect_json_member(struct vector *vector, const struct msk_type *type, struct msk_bytes bytes)
{
    struct msk_error err;
    json_t *printed, *want = json_loads(text_member(vector, vector->json, "json"), JSON_DECODE_ANY, NULL);
    assert_non_null(want);
    expect_bytes(vector, "hex", encode_json(vector, type, want));
    assert_int_equal(msk_bytes_to_json(type, bytes, &printed, &err), 0);
    if (!has_bytes_as_numbers(vector) && !json_equal(printed, want))
        vector_fail(vector, "prints other JSON");
    json_decref(printed);
    json_decref(want);
}

/* Addresses given in the opposite order are encoded in the right one. */
static void expect_sorted(struct vector *vector, const struct msk_type *type, struct msk_bytes bytes)
{
    struct msk_error err;
    json_t *json, *reversed = json_array();
    assert_int_equal(msk_bytes_to_json(type, bytes, &json, &err), 0);
    const json_t *addresses = json_object_get(json, "addrs");
    for (size_t i = json_array_size(addresses); i-- > 0;)
        json_array_append(reversed, json_array_get(addresses, i));
    json_object_set_new(json, "addrs", reversed);
    expect_bytes(vector, "hex", encode_json(vector, type, json));
    json_decref(json);
}

/* A value and its encoding. */
static void value(struct vector *vector)
{
    const struct msk_type *type = type_of(vector);
    struct msk_bytes bytes = hex_member(vector, vector->json, "hex");
    expect_decoded(vector, type, bytes);
    if (has_member(vector, "json"))
        expect_json_member(vector, type, bytes);
    if (type == MSK_TYPE(endpoint_addr))
        expect_sorted(vector, type, bytes);
    json_t *json = input_as_json(vector);
    if (json)
        expect_bytes(vector, "hex", encode_json(vector, type, json));
    json_decref(json);
}

static void decode_case(struct vector *vector)
{
    expect_decode_case(vector, type_of(vector));
}

static void postcard_primitives(void **state)
{
    (void)state;
    vectors_run("postcard_primitives", (struct vector_op[]){{"", value}, {"decode", decode_case}, {0}});
}

static void ticket_id(struct vector *vector)
{
    struct msk_digest class_id = msk_digest_of_string(text_member(vector, vector->input, "class_text"));
    expect_digest(vector, "hex", msk_ticket_id(&class_id, hex_member(vector, vector->input, "data")));
}

static void foreign_types(void **state)
{
    (void)state;
    vectors_run("foreign_types",
                (struct vector_op[]){{"", value}, {"decode", decode_case}, {"ticket-id", ticket_id}, {0}});
}

/* ---- the decode cases of the files that the crypto room's test runs otherwise */

static void decode_json(struct vector *vector)
{
    struct msk_digest digest;
    struct msk_error err;
    json_t *json = json_loads(text_member(vector, vector->input, "json"), JSON_DECODE_ANY, NULL);
    int rc = msk_json_to_value(MSK_TYPE(digest), json, &vector->scratch, &digest, &err);
    if (has_member(vector, "error"))
        assert_int_equal(rc, MSK_E_INVALID);
    else
        expect_digest(vector, "hex", digest);
    json_decref(json);
}

static void digests(void **state)
{
    (void)state;
    vectors_run("digests", (struct vector_op[]){{"decode", decode_case},
                                                {"json-decode", decode_json},
                                                {"from-text", vector_tested_elsewhere},
                                                {"from-bytes-slice", vector_tested_elsewhere},
                                                {"from-array", vector_tested_elsewhere},
                                                {"from-int", vector_tested_elsewhere},
                                                {"from-parts", vector_tested_elsewhere},
                                                {"zero", vector_tested_elsewhere},
                                                {"hash", vector_tested_elsewhere},
                                                {"derive", vector_tested_elsewhere},
                                                {"derive-chain", vector_tested_elsewhere},
                                                {"hashed", vector_tested_elsewhere},
                                                {0}});
}

/* Cases without op: a node's key, or a signature. */
static void key_or_signature(struct vector *vector)
{
    bool signature = strstr(vector->name, "signature") != NULL;
    const struct msk_type *type = signature ? MSK_TYPE(signature) : MSK_TYPE(peer_id);
    struct msk_bytes bytes = hex_member(vector, vector->json, "hex");
    expect_decoded(vector, type, bytes);
    expect_json_member(vector, type, bytes);
}

static void keys(void **state)
{
    (void)state;
    vectors_run("keys", (struct vector_op[]){{"decode", decode_case},
                                             {"", key_or_signature},
                                             {"parse", vector_tested_elsewhere},
                                             {"sign", vector_tested_elsewhere},
                                             {"verify", vector_tested_elsewhere},
                                             {0}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postcard_primitives),
        cmocka_unit_test(foreign_types),
        cmocka_unit_test(digests),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, forget_composed);
}
