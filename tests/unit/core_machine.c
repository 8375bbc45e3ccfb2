/* The built-in machines: commands, queries, results in JSON and in bytes, snapshots, damage, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "core/machine.h"
#include "crypto/identity.h"

struct run {
    const struct msk_machine *machine;
    void *state;
    uint64_t index;
};

static struct run start(const char *name)
{
    struct run run = {.machine = msk_machine_find(name)};
    assert_non_null(run.machine);
    assert_int_equal(run.machine->create(NULL, &run.state), 0);
    return run;
}

static void end(struct run *run)
{
    run->machine->destroy(run->state);
}

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

static struct msk_builder encode(const struct msk_type *type, const char *text)
{
    struct msk_builder bytes;
    struct msk_error err = {0};
    json_t *json = parse(text);
    msk_builder_init(&bytes, 1u << 20);
    if (msk_machine_read_json(type, json, &bytes, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    json_decref(json);
    return bytes;
}

static void apply_bytes(struct run *run, struct msk_bytes command)
{
    struct msk_log_entry entry = {1, command};
    struct msk_machine_batch batch = {1, ++run->index, &entry, 1};
    assert_int_equal(run->machine->apply(run->state, &batch), 0);
}

static void apply(struct run *run, const char *command)
{
    struct msk_builder bytes = encode(run->machine->command, command);
    apply_bytes(run, msk_builder_view(&bytes));
    msk_builder_free(&bytes);
}

static void expect_answer(struct run *run, const char *query, const char *want)
{
    struct msk_builder asked = encode(run->machine->query, query), result;
    json_t *have, *wanted = parse(want);
    msk_builder_init(&result, MSK_MACHINE_RESULT_MAX);
    assert_int_equal(run->machine->query_state(run->state, 0, msk_builder_view(&asked), &result), 0);
    assert_int_equal(msk_machine_print_json(run->machine->result, msk_builder_view(&result), &have, NULL), 0);
    if (!json_equal(have, wanted)) {
        char *text = json_dumps(have, JSON_ENCODE_ANY);
        fail_msg("%s: %s instead of %s", query, text, want);
    }
    json_decref(have);
    json_decref(wanted);
    msk_builder_free(&asked);
    msk_builder_free(&result);
}

/* Into a snapshot and back, into another one. */
static void move_over(struct run *run)
{
    struct msk_builder bytes;
    struct run other = start(run->machine->name);
    msk_builder_init(&bytes, MSK_MACHINE_SNAPSHOT_MAX);
    assert_int_equal(run->machine->snapshot(run->state, &bytes), 0);
    assert_int_equal(other.machine->restore(other.state, msk_builder_view(&bytes)), 0);
    msk_builder_free(&bytes);
    end(run);
    run->state = other.state;
}

/* ---- each one */

static void noop(void **state)
{
    (void)state;
    struct run run = start("noop");
    apply(&run, "null");
    expect_answer(&run, "null", "null");
    move_over(&run);
    end(&run);
}

static void counter(void **state)
{
    (void)state;
    struct run run = start("counter");
    expect_answer(&run, "null", "0");
    apply(&run, "{\"Increment\":7}");
    apply(&run, "{\"Decrement\":10}");
    expect_answer(&run, "null", "-3");
    apply_bytes(&run, run.machine->idle);
    apply_bytes(&run, MSK_BYTES("\2\1", 2)); /* no such command */
    apply_bytes(&run, MSK_BYTES("\0", 1));
    apply_bytes(&run, MSK_BYTES("", 0));
    expect_answer(&run, "null", "-3");
    move_over(&run);
    apply(&run, "{\"Decrement\":4294967295}");
    expect_answer(&run, "null", "-4294967298");
    assert_int_equal(run.machine->restore(run.state, MSK_BYTES("", 0)), 0);
    expect_answer(&run, "null", "0");
    assert_int_equal(run.machine->restore(run.state, MSK_BYTES("\xff", 1)), MSK_E_DAMAGED);
    end(&run);
}

static void the_counters_signature(void **state)
{
    (void)state;
    struct msk_digest digest = msk_digest_of_string(msk_machine_counter.id), want = {{[31] = 2}};
    assert_true(msk_digest_equal(&digest, &want));
    struct msk_builder bytes = encode(msk_machine_counter.command, "{\"Decrement\":300}");
    assert_int_equal(bytes.len, 3);
    assert_memory_equal(bytes.data, "\1\xac\2", 3);
    msk_builder_free(&bytes);
}

