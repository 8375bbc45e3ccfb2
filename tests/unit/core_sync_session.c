/* How a session catches up with the group, and what cannot stop it (groups.md 4.2, 4.3). */
#include "sync_scene.h"

static void it_asks_everybody_and_fetches_from_the_leader_last(void **state)
{
    (void)state;
    struct world *world = lagging(4, 3, 8, 0);
    expect_said(world, 1, 2, "ask");
    expect_said(world, 1, 3, "ask");
    expect_said(world, 1, 4, "ask");
    tell_available(world, 3, 8);
    expect_said(world, 1, 3, "fetch 3..8"); /* with one that is committed here (rule 1) */
    tell_available(world, 2, 8);
    expect_said(world, 1, 2, ""); /* all is on its way */
    assert_false(raft_of(world, 1)->online);
    answer_fetch(world, 1, 3, 3, 8, 1, 6);
    expect_terms(world, 1, "11111111", 8);
    assert_true(raft_of(world, 1)->online);
    expect_said(world, 1, 2, "ack 8"); /* 3.11, follower rule 2 */
    world_free(world);
}

static void chunks_in_any_order(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 9, 0);
    world_free(world);
    world = world_new(4, 0);
    world->config.sync_batch_size = 3;
    begin_in_term(world, 5);
    start(world, 1);
    for (int i = 2; i <= 4; i++)
        bond_one_way(world, 1, i);
    struct msk_raft_message message = append(world, 2, 5, at(1, 8), 8);
    receive(world, 1, 2, &message);
    for (int i = 2; i <= 4; i++)
        lose(world, 1, i);
    tell_available(world, 4, 8);
    tell_available(world, 3, 8);
    tell_available(world, 2, 8);
    expect_said(world, 1, 4, "fetch 1..3");
    expect_said(world, 1, 3, "fetch 3..5"); /* with the entry before (W-5) */
    expect_said(world, 1, 2, "fetch 5..7");
    answer_fetch(world, 1, 2, 5, 7, 1, 3);
    expect_said(world, 1, 2, "fetch 7..8");
    answer_fetch(world, 1, 3, 3, 5, 1, 3);
    expect_terms(world, 1, "", 0);
    answer_fetch(world, 1, 4, 1, 3, 1, 3);
    expect_terms(world, 1, "1111111", 0);
    answer_fetch(world, 1, 2, 7, 8, 1, 2);
    expect_terms(world, 1, "11111111", 8);
    world_free(world);
}

/* W-5: where the histories of two members differ, what they gave is not put together. */
static void chunks_of_two_histories(void **state)
{
    (void)state;
    struct world *world = world_new(4, 0);
    world->config.sync_batch_size = 3;
    begin_in_term(world, 5);
    start(world, 1);
    for (int i = 2; i <= 4; i++)
        bond_one_way(world, 1, i);
    struct msk_raft_message message = append(world, 2, 5, at(2, 5), 5);
    receive(world, 1, 2, &message);
    tell_available(world, 4, 5);
    tell_available(world, 3, 5);
    for (int i = 2; i <= 4; i++)
        lose(world, 1, i);
    answer_fetch(world, 1, 4, 1, 3, 1, 3);
    expect(world, "1 leader of term 5 is 2\n");
    answer_fetch(world, 1, 3, 3, 5, 2, 3); /* its entry 3 is another one */
    expect(world, "1 fetches again from 1: entries of two members do not go together\n");
    receive(world, 1, 2, &message);
    for (int i = 2; i <= 4; i++) {
        lose(world, 1, i);
        tell_available(world, i, 5);
    }
    expect_said(world, 1, 2, "fetch 1..3");
    expect_said(world, 1, 3, "");
    expect_said(world, 1, 4, "");
    answer_fetch(world, 1, 2, 1, 3, 2, 3);
    answer_fetch(world, 1, 2, 3, 5, 2, 3);
    expect_terms(world, 1, "22222", 5);
    world_free(world);
}

