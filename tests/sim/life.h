/* life.h: the life of one group in the simulator: its members, its callers, its troubles, and what must hold. */
#ifndef MSK_TESTS_LIFE_H
#define MSK_TESTS_LIFE_H

#include "../unit/node_net.h"

#define LIFE_MEMBERS_MAX  5
#define LIFE_TROUBLE_MS   40000
#define LIFE_RECOVERY_MS  60000 /* within which everything is well again once the trouble is over */
#define LIFE_STEP_MS      20
#define LIFE_ENTRIES_MAX  4096
#define LIFE_REQUESTS_MAX 2048
#define LIFE_TERMS_MAX    4096

#define LIFE_COMMAND_SIZE 16

/* What the reference is known to do wrong (groups.md 7). */
enum { LIFE_W1, LIFE_W2, LIFE_W4, LIFE_W7, LIFE_W8, LIFE_WEAKNESSES };
static const char *const life_weakness_names[] = {
    "W-1: one place, two acknowledged commands", "W-2: committed entries are overwritten",
    "W-4: equal ends of unequal logs", "W-7: two leaders in one term", "W-8: committed by counting, then lost"};

struct life_entry {
    bool known, by_counting; /* by_counting: a leader committed it in a later term than its own */
    uint64_t term;
    size_t len;
    uint8_t command[LIFE_COMMAND_SIZE];
};

struct life_request {
    int place;
    bool ended, reads, acknowledged;
    char command[LIFE_COMMAND_SIZE];
    uint64_t floor; /* a read: what it must see */
    uint64_t index;
};

struct life_counts {
    unsigned elections, commits, acknowledged, uncertain, reads, crashes;
};

struct life {
    struct net *net;
    struct msk_random random;
    struct msk_group_config config;
    int count;
    bool reference;
    struct life_entry history[LIFE_ENTRIES_MAX]; /* what was ever committed, by index */
    uint64_t seen[LIFE_MEMBERS_MAX + 1];         /* of each member, compared with the history up to here */
    int leaders[LIFE_TERMS_MAX];
    struct life_request requests[LIFE_REQUESTS_MAX];
    size_t request_count;
    uint64_t acknowledged; /* the highest index of an acknowledged command */
    struct life_counts counts;
    bool weaknesses[LIFE_WEAKNESSES];
    char broken[256]; /* the first thing that must never happen */
};

static inline void life_break(struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void life_break(struct life *life, const char *format, ...)
{
    va_list args;
    if (life->broken[0])
        return;
    int len = snprintf(life->broken, sizeof life->broken, "at %llu ms: ", (unsigned long long)life->net->now_ms);
    va_start(args, format);
    vsnprintf(life->broken + len, sizeof life->broken - (size_t)len, format, args);
    va_end(args);
}

static inline int life_below(struct life *life, int bound)
{
    return (int)msk_random_below(&life->random, (uint64_t)bound);
}

static inline int life_someone(struct life *life)
{
    return 1 + life_below(life, life->count);
}

static inline bool life_runs(const struct life *life, int place)
{
    return life->net->places[place].node && !life->net->places[place].paused;
}

/* ---- what members tell */

static inline void life_leads(struct life *life, int place, uint64_t term, bool by_abstention)
{
    assert_true(term < LIFE_TERMS_MAX);
    life->counts.elections++;
    if (life->leaders[term] && life->leaders[term] != place) {
        life->weaknesses[LIFE_W7] |= by_abstention;
        life_break(life, "%d and %d both lead term %d", life->leaders[term], place, (int)term);
    }
    life->leaders[term] = place;
}

static inline const struct msk_field *life_field(const struct msk_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strcmp(event->fields[i].name, name) == 0)
            return &event->fields[i];
    return NULL;
}

static inline void life_happened(struct net *net, int place, const struct msk_event *event)
{
    struct life *life = net->context;
    if (event->kind == MSK_EVENT_ELECTION_WON)
        life_leads(life, place, life_field(event, "term")->u64, life_field(event, "abstained")->u64 > 0);
    if (event->kind == MSK_EVENT_COMMIT_ADVANCED)
        life->counts.commits++;
    if (event->kind == MSK_EVENT_LOG_TRUNCATED &&
        life_field(event, "from")->u64 <= life_field(event, "committed")->cursor.index) {
        life->weaknesses[LIFE_W2] = true;
        life_break(life, "%d cuts its log from %d, which is committed", place, (int)life_field(event, "from")->u64);
    }
    if (event->kind == MSK_EVENT_FORK_SUSPECTED && life_field(event, "ours")->cursor.index > 0 && !life->reference)
        life_break(life, "%d suspects a fork", place);
}

