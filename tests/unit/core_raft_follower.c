/* A follower and its leader's appends: groups.md 3.6, and W-2 (b), W-3, W-5, W-7, W-13. */
#include "raft_trace.h"

#define ENTRIES_MAX 8

/* Number 1 follows 2 in term 5; its log is as told by one digit a term, committed up to `committed`. */
static struct world *follower_of(struct msk_raft_config *tweak, const char *terms, uint64_t committed)
{
    struct world *world = world_new(3, 0);
    if (tweak) {
        world->config.preference = tweak->preference;
        world->config.reference_rules = tweak->reference_rules;
    }
    world->members[1].disk = (struct msk_hard_state){.term = 5};
    for (int i = 1; i <= 3; i++)
        start(world, i);
    for (const char *p = terms; *p; p++)
        give(world, 1, (uint64_t)(*p - '0'), 1);
    if (committed)
        commit_to(world, 1, committed);
    bond_all(world);
    show(world, MSK_EVENT_APPEND_RECEIVED);
    return world;
}

/* An append of `sender` in term 5 (its entries one digit a term); commands as harness gives them. */
static int send_append(struct world *world, int sender, struct msk_cursor prev, const char *terms, uint64_t commit)
{
    struct msk_log_entry entries[ENTRIES_MAX];
    char commands[ENTRIES_MAX][48];
    struct msk_raft_message message = append(world, sender, 5, prev, commit);
    size_t count = 0;
    for (; terms[count]; count++) {
        snprintf(commands[count], sizeof commands[count], "%llu of term %c",
                 (unsigned long long)(prev.index + 1 + count), terms[count]);
        entries[count] = (struct msk_log_entry){(uint64_t)(terms[count] - '0'), msk_bytes_of_text(commands[count])};
    }
    message.append_entries.entries = (struct msk_log_entry_seq){entries, count};
    return receive(world, 1, sender, &message);
}

static void expect_log(struct world *world, const char *terms, uint64_t committed)
{
    const struct msk_raft *raft = raft_of(world, 1);
    char have[64] = "";
    for (uint64_t i = 1, term; i <= raft->log.count; i++) {
        assert_true(msk_log_term_at(&raft->log, i, &term));
        snprintf(have + strlen(have), sizeof have - strlen(have), "%d", (int)term);
    }
    assert_string_equal(have, terms);
    assert_int_equal(raft->committed.index, committed);
}

/* What 1 has answered to 2 since the last look: "index vote", or nothing. */
static void expect_answer(struct world *world, const char *want)
{
    char have[64] = "";
    for (size_t i = 0; i < world->parcel_count; i++) {
        struct msk_arena arena;
        struct msk_raft_message message = read_parcel(&world->parcels[i], &arena);
        if (message.kind == MSK_RAFT_STATE_SYNC) { /* it asks for what it lacks */
            msk_arena_free(&arena);
            continue;
        }
        assert_int_equal(message.kind, MSK_RAFT_APPEND_ENTRIES_RESPONSE);
        assert_int_equal(message.append_entries_response.term, 5);
        snprintf(have, sizeof have, "%llu %s", (unsigned long long)message.append_entries_response.last_log_index,
                 msk_vote_name(message.append_entries_response.vote));
        msk_arena_free(&arena);
    }
    assert_string_equal(have, want);
    lose(world, 1, 2);
}

/* ---- 3.6 */

static void entries_that_fit(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "111", 0);
    send_append(world, 2, at(1, 3), "55", 2);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 2 after (1,3), commit 2, consistent yes\n"
                  "1 committed 0 -> 2 in term 1\n");
    expect_log(world, "11155", 2);
    expect_answer(world, "5 granted");
    assert_true(raft_of(world, 1)->online);
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 2000, 2499);
    world_free(world);
}

