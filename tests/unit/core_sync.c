/* Log replay, both ends: what a provider gives, how a session catches up, and what cannot stop it (groups.md 4). */
#include "raft_trace.h"

/* ---- helpers */

static struct msk_raft_message sync_message(enum msk_log_sync_kind kind, uint64_t start, uint64_t end)
{
    struct msk_raft_message message = {.kind = MSK_RAFT_STATE_SYNC, .state_sync = {.kind = kind}};
    message.state_sync.available = (struct msk_index_range){start, end};
    return message;
}

/* The next parcels of one member to another, and they are gone: "available 0..5", "ask", "fetch 1..5", "gives 1..5
 * (5)", "append 1 after 5", "ack 5". */
static void expect_said(struct world *world, int from, int to, const char *want)
{
    char have[1024] = "";
    for (size_t i = 0; i < world->parcel_count; i++) {
        const struct parcel *parcel = &world->parcels[i];
        if (parcel->from != from || parcel->to != to)
            continue;
        struct msk_arena arena;
        struct msk_raft_message message = read_parcel(parcel, &arena);
        const struct msk_log_sync *sync = &message.state_sync;
        char one[80] = "something else";
        if (message.kind == MSK_RAFT_APPEND_ENTRIES)
            snprintf(one, sizeof one, "append %d after %d", (int)message.append_entries.entries.count,
                     (int)message.append_entries.prev.index);
        else if (message.kind == MSK_RAFT_APPEND_ENTRIES_RESPONSE)
            snprintf(one, sizeof one, "ack %d", (int)message.append_entries_response.last_log_index);
        else if (message.kind != MSK_RAFT_STATE_SYNC)
            snprintf(one, sizeof one, "message %d", (int)message.kind);
        else if (sync->kind == MSK_SYNC_AVAILABILITY_REQUEST)
            snprintf(one, sizeof one, "ask");
        else if (sync->kind == MSK_SYNC_AVAILABILITY_RESPONSE)
            snprintf(one, sizeof one, "available %d..%d", (int)sync->available.start, (int)sync->available.end);
        else if (sync->kind == MSK_SYNC_FETCH_ENTRIES_REQUEST)
            snprintf(one, sizeof one, "fetch %d..%d", (int)sync->fetch.start, (int)sync->fetch.end);
        else
            snprintf(one, sizeof one, "gives %d..%d (%d)", (int)sync->fetched.range.start, (int)sync->fetched.range.end,
                     (int)sync->fetched.entries.count);
        snprintf(have + strlen(have), sizeof have - strlen(have), "%s%s", have[0] ? ", " : "", one);
        msk_arena_free(&arena);
    }
    lose(world, from, to);
    assert_string_equal(have, want);
}

static void expect_terms(struct world *world, int member, const char *terms, uint64_t committed)
{
    const struct msk_raft *raft = raft_of(world, member);
    char have[64] = "";
    for (uint64_t i = 1, term; i <= raft->log.count && i < 60; i++) {
        assert_true(msk_log_term_at(&raft->log, i, &term));
        snprintf(have + strlen(have), sizeof have - strlen(have), "%d", (int)term);
    }
    assert_string_equal(have, terms);
    assert_int_equal(raft->committed.index, committed);
}

static bool same_logs(struct world *world, int a, int b)
{
    uint64_t count = raft_of(world, a)->log.count;
    struct msk_digest one = msk_log_digest(&raft_of(world, a)->log, count), other;
    if (raft_of(world, b)->log.count != count)
        return false;
    other = msk_log_digest(&raft_of(world, b)->log, count);
    return msk_digest_equal(&one, &other);
}

/* Entries with what each contains, as another member would send them. */
static void answer_fetch(struct world *world, int to, int from, uint64_t start, uint64_t end, uint64_t term,
                         uint64_t count)
{
    struct msk_fetched_entry entries[16];
    char commands[16][48];
    assert_true(count <= 16);
    for (uint64_t i = 0; i < count; i++) {
        snprintf(commands[i], sizeof commands[i], "%llu of term %llu", (unsigned long long)(start + i),
                 (unsigned long long)term);
        entries[i] = (struct msk_fetched_entry){msk_bytes_of_text(commands[i]), term};
    }
    struct msk_raft_message message = {
        .kind = MSK_RAFT_STATE_SYNC,
        .state_sync = {.kind = MSK_SYNC_FETCH_ENTRIES_RESPONSE, .fetched = {{start, end}, {entries, count}}}};
    receive(world, to, from, &message);
}