static inline void life_replied(struct net *net, int place, const struct msk_action *action)
{
    struct life *life = net->context;
    size_t number = (size_t)action->reply.request;
    assert_true(number < life->request_count);
    struct life_request *request = &life->requests[number];
    if (request->ended)
        life_break(life, "request %d of %d ends twice", (int)number, place);
    request->ended = true;
    if (action->reply.outcome == MSK_OUTCOME_ANSWERED) {
        life->counts.reads++;
        if (action->reply.position < request->floor && !life->reference)
            life_break(life, "%d reads at %d what is older than %d", place, (int)action->reply.position,
                       (int)request->floor);
    }
    if (action->reply.outcome == MSK_OUTCOME_LOST || action->reply.outcome == MSK_OUTCOME_UNKNOWN)
        life->counts.uncertain++;
    if (action->reply.outcome != MSK_OUTCOME_COMMITTED)
        return;
    for (size_t i = 0; i < life->request_count; i++)
        if (life->requests[i].acknowledged && life->requests[i].index == action->reply.last) {
            life->weaknesses[LIFE_W1] = true;
            life_break(life, "two commands are acknowledged at %d", (int)action->reply.last);
        }
    request->acknowledged = true;
    request->index = action->reply.last;
    life->counts.acknowledged++;
    if (request->index > life->acknowledged)
        life->acknowledged = request->index;
}

/* ---- what must hold */

static inline void life_compare(struct life *life, int place, uint64_t index, const struct msk_log_entry *entry,
                                uint64_t term)
{
    struct life_entry *known = &life->history[index];
    size_t len = entry->command.len < LIFE_COMMAND_SIZE ? entry->command.len : LIFE_COMMAND_SIZE;
    if (!known->known) {
        *known = (struct life_entry){.known = true, .by_counting = entry->term < term, .term = entry->term, .len = len};
        if (len)
            memcpy(known->command, entry->command.data, len);
        return;
    }
    if (known->term == entry->term && known->len == len &&
        (len == 0 || memcmp(known->command, entry->command.data, len) == 0))
        return;
    if (known->by_counting)
        life->weaknesses[LIFE_W8] = true;
    life_break(life, "%d has committed another entry %d (term %d) than was committed before (term %d)", place,
               (int)index, (int)entry->term, (int)known->term);
}

/* Committed entries never change. */
static inline void life_check_commits(struct life *life, int place)
{
    struct msk_node *node = life->net->places[place].node;
    struct msk_group_view view = net_view(life->net, place, &life->config.id);
    assert_true(view.raft.committed.index < LIFE_ENTRIES_MAX);
    uint64_t index = view.raft.committed.index < life->seen[place] ? 0 : life->seen[place];
    while (++index <= view.raft.committed.index) {
        struct msk_log_entry entry;
        if (!msk_node_entry(node, &life->config.id, index, &entry)) {
            if (!life->reference)
                life_break(life, "%d lacks its committed entry %d", place, (int)index);
            return;
        }
        bool leads = view.raft.role == MSK_ROLE_LEADER;
        life_compare(life, place, index, &entry, leads ? view.raft.term : entry.term);
    }
    life->seen[place] = view.raft.committed.index;
}

/* Where two logs have an entry of the same term, all before it are equal. */
static inline void life_check_logs(struct life *life, int a, int b)
{
    struct msk_log_entry one, other;
    bool equal = false;
    struct msk_node *nodes[] = {life->net->places[a].node, life->net->places[b].node};
    uint64_t index = net_view(life->net, a, &life->config.id).raft.log.index;
    for (; index > 0; index--) {
        if (!msk_node_entry(nodes[0], &life->config.id, index, &one) ||
            !msk_node_entry(nodes[1], &life->config.id, index, &other))
            continue;
        bool same = one.term == other.term && msk_bytes_equal(one.command, other.command);
        if (equal && !same) {
            life->weaknesses[LIFE_W4] = true;
            life_break(life, "the logs of %d and %d agree behind %d, but not there", a, b, (int)index);
            return;
        }
        equal = equal || one.term == other.term;
    }
}

