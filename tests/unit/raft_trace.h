/* raft_trace.h: several members' raft in virtual time, telling what happens as lines like "2 grants 1 in term 3: ...".
 *
 * Members are numbered from 1. Messages wait in one queue until they are delivered; those that must wait for a record
 * wait for it too. Bonds beat every BEAT_MS, die after DEAD_MS without a beat, and form again when the way is free. */
#ifndef MSK_TESTS_RAFT_TRACE_H
#define MSK_TESTS_RAFT_TRACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "core/raft_state.h"

#define WORLD_MAX        9
#define WORLD_ROUNDS_MAX 100000 /* deliveries or ticks in one run: more is a storm */
#define BEAT_MS          400
#define DEAD_MS          5000

struct parcel {
    int from, to;
    uint64_t after;
    uint8_t *data;
    size_t len;
};

#define RECORDS_MAX 1024

struct member {
    struct msk_raft *raft; /* NULL: not running */
    struct msk_digest id;
    uint64_t sequence, on_disk;
    /* what is on disk, and the records on their way there, oldest first */
    struct msk_hard_state disk;
    struct msk_log disk_log;
    struct msk_cursor disk_committed;
    struct msk_action in_flight[RECORDS_MAX];
    size_t in_flight_count;
};

/* How a caller's request ended. */
struct ended {
    int member;
    uint64_t request;
    enum msk_outcome outcome;
    uint64_t first, last, position;
    uint8_t result[64];
    size_t len;
};
#define ENDED_MAX 256

struct world {
    struct member members[WORLD_MAX + 1];
    int count;
    struct msk_raft_config config; /* of members yet to start */
    uint64_t now_ms;
    bool bonded[WORLD_MAX + 1][WORLD_MAX + 1], cut[WORLD_MAX + 1][WORLD_MAX + 1];
    uint64_t beat_ms[WORLD_MAX + 1][WORLD_MAX + 1]; /* the last one that came through */
    bool slow_disk;                                 /* records are written by disk(), not at once */
    struct parcel *parcels;
    size_t parcel_count, parcel_capacity;
    bool shown[MSK_EVENT_COUNT];
    struct msk_builder trace;
    uint64_t leader_terms[4096]; /* who led each term, to see that nobody else does */
    int two_leaders;
    struct ended ended[ENDED_MAX]; /* a ring */
    size_t ended_count;
    int unreadable; /* what this member has stored cannot be read again */
    size_t reads;
};

static inline struct msk_now world_now(const struct world *world)
{
    return (struct msk_now){.mono_ms = world->now_ms, .wall_ms = (int64_t)world->now_ms};
}

static inline const struct msk_digest *id_of(const struct world *world, int number)
{
    return &world->members[number].id;
}

static inline int number_of(const struct msk_digest *id)
{
    return id->bytes[4];
}

static inline struct msk_raft *raft_of(struct world *world, int number)
{
    return world->members[number].raft;
}

/* ---- a machine that takes any command, answers how many there were, and has no command that changes nothing: leaders
 * append nothing by themselves */

static inline int tally_create(void *context, void **state)
{
    (void)context;
    *state = msk_calloc(1, sizeof(uint64_t));
    return *state ? 0 : MSK_E_NOMEM;
}

static inline int tally_apply(void *state, const struct msk_machine_batch *batch)
{
    *(uint64_t *)state += batch->count;
    return 0;
}

static inline int tally_answer(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result)
{
    (void)ticket, (void)query;
    return msk_encode(MSK_TYPE(u64), state, result);
}

static inline int tally_snapshot(void *state, struct msk_builder *out)
{
    return msk_encode(MSK_TYPE(u64), state, out);
}

static inline int tally_restore(void *state, struct msk_bytes snapshot)
{
    struct msk_arena none;
    msk_arena_init(&none, 0);
    *(uint64_t *)state = 0;
    return snapshot.len ? msk_decode(MSK_TYPE(u64), snapshot, &none, state, NULL) : 0;
}

static const struct msk_machine tally = {.name = "tally",
                                         .result = MSK_TYPE(u64),
                                         .create = tally_create,
                                         .destroy = msk_free,
                                         .apply = tally_apply,
                                         .query_state = tally_answer,
                                         .snapshot = tally_snapshot,
                                         .restore = tally_restore};

/* ---- making one */

