/* The file of frames: what a frame is follows from its protocol and its place; what cannot be decoded is told. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/frame_log.h"

#define LINES_MAX 8

static uv_loop_t loop;
static struct msk_journal journal;
static char path[] = "/tmp/mosaik-frames-XXXXXX";
static json_t *lines[LINES_MAX];

static int setup(void **state)
{
    (void)state;
    struct msk_error err;
    strcpy(path + sizeof path - 7, "XXXXXX");
    close(mkstemp(path));
    uv_loop_init(&loop);
    return msk_journal_open(&journal, &loop, NULL, path, &err);
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < LINES_MAX; i++) {
        json_decref(lines[i]);
        lines[i] = NULL;
    }
    msk_journal_free(&journal);
    memset(&journal, 0, sizeof journal);
    unlink(path);
    return uv_loop_close(&loop);
}

/* Wait until all is written, and read it. */
static size_t read_lines(void)
{
    while (!msk_journal_idle(&journal))
        uv_run(&loop, UV_RUN_ONCE);
    FILE *file = fopen(path, "r");
    size_t count = 0;
    while (count < LINES_MAX && (lines[count] = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)))
        count++;
    fclose(file);
    return count;
}

static const char *text(size_t line, const char *member)
{
    return json_string_value(json_object_get(lines[line], member));
}

static struct msk_frame_log_link bond(bool dialled)
{
    return (struct msk_frame_log_link){.number = 7,
                                       .alpn = MSK_ALPN_GROUPS,
                                       .peer.bytes = {1},
                                       .bond.bytes = {2},
                                       .has_bond = true,
                                       .dialled = dialled};
}

static void the_first_frames_of_a_bond_are_its_handshake(void **state)
{
    (void)state;
    const struct msk_handshake_start start = {.group_id.bytes = {0xab}};
    const struct msk_bytes ping = MSK_BYTES("\0", 1);
    struct msk_frame_log_link link = bond(true);
    struct msk_builder bytes;
    msk_builder_init(&bytes, 1024);
    assert_int_equal(msk_encode(MSK_TYPE(handshake_start), &start, &bytes), 0);
    msk_frame_log_tell(&journal, &link, MSK_FRAME_OUT, 0, true, msk_builder_view(&bytes));
    msk_builder_reset(&bytes);
    assert_int_equal(msk_encode(MSK_TYPE(handshake_end), &(struct msk_handshake_end){0}, &bytes), 0);
    msk_frame_log_tell(&journal, &link, MSK_FRAME_IN, 0, true, msk_builder_view(&bytes));
    msk_frame_log_tell(&journal, &link, MSK_FRAME_IN, 0, false, ping);
    msk_builder_free(&bytes);
    assert_int_equal(read_lines(), 3);
    const char *const types[] = {"handshake_start", "handshake_end", "bond_message"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(text(i, "type"), types[i]);
        assert_memory_equal(text(i, "group"), "ab00", 4);
        assert_memory_equal(text(i, "bond"), "0200", 4);
        assert_memory_equal(text(i, "peer"), "0100", 4);
        assert_int_equal(json_integer_value(json_object_get(lines[i], "link")), 7);
    }
    assert_string_equal(text(0, "direction"), "out");
    assert_string_equal(text(1, "direction"), "in");
    assert_string_equal(text(2, "message"), "ping");
    assert_int_equal(json_integer_value(json_object_get(lines[2], "size")), 1);
}

/* The acceptor's first frame is the end of a handshake, whoever keeps the log. */
static void the_other_side_sees_the_same_types(void **state)
{
    (void)state;
    struct msk_frame_log_link link = bond(false);
    msk_frame_log_tell(&journal, &link, MSK_FRAME_IN, 0, true, MSK_BYTES("", 0));
    msk_frame_log_tell(&journal, &link, MSK_FRAME_OUT, 0, true, MSK_BYTES("", 0));
    assert_int_equal(read_lines(), 2);
    assert_string_equal(text(0, "type"), "handshake_start");
    assert_string_equal(text(1, "type"), "handshake_end");
    assert_true(json_is_null(json_object_get(lines[0], "group")));
}

static void what_cannot_be_decoded_is_told_with_its_beginning(void **state)
{
    (void)state;
    struct msk_frame_log_link link = bond(true);
    uint8_t junk[3 * MSK_FRAME_LOG_HEX_MAX];
    memset(junk, 0xee, sizeof junk);
    junk[0] = 9;
    msk_frame_log_tell(&journal, &link, MSK_FRAME_IN, 0, false, MSK_BYTES(junk, sizeof junk));
    msk_frame_log_tell(&journal, &link, MSK_FRAME_IN, 0, false, MSK_BYTES("\5\1", 2));
    assert_int_equal(read_lines(), 2);
    assert_string_equal(text(0, "error"), "bond_message: unknown case 9, there are 6 at offset 0");
    assert_int_equal(strlen(text(0, "hex")), 2 * MSK_FRAME_LOG_HEX_MAX);
    assert_memory_equal(text(0, "hex"), "09eeee", 6);
    assert_string_equal(text(1, "error"),
                        "bond_message.raft.append_entries_response.term: the input ends within a varint at offset 2");
    assert_string_equal(text(1, "hex"), "0501");
    assert_null(json_object_get(lines[0], "message"));
}

static void streams_of_gossip_begin_with_their_topic(void **state)
{
    (void)state;
    struct msk_frame_log_link link = {.number = 3, .alpn = MSK_ALPN_ANNOUNCE};
    const uint8_t topic[32] = {5};
    msk_frame_log_tell(&journal, &link, MSK_FRAME_IN, 2, true, MSK_BYTES(topic, sizeof topic));
    msk_frame_log_tell(&journal, &link, MSK_FRAME_IN, 2, false, MSK_BYTES("\1\1", 2));
    assert_int_equal(read_lines(), 2);
    assert_memory_equal(text(0, "message"), "0500", 4);
    assert_int_equal(json_integer_value(json_object_get(lines[1], "stream")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(lines[1], "message"), "broadcast")), "prune");
    assert_true(json_is_null(json_object_get(lines[1], "bond")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_frames_of_a_bond_are_its_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(the_other_side_sees_the_same_types, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_decoded_is_told_with_its_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_of_gossip_begin_with_their_topic, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