/* A batch of one entry has no room for the one before: only the leader is asked, each leader from the start. */
static void batches_of_one_entry(void **state)
{
    (void)state;
    struct world *world = world_new(4, 0);
    world->config.sync_batch_size = 1;
    begin_in_term(world, 5);
    start(world, 1);
    for (int i = 2; i <= 4; i++)
        bond_one_way(world, 1, i);
    struct msk_raft_message message = append(world, 2, 5, at(2, 3), 3);
    receive(world, 1, 2, &message);
    for (int i = 2; i <= 4; i++) {
        lose(world, 1, i);
        tell_available(world, i, 3);
    }
    expect_said(world, 1, 3, "");
    answer_fetch(world, 1, 2, 1, 1, 1, 1);
    answer_fetch(world, 1, 2, 2, 2, 1, 1);
    expect_terms(world, 1, "11", 0);
    message = append(world, 3, 6, at(2, 3), 3);
    receive(world, 1, 3, &message);
    for (int i = 2; i <= 4; i++)
        lose(world, 1, i);
    tell_available(world, 3, 3);
    expect_said(world, 1, 3, "fetch 1..1");
    world_free(world);
}

/* What the leader appends meanwhile waits, and is acknowledged with the rest. */
static void new_entries_wait_in_the_buffer(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 4, 0);
    struct msk_log_entry entry = {5, msk_bytes_of_text("new")};
    struct msk_raft_message message = append(world, 2, 5, at(1, 4), 4);
    message.append_entries.entries = (struct msk_log_entry_seq){&entry, 1};
    receive(world, 1, 2, &message);
    message.append_entries.prev = at(5, 5);
    receive(world, 1, 2, &message);
    lose(world, 1, 2);
    tell_available(world, 3, 4);
    answer_fetch(world, 1, 3, 1, 4, 1, 4);
    expect_terms(world, 1, "111155", 4);
    expect_said(world, 1, 2, "ack 6");
    world_free(world);
}

static void another_append_is_another_target(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 4, 0);
    struct msk_raft_message message =
        append(world, 3, 6, at(1, 6), 6); /* of the next leader: W-12, the session goes on */
    tell_available(world, 4, 6);
    lose(world, 1, 4);
    receive(world, 1, 3, &message);
    answer_fetch(world, 1, 4, 1, 4, 1, 4);
    expect_terms(world, 1, "1111", 0);
    expect_said(world, 1, 4, "fetch 4..6");
    answer_fetch(world, 1, 4, 4, 6, 1, 3);
    expect_terms(world, 1, "111111", 6);
    world_free(world);
}

/* W-4: a tail of our own that the group does not have goes away; the reference keeps it. */
static void a_divergent_tail_is_replaced(void **state)
{
    (void)state;
    struct world *world = lagging(3, 2, 2, 0); /* the entry told of is there: no session */
    assert_false(raft_of(world, 1)->sync.active);
    struct msk_raft_message message = append(world, 2, 5, at(4, 6), 6);
    receive(world, 1, 2, &message);
    tell_available(world, 2, 6);
    for (int i = 2; i <= 4; i++)
        lose(world, 1, i);
    struct msk_fetched_entry entries[5] = {{msk_bytes_of_text("2 of term 1"), 1},
                                           {msk_bytes_of_text("x"), 4},
                                           {msk_bytes_of_text("y"), 4},
                                           {msk_bytes_of_text("z"), 4},
                                           {msk_bytes_of_text("w"), 4}};
    struct msk_raft_message fetched = {
        .kind = MSK_RAFT_STATE_SYNC,
        .state_sync = {.kind = MSK_SYNC_FETCH_ENTRIES_RESPONSE, .fetched = {{2, 6}, {entries, 5}}}};
    receive(world, 1, 2, &fetched);
    expect_terms(world, 1, "114444", 6);
    world_free(world);
}

