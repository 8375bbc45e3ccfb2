/* What can be waited for: every condition as text, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/condition.h"

#define PEER "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static void every_condition_is_read(void **state)
{
    static const struct {
        const char *text;
        enum msk_condition_kind kind;
        uint64_t number;
        bool peer;
    } rows[] = {
        {"online", MSK_CONDITION_ONLINE, 0, false},
        {"offline", MSK_CONDITION_OFFLINE, 0, false},
        {"leader", MSK_CONDITION_LEADER, 0, false},
        {"leader=" PEER, MSK_CONDITION_LEADER_IS, 0, true},
        {"is-leader", MSK_CONDITION_IS_LEADER, 0, false},
        {"is-follower", MSK_CONDITION_IS_FOLLOWER, 0, false},
        {"leader-changed", MSK_CONDITION_LEADER_CHANGED, 0, false},
        {"committed>=0", MSK_CONDITION_COMMITTED, 0, false},
        {"committed>=18446744073709551615", MSK_CONDITION_COMMITTED, UINT64_MAX, false},
        {"bonds>=7", MSK_CONDITION_BONDS, 7, false},
        {"bonded=" PEER, MSK_CONDITION_BONDED, 0, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct msk_condition condition;
        struct msk_error err;
        char text[MSK_DIGEST_TEXT_SIZE];
        assert_int_equal(msk_condition_parse(rows[i].text, &condition, &err), 0);
        assert_int_equal(condition.kind, rows[i].kind);
        assert_true(condition.number == rows[i].number);
        if (rows[i].peer)
            assert_string_equal(msk_digest_text(&condition.peer, text), PEER);
    }
}

static void others_are_refused_with_their_text(void **state)
{
    static const char *const texts[] = {
        "",
        "Online",
        "online ",
        "leader>=1",
        "leader=",
        "leader=12",
        "bonds",
        "bonds>",
        "bonds>=",
        "bonds>=x",
        "bonds>=-1",
        "bonds>= 1",
        "bonds>=1x",
        "committed>=18446744073709551616",
        "bonded=" PEER "0",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct msk_condition condition;
        struct msk_error err;
        assert_int_equal(msk_condition_parse(texts[i], &condition, &err), MSK_E_INVALID);
        assert_non_null(strstr(err.text, texts[i]));
    }
    struct msk_condition condition;
    struct msk_error err;
    msk_condition_parse("leadr", &condition, &err);
    assert_string_equal(err.text,
                        "unknown condition \"leadr\"; there are online, offline, leader, leader=PEER, is-leader, "
                        "is-follower, leader-changed, committed>=N, bonds>=N, bonded=PEER");
}

/* How a group is, as far as conditions look at it. */
static struct msk_group_view view(bool online, uint64_t term, uint8_t leader, uint64_t committed, size_t bonds)
{
    return (struct msk_group_view){.raft = {.role = leader == 1 ? MSK_ROLE_LEADER : MSK_ROLE_FOLLOWER,
                                            .term = term,
                                            .online = online,
                                            .has_leader = leader != 0,
                                            .leader = {{leader}},
                                            .committed = {.term = term, .index = committed}},
                                   .bond_count = bonds};
}

static bool holds(enum msk_condition_kind kind, uint64_t number, struct msk_group_view now,
                  struct msk_group_view before)
{
    const struct msk_condition condition = {.kind = kind, .number = number, .peer = {{2}}};
    const struct msk_digest group = {{7}};
    return msk_condition_holds(&condition, NULL, &group, &now, &before);
}

static void conditions_hold_or_not(void **state)
{
    (void)state;
    const struct msk_group_view alone = view(true, 1, 1, 5, 0), follows = view(true, 1, 2, 5, 3),
                                lost = view(false, 1, 0, 5, 3);
    assert_true(holds(MSK_CONDITION_ONLINE, 0, alone, lost));
    assert_false(holds(MSK_CONDITION_ONLINE, 0, lost, alone));
    assert_true(holds(MSK_CONDITION_OFFLINE, 0, lost, alone));
    assert_true(holds(MSK_CONDITION_LEADER, 0, follows, lost));
    assert_false(holds(MSK_CONDITION_LEADER, 0, lost, follows));
    assert_true(holds(MSK_CONDITION_LEADER_IS, 0, follows, lost));
    assert_false(holds(MSK_CONDITION_LEADER_IS, 0, alone, lost));
    assert_true(holds(MSK_CONDITION_IS_LEADER, 0, alone, lost));
    assert_false(holds(MSK_CONDITION_IS_LEADER, 0, follows, lost));
    assert_true(holds(MSK_CONDITION_IS_FOLLOWER, 0, follows, lost));
    assert_true(holds(MSK_CONDITION_COMMITTED, 5, follows, lost));
    assert_false(holds(MSK_CONDITION_COMMITTED, 6, follows, lost));
    assert_true(holds(MSK_CONDITION_BONDS, 3, follows, lost));
    assert_false(holds(MSK_CONDITION_BONDS, 4, follows, lost));
}

static void another_leader_or_another_term_is_a_change(void **state)
{
    (void)state;
    const struct msk_group_view first = view(true, 1, 1, 0, 0), second = view(true, 2, 2, 0, 0);
    const struct msk_group_view again = view(true, 2, 1, 0, 0), none = view(false, 2, 0, 0, 0);
    assert_false(holds(MSK_CONDITION_LEADER_CHANGED, 0, first, first));
    assert_false(holds(MSK_CONDITION_LEADER_CHANGED, 0, none, first)); /* gone is not yet another */
    assert_true(holds(MSK_CONDITION_LEADER_CHANGED, 0, second, first));
    assert_true(holds(MSK_CONDITION_LEADER_CHANGED, 0, again, first));
    assert_true(holds(MSK_CONDITION_LEADER_CHANGED, 0, second, none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_condition_is_read),
        cmocka_unit_test(others_are_refused_with_their_text),
        cmocka_unit_test(conditions_hold_or_not),
        cmocka_unit_test(another_leader_or_another_term_is_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