/* Ten digits that say the number, then whatever makes it a peer id: not all bytes are one (wire.md 1.1). */
static inline struct msk_digest make_id(int number)
{
    struct msk_digest id = {{0}}, decoded;
    struct msk_arena arena;
    id.bytes[4] = (uint8_t)number;
    msk_arena_init(&arena, 1000);
    while (msk_decode(MSK_TYPE(peer_id), MSK_BYTES(id.bytes, MSK_DIGEST_LEN), &arena, &decoded, NULL) < 0)
        id.bytes[5]++;
    msk_arena_free(&arena);
    return id;
}

static inline struct world *world_new(int count, uint32_t declared)
{
    static const enum msk_event_kind hidden[] = {
        MSK_EVENT_TERM_CHANGED,    MSK_EVENT_ROLE_CHANGED, MSK_EVENT_VOTE_RECEIVED,
        MSK_EVENT_APPEND_RECEIVED, MSK_EVENT_APPEND_ACKED, MSK_EVENT_SYNC_STARTED,
        MSK_EVENT_SYNC_DONE,       MSK_EVENT_STATE_DIGEST, MSK_EVENT_COMMITTEE_CHANGED};
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_true(count <= WORLD_MAX);
    world->count = count;
    world->now_ms = 1000000;
    world->config = (struct msk_raft_config){
        .heartbeat_interval_ms = 500,
        .election_timeout_ms = 2000,
        .election_timeout_jitter_ms = 500,
        .bootstrap_delay_ms = 3000,
        .members = declared,
        .machine = &tally,
    };
    for (int i = 1; i <= count; i++) {
        world->members[i].id = make_id(i);
        msk_log_init(&world->members[i].disk_log);
    }
    memset(world->shown, true, sizeof world->shown);
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        world->shown[hidden[i]] = false;
    msk_builder_init(&world->trace, 1u << 20);
    return world;
}

static inline void show(struct world *world, enum msk_event_kind kind)
{
    world->shown[kind] = true;
}

static inline void hide(struct world *world, enum msk_event_kind kind)
{
    world->shown[kind] = false;
}

/* ---- what raft wants done */

/* The ten digits of a member's id become its number. */
static inline void append_numbered(struct msk_builder *out, const char *text)
{
    while (*text) {
        if (strncmp(text, "00000000", 8) == 0) {
            msk_builder_printf(out, "%ld", strtol((char[]){text[8], text[9], 0}, NULL, 16));
            text += 10;
        } else {
            msk_builder_byte(out, (uint8_t)*text++);
        }
    }
}

static inline void tell(struct world *world, int number, const struct msk_event *event)
{
    struct msk_builder sentence;
    msk_builder_init(&sentence, 4096);
    msk_event_sentence(event, &sentence);
    assert_int_equal(sentence.error, 0);
    assert_null(strchr((char *)sentence.data, '?')); /* every brace has its field */
    if (world->shown[event->kind]) {
        msk_builder_printf(&world->trace, "%d ", number);
        append_numbered(&world->trace, (char *)sentence.data);
        msk_builder_byte(&world->trace, '\n');
    }
    msk_builder_free(&sentence);
}

/* One leader a term, whatever happens: noted after every step. */
static inline void note_leader(struct world *world, int number)
{
    const struct msk_raft *raft = raft_of(world, number);
    if (raft->role != MSK_ROLE_LEADER)
        return;
    assert_true(raft->hard.term < sizeof world->leader_terms / sizeof world->leader_terms[0]);
    uint64_t *leader = &world->leader_terms[raft->hard.term];
    if (*leader != 0 && *leader != (uint64_t)number)
        world->two_leaders++;
    *leader = (uint64_t)number;
}

static inline void post(struct world *world, int number, struct msk_action *action)
{
    int to = number_of(&action->raft.to);
    if (!world->bonded[number][to])
        return;
    if (world->parcel_count == world->parcel_capacity) {
        world->parcel_capacity = world->parcel_capacity ? world->parcel_capacity * 2 : 64;
        world->parcels = realloc(world->parcels, world->parcel_capacity * sizeof *world->parcels);
        assert_non_null(world->parcels);
    }
    world->parcels[world->parcel_count++] =
        (struct parcel){number, to, action->after, action->raft.data, action->raft.len};
    action->raft.data = NULL;
}

static inline void disk(struct world *world, int number);

