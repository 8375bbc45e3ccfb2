/* Digests, keys, group ids, proofs, slots: every golden vector that needs no message. */
#include "vectors.h"

#include "crypto/blake3.h"
#include "crypto/ed25519.h"
#include "crypto/identity.h"
#include "crypto/proof.h"

/* ---- digests */

static void expect_forms(struct vector *vector, struct msk_digest digest)
{
    char text[MSK_DIGEST_TEXT_SIZE], brief[MSK_DIGEST_SHORT_SIZE];
    expect_digest(vector, "hex", digest);
    if (has_member(vector, "display"))
        expect_text(vector, "display", msk_digest_text(&digest, text));
    if (has_member(vector, "short"))
        expect_text(vector, "short", msk_digest_short(&digest, brief));
}

static void from_text(struct vector *vector)
{
    expect_forms(vector, msk_digest_of_text(string_bytes(member(vector, vector->input, "text"))));
}

static void from_bytes_slice(struct vector *vector)
{
    expect_forms(vector, msk_digest_of_text(hex_member(vector, vector->input, "bytes")));
}

static void from_array(struct vector *vector)
{
    expect_forms(vector, digest_member(vector, vector->input, "bytes"));
}

static void zero(struct vector *vector)
{
    struct msk_digest digest = {{0}};
    assert_true(msk_digest_is_zero(&digest));
    expect_forms(vector, digest);
}

static void hash(struct vector *vector)
{
    expect_forms(vector, msk_blake3(hex_member(vector, vector->input, "bytes")));
}

/* "0x0102u16", "-2i8": sign, hex or decimal digits, then the type. */
static void from_int(struct vector *vector)
{
    const char *text = text_member(vector, vector->input, "value");
    bool negative = *text == '-', hex = strncmp(text, "0x", 2) == 0;
    unsigned __int128 value = 0;
    size_t width = 8; /* usize, isize */
    text += negative + 2 * hex;
    for (; !strchr("ui", *text); text++)
        value = value * (hex ? 16 : 10) + (unsigned)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    if (text[1] >= '0' && text[1] <= '9')
        width = strtoul(text + 1, NULL, 10) / 8;
    expect_forms(vector, msk_digest_of_integer(negative ? -value : value, width));
}

static void from_parts(struct vector *vector)
{
    const json_t *list = member(vector, vector->input, "parts_text");
    struct msk_bytes parts[8];
    size_t count = json_array_size(list);
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        parts[i] = string_bytes(json_array_get(list, i));
    expect_forms(vector, msk_digest_of_parts(parts, count));
}

static void derive(struct vector *vector)
{
    struct msk_digest base = digest_member(vector, vector->input, "base");
    const json_t *text = json_object_get(vector->input, "info_text");
    expect_forms(vector,
                 msk_digest_derive(&base, text ? string_bytes(text) : hex_member(vector, vector->input, "info")));
}

static void derive_chain(struct vector *vector)
{
    struct msk_digest digest = digest_member(vector, vector->input, "base");
    const json_t *info;
    size_t i;
    json_array_foreach(member(vector, vector->input, "infos_text"), i, info) digest =
        msk_digest_derive(&digest, string_bytes(info));
    expect_forms(vector, digest);
}

static void hashed(struct vector *vector)
{
    struct msk_digest base = digest_member(vector, vector->input, "base");
    expect_forms(vector, msk_digest_hashed(&base));
}

static void digests(void **state)
{
    (void)state;
    vectors_run("digests", (struct vector_op[]){{"from-text", from_text},
                                                {"from-bytes-slice", from_bytes_slice},
                                                {"from-array", from_array},
                                                {"zero", zero},
                                                {"hash", hash},
                                                {"from-int", from_int},
                                                {"from-parts", from_parts},
                                                {"derive", derive},
                                                {"derive-chain", derive_chain},
                                                {"hashed", hashed},
                                                {"decode", vector_tested_elsewhere},
                                                {"json-decode", vector_tested_elsewhere},
                                                {0}});
}

