/* What is seen of QUIC from outside: hand-made headers, coalesced, damaged, of both versions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "proxy/packets.h"
#include "proxy/quic_view.h"

enum { CLIENT, SERVER, NODES };

static struct msk_quic_view *new_view(void)
{
    struct msk_quic_view *view = msk_calloc(1, sizeof *view);
    assert_non_null(view);
    assert_int_equal(msk_quic_view_init(view, NODES, 1), 0);
    return view;
}

static void free_view(struct msk_quic_view *view)
{
    msk_quic_view_free(view);
    msk_free(view);
}

#define V1 "\0\0\0\1"
#define V2 "\x6b\x33\x43\xcf"

/* A packet with a long header: first byte, version, ids as texts, `rest` bytes behind the length. */
static void put_long(struct msk_builder *out, uint8_t first, const char *version, const char *dcid, const char *scid,
                     bool initial, uint8_t rest)
{
    msk_builder_byte(out, first);
    msk_builder_append(out, version, 4);
    msk_builder_byte(out, (uint8_t)strlen(dcid));
    msk_builder_text(out, dcid);
    msk_builder_byte(out, (uint8_t)strlen(scid));
    msk_builder_text(out, scid);
    if (initial)
        msk_builder_byte(out, 0); /* no token */
    msk_builder_byte(out, rest);
    for (uint8_t i = 0; i < rest; i++)
        msk_builder_byte(out, 0xaa);
}

static void put_short(struct msk_builder *out, const char *dcid, uint8_t salt)
{
    msk_builder_byte(out, 0x01); /* the fixed bit may be 0 (transport.md) */
    msk_builder_text(out, dcid);
    for (uint8_t i = 0; i < 30; i++)
        msk_builder_byte(out, (uint8_t)(salt + i));
}

static struct msk_quic_sight look(struct msk_quic_view *view, uint32_t from, uint32_t to, struct msk_builder *datagram)
{
    struct msk_quic_sight sight = msk_quic_look(view, from, to, msk_builder_view(datagram));
    msk_builder_reset(datagram);
    return sight;
}

static void handshake_of_version(const char *version, uint8_t initial, uint8_t handshake)
{
    struct msk_quic_view *view = new_view();
    struct msk_builder out;
    msk_builder_init(&out, 2000);
    put_long(&out, initial, version, "anything", "clnt", true, 40);
    struct msk_quic_sight sight = look(view, CLIENT, SERVER, &out);
    assert_int_equal(sight.kinds, MSK_PACKET_INITIAL);
    assert_true(sight.begins && !sight.establishes);
    put_long(&out, initial, version, "anything", "clnt", true, 40);
    assert_false(look(view, CLIENT, SERVER, &out).begins); /* said again */
    put_long(&out, initial, version, "clnt", "server-id", true, 20);
    put_long(&out, handshake, version, "clnt", "server-id", false, 30);
    sight = look(view, SERVER, CLIENT, &out);
    assert_int_equal(sight.kinds, MSK_PACKET_INITIAL | MSK_PACKET_HANDSHAKE);
    assert_false(sight.begins);
    put_long(&out, handshake, version, "server-id", "clnt", false, 30);
    put_short(&out, "server-id", 1);
    sight = look(view, CLIENT, SERVER, &out);
    assert_int_equal(sight.kinds, MSK_PACKET_HANDSHAKE | MSK_PACKET_ONE_RTT);
    assert_true(sight.establishes);
    put_short(&out, "server-id", 2);
    sight = look(view, CLIENT, SERVER, &out);
    assert_int_equal(sight.kinds, MSK_PACKET_ONE_RTT);
    assert_false(sight.establishes);
    put_short(&out, "an-id-nobody-has-seen", 3); /* agreed on in secret */
    assert_int_equal(look(view, SERVER, CLIENT, &out).kinds, MSK_PACKET_ONE_RTT);
    msk_builder_free(&out);
    free_view(view);
}

static void a_handshake_is_followed(void **state)
{
    (void)state;
    handshake_of_version(V1, 0xc0, 0xe0);
    handshake_of_version(V2, 0xd0, 0xf0);
    handshake_of_version(V1, 0x80, 0xa0); /* the fixed bit is greased */
}

