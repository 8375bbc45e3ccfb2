/* sync_scene.h: one end of a log replay, the others played by the test. */
#ifndef TESTS_SYNC_SCENE_H
#define TESTS_SYNC_SCENE_H

#include "raft_trace.h"

static inline struct msk_raft_message sync_message(enum msk_log_sync_kind kind, uint64_t start, uint64_t end)
{
    struct msk_raft_message message = {.kind = MSK_RAFT_STATE_SYNC, .state_sync = {.kind = kind}};
    message.state_sync.available = (struct msk_index_range){start, end};
    return message;
}

/* The next parcels of one member to another, and they are gone: "available 0..5", "ask", "fetch 1..5", "gives 1..5
 * (5)", "append 1 after 5", "ack 5". */
static inline void expect_said(struct world *world, int from, int to, const char *want)
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

static inline void expect_terms(struct world *world, int member, const char *terms, uint64_t committed)
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

static inline bool same_logs(struct world *world, int a, int b)
{
    uint64_t count = raft_of(world, a)->log.count;
    struct msk_digest one = msk_log_digest(&raft_of(world, a)->log, count), other;
    if (raft_of(world, b)->log.count != count)
        return false;
    other = msk_log_digest(&raft_of(world, b)->log, count);
    return msk_digest_equal(&one, &other);
}

/* Entries with what each contains, as another member would send them. */
static inline void answer_fetch(struct world *world, int to, int from, uint64_t start, uint64_t end, uint64_t term,
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
static inline struct world *lagging(uint64_t entries, uint64_t committed, uint64_t target, uint32_t members)
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

static inline void tell_available(struct world *world, int from, uint64_t end)
{
    struct msk_raft_message message = sync_message(MSK_SYNC_AVAILABILITY_RESPONSE, 0, end);
    receive(world, 1, from, &message);
}

#endif