static inline void note_end(struct world *world, int number, const struct msk_action *action)
{
    struct ended *ended = &world->ended[world->ended_count++ % ENDED_MAX];
    *ended = (struct ended){.member = number,
                            .request = action->reply.request,
                            .outcome = action->reply.outcome,
                            .first = action->reply.first,
                            .last = action->reply.last,
                            .position = action->reply.position,
                            .len = action->reply.len};
    assert_true(action->reply.len <= sizeof ended->result);
    if (action->reply.len)
        memcpy(ended->result, action->reply.result, action->reply.len);
}

static inline uint64_t sequence_of(const struct msk_action *action)
{
    return action->kind == MSK_ACTION_PERSIST  ? action->persist.sequence
           : action->kind == MSK_ACTION_APPEND ? action->append.sequence
                                               : action->snapshot.sequence;
}

static inline void write_record(struct member *member, struct msk_action *action)
{
    assert_true(action->kind == MSK_ACTION_PERSIST || action->kind == MSK_ACTION_APPEND);
    assert_int_equal(sequence_of(action), member->on_disk + member->in_flight_count + 1);
    assert_true(member->in_flight_count < RECORDS_MAX);
    member->in_flight[member->in_flight_count++] = *action;
    if (action->kind == MSK_ACTION_APPEND)
        action->append.data = NULL;
}

/* One record becomes part of what is on disk. */
static inline void store_record(struct member *member, const struct msk_action *action)
{
    if (action->kind == MSK_ACTION_PERSIST) {
        member->disk = action->persist.hard;
        return;
    }
    struct msk_bytes entries = MSK_BYTES(action->append.data, action->append.len);
    assert_true(action->append.first <= member->disk_log.count + 1);
    msk_log_truncate(&member->disk_log, action->append.first);
    assert_int_equal(msk_log_append_encoded(&member->disk_log, entries, action->append.count), 0);
    assert_true(action->append.committed.index <= member->disk_log.count);
    member->disk_committed = action->append.committed;
}

static inline void drop_records(struct member *member)
{
    while (member->in_flight_count > 0) {
        struct msk_action *action = &member->in_flight[--member->in_flight_count];
        if (action->kind == MSK_ACTION_APPEND)
            msk_free(action->append.data);
    }
}

static inline void perform(struct world *world, int number, struct msk_actions *actions);

/* What has left memory is still on the disk, unless the test says that it cannot be read. */
static inline void read_disk(struct world *world, int number, const struct msk_action *action)
{
    struct member *member = &world->members[number];
    struct msk_actions actions = {0};
    struct msk_builder found;
    uint64_t count = world->unreadable == number ? 0 : action->read.count, next = action->read.first;
    msk_builder_init(&found, MSK_LOG_BYTES_MAX);
    assert_true(next + action->read.count - 1 <= member->disk_log.count);
    for (uint64_t end = next + count; next < end;) {
        struct msk_bytes part;
        next += msk_log_encoded(&member->disk_log, next, end - 1, &part);
        msk_builder_append(&found, part.data, part.len);
    }
    world->reads++;
    msk_raft_entries_read(member->raft, world_now(world), action->read.number, (size_t)count, msk_builder_view(&found),
                          &actions);
    msk_builder_free(&found);
    perform(world, number, &actions);
}

static inline void perform(struct world *world, int number, struct msk_actions *actions)
{
    struct member *member = &world->members[number];
    assert_int_equal(actions->error, 0);
    for (size_t i = 0; i < actions->count; i++) {
        struct msk_action *action = &actions->items[i];
        if (action->kind == MSK_ACTION_EVENT) {
            tell(world, number, &action->event);
        } else if (action->kind == MSK_ACTION_RAFT) {
            post(world, number, action);
        } else if (action->kind == MSK_ACTION_REPLY) {
            note_end(world, number, action);
        } else if (action->kind == MSK_ACTION_READ) {
            read_disk(world, number, action);
        } else {
            write_record(member, action);
        }
    }
    msk_actions_free(actions);
    note_leader(world, number);
    if (!world->slow_disk)
        disk(world, number);
}

/* What is being written reaches the disk. */
static inline void disk(struct world *world, int number)
{
    struct member *member = &world->members[number];
    struct msk_actions actions = {0};
    if (member->in_flight_count == 0)
        return;
    for (size_t i = 0; i < member->in_flight_count; i++)
        store_record(member, &member->in_flight[i]);
    member->on_disk += member->in_flight_count;
    drop_records(member);
    msk_raft_persisted(member->raft, world_now(world), member->on_disk, &actions);
    perform(world, number, &actions);
}