static void heartbeats_are_not_answered(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "111", 0);
    send_append(world, 2, at(1, 3), "", 3);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 0 after (1,3), commit 3, consistent yes\n"
                  "1 committed 0 -> 3 in term 1\n");
    expect_answer(world, "3 granted"); /* but the first one that fits, so that the leader counts us (W-9) */
    send_append(world, 2, at(1, 3), "", 3);
    expect(world, "1 2 appends 0 after (1,3), commit 3, consistent yes\n");
    expect_answer(world, "");
    world_free(world);
}

static void the_first_entry_follows_index_0(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "", 0);
    send_append(world, 2, at(0, 0), "5", 9);
    expect_log(world, "5", 1); /* never further than verified */
    expect_answer(world, "1 granted");
    world_free(world);
}

static void an_observer_abstains(void **state)
{
    (void)state;
    struct msk_raft_config tweak = {.preference = MSK_PREFER_OBSERVER};
    struct world *world = follower_of(&tweak, "1", 0);
    send_append(world, 2, at(1, 1), "5", 0);
    expect_answer(world, "2 abstained");
    expect_log(world, "15", 0);
    world_free(world);
}

static void another_term_at_prev_is_cut(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "11233", 1);
    send_append(world, 2, at(4, 4), "5", 1);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 1 after (4,4), commit 1, consistent no\n"
                  "1 log cut from 4, was (3,5), committed (1,1)\n");
    expect_log(world, "112", 1);
    expect_answer(world, "");
    assert_false(raft_of(world, 1)->online);
    world_free(world);
}

static void nothing_at_prev(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "11", 0);
    send_append(world, 2, at(5, 9), "5", 8);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 1 after (5,9), commit 8, consistent no\n");
    expect_log(world, "11", 0);
    expect_answer(world, "");
    assert_false(raft_of(world, 1)->online);
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 2000, 2499); /* armed all the same */
    world_free(world);
}

static void a_conflict_at_the_first_entry(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "11222", 0);
    send_append(world, 2, at(1, 2), "55", 0);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 2 after (1,2), commit 0, consistent yes\n"
                  "1 log cut from 3, was (2,5), committed (0,0)\n");
    expect_log(world, "1155", 0);
    expect_answer(world, "4 granted");
    world_free(world);
}

static void duplicates_are_skipped_and_answered(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1155", 0);
    send_append(world, 2, at(1, 2), "55", 0);
    expect_log(world, "1155", 0);
    expect_answer(world, "4 granted");
    world_free(world);
}

/* 3.11, follower rule 4: our log goes on behind what this leader has shown us. */
static void only_what_was_verified_is_claimed(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "112222", 0);
    send_append(world, 2, at(1, 1), "1", 6);
    expect_log(world, "112222", 2);
    expect_answer(world, "2 granted");
    world_free(world);
}

static void the_reference_claims_its_whole_log(void **state)
{
    (void)state;
    struct msk_raft_config tweak = {.reference_rules = true};
    struct world *world = follower_of(&tweak, "112222", 0);
    send_append(world, 2, at(1, 1), "1", 6);
    expect_log(world, "112222", 6);
    expect_answer(world, "6 granted");
    world_free(world);
}

static void a_leader_is_published_once_a_term(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1", 0);
    hide(world, MSK_EVENT_APPEND_RECEIVED);
    send_append(world, 2, at(1, 1), "", 0);
    send_append(world, 2, at(1, 1), "", 0);
    expect(world, "1 leader of term 5 is 2\n");
    world_free(world);
}

static void back_in_line_it_lags_no_longer(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1", 0);
    send_append(world, 2, at(5, 2), "", 0);
    assert_true(raft_of(world, 1)->lagging);
    send_append(world, 2, at(1, 1), "5", 0);
    assert_false(raft_of(world, 1)->lagging);
    assert_true(raft_of(world, 1)->online);
    world_free(world);
}

/* ---- W-5 */