/* 1 follows 2 in term 5 and has `terms` entries of term 1, of which `committed` are committed; it is told of an entry
 * at `target`. Only it and its disk are there; 2 to 4 are played by the test. */
static struct world *lagging(uint64_t entries, uint64_t committed, uint64_t target, uint32_t members)
{
    struct world *world = world_new(4, members);
    begin_in_term(world, 5);
    start(world, 1);
    for (int i = 2; i <= 4; i++)
        bond_one_way(world, 1, i);
    give(world, 1, 1, entries);
    if (committed)
        commit_to(world, 1, committed);
    struct msk_raft_message message = append(world, 2, 5, at(1, target), target);
    receive(world, 1, 2, &message);
    forget(world);
    return world;
}

static void tell_available(struct world *world, int from, uint64_t end)
{
    struct msk_raft_message message = sync_message(MSK_SYNC_AVAILABILITY_RESPONSE, 0, end);
    receive(world, 1, from, &message);
}

/* ---- 4.1, 4.3.6: the provider */

/* 1 has five entries, three of them committed; 2 asks. */
static struct world *provider(uint32_t members, bool reference)
{
    struct world *world = world_new(3, members);
    world->config.reference_rules = reference;
    world->config.sync_batch_size = 2;
    begin_in_term(world, 5);
    start(world, 1);
    bond_one_way(world, 1, 2);
    bond_one_way(world, 1, 3);
    give(world, 1, 1, 5);
    commit_to(world, 1, 3);
    return world;
}

static void ask(struct world *world, enum msk_log_sync_kind kind, uint64_t start, uint64_t end)
{
    struct msk_raft_message message = sync_message(kind, start, end);
    receive(world, 1, 2, &message);
}

static void what_is_committed_is_available(void **state)
{
    (void)state;
    struct world *world = provider(3, false);
    ask(world, MSK_SYNC_AVAILABILITY_REQUEST, 0, 0);
    expect_said(world, 1, 2, "available 0..3");
    world_free(world);
}