static void lines(void **state)
{
    (void)state;
    struct run run = start("lines");
    expect_answer(&run, "0", "[]");
    apply(&run, "\"one\"");
    apply(&run, "\"\"");
    apply_bytes(&run, MSK_BYTES("\2\xff\xff", 3)); /* not text */
    apply_bytes(&run, MSK_BYTES("\x09x", 2));      /* not whole */
    apply(&run, "\"drei \xe2\x82\xac\"");
    expect_answer(&run, "0", "[\"one\",\"\",\"drei \xe2\x82\xac\"]");
    move_over(&run);
    expect_answer(&run, "1", "[\"\",\"drei \xe2\x82\xac\"]");
    expect_answer(&run, "3", "[]");
    expect_answer(&run, "99", "[]");
    assert_int_equal(run.machine->restore(run.state, MSK_BYTES("\1\1\5x", 4)), MSK_E_DAMAGED);
    end(&run);
}

static void one_result_has_a_limit(void **state)
{
    (void)state;
    struct run run = start("lines");
    struct msk_builder asked = encode(run.machine->query, "1"), result;
    json_t *have;
    for (int i = 0; i < MSK_MACHINE_LINES_MAX + 10; i++)
        apply(&run, "\"x\"");
    msk_builder_init(&result, MSK_MACHINE_RESULT_MAX);
    assert_int_equal(run.machine->query_state(run.state, 0, msk_builder_view(&asked), &result), 0);
    assert_int_equal(msk_machine_print_json(run.machine->result, msk_builder_view(&result), &have, NULL), 0);
    assert_int_equal(json_array_size(have), MSK_MACHINE_LINES_MAX);
    json_decref(have);
    msk_builder_free(&asked);
    msk_builder_free(&result);
    end(&run);
}

static void kv(void **state)
{
    (void)state;
    struct run run = start("kv");
    expect_answer(&run, "{\"Get\":\"a\"}", "{\"Value\":null}");
    apply(&run, "{\"Set\":[\"a\",\"1\"]}");
    apply(&run, "{\"Set\":[\"ab\",\"2\"]}");
    apply(&run, "{\"Set\":[\"b\",\"3\"]}");
    apply(&run, "{\"Set\":[\"a\",\"4\"]}");
    expect_answer(&run, "{\"Get\":\"a\"}", "{\"Value\":\"4\"}");
    expect_answer(&run, "{\"Scan\":\"a\"}", "{\"Pairs\":{\"a\":\"4\",\"ab\":\"2\"}}");
    expect_answer(&run, "{\"Scan\":\"\"}", "{\"Pairs\":{\"a\":\"4\",\"ab\":\"2\",\"b\":\"3\"}}");
    move_over(&run);
    apply(&run, "{\"Delete\":\"ab\"}");
    apply(&run, "{\"Delete\":\"none\"}");
    expect_answer(&run, "{\"Scan\":\"\"}", "{\"Pairs\":{\"a\":\"4\",\"b\":\"3\"}}");
    apply_bytes(&run, MSK_BYTES("\7", 1));
    end(&run);
}

static void compare_and_set(void **state)
{
    static const struct {
        const char *command, *after;
    } rows[] = {
        {"{\"Cas\":[\"k\",\"x\",\"y\"]}", "{\"Value\":null}"}, /* expects what is not there */
        {"{\"Cas\":[\"k\",null,null]}", "{\"Value\":null}"},    {"{\"Cas\":[\"k\",null,\"1\"]}", "{\"Value\":\"1\"}"},
        {"{\"Cas\":[\"k\",null,\"2\"]}", "{\"Value\":\"1\"}"}, /* expects nothing */
        {"{\"Cas\":[\"k\",\"2\",\"3\"]}", "{\"Value\":\"1\"}"}, {"{\"Cas\":[\"k\",\"1\",\"2\"]}", "{\"Value\":\"2\"}"},
        {"{\"Cas\":[\"k\",\"2\",null]}", "{\"Value\":null}"},
    };
    (void)state;
    struct run run = start("kv");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        apply(&run, rows[i].command);
        expect_answer(&run, "{\"Get\":\"k\"}", rows[i].after);
    }
    end(&run);
}