/* ---- keys */

static void expect_built(struct vector *vector, const char *key, struct msk_digest id,
                         void (*append)(struct msk_builder *, struct msk_bytes))
{
    struct msk_builder text;
    msk_builder_init(&text, 100);
    append(&text, MSK_BYTES(id.bytes, MSK_DIGEST_LEN));
    assert_int_equal(text.error, 0);
    expect_text(vector, key, (const char *)text.data);
    msk_builder_free(&text);
}

static void expect_parsed(struct vector *vector, const char *key, struct msk_digest id)
{
    struct msk_digest parsed;
    struct msk_bytes text = string_bytes(member(vector, vector->json, key));
    assert_int_equal(msk_peer_id_parse(text, &parsed, NULL), 0);
    assert_true(msk_digest_equal(&parsed, &id));
}

/* Cases without op: a node's key, or how a signature looks on the wire (which the wire room's test checks). */
static void node_key(struct vector *vector)
{
    if (!json_object_get(vector->input, "secret"))
        return;
    struct msk_digest id;
    assert_int_equal(msk_ed25519_public(hex_member(vector, vector->input, "secret").data, &id), 0);
    expect_forms(vector, id);
    expect_built(vector, "base32_nopad", id, msk_base32_append);
    expect_built(vector, "zbase32", id, msk_zbase32_append);
    expect_parsed(vector, "display", id);
    expect_parsed(vector, "base32_nopad", id);
}

static void parse_key(struct vector *vector)
{
    struct msk_digest id;
    struct msk_error err = {.text = ""};
    int rc = msk_peer_id_parse(string_bytes(member(vector, vector->input, "text")), &id, &err);
    if (has_member(vector, "error")) {
        assert_int_equal(rc, MSK_E_INVALID);
        assert_true(strlen(err.text) > 0);
    } else {
        assert_int_equal(rc, 0);
        expect_forms(vector, id);
    }
}

static void sign(struct vector *vector)
{
    uint8_t signature[MSK_SIGNATURE_LEN];
    struct msk_bytes secret = hex_member(vector, vector->input, "secret");
    assert_int_equal(msk_ed25519_sign(secret.data, hex_member(vector, vector->input, "message"), signature), 0);
    expect_bytes(vector, "hex", MSK_BYTES(signature, sizeof signature));
}

static void verify(struct vector *vector)
{
    struct msk_digest public_key = digest_member(vector, vector->input, "public");
    struct msk_bytes signature = hex_member(vector, vector->input, "signature");
    int rc = msk_ed25519_verify(&public_key, hex_member(vector, vector->input, "message"), signature.data);
    assert_int_equal(rc, json_is_true(member(vector, vector->json, "valid")) ? 0 : MSK_E_REFUSED);
}

static void keys(void **state)
{
    (void)state;
    vectors_run("keys", (struct vector_op[]){{"", node_key},
                                             {"parse", parse_key},
                                             {"sign", sign},
                                             {"verify", verify},
                                             {"decode", vector_tested_elsewhere},
                                             {0}});
}

/* ---- group ids */

static void consensus_digest(struct vector *vector)
{
    const json_t *in = vector->input;
    expect_digest(vector, "hex",
                  msk_consensus_digest(number_member(vector, in, "heartbeat_interval_ms"),
                                       number_member(vector, in, "heartbeat_jitter_ms"),
                                       (uint32_t)number_member(vector, in, "max_missed_heartbeats")));
}

static void log_replay_signature(struct vector *vector)
{
    const json_t *in = vector->input;
    expect_digest(vector, "hex",
                  msk_log_replay_signature(text_member(vector, in, "machine_type_name"),
                                           number_member(vector, in, "batch_size"),
                                           number_member(vector, in, "fetch_timeout_ms")));
}