/* Rule 3: what does not fit the question is not taken, and its sender not asked for a minute. */
static void wrong_answers(void **state)
{
    static const struct {
        uint64_t start, end, term, count;
    } rows[] = {
        {1, 6, 1, 5},
        {1, 5, 1, 6},
        {1, 6, 9, 6},
        {1, 6, 2, 6},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *world = lagging(0, 0, 6, 0);
        tell_available(world, 3, 6);
        expect_said(world, 1, 3, "ask, fetch 1..6");
        answer_fetch(world, 1, 3, rows[i].start, rows[i].end, rows[i].term, rows[i].count);
        expect_terms(world, 1, "", 0);
        assert_non_null(strstr((char *)world->trace.data, "1 3 broke the protocol"));
        tell_available(world, 3, 6);
        expect_said(world, 1, 3, "");
        tell_available(world, 4, 6);
        expect_said(world, 1, 4, "ask, fetch 1..6");
        world_free(world);
    }
}

/* They belong to a question that was given up, and the peer that is late is not wrong. */
static void answers_to_other_questions(void **state)
{
    static const uint64_t rows[][2] = {{2, 6}, {1, 7}, {6, 1}};
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    tell_available(world, 3, 6);
    for (size_t i = 0; i < 3; i++)
        answer_fetch(world, 1, 3, rows[i][0], rows[i][1], 1, 6);
    expect_terms(world, 1, "", 0);
    assert_null(strstr((char *)world->trace.data, "broke the protocol"));
    answer_fetch(world, 1, 3, 1, 6, 1, 6); /* what is waited for */
    expect_terms(world, 1, "111111", 6);
    world_free(world);
}

/* Its term is news here, and no fault. */
static void answers_of_a_later_term(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    tell_available(world, 3, 5);
    expect_said(world, 1, 3, "ask, fetch 1..5");
    answer_fetch(world, 1, 3, 1, 5, 9, 5);
    expect_terms(world, 1, "", 0);
    assert_null(strstr((char *)world->trace.data, "broke the protocol"));
    tell_available(world, 3, 5);
    expect_said(world, 1, 3, "fetch 1..5");
    world_free(world);
}

/* Who is not asked any more leads now: its entries are those that count. */
static void a_new_leader_is_asked_whatever_it_did(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    tell_available(world, 3, 6);
    answer_fetch(world, 1, 3, 1, 6, 2, 6); /* wrong */
    lose(world, 1, 3);
    struct msk_raft_message message = append(world, 3, 6, at(1, 6), 6);
    receive(world, 1, 3, &message);
    expect_said(world, 1, 3, "fetch 1..6");
    world_free(world);
}

/* W-15: neither the marker for nothing, nor a late answer, nor one nobody asked for does harm. */
static void what_poisons_the_reference(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    answer_fetch(world, 1, 3, 1, 6, 1, 6); /* unasked */
    expect_terms(world, 1, "", 0);
    tell_available(world, 3, 6);
    answer_fetch(world, 1, 3, 0, 0, 1, 0); /* the marker */
    world->now_ms += 2000;
    lose(world, 1, 3);
    tick(world, 1);
    expect_said(world, 1, 3, "ask"); /* asked again */
    tell_available(world, 3, 6);
    expect_said(world, 1, 3, "fetch 1..6");
    world->now_ms += 25000;
    tick(world, 1); /* given up */
    lose(world, 1, 3);
    tell_available(world, 4, 6);
    answer_fetch(world, 1, 3, 1, 6, 1, 6); /* late */
    expect_terms(world, 1, "", 0);
    answer_fetch(world, 1, 4, 1, 6, 1, 6);
    expect_terms(world, 1, "111111", 6);
    world_free(world);
}

/* W-14: what nobody offers yet is asked for again, and after every hint that more is committed. */
static void it_never_waits_for_ever(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    tell_available(world, 3, 4);
    expect_said(world, 1, 3, "ask, fetch 1..4");
    answer_fetch(world, 1, 3, 1, 4, 1, 4);
    expect_terms(world, 1, "1111", 0);
    expect_said(world, 1, 3, "");
    world->now_ms += 2000;
    assert_true(msk_raft_deadline(raft_of(world, 1)) <= world->now_ms);
    tick(world, 1);
    expect_said(world, 1, 3, "ask");
    struct msk_raft_message message = append(world, 2, 5, at(1, 6), 7);
    receive(world, 1, 2, &message);
    expect_said(world, 1, 3, "ask"); /* at once */
    tell_available(world, 3, 6);
    expect_said(world, 1, 3, "fetch 4..6");
    world_free(world);
}