static inline void life_check(struct life *life)
{
    for (int a = 1; a <= life->count; a++)
        if (life->net->places[a].node)
            life_check_commits(life, a);
    if (life->net->now_ms % 500 >= LIFE_STEP_MS)
        return;
    for (int a = 1; a <= life->count; a++)
        for (int b = a + 1; b <= life->count; b++)
            if (life->net->places[a].node && life->net->places[b].node)
                life_check_logs(life, a, b);
}

/* ---- troubles */

static inline void life_start(struct life *life, int place)
{
    int others[LIFE_MEMBERS_MAX + 1], count = 0;
    for (int i = 1; i <= life->count; i++)
        if (i != place)
            others[count++] = i;
    others[count] = 0;
    life->seen[place] = 0;
    net_start(life->net, place, others);
    net_join(life->net, place, &life->config);
}

static inline void life_dies_or_returns(struct life *life)
{
    int place = life_someone(life);
    if (life->net->places[place].node) {
        life->counts.crashes++;
        net_kill(life->net, place);
        for (size_t i = 0; i < life->request_count; i++)
            if (life->requests[i].place == place)
                life->requests[i].ended = true; /* its callers died with it */
    } else {
        life_start(life, place);
    }
}

static inline void life_pauses(struct life *life)
{
    struct net_place *place = &life->net->places[life_someone(life)];
    if (place->node)
        place->paused = !place->paused;
}

static inline void life_pair_breaks(struct life *life)
{
    int a = life_someone(life), b = life_someone(life);
    if (a != b)
        net_cut(life->net, a, b, !life->net->cut[a][b]);
}

static inline void life_parts(struct life *life)
{
    int sides = 1 << life->count, side = life_below(life, sides);
    for (int a = 1; a <= life->count; a++)
        for (int b = a + 1; b <= life->count; b++)
            net_cut(life->net, a, b, (side >> (a - 1) & 1) != (side >> (b - 1) & 1));
}

static inline void life_heals(struct life *life)
{
    memset(life->net->cut, 0, sizeof life->net->cut);
    for (int i = 1; i <= life->count; i++)
        life->net->places[i].paused = false;
}

/* ---- callers */

static inline void life_executes(struct life *life)
{
    int place = life_someone(life);
    if (!life_runs(life, place) || life->request_count == LIFE_REQUESTS_MAX)
        return;
    struct life_request *request = &life->requests[life->request_count];
    *request = (struct life_request){.place = place};
    snprintf(request->command, sizeof request->command, "\x07%07d", (int)life->request_count);
    struct msk_bytes command = MSK_BYTES(request->command, 8);
    struct net_place *where = &life->net->places[place];
    assert_int_equal(msk_node_execute(where->node, net_now(life->net, place), &life->config.id, life->request_count++,
                                      &command, 1, 5000, &where->actions),
                     0);
    net_execute(life->net, place);
}

/* What a strong read must see: everything acknowledged before (W-10). */
static inline uint64_t life_read_floor(const struct life *life)
{
    uint64_t floor = 0;
    for (size_t i = 0; i < life->request_count; i++)
        if (life->requests[i].acknowledged && life->requests[i].index > floor)
            floor = life->requests[i].index;
    return floor;
}

static inline void life_reads(struct life *life)
{
    int place = life_someone(life);
    if (!life_runs(life, place) || life->request_count == LIFE_REQUESTS_MAX)
        return;
    life->requests[life->request_count] =
        (struct life_request){.place = place, .reads = true, .floor = life_read_floor(life)};
    struct net_place *where = &life->net->places[place];
    assert_int_equal(msk_node_query(where->node, net_now(life->net, place), &life->config.id, life->request_count++,
                                    MSK_BYTES("\0", 1), true, &where->actions),
                     0);
    net_execute(life->net, place);
}

/* ---- life */