static void a_close_shows_when_it_is_repeated(void **state)
{
    (void)state;
    struct msk_quic_view *view = new_view();
    struct msk_builder out;
    msk_builder_init(&out, 2000);
    put_long(&out, 0xc0, V1, "anything", "clnt", true, 40);
    look(view, CLIENT, SERVER, &out);
    for (uint8_t i = 0; i < 5; i++) {
        put_short(&out, "clnt", i);
        assert_int_equal(look(view, SERVER, CLIENT, &out).kinds, MSK_PACKET_ONE_RTT);
    }
    for (int i = 0; i < 3; i++) {
        put_short(&out, "clnt", 4);
        struct msk_quic_sight sight = look(view, SERVER, CLIENT, &out);
        assert_int_equal(sight.kinds, MSK_PACKET_ONE_RTT | MSK_PACKET_CLOSE);
        assert_int_equal(sight.closes, i == 0);
    }
    msk_builder_free(&out);
    free_view(view);
}

static void what_is_no_quic_tells_nothing(void **state)
{
    (void)state;
    static const char version_negotiation[] = "\x80\0\0\0\0\4abcd\4efgh\0\0\0\1";
    struct msk_quic_view *view = new_view();
    assert_int_equal(msk_quic_look(view, CLIENT, SERVER, MSK_BYTES("", 0)).kinds, 0);
    assert_int_equal(
        msk_quic_look(view, CLIENT, SERVER, msk_bytes_of_text("hello, this is a text of some length")).kinds, 0);
    assert_int_equal(
        msk_quic_look(view, CLIENT, SERVER, MSK_BYTES(version_negotiation, sizeof version_negotiation - 1)).kinds, 0);
    free_view(view);
}

/* Every prefix, and noise: the address sanitizer watches. */
static void damaged_datagrams_are_harmless(void **state)
{
    (void)state;
    struct msk_quic_view *view = new_view();
    struct msk_builder out;
    struct msk_random random;
    msk_builder_init(&out, 2000);
    put_long(&out, 0xc0, V1, "anything", "clnt", true, 40);
    put_long(&out, 0xe0, V1, "anything", "clnt", false, 40);
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *copy = msk_memdup(out.data, len);
        unsigned kinds = msk_quic_look(view, CLIENT, SERVER, MSK_BYTES(copy, len)).kinds;
        assert_int_equal(kinds & MSK_PACKET_HANDSHAKE, 0);
        msk_free(copy);
    }
    msk_random_seed(&random, 3);
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[64];
        size_t len = msk_random_below(&random, sizeof noise);
        for (size_t at = 0; at < len; at++)
            noise[at] = (uint8_t)msk_random_next(&random);
        memcpy(noise + 1, V1, 4);
        msk_quic_look(view, CLIENT, SERVER, MSK_BYTES(noise, len));
    }
    msk_builder_free(&out);
    free_view(view);
}

static void old_connections_are_forgotten(void **state)
{
    (void)state;
    struct msk_quic_view *view = new_view();
    struct msk_builder out;
    msk_builder_init(&out, 2000);
    for (int i = 0; i < 2 * MSK_QUIC_CONNECTIONS_MAX; i++) {
        char id[8];
        snprintf(id, sizeof id, "%05d", i);
        put_long(&out, 0xc0, V1, "anything", id, true, 40);
        assert_true(look(view, CLIENT, SERVER, &out).begins);
    }
    assert_int_equal(view->by_cid.count, MSK_QUIC_CONNECTIONS_MAX);
    put_long(&out, 0xc0, V1, "anything", "00000", true, 40);
    assert_true(look(view, CLIENT, SERVER, &out).begins);
    msk_builder_free(&out);
    free_view(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_is_followed),       cmocka_unit_test(a_close_shows_when_it_is_repeated),
        cmocka_unit_test(what_is_no_quic_tells_nothing), cmocka_unit_test(damaged_datagrams_are_harmless),
        cmocka_unit_test(old_connections_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