static void fetching(void **state)
{
    static const struct {
        uint64_t start, end;
        const char *ours, *theirs;
    } rows[] = {
        {1, 2, "gives 1..2 (2)", "gives 1..2 (2)"},
        {2, 9, "gives 2..3 (2)", "gives 2..3 (2)"}, /* no more than a batch */
        {3, 5, "gives 3..3 (1)", "gives 3..4 (2)"}, /* nothing that is not committed */
        {0, 1, "gives 1..1 (1)", "gives 1..1 (1)"},
        {4, 5, "", "gives 4..5 (2)"},
        {2, 1, "", ""},
        {9, 12, "", ""}, /* W-15: silence, no marker */
        {UINT64_MAX, UINT64_MAX, "", ""},
        {1, UINT64_MAX, "gives 1..2 (2)", "gives 1..2 (2)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int reference = 0; reference < 2; reference++) {
            struct world *world = provider(3, reference);
            ask(world, MSK_SYNC_FETCH_ENTRIES_REQUEST, rows[i].start, rows[i].end);
            expect_said(world, 1, 2, reference ? rows[i].theirs : rows[i].ours);
            world_free(world);
        }
}

/* With --members its leader may need just the one that lags. */
static void a_leader_gives_all_it_has(void **state)
{
    (void)state;
    for (uint32_t members = 0; members <= 3; members += 3) {
        struct world *world = provider(members, false);
        raft_of(world, 1)->role = MSK_ROLE_LEADER;
        ask(world, MSK_SYNC_AVAILABILITY_REQUEST, 0, 0);
        expect_said(world, 1, 2, "available 0..5");
        ask(world, MSK_SYNC_FETCH_ENTRIES_REQUEST, 4, 5);
        expect_said(world, 1, 2, "gives 4..5 (2)");
        world_free(world);
    }
}

/* W-14: who asked hears of every advance, for a minute. */
static void new_commits_are_offered_to_who_asked(void **state)
{
    (void)state;
    struct world *world = provider(3, false);
    ask(world, MSK_SYNC_AVAILABILITY_REQUEST, 0, 0);
    expect_said(world, 1, 2, "available 0..3");
    commit_to(world, 1, 4);
    tick(world, 1);
    expect_said(world, 1, 2, "available 0..4");
    commit_to(world, 1, 5);
    tick(world, 1);
    expect_said(world, 1, 2, ""); /* not too often */
    assert_true(msk_raft_deadline(raft_of(world, 1)) <= world->now_ms + 50);
    world->now_ms += 50;
    tick(world, 1);
    expect_said(world, 1, 2, "available 0..5");
    expect_said(world, 1, 3, "");
    world->now_ms += 60000;
    give(world, 1, 1, 1);
    commit_to(world, 1, 6);
    tick(world, 1);
    lose(world, 1, 2);
    tick(world, 1);
    expect_said(world, 1, 2, "");
    world_free(world);
}

static void long_entries_come_in_several_answers(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    static uint8_t long_one[3u << 20];
    start(world, 1);
    bond_one_way(world, 1, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(msk_log_append(&raft_of(world, 1)->log, 1, MSK_BYTES(long_one, sizeof long_one)), 0);
    commit_to(world, 1, 3);
    ask(world, MSK_SYNC_FETCH_ENTRIES_REQUEST, 1, 3);
    expect_said(world, 1, 2, "gives 1..1 (1)");
    world_free(world);
}

/* ---- 4.2, 4.3: the session */

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

/* ---- W-3: forks */

static void fork_at(struct world *world, int provider_of)
{
    tell_available(world, provider_of, 6);
    struct msk_fetched_entry entries[4] = {{msk_bytes_of_text("another"), 1},
                                           {msk_bytes_of_text("x"), 1},
                                           {msk_bytes_of_text("y"), 1},
                                           {msk_bytes_of_text("z"), 1}};
    struct msk_raft_message fetched = {
        .kind = MSK_RAFT_STATE_SYNC,
        .state_sync = {.kind = MSK_SYNC_FETCH_ENTRIES_RESPONSE, .fetched = {{3, 6}, {entries, 4}}}};
    receive(world, 1, provider_of, &fetched);
}

static void a_fork_halts(void **state)
{
    (void)state;
    struct world *world = lagging(3, 3, 6, 0);
    fork_at(world, 2);
    expect(world, "1 2 leads without entries committed here: its log ends at (1,3), committed here (1,3)\n"
                  "1 stopped at (1,3): what is committed here is not what the group has\n");
    expect_terms(world, 1, "111", 3);
    struct msk_raft_status status;
    msk_raft_status(raft_of(world, 1), &status);
    assert_true(status.halted);
    assert_false(status.online);
    struct msk_raft_message message = append(world, 2, 5, at(1, 3), 3);
    receive(world, 1, 2, &message); /* it takes part in nothing any more */
    expect(world, "");
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER);
    world_free(world);
}

/* Only the leader's word counts. */
static void who_does_not_lead_is_thought_wrong_itself(void **state)
{
    (void)state;
    struct world *world = lagging(3, 3, 6, 0);
    fork_at(world, 3);
    expect(world, "1 entry 3 of 3 has term 1 as here but another command\n");
    tell_available(world, 4, 6);
    answer_fetch(world, 1, 4, 3, 6, 1, 4);
    expect_terms(world, 1, "111111", 6);
    world_free(world);
}

static void a_fork_is_resynced(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world->config.on_fork = MSK_FORK_RESYNC;
    begin_in_term(world, 5);
    start_all(world);
    give(world, 1, 1, 3);
    commit_to(world, 1, 3);
    for (int i = 2; i <= 3; i++) {
        give(world, i, 2, 6);
        commit_to(world, i, 6);
    }
    timer_of(world, 2);
    deliver(world);
    run(world, 10000);
    assert_non_null(strstr((char *)world->trace.data, "1 gives up everything up to (1,3)"));
    assert_true(same_logs(world, 1, 2));
    assert_int_equal(raft_of(world, 1)->committed.index, 6);
    assert_int_equal(raft_of(world, 1)->applied, 6);
    assert_int_equal(world->members[1].disk_log.count, 6); /* on the disk, too */
    world_free(world);
}

static bool is_asked(struct world *world, int number)
{
    return msk_raft_peer_find(raft_of(world, 1), id_of(world, number))->fetching;
}

/* Whoever shared the fork cannot be told from who has the group's entries. */
static void after_a_fork_only_the_leader_is_asked(void **state)
{
    (void)state;
    struct world *world = lagging(3, 3, 6, 0);
    raft_of(world, 1)->config.on_fork = MSK_FORK_RESYNC;
    fork_at(world, 2);
    expect(world, "1 2 leads without entries committed here: its log ends at (1,3), committed here (1,3)\n"
                  "1 gives up everything up to (1,3) and takes the history of the group\n"
                  "1 log cut from 1, was (1,3), committed (1,3)\n"
                  "1 fetches again from 1: the history is taken anew\n");
    struct msk_raft_message message = append(world, 2, 5, at(1, 6), 6);
    receive(world, 1, 2, &message);
    tell_available(world, 3, 6);
    tell_available(world, 2, 6);
    assert_false(is_asked(world, 3));
    assert_true(is_asked(world, 2));
    answer_fetch(world, 1, 2, 1, 6, 1, 6);
    expect_terms(world, 1, "111111", 6);

    /* once that is done, all are asked again */
    message = append(world, 2, 5, at(1, 6), 6);
    receive(world, 1, 2, &message);
    message = append(world, 2, 5, at(1, 9), 9);
    receive(world, 1, 2, &message);
    tell_available(world, 3, 9);
    assert_true(is_asked(world, 3));
    world_free(world);
}

/* ---- all together */

static void late_joiners(void **state)
{
    static const uint64_t batches[] = {1, 7, 20, 2000};
    (void)state;
    for (size_t b = 0; b < 4; b++) {
        struct world *world = world_new(4, 3);
        world->config.sync_batch_size = batches[b];
        for (int i = 1; i <= 2; i++)
            start(world, i);
        bond(world, 1, 2);
        elect(world, 1);
        for (int i = 0; i < 200; i++)
            propose(world, 1);
        deliver(world);
        start(world, 3);
        bond(world, 1, 3);
        bond(world, 2, 3);
        deliver(world);
        assert_int_equal(raft_of(world, 3)->committed.index, 200);
        start(world, 4);
        for (int i = 1; i <= 3; i++)
            bond(world, i, 4);
        propose(world, 1);
        deliver(world);
        assert_int_equal(raft_of(world, 4)->committed.index, 201);
        assert_true(raft_of(world, 4)->online);
        assert_true(same_logs(world, 1, 4));
        world_free(world);
    }
}

/* W-14, the chaos line: an uncommitted entry of a dead leader does not keep a late one waiting. */
static void an_uncommitted_entry_is_no_obstacle(void **state)
{
    (void)state;
    for (uint32_t members = 0; members <= 3; members += 3) {
        struct world *world = world_new(3, members);
        begin_in_term(world, 1);
        start(world, 1);
        start(world, 2);
        bond(world, 1, 2);
        give(world, 1, 1, 5);
        give(world, 2, 1, 5);
        elect(world, 1); /* nothing is committed, and nobody has a new command */
        crash(world, 2);
        unbond_from_all(world, 2);
        start(world, 3);
        bond(world, 1, 3);
        run(world, 3000);
        assert_true(raft_of(world, 3)->online);
        assert_int_equal(raft_of(world, 3)->log.count, 5);
        propose(world, 1); /* the two are a majority of three */
        deliver(world);
        assert_int_equal(raft_of(world, 3)->committed.index, 6);
        world_free(world);
    }
}

/* W-4 under the reference's rules: the session keeps what differs. */
static void the_reference_keeps_a_divergent_tail(void **state)
{
    (void)state;
    for (int reference = 0; reference < 2; reference++) {
        struct world *world = world_new(3, 0);
        world->config.reference_rules = reference;
        begin_in_term(world, 3);
        start_all(world);
        give(world, 1, 1, 5);
        for (int i = 2; i <= 3; i++) {
            give(world, i, 1, 4);
            give(world, i, 2, 3);
            commit_to(world, i, 7);
        }
        elect(world, 2);
        run(world, 5000);
        assert_int_equal(raft_of(world, 1)->log.count, 7);
        assert_int_equal(same_logs(world, 1, 2), !reference);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_is_available),
        cmocka_unit_test(fetching),
        cmocka_unit_test(a_leader_gives_all_it_has),
        cmocka_unit_test(new_commits_are_offered_to_who_asked),
        cmocka_unit_test(long_entries_come_in_several_answers),
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
        cmocka_unit_test(a_fork_halts),
        cmocka_unit_test(who_does_not_lead_is_thought_wrong_itself),
        cmocka_unit_test(a_slow_peer_does_not_hold_up_what_others_fetched_ahead),
        cmocka_unit_test(a_fork_is_resynced),
        cmocka_unit_test(after_a_fork_only_the_leader_is_asked),
        cmocka_unit_test(late_joiners),
        cmocka_unit_test(an_uncommitted_entry_is_no_obstacle),
        cmocka_unit_test(the_reference_keeps_a_divergent_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