/* The explanation starts with the inputs, derives each step from the one before, and ends in the id. */
static void expect_explained(struct vector *vector, const struct msk_group_inputs *inputs)
{
    struct msk_group_step steps[MSK_GROUP_STEPS(8)];
    size_t count = MSK_GROUP_STEPS(inputs->validator_count), inputs_count = 3 + inputs->validator_count;
    msk_group_explain(inputs, steps);
    expect_digest(vector, "hex", steps[count - 1].digest);
    assert_string_equal(steps[inputs_count].step, "key");
    for (size_t i = 0; i < inputs_count; i++) {
        struct msk_digest next = msk_digest_derive_digest(&steps[inputs_count + i].digest, &steps[i].digest);
        assert_true(msk_digest_equal(&next, &steps[inputs_count + i + 1].digest));
    }
    for (size_t i = 0; i < count; i++) { /* a key taken from a validator is no secret */
        char key[MSK_DIGEST_TEXT_SIZE];
        msk_digest_text(&inputs->key, key);
        if (inputs->validator_count == 0 && strstr(steps[i].input, key))
            vector_fail(vector, "the explanation shows the key");
    }
}

static void group_id(struct vector *vector)
{
    const json_t *in = vector->input, *list = member(vector, in, "validator_signatures");
    struct msk_digest validators[8];
    struct msk_group_inputs inputs = {
        .key = digest_member(vector, in, "key"),
        .heartbeat_interval_ms = number_member(vector, in, "heartbeat_interval_ms"),
        .heartbeat_jitter_ms = number_member(vector, in, "heartbeat_jitter_ms"),
        .max_missed_heartbeats = (uint32_t)number_member(vector, in, "max_missed_heartbeats"),
        .machine_signature = digest_member(vector, in, "machine_signature"),
        .sync_signature = digest_member(vector, in, "sync_signature"),
        .validator_signatures = validators,
        .validator_count = json_array_size(list),
    };
    assert_true(inputs.validator_count <= 8);
    for (size_t i = 0; i < inputs.validator_count; i++)
        assert_int_equal(msk_digest_parse(string_bytes(json_array_get(list, i)), &validators[i], NULL), 0);
    expect_digest(vector, "hex", msk_group_id(&inputs));
    expect_explained(vector, &inputs);
}

static void group_key_display(struct vector *vector)
{
    char text[MSK_GROUP_KEY_TEXT_SIZE];
    struct msk_digest key = digest_member(vector, vector->input, "key");
    expect_text(vector, "display", msk_group_key_text(&key, text));
}

/* On the wire a key is its 32 bytes. */
static void group_key(struct vector *vector)
{
    assert_string_equal(text_member(vector, vector->input, "type"), "group-key");
    expect_digest(vector, "hex", digest_member(vector, vector->input, "key"));
}

static void group_ids(void **state)
{
    (void)state;
    vectors_run("group_ids", (struct vector_op[]){{"consensus-digest", consensus_digest},
                                                  {"log-replay-signature", log_replay_signature},
                                                  {"from-text", from_text},
                                                  {"group-id", group_id},
                                                  {"group-key-display", group_key_display},
                                                  {"", group_key},
                                                  {0}});
}

