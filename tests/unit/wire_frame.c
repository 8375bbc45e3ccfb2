/* Frames: golden vectors, bytes that arrive one by one, limits. */
#include "vectors.h"

#include "base/error.h"
#include "wire/frame.h"
#include "wire/messages.h"

#define LIMIT 70000

/* The payloads a case is about. */
static size_t payloads_of(struct vector *vector, struct msk_bytes out[4])
{
    const json_t *list = json_object_get(vector->input, "payloads");
    if (!list) {
        out[0] = hex_member(vector, vector->input, "payload");
        return 1;
    }
    assert_true(json_array_size(list) <= 4);
    for (size_t i = 0; i < json_array_size(list); i++)
        out[i] = hex_bytes(vector, json_string_value(json_array_get(list, i)));
    return json_array_size(list);
}

static void expect_frames(struct vector *vector, struct msk_bytes stream, size_t step, const struct msk_bytes *want,
                          size_t count)
{
    struct msk_frame_reader reader;
    struct msk_bytes frame;
    size_t got = 0;
    msk_frame_reader_init(&reader, LIMIT);
    for (size_t at = 0; at < stream.len; at += step) {
        size_t len = step < stream.len - at ? step : stream.len - at;
        assert_int_equal(msk_frame_reader_feed(&reader, MSK_BYTES(stream.data + at, len)), 0);
        while (msk_frame_reader_next(&reader, &frame, NULL) == 1) {
            assert_true(got < count);
            if (!msk_bytes_equal(frame, want[got++]))
                vector_fail(vector, "another payload");
        }
    }
    assert_int_equal(got, count);
    assert_int_equal(msk_frame_reader_end(&reader, NULL), 0);
    msk_frame_reader_free(&reader);
}

static void write_and_read(struct vector *vector)
{
    struct msk_bytes payloads[4], stream = hex_member(vector, vector->json, "hex");
    struct msk_builder out;
    size_t count = payloads_of(vector, payloads);
    msk_builder_init(&out, LIMIT);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(msk_frame_append(&out, payloads[i], LIMIT), 0);
    expect_bytes(vector, "hex", msk_builder_view(&out));
    msk_builder_free(&out);
    for (size_t step = 1; step <= stream.len; step += step)
        expect_frames(vector, stream, step, payloads, count);
}

static void incomplete(struct vector *vector)
{
    struct msk_frame_reader reader;
    struct msk_bytes frame;
    msk_frame_reader_init(&reader, LIMIT);
    assert_int_equal(msk_frame_reader_feed(&reader, hex_member(vector, vector->input, "bytes")), 0);
    assert_int_equal(msk_frame_reader_next(&reader, &frame, NULL), 0);
    if (json_is_true(json_object_get(vector->input, "end")))
        assert_int_equal(msk_frame_reader_end(&reader, NULL), MSK_E_PROTOCOL);
    msk_frame_reader_free(&reader);
}

static void frame_case(struct vector *vector)
{
    if (json_object_get(vector->input, "bytes"))
        incomplete(vector);
    else
        write_and_read(vector);
}

static void largest(struct vector *vector)
{
    assert_int_equal(number_member(vector, vector->json, "value"), UINT32_MAX);
}

static void frames(void **state)
{
    (void)state;
    vectors_run("frames", (struct vector_op[]){{"", frame_case}, {"max-frame", largest}, {0}});
}

/* An announced length costs nothing: only what arrives does. */
static void a_length_above_the_limit_is_refused_at_once(void **state)
{
    (void)state;
    struct msk_frame_reader reader;
    struct msk_bytes frame;
    struct msk_error err;
    msk_frame_reader_init(&reader, 5);
    assert_int_equal(msk_frame_reader_feed(&reader, MSK_BYTES("\0\0\0\5hello\xff\xff\xff\xff", 13)), 0);
    assert_int_equal(msk_frame_reader_next(&reader, &frame, &err), 1);
    assert_int_equal(msk_frame_reader_next(&reader, &frame, &err), MSK_E_LIMIT);
    assert_string_equal(err.text, "frame at offset 9 announces 4294967295 bytes, at most 5 are taken");
    assert_true(reader.buffer.capacity < 1000);
    msk_frame_reader_free(&reader);
}

static void the_limit_can_change_between_frames(void **state)
{
    (void)state;
    struct msk_frame_reader reader;
    struct msk_bytes frame;
    msk_frame_reader_init(&reader, 1);
    assert_int_equal(msk_frame_reader_feed(&reader, MSK_BYTES("\0\0\0\2hi", 6)), 0);
    assert_int_equal(msk_frame_reader_next(&reader, &frame, NULL), MSK_E_LIMIT);
    msk_frame_reader_limit(&reader, 2);
    assert_int_equal(msk_frame_reader_next(&reader, &frame, NULL), 1);
    msk_frame_reader_free(&reader);
}

static void bytes_do_not_pile_up(void **state)
{
    (void)state;
    uint8_t zeros[64] = {0};
    struct msk_frame_reader reader;
    msk_frame_reader_init(&reader, 100);
    int rc = 0;
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = msk_frame_reader_feed(&reader, MSK_BYTES(zeros, sizeof zeros));
    assert_int_equal(rc, MSK_E_LIMIT);
    msk_frame_reader_free(&reader);
}

static void values_become_frames(void **state)
{
    (void)state;
    struct msk_bond_message ping = {.kind = MSK_BOND_PING};
    struct msk_builder out;
    msk_builder_init(&out, 100);
    assert_int_equal(msk_frame_append_value(&out, MSK_TYPE(bond_message), &ping, 10), 0);
    assert_true(msk_bytes_equal(msk_builder_view(&out), MSK_BYTES("\0\0\0\1\0", 5)));
    assert_int_equal(msk_frame_append_value(&out, MSK_TYPE(bond_message), &ping, 0), MSK_E_LIMIT);
    assert_int_equal(msk_frame_append(&out, msk_bytes_of_text("hello"), 4), MSK_E_LIMIT);
    assert_int_equal(out.len, 5);
    msk_builder_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(a_length_above_the_limit_is_refused_at_once),
        cmocka_unit_test(the_limit_can_change_between_frames),
        cmocka_unit_test(bytes_do_not_pile_up),
        cmocka_unit_test(values_become_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
