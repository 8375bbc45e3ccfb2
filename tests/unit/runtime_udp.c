/* UDP sockets on the loop: batches in and out, both IP versions, what ICMP says; and the addresses others are told. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/interfaces.h"
#include "runtime/now.h"
#include "runtime/udp.h"

#define LIMIT_MS 10000

struct side {
    struct msk_udp *udp;
    size_t datagrams, bytes, last_len, unreachable, settled;
    union msk_address from, unreachable_to;
};

static uv_loop_t loop;
static struct side ada, bob;

static void on_datagram(void *context, const union msk_address *from, struct msk_bytes datagram)
{
    struct side *side = context;
    side->datagrams++;
    side->bytes += datagram.len;
    side->last_len = datagram.len;
    side->from = *from;
}

static void on_unreachable(void *context, const union msk_address *to)
{
    struct side *side = context;
    side->unreachable++;
    side->unreachable_to = *to;
}

static void on_settle(void *context)
{
    struct side *side = context;
    side->settled++;
}

static union msk_address loopback(bool v6)
{
    union msk_address address = {0};
    if (v6) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_addr = in6addr_loopback;
    } else {
        address.v4.sin_family = AF_INET;
        address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return address;
}

static int open_side(struct side *side, bool v6)
{
    const struct msk_udp_owner owner = {
        .datagram = on_datagram, .unreachable = on_unreachable, .settle = on_settle, .context = side};
    const union msk_address address = loopback(v6);
    struct msk_error err;
    *side = (struct side){0};
    return msk_udp_new(&loop, &address, &owner, &side->udp, &err);
}

static int setup(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    return open_side(&ada, false) || open_side(&bob, false);
}

static int teardown(void **state)
{
    (void)state;
    msk_udp_close(ada.udp);
    msk_udp_close(bob.udp);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

#define RUN_UNTIL(condition)                                \
    do {                                                    \
        uint64_t give_up_ms = msk_now().mono_ms + LIMIT_MS; \
        while (!(condition)) {                              \
            uv_run(&loop, UV_RUN_NOWAIT);                   \
            if (msk_now().mono_ms > give_up_ms)             \
                fail_msg("in vain: %s", #condition);        \
        }                                                   \
    } while (0)

static void exchange(bool v6)
{
    char text[64];
    const union msk_address *to = msk_udp_address(bob.udp);
    assert_int_equal(msk_udp_send(ada.udp, to, MSK_BYTES("hello", 5), 5), 0);
    RUN_UNTIL(bob.datagrams == 1);
    assert_int_equal(bob.last_len, 5);
    assert_true(msk_address_equal(&bob.from, msk_udp_address(ada.udp)));
    assert_true(bob.settled >= 1);
    assert_int_equal(strncmp(msk_address_text(&bob.from, text), v6 ? "[::1]:" : "127.0.0.1:", 6), 0);
}

static void a_datagram_arrives(void **state)
{
    (void)state;
    exchange(false);
}

static void a_datagram_arrives_by_ipv6(void **state)
{
    (void)state;
    msk_udp_close(ada.udp);
    msk_udp_close(bob.udp);
    if (open_side(&ada, true) || open_side(&bob, true)) {
        ada.udp = bob.udp = NULL;
        skip(); /* this machine has no IPv6 */
    }
    exchange(true);
}

static void one_call_sends_many_datagrams(void **state)
{
    (void)state;
    static uint8_t data[15 * 1200 + 700];
    assert_int_equal(msk_udp_send(ada.udp, msk_udp_address(bob.udp), MSK_BYTES(data, sizeof data), 1200), 0);
    RUN_UNTIL(bob.datagrams == 16);
    assert_int_equal(bob.bytes, sizeof data);
    assert_int_equal(bob.last_len, 700);
}