/* A peer that has been slow for a while is not waited for. */
static void another_one_takes_over_from_a_slow_peer(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    tell_available(world, 3, 6);
    expect_said(world, 1, 3, "ask, fetch 1..6");
    tell_available(world, 4, 6);
    expect_said(world, 1, 4, "ask");
    world->now_ms += 3000;
    tick(world, 1);
    expect_said(world, 1, 4, "ask, fetch 1..6");
    answer_fetch(world, 1, 4, 1, 6, 1, 6);
    expect_terms(world, 1, "111111", 6);
    world_free(world);
}

static void a_lost_bond_frees_its_part(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    tell_available(world, 3, 6);
    tell_available(world, 4, 6);
    lose(world, 1, 4);
    unbond_one_way(world, 1, 3);
    expect_said(world, 1, 4, "fetch 1..6");
    world_free(world);
}

static void without_progress_it_begins_anew(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 6, 0);
    for (int i = 0; i < 40; i++) {
        world->now_ms += 2000;
        struct msk_raft_message message = append(world, 2, 5, at(1, 6), 6);
        receive(world, 1, 2, &message);
        tick(world, 1);
    }
    expect(world, "1 waits for entry 1 for 6000 ms: nobody offers it\n"
                  "1 fetches again from 1: nothing came for too long\n");
    world_free(world);
}

/* 3 answers at once, 2 not at all: not even when everything behind what it owes has been fetched. */
static void a_slow_peer_does_not_hold_up_what_others_fetched_ahead(void **state)
{
    (void)state;
    struct world *world = lagging(0, 0, 100, 0);
    struct msk_raft *raft = raft_of(world, 1);
    const struct msk_raft_peer *quick = msk_raft_peer_find(raft, id_of(world, 3));
    raft->config.sync_batch_size = 3;
    tell_available(world, 3, 100);
    tell_available(world, 2, 100);
    for (int i = 0; quick->fetching; i++) {
        assert_true(i < 100);
        answer_fetch(world, 1, 3, quick->fetch.start, quick->fetch.end, 1, quick->fetch.end - quick->fetch.start + 1);
    }
    assert_int_equal(raft->sync.next, 4);
    assert_int_equal(raft->sync.chunk_count, MSK_SYNC_CHUNKS_MAX - 1);
    world->now_ms += 3000;
    tick(world, 1);
    assert_true(quick->fetching && quick->fetch.start <= 4);
    answer_fetch(world, 1, 3, quick->fetch.start, quick->fetch.end, 1, quick->fetch.end - quick->fetch.start + 1);
    assert_true(raft->sync.next > 30);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_asks_everybody_and_fetches_from_the_leader_last),
        cmocka_unit_test(chunks_in_any_order),
        cmocka_unit_test(chunks_of_two_histories),
        cmocka_unit_test(batches_of_one_entry),
        cmocka_unit_test(new_entries_wait_in_the_buffer),
        cmocka_unit_test(another_append_is_another_target),
        cmocka_unit_test(a_divergent_tail_is_replaced),
        cmocka_unit_test(wrong_answers),
        cmocka_unit_test(answers_to_other_questions),
        cmocka_unit_test(answers_of_a_later_term),
        cmocka_unit_test(a_new_leader_is_asked_whatever_it_did),
        cmocka_unit_test(what_poisons_the_reference),
        cmocka_unit_test(it_never_waits_for_ever),
        cmocka_unit_test(another_one_takes_over_from_a_slow_peer),
        cmocka_unit_test(a_lost_bond_frees_its_part),
        cmocka_unit_test(without_progress_it_begins_anew),
        cmocka_unit_test(a_slow_peer_does_not_hold_up_what_others_fetched_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