/* Many keys in any order come out in theirs. */
static void many_keys(void **state)
{
    (void)state;
    struct run run = start("kv");
    struct msk_builder asked = encode(run.machine->query, "{\"Scan\":\"\"}"), result;
    char command[64], last[16] = "";
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(command, sizeof command, "{\"Set\":[\"%04u\",\"v\"]}", i * 1237 % 3000);
        apply(&run, command);
    }
    for (unsigned i = 0; i < 3000; i += 3) {
        snprintf(command, sizeof command, "{\"Delete\":\"%04u\"}", i * 7 % 3000);
        apply(&run, command);
    }
    move_over(&run);
    json_t *have, *value;
    const char *key;
    msk_builder_init(&result, MSK_MACHINE_RESULT_MAX);
    assert_int_equal(run.machine->query_state(run.state, 0, msk_builder_view(&asked), &result), 0);
    assert_int_equal(msk_machine_print_json(run.machine->result, msk_builder_view(&result), &have, NULL), 0);
    assert_int_equal(json_object_size(json_object_get(have, "Pairs")), 2000);
    json_object_foreach(json_object_get(have, "Pairs"), key, value)
    {
        assert_true(strcmp(last, key) < 0);
        snprintf(last, sizeof last, "%s", key);
    }
    json_decref(have);
    msk_builder_free(&asked);
    msk_builder_free(&result);
    end(&run);
}

static void opaque(void **state)
{
    (void)state;
    struct run run = start("opaque");
    apply(&run, "\"00ff\"");
    apply(&run, "\"\"");
    move_over(&run);
    end(&run);
}

/* A schema gives types to a machine that has none, and leaves one alone that does. */
static void types_from_a_schema(void **state)
{
    (void)state;
    struct msk_schema *schema;
    struct msk_machine machine = {0};
    struct msk_error err;
    json_t *json = parse("{\"command\": \"u16\", \"result\": \"char\"}");
    assert_int_equal(msk_schema_new(json, &schema, &err), 0);
    json_decref(json);
    assert_int_equal(msk_machine_describe(&msk_machine_opaque, schema, &machine, &err), 0);
    assert_ptr_equal(machine.command, MSK_TYPE(u16));
    assert_null(machine.query);
    assert_ptr_equal(machine.result, MSK_TYPE(char));
    assert_ptr_equal(machine.apply, msk_machine_opaque.apply);
    assert_int_equal(msk_machine_describe(&msk_machine_kv, schema, &machine, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "the machine kv has types of its own");
    msk_schema_free(schema);
}

static void bytes_as_hex(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"0\"", "\"xy\"", "5", "null"};
    struct msk_error err;
    json_t *json;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct msk_builder bytes;
        msk_builder_init(&bytes, 100);
        json = parse(bad[i]);
        assert_int_equal(msk_machine_read_json(NULL, json, &bytes, &err), MSK_E_INVALID);
        json_decref(json);
        msk_builder_free(&bytes);
    }
    assert_int_equal(msk_machine_print_json(NULL, MSK_BYTES("\x00\xfe", 2), &json, &err), 0);
    assert_string_equal(json_string_value(json), "00fe");
    json_decref(json);
}

static void what_is_no_query_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"lines", "kv", "opaque"};
    for (size_t i = 0; i < 3; i++) {
        struct run run = start(names[i]);
        struct msk_builder result;
        msk_builder_init(&result, 100);
        assert_int_equal(run.machine->query_state(run.state, 0, MSK_BYTES("\xff", 1), &result), MSK_E_INVALID);
        msk_builder_free(&result);
        end(&run);
    }
    assert_null(msk_machine_find("none"));
}

/* Whichever request for memory fails, it is said, and nothing leaks. */
static void without_memory(void **state)
{
    (void)state;
    struct msk_builder command = encode(msk_machine_kv.command, "{\"Set\":[\"key\",\"value\"]}");
    struct msk_log_entry entry = {1, msk_builder_view(&command)};
    struct msk_machine_batch batch = {1, 1, &entry, 1};
    int result = MSK_E_NOMEM;
    for (uint64_t n = 0; result != 0; n++) {
        assert_true(n < 20);
        void *kv_state;
        msk_alloc_fail_after(n);
        result = msk_machine_kv.create(NULL, &kv_state);
        if (result == 0) {
            result = msk_machine_kv.apply(kv_state, &batch);
            msk_machine_kv.destroy(kv_state);
        }
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(result == 0 || result == MSK_E_NOMEM);
    }
    msk_builder_free(&command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noop),
        cmocka_unit_test(counter),
        cmocka_unit_test(the_counters_signature),
        cmocka_unit_test(lines),
        cmocka_unit_test(one_result_has_a_limit),
        cmocka_unit_test(kv),
        cmocka_unit_test(compare_and_set),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(opaque),
        cmocka_unit_test(types_from_a_schema),
        cmocka_unit_test(bytes_as_hex),
        cmocka_unit_test(what_is_no_query_is_refused),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
