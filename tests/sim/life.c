#include "life.h"

/* ---- modes */

const struct life_mode life_modes[] = {
    {.name = "members",
     .summary = "all declare the size of their group: nothing bad may ever happen",
     .rules = LIFE_MEMBERS,
     .faults = LIFE_FAULTS_ALL,
     .must = LIFE_MUST_ALL,
     .fixed_seeds = 50,
     .regressions = {97, 159}},
    {.name = "stock",
     .summary = "nobody does: a member keeps what it committed, and histories part only with a word",
     .rules = LIFE_STOCK,
     .faults = LIFE_FAULTS_ALL,
     .must = LIFE_MUST_KEEP | LIFE_MUST_TELL,
     .fixed_seeds = 20,
     .regressions = {44, 32, 68}},
    {.name = "resync",
     .summary = "nobody does, and whose history differs takes that of the group: in the end all agree",
     .rules = LIFE_STOCK,
     .resync = true,
     .faults = LIFE_FAULTS_ALL,
     .must = LIFE_MUST_KEEP | LIFE_MUST_TELL | LIFE_MUST_RECOVER,
     .fixed_seeds = 20,
     .regressions = {29, 56, 52, 118}},
    {.name = "calm",
     .summary = "nobody does, and nothing but slowness strikes: nothing is lost",
     .rules = LIFE_STOCK,
     .faults = LIFE_FAULTS_CALM,
     .must = LIFE_MUST_ALL & ~(LIFE_MUST_STORE | LIFE_MUST_LEAD_WHOLE),
     .fixed_seeds = 10},
    {.name = "mixed",
     .summary = "a minority goes by the reference's rules: ours keep what they committed",
     .rules = LIFE_MEMBERS,
     .mixed = true,
     .faults = LIFE_FAULTS_ALL,
     .must = LIFE_MUST_KEEP,
     .fixed_seeds = 20,
     .regressions = {71, 97}},
    {.name = "reference",
     .summary = "all go by the reference's rules: its weaknesses must show",
     .rules = LIFE_REFERENCE,
     .faults = LIFE_FAULTS_ALL,
     .fixed_seeds = 200,
     .regressions = {22}},
    {0},
};

const struct life_mode *life_mode_find(const char *name)
{
    for (const struct life_mode *mode = life_modes; mode->name; mode++)
        if (strcmp(mode->name, name) == 0)
            return mode;
    return NULL;
}

const char *const life_weakness_names[LIFE_WEAKNESSES] = {
    "W-1: one place, two acknowledged commands", "W-2: committed entries are overwritten",
    "W-4: equal ends of unequal logs", "W-7: two leaders in one term", "W-8: committed by counting, then lost"};

/* ---- what members are */

static void life_confused(struct sim_machine *machine, uint64_t index)
{
    life_break(machine->owner, "the machine of %d is told entry %llu behind %llu", machine->place,
               (unsigned long long)index, (unsigned long long)machine->state.applied);
}

/* Some wait longer before they stand, at most one of five never does. */
static enum msk_preference choose_preference(struct life *life, int place)
{
    if (life->mode->rules == LIFE_REFERENCE)
        return MSK_PREFER_NORMAL;
    if (place == LIFE_MEMBERS_MAX && life_below(life, 4) == 0)
        return MSK_PREFER_OBSERVER;
    return life_below(life, 8) ? MSK_PREFER_NORMAL : MSK_PREFER_RELUCTANT;
}

static void cast(struct life *life)
{
    bool slow = life_below(life, 4) == 0;
    int references = life->mode->mixed ? 1 + life_below(life, life->count / 2) : 0;
    for (int i = 1; i <= life->count; i++)
        life->seats[i] = (struct life_seat){.rules = i <= references ? LIFE_REFERENCE : life->mode->rules,
                                            .preference = choose_preference(life, i),
                                            .machine = {.owner = life,
                                                        .place = i,
                                                        .takes_time = slow && i > references,
                                                        .applied = life_applied,
                                                        .confused = life_confused}};
}

static void configure(struct life *life)
{
    struct msk_group_config *config = &life->config;
    *config = net_group_config(life->net, "simulated");
    config->heartbeat_interval_ms = config->raft.heartbeat_interval_ms = 100;
    config->heartbeat_jitter_ms = 30;
    config->max_missed_heartbeats = 4;
    config->raft.election_timeout_ms = 400;
    config->raft.election_timeout_jitter_ms = 200;
    config->raft.bootstrap_delay_ms = 300;
    config->raft.sync_batch_size = 1 + (uint64_t)life_below(life, 20);
    config->raft.machine = life_below(life, 2) ? &sim_machine_idle : &sim_machine_plain;
    config->raft.on_fork = life->mode->resync ? MSK_FORK_RESYNC : MSK_FORK_HALT;
}

/* A process knows only those commits of its predecessor that were stored. With --members the others make good for the
 * rest: whatever was committed is in a majority of logs. */
static void life_forget(struct life *life, int place)
{
    const struct net_place *where = &life->net->places[place];
    struct life_seat *seat = &life->seats[place];
    uint64_t knows = life_must(life, LIFE_MUST_STORE) ? where->disk_log.count : where->disk_committed.index;
    if (seat->kept <= knows)
        return;
    seat->kept = knows;
    life->forgot = true;
}