/* ---- steps */

static inline int load_log(void *context, struct msk_log *log, struct msk_error *err)
{
    const struct member *member = context;
    (void)err;
    for (uint64_t index = 1; index <= member->disk_log.count;) {
        struct msk_bytes part;
        uint64_t count = msk_log_encoded(&member->disk_log, index, member->disk_log.count, &part);
        assert_int_equal(msk_log_append_encoded(log, part, count), 0);
        index += count;
    }
    return 0;
}

/* Starts with what is on its disk; `world->config` says how it behaves. */
static inline void start(struct world *world, int number)
{
    struct member *member = &world->members[number];
    struct msk_raft_config config = world->config;
    config.self = member->id;
    config.seed = (uint64_t)number * 1000 + world->now_ms;
    config.sequence = &member->sequence;
    assert_null(member->raft);
    member->sequence = member->on_disk;
    struct msk_saved saved = {
        .hard = member->disk, .committed = member->disk_committed, .load = load_log, .context = member};
    assert_int_equal(msk_raft_new(&config, &saved, world_now(world), &member->raft, NULL), 0);
}

static inline void bond_one_way(struct world *world, int number, int peer)
{
    struct msk_actions actions = {0};
    world->bonded[number][peer] = true;
    world->beat_ms[number][peer] = world->now_ms;
    msk_raft_bonded(raft_of(world, number), world_now(world), id_of(world, peer), &actions);
    perform(world, number, &actions);
}

static inline void bond(struct world *world, int a, int b)
{
    bond_one_way(world, a, b);
    bond_one_way(world, b, a);
}

/* Drop what is under way from one to the other. */
static inline void lose(struct world *world, int from, int to)
{
    size_t kept = 0;
    for (size_t i = 0; i < world->parcel_count; i++) {
        struct parcel *parcel = &world->parcels[i];
        if (parcel->from == from && parcel->to == to)
            msk_free(parcel->data);
        else
            world->parcels[kept++] = *parcel;
    }
    world->parcel_count = kept;
}

static inline void unbond_one_way(struct world *world, int number, int peer)
{
    struct msk_actions actions = {0};
    world->bonded[number][peer] = false;
    lose(world, number, peer);
    if (!raft_of(world, number))
        return;
    msk_raft_unbonded(raft_of(world, number), world_now(world), id_of(world, peer), &actions);
    perform(world, number, &actions);
}

static inline void unbond(struct world *world, int a, int b)
{
    unbond_one_way(world, a, b);
    unbond_one_way(world, b, a);
}

static inline void bond_all(struct world *world)
{
    for (int a = 1; a <= world->count; a++)
        for (int b = a + 1; b <= world->count; b++)
            bond(world, a, b);
}

/* All of them, started and bonded with each other. */
static inline void start_all(struct world *world)
{
    for (int i = 1; i <= world->count; i++)
        start(world, i);
    bond_all(world);
}

/* Its process is gone; its disk stays. The others notice by the silence, or at once by unbond_from_all. */
static inline void crash(struct world *world, int number)
{
    struct member *member = &world->members[number];
    msk_raft_free(member->raft);
    member->raft = NULL;
    drop_records(member);
    for (int i = 1; i <= world->count; i++) {
        lose(world, number, i);
        lose(world, i, number);
        world->bonded[number][i] = false;
    }
}

static inline void unbond_from_all(struct world *world, int number)
{
    for (int i = 1; i <= world->count; i++)
        if (world->bonded[i][number])
            unbond_one_way(world, i, number);
}

/* Nothing passes between the two, either way; the bonds do not know yet. */
static inline void cut_between(struct world *world, int a, int b)
{
    world->cut[a][b] = world->cut[b][a] = true;
}

static inline void isolate(struct world *world, int number)
{
    for (int i = 1; i <= world->count; i++)
        if (i != number)
            cut_between(world, number, i);
}

static inline void heal(struct world *world)
{
    memset(world->cut, 0, sizeof world->cut);
}

static inline int receive(struct world *world, int to, int from, const struct msk_raft_message *message)
{
    struct msk_actions actions = {0};
    int result = msk_raft_receive(raft_of(world, to), world_now(world), id_of(world, from), message, &actions);
    perform(world, to, &actions);
    return result;
}