static void a_conflict_behind_the_first_entry_is_replaced_in_place(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "115333", 1);
    send_append(world, 2, at(1, 2), "55", 0);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 2 after (1,2), commit 0, consistent yes\n"
                  "1 log cut from 4, was (3,6), committed (1,1)\n");
    expect_log(world, "1155", 1);
    world_free(world);
}

static void the_reference_misplaces_it(void **state)
{
    (void)state;
    struct msk_raft_config tweak = {.reference_rules = true};
    struct world *world = follower_of(&tweak, "115333", 0);
    send_append(world, 2, at(1, 2), "55", 0);
    expect_log(world, "1153335", 0);
    expect_answer(world, "7 granted");
    world_free(world);
}

/* ---- W-7, W-13: two leaders in a term */

static void the_same_position_with_another_command(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "11", 1);
    struct msk_log_entry other = {1, msk_bytes_of_text("something else")};
    struct msk_raft_message message = append(world, 2, 5, at(1, 1), 0);
    message.append_entries.entries = (struct msk_log_entry_seq){&other, 1};
    receive(world, 1, 2, &message);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 1 after (1,1), commit 0, consistent yes\n"
                  "1 entry 2 of 2 has term 1 as here but another command\n"
                  "1 log cut from 2, was (1,2), committed (1,1)\n");
    struct msk_log_entry kept;
    assert_true(msk_log_get(&raft_of(world, 1)->log, 2, &kept));
    assert_true(msk_bytes_equal(kept.command, other.command));
    world_free(world);
}

static void committed_with_another_command(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "11", 2);
    struct msk_log_entry other = {1, msk_bytes_of_text("something else")};
    struct msk_raft_message message = append(world, 2, 5, at(1, 1), 0);
    message.append_entries.entries = (struct msk_log_entry_seq){&other, 1};
    receive(world, 1, 2, &message);
    expect(world, "1 2 leads without entries committed here: its log ends at (1,2), committed here (1,2)\n");
    expect_log(world, "11", 2);
    expect_answer(world, "");
    world_free(world);
}

static void the_first_leader_of_a_term_is_followed(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1", 0);
    send_append(world, 2, at(1, 1), "", 0);
    world->now_ms += 100;
    uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1));
    send_append(world, 3, at(1, 1), "5", 0);
    send_append(world, 3, at(1, 1), "5", 0); /* told once */
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 0 after (1,1), commit 0, consistent yes\n"
                  "1 two leaders in term 5: 2 and 3\n");
    expect_log(world, "1", 0);
    assert_true(msk_raft_deadline(raft_of(world, 1)) == timer_ms);
    world_free(world);
}

static void the_reference_follows_the_latest(void **state)
{
    (void)state;
    struct msk_raft_config tweak = {.reference_rules = true};
    struct world *world = follower_of(&tweak, "1", 0);
    hide(world, MSK_EVENT_APPEND_RECEIVED);
    send_append(world, 2, at(1, 1), "", 0);
    send_append(world, 3, at(1, 1), "5", 0);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 leader of term 5 is 3\n");
    world_free(world);
}

/* ---- W-2 (b): a leader that lacks what is committed here */

struct lacking {
    const char *ours;
    uint64_t committed;
    struct msk_cursor prev;
    const char *entries;
    bool refused;
};