void life_start(struct life *life, int place)
{
    int others[LIFE_MEMBERS_MAX + 1], count = 0;
    struct msk_group_config config = life->config;
    struct life_seat *seat = &life->seats[place];
    for (int i = 1; i <= life->count; i++)
        if (i != place)
            others[count++] = i;
    others[count] = 0;
    config.raft.machine_context = &seat->machine;
    config.raft.preference = seat->preference;
    config.raft.members = seat->rules == LIFE_MEMBERS ? (uint32_t)life->count : 0;
    config.raft.reference_rules = seat->rules == LIFE_REFERENCE;
    uint64_t stored = life->net->places[place].disk_log.count;
    seat->seen = 0;
    life_forget(life, place);
    seat->halted = false;
    for (int i = 1; i <= life->count; i++)
        if (life->matched[place][i] > stored)
            life->matched[place][i] = life->matched[i][place] = stored;
    net_start(life->net, place, others);
    net_join(life->net, place, &config);
}

/* ---- life */

static void begin(struct life *life, const struct life_mode *mode, uint64_t seed)
{
    static const int sizes[] = {3, 3, 5};
    memset(life, 0, sizeof *life);
    life->mode = mode;
    msk_random_seed(&life->random, seed);
    life->count = sizes[life_below(life, 3)];
    life->net = net_new(seed);
    life->net->context = life;
    life->net->replied = life_replied;
    life->net->happened = life_happened;
    life->net->disk_ms = (uint64_t)life_below(life, 30);
    life->net->delay_ms = 1 + (uint64_t)life_below(life, 10);
    life->net->jitter_ms = (uint64_t)life_below(life, 20);
    life->net->loss = life_below(life, 3) ? 0 : 0.02;
    for (unsigned kind = 1; kind <= LIFE_FAULTS_ALL; kind <<= 1) /* not all of them in every life */
        life->faults |= life_below(life, 4) ? kind & mode->faults : 0;
    configure(life);
    cast(life);
    for (int i = 1; i <= life->count; i++)
        life_start(life, i);
}

void life_break(struct life *life, const char *format, ...)
{
    char *broken = life->result.broken;
    va_list args;
    if (broken[0])
        return;
    int len = snprintf(broken, sizeof life->result.broken, "at %llu ms: ", (unsigned long long)life->net->now_ms);
    va_start(args, format);
    vsnprintf(broken + len, sizeof life->result.broken - (size_t)len, format, args);
    va_end(args);
    tale_add(&life->tale, life->net, "*** %s", broken);
}

/* Machines that take their time are done some steps later. */
static void machines_work(struct life *life)
{
    for (int i = 1; i <= life->count; i++) {
        struct net_place *place = &life->net->places[i];
        if (!place->node || place->paused || !life->seats[i].machine.busy || life_below(life, 3))
            continue;
        life->seats[i].machine.busy = false;
        msk_node_machine_applied(place->node, net_now(life->net, i), &life->config.id, 0, &place->actions);
        net_execute(life->net, i);
    }
}

static void step(struct life *life)
{
    net_run_for(life->net, 1 + (uint64_t)life_below(life, LIFE_STEP_MAX_MS));
    machines_work(life);
    life_check(life);
}

/* The reference breaks many things in one life, ours nothing. */
static bool is_over(const struct life *life)
{
    return life->result.broken[0] && life->mode->rules != LIFE_REFERENCE;
}

/* Something happens to somebody every other moment; between the storms it is calm. */
static void trouble(struct life *life)
{
    uint64_t end_ms = life->net->now_ms + LIFE_TROUBLE_MS;
    while (life->net->now_ms < end_ms && !is_over(life)) {
        if (life_below(life, 40) == 0)
            life_fault(life);
        if (life_below(life, 4) == 0)
            life_execute(life);
        if (life_below(life, 10) == 0)
            life_read(life);
        step(life);
    }
}

/* Everything stops troubling: soon there is a leader, what callers want is done, and all members have all of it. */
static void recover(struct life *life)
{
    uint64_t begin_ms = life->net->now_ms, before = life->result.counts.acknowledged;
    uint64_t limit_ms = life_must(life, LIFE_MUST_RECOVER) ? LIFE_RECOVERY_MS : LIFE_SETTLE_MS;
    tale_add(&life->tale, life->net, "the trouble is over");
    life_heal(life);
    for (int i = 1; i <= life->count; i++)
        if (!life->net->places[i].node)
            life_start(life, i);
    uint64_t least_ms = life_must(life, LIFE_MUST_AGREE) ? 0 : LIFE_PARTED_MS; /* to find out who differs */
    while (life->net->now_ms < begin_ms + limit_ms && !life->result.broken[0]) {
        bool waits = life->net->now_ms < begin_ms + least_ms || life->result.counts.acknowledged == before;
        if (life_below(life, 20) == 0) /* what earlier leaders left is committed with the next command */
            life_execute(life);
        step(life);
        if (!waits && life_is_well(life))
            break;
    }
    life->result.recovery_ms = life->net->now_ms - begin_ms;
    if (life_must(life, LIFE_MUST_RECOVER) && life->result.counts.acknowledged == before)
        life_break(life, "no command is executed after the trouble");
    life_check_end(life);
}

void life_run(const struct life_mode *mode, uint64_t seed, size_t lines, FILE *to, struct life_result *out)
{
    struct life *life = malloc(sizeof *life);
    assert_non_null(life);
    struct tale tale;
    tale_begin(&tale, lines);
    begin(life, mode, seed);
    life->tale = tale;
    trouble(life);
    if (mode->rules != LIFE_REFERENCE)
        recover(life);
    if (lines)
        tale_print(&life->tale, to);
    *out = life->result;
    tale_end(&life->tale);
    net_free(life->net);
    free(life);
}