/* What the parcel says; from the arena. */
static inline struct msk_raft_message read_parcel(const struct parcel *parcel, struct msk_arena *arena)
{
    struct msk_raft_message message;
    msk_arena_init(arena, 64u << 20);
    assert_int_equal(parcel->data[0], MSK_BOND_RAFT);
    assert_int_equal(
        msk_decode(MSK_TYPE(raft_message), MSK_BYTES(parcel->data + 1, parcel->len - 1), arena, &message, NULL), 0);
    return message;
}

static inline void deliver_parcel(struct world *world, size_t at)
{
    struct parcel parcel = world->parcels[at];
    struct msk_arena arena;
    world->parcel_count--;
    memmove(&world->parcels[at], &world->parcels[at + 1], (world->parcel_count - at) * sizeof parcel);
    struct msk_raft_message message = read_parcel(&parcel, &arena);
    if (world->bonded[parcel.to][parcel.from] && raft_of(world, parcel.to))
        assert_int_equal(receive(world, parcel.to, parcel.from, &message), 0);
    msk_arena_free(&arena);
    msk_free(parcel.data);
}

static inline bool may_leave(const struct world *world, const struct parcel *parcel)
{
    return !world->cut[parcel->from][parcel->to] && parcel->after <= world->members[parcel->from].on_disk;
}

/* Until nothing more can be delivered. */
static inline void deliver(struct world *world)
{
    size_t at = 0;
    for (int rounds = 0; at < world->parcel_count; rounds++) {
        assert_true(rounds < WORLD_ROUNDS_MAX);
        if (may_leave(world, &world->parcels[at])) {
            deliver_parcel(world, at);
            at = 0;
        } else {
            at++;
        }
    }
}

/* Only what goes from one to the other. */
static inline void deliver_between(struct world *world, int from, int to)
{
    for (size_t at = 0; at < world->parcel_count;) {
        struct parcel *parcel = &world->parcels[at];
        if (parcel->from == from && parcel->to == to && may_leave(world, parcel))
            deliver_parcel(world, at);
        else
            at++;
    }
}

static inline void beat(struct world *world)
{
    for (int a = 1; a <= world->count; a++)
        for (int b = 1; b <= world->count; b++)
            if (world->bonded[a][b] && world->bonded[b][a] && !world->cut[a][b] && raft_of(world, a)) {
                world->beat_ms[a][b] = world->now_ms;
                msk_raft_heard(raft_of(world, a), world_now(world), id_of(world, b));
            }
}

static inline void tick(struct world *world, int number)
{
    struct msk_actions actions = {0};
    msk_raft_tick(raft_of(world, number), world_now(world), &actions);
    perform(world, number, &actions);
}

/* Its election or heartbeat timer fires, after a beat from everybody within reach. Nothing is delivered yet. */
static inline void timer_of(struct world *world, int number)
{
    uint64_t deadline_ms = raft_of(world, number)->timer_ms;
    assert_true(deadline_ms != MSK_NEVER);
    if (deadline_ms > world->now_ms)
        world->now_ms = deadline_ms;
    beat(world);
    tick(world, number);
}

static inline void bury_dead_bonds(struct world *world)
{
    for (int a = 1; a <= world->count; a++)
        for (int b = 1; b <= world->count; b++)
            if (world->bonded[a][b] && world->now_ms - world->beat_ms[a][b] >= DEAD_MS)
                unbond_one_way(world, a, b);
}

static inline void form_bonds(struct world *world)
{
    for (int a = 1; a <= world->count; a++)
        for (int b = a + 1; b <= world->count; b++)
            if (!world->bonded[a][b] && !world->bonded[b][a] && !world->cut[a][b] && raft_of(world, a) &&
                raft_of(world, b))
                bond(world, a, b);
}

/* Everything as it comes for so long: beats, timers, deliveries; bonds die and form. */
static inline void run(struct world *world, uint64_t span_ms)
{
    uint64_t end_ms = world->now_ms + span_ms;
    for (int rounds = 0; world->now_ms < end_ms; rounds++) {
        assert_true(rounds < WORLD_ROUNDS_MAX);
        uint64_t next_ms = world->now_ms - world->now_ms % BEAT_MS + BEAT_MS;
        for (int i = 1; i <= world->count; i++)
            if (raft_of(world, i) && msk_raft_deadline(raft_of(world, i)) < next_ms)
                next_ms = msk_raft_deadline(raft_of(world, i));
        world->now_ms = next_ms > world->now_ms ? next_ms : world->now_ms;
        if (world->now_ms % BEAT_MS == 0) {
            beat(world);
            bury_dead_bonds(world);
            form_bonds(world);
        }
        for (int i = 1; i <= world->count; i++)
            if (raft_of(world, i) && msk_raft_deadline(raft_of(world, i)) <= world->now_ms)
                tick(world, i);
        deliver(world);
    }
}