static void which_leaders_lack_something(void **state)
{
    (void)state;
    static const struct lacking rows[] = {
        {"1111", 3, {1, 2}, "", true},                                     /* it ends below */
        {"1111", 3, {1, 1}, "1", true},                                    /* so it does with an entry */
        {"1111", 3, {1, 3}, "", false},                                    /* it ends where we committed */
        {"1111", 3, {1, 1}, "11", false},  {"1111", 3, {2, 3}, "", true},  /* another term at prev */
        {"1111", 3, {1, 2}, "2", true},                                    /* another term at the first entry */
        {"1111", 3, {1, 1}, "12", true},                                   /* at a later one */
        {"1111", 3, {1, 1}, "115", false},                                 /* a conflict above */
        {"1111", 3, {2, 4}, "", false},    {"1111", 3, {5, 9}, "", false}, /* ahead of us */
        {"1111", 0, {0, 0}, "", false},                                    /* nothing is committed */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *world = follower_of(NULL, rows[i].ours, rows[i].committed);
        send_append(world, 2, rows[i].prev, rows[i].entries, 0);
        if (raft_of(world, 1)->has_leader == rows[i].refused)
            fail_msg("row %zu", i);
        if (rows[i].refused)
            expect_log(world, rows[i].ours, rows[i].committed);
        world_free(world);
    }
}

static void it_is_voted_out_where_our_log_is_ahead(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1111", 3);
    send_append(world, 2, at(1, 2), "", 9);
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 0, 99);
    uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1));
    send_append(world, 2, at(1, 2), "", 9); /* changes nothing any more */
    assert_true(msk_raft_deadline(raft_of(world, 1)) == timer_ms);
    timer_of(world, 1);
    expect(world, "1 2 leads without entries committed here: its log ends at (1,2), committed here (1,3)\n"
                  "1 stands in term 6, asks 2 3\n");
    expect_log(world, "1111", 3);
    world_free(world);
}

/* Those with our history may be more. If it comes back all the same, the histories differ for good. */
static void it_is_once_where_its_log_is_ahead(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1111", 3);
    send_append(world, 2, at(1, 2), "5", 1);
    expect(world, "1 2 leads without entries committed here: its log ends at (5,3), committed here (1,3)\n");
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 0, 99);
    assert_false(raft_of(world, 1)->online);
    timer_of(world, 1);
    expect(world, "1 stands in term 6, asks 2 3\n");
    struct msk_raft_message message = request_vote(world, 2, 7, at(5, 3));
    receive(world, 1, 2, &message);
    expect(world, "1 denies 2 in term 7: it lacks entries committed here\n");
    message = append(world, 2, 7, at(5, 3), 1);
    receive(world, 1, 2, &message);
    expect(world, "1 2 leads without entries committed here: its log ends at (5,3), committed here (1,3)\n"
                  "1 stopped at (1,3): what is committed here is not what the group has\n");
    world_free(world);
}

/* Else nobody could be elected where only it has a log ahead of all others. */
static void it_is_not_denied_for_ever(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1111", 3);
    send_append(world, 2, at(1, 2), "5", 1);
    forget(world);
    struct msk_raft_message message = request_vote(world, 2, 9, at(5, 3));
    receive(world, 1, 2, &message);
    expect(world, "1 abstains for 2 in term 9: its log (5,3) is ahead of mine (1,4)\n");
    world_free(world);
}

static void an_observer_only_reports_it(void **state)
{
    (void)state;
    struct msk_raft_config tweak = {.preference = MSK_PREFER_OBSERVER};
    struct world *world = follower_of(&tweak, "1111", 3);
    send_append(world, 2, at(1, 2), "", 0);
    expect(world, "1 2 leads without entries committed here: its log ends at (1,2), committed here (1,3)\n");
    assert_false(raft_of(world, 1)->online);
    timer_of(world, 1);
    expect(world, "");
    world_free(world);
}

static void a_leader_that_turns_out_to_lack_something_is_left(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1111", 3);
    hide(world, MSK_EVENT_APPEND_RECEIVED);
    send_append(world, 2, at(1, 4), "", 4);
    send_append(world, 2, at(1, 2), "", 4);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 committed 3 -> 4 in term 1\n"
                  "1 leader 2 of term 5 is gone: it lacks committed entries\n"
                  "1 2 leads without entries committed here: its log ends at (1,2), committed here (1,4)\n");
    world_free(world);
}