/* More than one turn takes: nothing is forgotten. */
static void a_flood_is_read_turn_by_turn(void **state)
{
    enum { COUNT = MSK_UDP_BATCH * MSK_UDP_BATCHES_MAX + 30 };
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(msk_udp_send(ada.udp, msk_udp_address(bob.udp), MSK_BYTES("x", 1), 1), 0);
    RUN_UNTIL(bob.datagrams == COUNT);
    assert_true(bob.settled >= 2);
}

static void a_datagram_too_long_is_dropped(void **state)
{
    (void)state;
    static uint8_t data[MSK_UDP_DATAGRAM_MAX + 1];
    const union msk_address *to = msk_udp_address(bob.udp);
    assert_int_equal(msk_udp_send(ada.udp, to, MSK_BYTES(data, sizeof data), sizeof data), 0);
    assert_int_equal(msk_udp_send(ada.udp, to, MSK_BYTES(data, 10), 10), 0);
    RUN_UNTIL(bob.datagrams == 1);
    assert_int_equal(bob.last_len, 10);
}

static void icmp_tells_that_nobody_listens(void **state)
{
    (void)state;
    union msk_address nobody = *msk_udp_address(bob.udp);
    msk_udp_close(bob.udp);
    bob.udp = NULL;
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(msk_udp_send(ada.udp, &nobody, MSK_BYTES("hello", 5), 5), 0);
    RUN_UNTIL(ada.unreachable == 1);
    assert_true(msk_address_equal(&ada.unreachable_to, &nobody));

    assert_int_equal(open_side(&bob, false), 0); /* the socket still works */
    exchange(false);
}

static void an_address_without_a_way_is_unreachable(void **state)
{
    (void)state;
    const union msk_address v6 = loopback(true);
    assert_int_equal(msk_udp_send(ada.udp, &v6, MSK_BYTES("hello", 5), 5), MSK_E_UNREACHABLE);
}

static void a_taken_port_is_named(void **state)
{
    (void)state;
    const struct msk_udp_owner owner = {0};
    struct msk_udp *udp;
    struct msk_error err;
    char text[MSK_ADDRESS_TEXT_SIZE];
    assert_int_equal(msk_udp_new(&loop, msk_udp_address(ada.udp), &owner, &udp, &err), MSK_E_IO);
    assert_non_null(strstr(err.text, msk_address_text(msk_udp_address(ada.udp), text)));
    assert_non_null(strstr(err.text, "Address already in use"));
}

/* ---- interfaces */

static void a_bound_address_is_advertised_as_it_is(void **state)
{
    (void)state;
    const struct msk_socket_addr bound = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = 7};
    struct msk_socket_addr out[MSK_ADVERTISED_MAX];
    struct msk_error err;
    size_t count = 0;
    assert_int_equal(msk_interfaces_expand(&bound, out, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_memory_equal(&out[0], &bound, sizeof bound);
}

static void the_wildcard_becomes_addresses_one_can_dial(void **state)
{
    (void)state;
    const struct msk_socket_addr bound = {.version = MSK_IPV4, .port = 7};
    struct msk_socket_addr out[MSK_ADVERTISED_MAX];
    struct msk_error err;
    size_t count = 0;
    assert_int_equal(msk_interfaces_expand(&bound, out, &count, &err), 0);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(out[i].version, MSK_IPV4);
        assert_int_equal(out[i].port, 7);
        assert_true(out[i].ip[0] != 0);
    }
    size_t full = MSK_ADVERTISED_MAX;
    assert_int_equal(msk_interfaces_expand(&bound, out, &full, &err), 0);
    assert_int_equal(full, MSK_ADVERTISED_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_datagram_arrives),
        TEST(a_datagram_arrives_by_ipv6),
        TEST(one_call_sends_many_datagrams),
        TEST(a_flood_is_read_turn_by_turn),
        TEST(a_datagram_too_long_is_dropped),
        TEST(icmp_tells_that_nobody_listens),
        TEST(an_address_without_a_way_is_unreachable),
        TEST(a_taken_port_is_named),
        cmocka_unit_test(a_bound_address_is_advertised_as_it_is),
        cmocka_unit_test(the_wildcard_becomes_addresses_one_can_dial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