static inline void life_begin(struct life *life, uint64_t seed, bool reference)
{
    static const int sizes[] = {3, 3, 5};
    memset(life, 0, sizeof *life);
    msk_random_seed(&life->random, seed);
    life->reference = reference;
    life->count = sizes[life_below(life, 3)];
    life->net = net_new(seed);
    life->net->context = life;
    life->net->replied = life_replied;
    life->net->happened = life_happened;
    life->net->disk_ms = (uint64_t)life_below(life, 30);
    life->net->delay_ms = 1 + (uint64_t)life_below(life, 10);
    life->net->jitter_ms = (uint64_t)life_below(life, 20);
    life->net->loss = life_below(life, 3) ? 0 : 0.02;
    life->config = net_group_config(life->net, "simulated");
    life->config.heartbeat_interval_ms = 100;
    life->config.heartbeat_jitter_ms = 30;
    life->config.max_missed_heartbeats = 4;
    life->config.raft.election_timeout_ms = 400;
    life->config.raft.election_timeout_jitter_ms = 200;
    life->config.raft.bootstrap_delay_ms = 300;
    life->config.raft.sync_batch_size = 1 + (uint64_t)life_below(life, 20);
    life->config.raft.machine = life_below(life, 2) ? &msk_machine_noop : &msk_machine_lines;
    life->config.raft.members = reference ? 0 : (uint32_t)life->count;
    life->config.raft.reference_rules = reference;
    for (int i = 1; i <= life->count; i++)
        life_start(life, i);
}

static inline void life_step(struct life *life)
{
    net_run_for(life->net, LIFE_STEP_MS);
    life_check(life);
}

/* Something happens to somebody every other moment; between the storms it is calm. */
static inline void life_trouble(struct life *life)
{
    static void (*const troubles[])(struct life *) = {life_dies_or_returns, life_pauses, life_pair_breaks,
                                                      life_parts,           life_heals,  life_heals};
    uint64_t end_ms = life->net->now_ms + LIFE_TROUBLE_MS;
    while (life->net->now_ms < end_ms && !(life->broken[0] && !life->reference)) {
        if (life_below(life, 40) == 0)
            troubles[life_below(life, 6)](life);
        if (life_below(life, 4) == 0)
            life_executes(life);
        if (life_below(life, 10) == 0)
            life_reads(life);
        life_step(life);
    }
}

static inline bool life_is_well(struct life *life, uint64_t index)
{
    for (int i = 1; i <= life->count; i++) {
        struct msk_group_view view = net_view(life->net, i, &life->config.id);
        if (!view.raft.online || view.raft.committed.index < index || view.raft.applied < index)
            return false;
    }
    return net_leader(life->net, life->count, &life->config.id) != 0;
}

/* Everything stops troubling: soon there is a leader, what callers want is done, and all members have all of it. */
static inline void life_recover(struct life *life)
{
    uint64_t end_ms = life->net->now_ms + LIFE_RECOVERY_MS;
    life_heals(life);
    for (int i = 1; i <= life->count; i++)
        if (!life->net->places[i].node)
            life_start(life, i);
    unsigned before = life->counts.acknowledged;
    while (life->net->now_ms < end_ms && !life->broken[0]) {
        if (life->counts.acknowledged == before && life_below(life, 20) == 0)
            life_executes(life);
        life_step(life);
        if (life->counts.acknowledged > before && life_is_well(life, life->acknowledged))
            break;
    }
    if (life->counts.acknowledged == before)
        life_break(life, "no command is executed after the trouble");
    else if (!life_is_well(life, life->acknowledged))
        life_break(life, "not everybody has recovered");
    for (size_t i = 0; i < life->request_count; i++) {
        const struct life_request *request = &life->requests[i];
        const struct life_entry *entry = &life->history[request->index];
        if (request->acknowledged && (!entry->known || memcmp(entry->command, request->command, 8) != 0))
            life_break(life, "the acknowledged command %d is not at %d", (int)i, (int)request->index);
    }
}

static inline void life_end(struct life *life, struct life_counts *counts)
{
    counts->elections += life->counts.elections;
    counts->commits += life->counts.commits;
    counts->acknowledged += life->counts.acknowledged;
    counts->uncertain += life->counts.uncertain;
    counts->reads += life->counts.reads;
    counts->crashes += life->counts.crashes;
    net_free(life->net);
}

#endif