static void a_later_leader_that_lacks_something_replaces_nobody(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1111", 3);
    hide(world, MSK_EVENT_APPEND_RECEIVED);
    send_append(world, 2, at(1, 4), "", 3);
    struct msk_raft_message message = append(world, 3, 6, at(1, 2), 0);
    receive(world, 1, 3, &message);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 leader 2 of term 5 is gone: a new term began\n"
                  "1 3 leads without entries committed here: its log ends at (1,2), committed here (1,3)\n");
    world_free(world);
}

/* W-3, which the defence prevents. */
static void the_reference_cuts_what_is_committed(void **state)
{
    (void)state;
    struct msk_raft_config tweak = {.reference_rules = true};
    struct world *world = follower_of(&tweak, "1111", 3);
    send_append(world, 2, at(1, 1), "5", 2);
    expect(world, "1 leader of term 5 is 2\n"
                  "1 2 appends 1 after (1,1), commit 2, consistent yes\n"
                  "1 log cut from 2, was (1,4), committed (1,3)\n");
    expect_log(world, "15", 3);
    world_free(world);
}

/* ---- memory */

static void without_memory_nothing_is_claimed(void **state)
{
    (void)state;
    struct world *world = follower_of(NULL, "1", 0);
    static const uint8_t more[4000]; /* than the log has room for */
    struct msk_log_entry entries[2] = {{5, MSK_BYTES("a", 1)}, {5, MSK_BYTES(more, sizeof more)}};
    struct msk_raft_message message = append(world, 2, 5, at(1, 1), 3);
    message.append_entries.entries = (struct msk_log_entry_seq){entries, 2};
    struct msk_actions actions = {0};
    msk_alloc_fail_after(1);
    assert_int_equal(msk_raft_receive(raft_of(world, 1), world_now(world), id_of(world, 2), &message, &actions), 0);
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(actions.error, MSK_E_NOMEM);
    for (size_t i = 0; i < actions.count; i++)
        assert_int_not_equal(actions.items[i].kind, MSK_ACTION_RAFT);
    assert_false(raft_of(world, 1)->online);
    assert_int_equal(raft_of(world, 1)->committed.index, 0);
    msk_actions_free(&actions);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_that_fit),
        cmocka_unit_test(heartbeats_are_not_answered),
        cmocka_unit_test(the_first_entry_follows_index_0),
        cmocka_unit_test(an_observer_abstains),
        cmocka_unit_test(another_term_at_prev_is_cut),
        cmocka_unit_test(nothing_at_prev),
        cmocka_unit_test(a_conflict_at_the_first_entry),
        cmocka_unit_test(duplicates_are_skipped_and_answered),
        cmocka_unit_test(only_what_was_verified_is_claimed),
        cmocka_unit_test(the_reference_claims_its_whole_log),
        cmocka_unit_test(a_leader_is_published_once_a_term),
        cmocka_unit_test(back_in_line_it_lags_no_longer),
        cmocka_unit_test(a_conflict_behind_the_first_entry_is_replaced_in_place),
        cmocka_unit_test(the_reference_misplaces_it),
        cmocka_unit_test(the_same_position_with_another_command),
        cmocka_unit_test(committed_with_another_command),
        cmocka_unit_test(the_first_leader_of_a_term_is_followed),
        cmocka_unit_test(the_reference_follows_the_latest),
        cmocka_unit_test(which_leaders_lack_something),
        cmocka_unit_test(it_is_voted_out_where_our_log_is_ahead),
        cmocka_unit_test(it_is_once_where_its_log_is_ahead),
        cmocka_unit_test(it_is_not_denied_for_ever),
        cmocka_unit_test(an_observer_only_reports_it),
        cmocka_unit_test(a_leader_that_turns_out_to_lack_something_is_left),
        cmocka_unit_test(a_later_leader_that_lacks_something_replaces_nobody),
        cmocka_unit_test(the_reference_cuts_what_is_committed),
        cmocka_unit_test(without_memory_nothing_is_claimed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