/* ---- putting things in place */

/* Entries of one term behind those it has; their commands say where they stand. */
static inline void give(struct world *world, int number, uint64_t term, uint64_t count)
{
    struct msk_log *log = &raft_of(world, number)->log;
    for (uint64_t i = 0; i < count; i++) {
        char command[48];
        snprintf(command, sizeof command, "%llu of term %llu", (unsigned long long)log->count + 1,
                 (unsigned long long)term);
        assert_int_equal(msk_log_append(log, term, msk_bytes_of_text(command)), 0);
        assert_int_equal(msk_log_append(&world->members[number].disk_log, term, msk_bytes_of_text(command)), 0);
    }
    raft_of(world, number)->durable = log->count;
}

static inline void commit_to(struct world *world, int number, uint64_t index)
{
    struct msk_actions actions = {0};
    msk_raft_commit(raft_of(world, number), index, &actions);
    msk_actions_free(&actions);
}

/* Everybody has been in this term before it all begins. */
static inline void begin_in_term(struct world *world, uint64_t term)
{
    for (int i = 1; i <= world->count; i++)
        world->members[i].disk = (struct msk_hard_state){.term = term};
}

/* One leads the next term by everybody's vote; what was told about it is forgotten. */
static inline void elect(struct world *world, int number)
{
    timer_of(world, number);
    deliver(world);
    assert_int_equal(raft_of(world, number)->role, MSK_ROLE_LEADER);
    msk_builder_reset(&world->trace);
}

/* A leader takes one command (3.7). */
static inline void propose(struct world *world, int leader)
{
    struct msk_actions actions = {0};
    char command[64];
    snprintf(command, sizeof command, "%d at %llu", leader, (unsigned long long)world->now_ms);
    struct msk_bytes bytes = msk_bytes_of_text(command);
    assert_int_equal(msk_raft_propose(raft_of(world, leader), world_now(world), &bytes, 1, &actions), 0);
    perform(world, leader, &actions);
}

/* ---- what one sends as a stranger would */

static inline struct msk_raft_message request_vote(const struct world *world, int candidate, uint64_t term,
                                                   struct msk_cursor log)
{
    return (struct msk_raft_message){.kind = MSK_RAFT_REQUEST_VOTE,
                                     .request_vote = {term, *id_of(world, candidate), log}};
}

static inline struct msk_raft_message append(const struct world *world, int leader, uint64_t term,
                                             struct msk_cursor prev, uint64_t commit)
{
    return (struct msk_raft_message){
        .kind = MSK_RAFT_APPEND_ENTRIES,
        .append_entries = {.term = term, .leader = *id_of(world, leader), .prev = prev, .leader_commit = commit}};
}

static inline struct msk_cursor at(uint64_t term, uint64_t index)
{
    return (struct msk_cursor){term, index};
}

/* ---- what happened */

/* The lines told since the last look, all of them. */
static inline void expect(struct world *world, const char *lines)
{
    const char *told = world->trace.len ? (char *)world->trace.data : "";
    if (strcmp(told, lines) != 0)
        fail_msg("told:\n%sexpected:\n%s", told, lines);
    msk_builder_reset(&world->trace);
}

static inline void forget(struct world *world)
{
    msk_builder_reset(&world->trace);
}

static inline void expect_role(struct world *world, int number, enum msk_role role, uint64_t term)
{
    struct msk_raft_status status;
    msk_raft_status(raft_of(world, number), &status);
    assert_string_equal(msk_role_name(status.role), msk_role_name(role));
    assert_int_equal(status.term, term);
}

static inline void world_free(struct world *world)
{
    for (int i = 1; i <= world->count; i++)
        msk_raft_free(raft_of(world, i));
    for (int i = 1; i <= world->count; i++) {
        drop_records(&world->members[i]);
        msk_log_free(&world->members[i].disk_log);
    }
    for (size_t i = 0; i < world->parcel_count; i++)
        msk_free(world->parcels[i].data);
    free(world->parcels);
    msk_builder_free(&world->trace);
    free(world);
}

#endif