/* groups.md 1.6: from the key's text to the id, with the inputs in words. */
static void the_known_group(void **state)
{
    (void)state;
    struct msk_group_inputs inputs = {
        .key = msk_digest_of_string("secret1"),
        .heartbeat_interval_ms = 500,
        .heartbeat_jitter_ms = 150,
        .max_missed_heartbeats = 10,
        .machine_signature = msk_digest_of_string(MSK_NOOP_MACHINE_ID),
        .sync_signature = msk_log_replay_signature(MSK_NOOP_MACHINE_TYPE, MSK_SYNC_BATCH_SIZE_DEFAULT,
                                                   MSK_SYNC_FETCH_TIMEOUT_MS_DEFAULT),
        .machine_id = MSK_NOOP_MACHINE_ID,
        .machine_type = MSK_NOOP_MACHINE_TYPE,
        .sync_batch_size = MSK_SYNC_BATCH_SIZE_DEFAULT,
        .sync_fetch_timeout_ms = MSK_SYNC_FETCH_TIMEOUT_MS_DEFAULT,
    };
    struct msk_group_step steps[MSK_GROUP_STEPS(0)];
    struct msk_digest id = msk_group_id(&inputs);
    char text[MSK_DIGEST_TEXT_SIZE];
    assert_string_equal(msk_digest_text(&id, text), "c2bf3bd93ca72858eecf8802cb1e92933b8dc930e9e8d080601abd32abd968f4");
    msk_group_explain(&inputs, steps);
    assert_string_equal(steps[0].input, "heartbeat interval 500ms, jitter 150ms, at most 10 missed");
    assert_string_equal(steps[1].input, "mosaik_noop_state_machine");
    assert_string_equal(steps[2].input,
                        "log replay of mosaik::groups::machine::noop::NoOp, batches of 2000, fetch timeout 25s");
    assert_string_equal(steps[3].input, "hash of the group key 63****5f");
}

/* ---- proofs */

static void proof(struct vector *vector)
{
    struct msk_digest key = digest_member(vector, vector->input, "key");
    struct msk_digest exported = digest_member(vector, vector->input, "exported");
    struct msk_digest author = digest_member(vector, vector->input, "author");
    struct msk_digest made = msk_bond_proof(&key, &exported, &author);
    expect_digest(vector, "hex", made);
    assert_true(msk_bond_proof_holds(&made, &key, &exported, &author));
    made.bytes[31] ^= 1;
    assert_false(msk_bond_proof_holds(&made, &key, &exported, &author));
}

static void proofs(void **state)
{
    (void)state;
    vectors_run("proofs", (struct vector_op[]){{"proof", proof}, {0}});
}

static struct msk_digest digest_of_hex(const char *hex)
{
    struct msk_digest digest;
    assert_int_equal(msk_digest_parse(msk_bytes_of_text(hex), &digest, NULL), 0);
    return digest;
}

/* groups.md 2.2: what a dialler and the reference proved to each other on a live bond. */
static void a_live_session(void **state)
{
    (void)state;
    struct msk_digest key = msk_digest_of_string("my-group-key");
    struct msk_digest exported = digest_of_hex("99c34568ac4026831548d33917298a3ff8b794c572d78667abe9c4790d30960d");
    struct msk_digest dialler = digest_of_hex("1398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93ca");
    struct msk_digest reference = digest_of_hex("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c");
    struct msk_digest sent = digest_of_hex("8fe26ad96d7f531036c2ddbfb9d15b511b6effa9b55abdec82af30f1d68acee9");
    struct msk_digest answer = digest_of_hex("a64d84340500b11e888522eade10631cfaf3813a53533039c3711f094b5fdedd");
    assert_true(msk_bond_proof_holds(&sent, &key, &exported, &dialler));
    assert_true(msk_bond_proof_holds(&answer, &key, &exported, &reference));
    assert_false(msk_bond_proof_holds(&answer, &key, &exported, &dialler));
}

/* ---- DHT slots */

static void slot(struct vector *vector)
{
    struct msk_digest network = msk_digest_of_string(text_member(vector, vector->input, "network_text")), public_key;
    struct msk_digest id = msk_dht_slot_id(&network, (unsigned)number_member(vector, vector->input, "slot"));
    expect_digest(vector, "slot_id", id);
    assert_int_equal(msk_ed25519_public(id.bytes, &public_key), 0);
    expect_digest(vector, "hex", public_key);
    expect_built(vector, "zbase32", public_key, msk_zbase32_append);
}

static void dht(void **state)
{
    (void)state;
    vectors_run("dht", (struct vector_op[]){{"", slot}, {0}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(keys),
        cmocka_unit_test(group_ids),
        cmocka_unit_test(the_known_group),
        cmocka_unit_test(a_live_session),
        cmocka_unit_test(proofs),
        cmocka_unit_test(dht),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
