/* Action lists: they own what they carry, and say so when they could not take something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "core/action.h"

static const struct msk_digest peer = {{1}}, group = {{2}};

static void add_one_of_each(struct msk_actions *out)
{
    char text[] = "reason";
    uint8_t frame[] = {1, 2, 3};
    struct msk_transport_addr addresses[] = {
        {.kind = MSK_ADDR_RELAY, .relay = MSK_BYTES("https://relay.example./", 23)},
        {.kind = MSK_ADDR_IP, .ip = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = 7001}},
    };
    struct msk_transport_addr_set set = {addresses, 2};
    struct msk_raft_message message = {.kind = MSK_RAFT_REQUEST_VOTE_RESPONSE,
                                       .request_vote_response = {.term = 5, .vote = MSK_VOTE_ABSTAINED}};
    MSK_EMIT(out, NULL, NODE_STOPPING, MSK_F_TEXT("reason", text));
    msk_act_persist(out, &group, &(struct msk_hard_state){.term = 5, .has_vote = true, .vote = peer}, 9);
    msk_act_dial(out, 4, &peer, MSK_ALPN_GROUPS, &set);
    msk_act_send(out, 4, MSK_BYTES(frame, 3), 9);
    msk_act_close(out, 4, 102, true);
    msk_act_raft(out, &peer, &message, 9);
    memset(text, 0, sizeof text); /* the list has its own */
    memset(frame, 0, sizeof frame);
    memset(addresses, 0, sizeof addresses);
}

static void each_kind(void **state)
{
    (void)state;
    struct msk_actions list;
    msk_actions_init(&list);
    add_one_of_each(&list);
    assert_int_equal(list.error, 0);
    assert_int_equal(list.count, 6);
    assert_string_equal(list.items[0].event.fields[0].text, "reason");
    assert_false(list.items[0].event.has_group);
    assert_int_equal(list.items[1].persist.sequence, 9);
    assert_int_equal(list.items[1].persist.hard.term, 5);
    assert_int_equal(list.items[2].dial.addresses.count, 1); /* IP addresses only */
    assert_int_equal(list.items[2].dial.addresses.items[0].ip.port, 7001);
    assert_int_equal(list.items[3].after, 9);
    assert_memory_equal(list.items[3].send.data, "\1\2\3", 3);
    assert_int_equal(list.items[4].close.code, 102);
    assert_true(list.items[4].close.flush);
    assert_int_equal(list.items[5].raft.len, 4);
    assert_memory_equal(list.items[5].raft.data, "\5\3\5\2", 4); /* groups.md 2.7, 3.2: tags, term, vote */
    msk_actions_free(&list);
    assert_int_equal(list.count, 0);
}

static void clearing_keeps_the_array(void **state)
{
    (void)state;
    struct msk_actions list;
    msk_actions_init(&list);
    add_one_of_each(&list);
    list.error = MSK_E_NOMEM;
    msk_actions_clear(&list);
    assert_int_equal(list.count, 0);
    assert_int_equal(list.error, 0);
    assert_non_null(list.items);
    msk_actions_free(&list);
}

/* Whichever request for memory fails, the list says so and holds only whole actions. */
static void without_memory(void **state)
{
    (void)state;
    struct msk_actions list;
    msk_actions_init(&list);
    for (uint64_t n = 0;; n++) {
        msk_alloc_fail_after(n);
        add_one_of_each(&list);
        msk_alloc_fail_after(UINT64_MAX);
        int error = list.error;
        size_t count = list.count;
        msk_actions_free(&list);
        if (error == 0)
            break;
        assert_int_equal(error, MSK_E_NOMEM);
        assert_true(count < 6);
        assert_true(n < 100);
    }
}

static void a_list_has_a_limit(void **state)
{
    (void)state;
    struct msk_actions list;
    msk_actions_init(&list);
    for (int i = 0; i < (int)MSK_ACTIONS_MAX; i++)
        msk_act_close(&list, 1, 0, false);
    assert_int_equal(list.error, 0);
    msk_act_close(&list, 1, 0, false);
    assert_int_equal(list.error, MSK_E_LIMIT);
    assert_int_equal(list.count, MSK_ACTIONS_MAX);
    msk_actions_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind),
        cmocka_unit_test(clearing_keeps_the_array),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(a_list_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
