/* What strikes. Dropped, repeated and reordered packets are no faults of their own: QUIC delivers the frames of a bond
 * once and in order, so these show as delay (msk net's loss and jitter) and, when they last, as the end of the bond. */
#include "life.h"

#define DELAY_MAX_MS  300
#define STALL_MAX_MS  300
#define NOTICE_MAX_MS 500   /* an end notices that its bond is lost */
#define STEP_MAX_MS   20000 /* of a wall clock: more than a minute apart peers refuse each other (wire.md 4) */
#define DRIFT_MAX_PPM 20000 /* of a monotonic clock: two in a hundred */

static void note(struct life *life, const char *what, int a, int b)
{
    if (b)
        tale_add(&life->tale, life->net, "--- %s %d %d", what, a, b);
    else if (a)
        tale_add(&life->tale, life->net, "--- %s %d", what, a);
    else
        tale_add(&life->tale, life->net, "--- %s", what);
}

/* ---- processes */

static void dies_or_returns(struct life *life)
{
    int place = life_someone(life);
    if (!life->net->places[place].node) {
        note(life, "start", place, 0);
        life_start(life, place);
        return;
    }
    note(life, "crash", place, 0);
    life->result.counts.crashes++;
    net_write_unnoticed(life->net, place, (size_t)life_below(life, 3));
    net_kill(life->net, place);
    life_callers_die(life, place);
    life->seats[place].machine.busy = false;
}

static void resume(struct life *life, int place)
{
    life->net->places[place].paused = false;
    if (life->seats[place].suspended)
        net_set_rate(life->net, place, NET_CLOCK_PPM);
    life->seats[place].suspended = false;
}

static void pauses_or_goes_on(struct life *life)
{
    int place = life_someone(life);
    if (!life->net->places[place].node)
        return;
    note(life, life->net->places[place].paused ? "resume" : "pause", place, 0);
    if (life->net->places[place].paused)
        resume(life, place);
    else
        life->net->places[place].paused = true;
}

/* The monotonic clock does not run while the machine sleeps. */
static void falls_asleep(struct life *life)
{
    int place = life_someone(life);
    if (!life->net->places[place].node || life->net->places[place].paused)
        return;
    note(life, "suspend", place, 0);
    life->net->places[place].paused = life->seats[place].suspended = true;
    net_set_rate(life->net, place, 0);
}

/* ---- ways */

static void pair_parts(struct life *life)
{
    int a = life_someone(life), b = life_someone(life);
    if (a == b)
        return;
    note(life, life->net->cut[a][b] ? "join" : "cut", a, b);
    net_cut(life->net, a, b, !life->net->cut[a][b]);
}

static void one_way_parts(struct life *life)
{
    int a = life_someone(life), b = life_someone(life);
    if (a == b)
        return;
    note(life, life->net->cut[a][b] ? "join the way" : "cut the way", a, b);
    life->net->cut[a][b] = !life->net->cut[a][b];
}

/* Two sides; now and then one still hears the other. */
static void sides_part(struct life *life)
{
    int side = life_below(life, 1 << life->count);
    bool hears = life_below(life, 4) == 0;
    tale_add(&life->tale, life->net, "--- sides part, 1 to %d: %x of bits%s", life->count, (unsigned)side,
             hears ? ", which still hear the others" : "");
    for (int a = 1; a <= life->count; a++)
        for (int b = 1; b <= life->count; b++) {
            bool from = side >> (a - 1) & 1, to = side >> (b - 1) & 1;
            life->net->cut[a][b] = from != to && !(hears && to);
        }
}

static void bond_breaks(struct life *life)
{
    int a = life_someone(life), b = life_someone(life);
    if (a == b)
        return;
    note(life, "break", a, b);
    net_break(life->net, a, b, NOTICE_MAX_MS);
}

static void way_slows(struct life *life)
{
    int a = life_someone(life), b = life_someone(life);
    note(life, life->net->slow_ms[a][b] ? "fast" : "slow", a, b);
    life->net->slow_ms[a][b] = life->net->slow_ms[a][b] ? 0 : 1 + (uint64_t)life_below(life, DELAY_MAX_MS);
}

/* ---- disks, clocks */

static void disk_stalls(struct life *life)
{
    int place = life_someone(life);
    uint64_t *stall_ms = &life->net->places[place].disk_stall_ms;
    note(life, *stall_ms ? "fast disk" : "slow disk", place, 0);
    *stall_ms = *stall_ms ? 0 : 1 + (uint64_t)life_below(life, STALL_MAX_MS);
}

static void wall_clock_steps(struct life *life)
{
    int place = life_someone(life);
    note(life, "step the wall clock of", place, 0);
    life->net->places[place].clock_skew_ms = life_below(life, 2 * STEP_MAX_MS) - STEP_MAX_MS;
}

static void clock_drifts(struct life *life)
{
    int place = life_someone(life);
    if (life->seats[place].suspended)
        return;
    note(life, "another rate of the clock of", place, 0);
    net_set_rate(life->net, place, (uint32_t)(NET_CLOCK_PPM - DRIFT_MAX_PPM + life_below(life, 2 * DRIFT_MAX_PPM)));
}

static void takes_snapshot(struct life *life)
{
    int number = life_someone(life);
    struct net_place *place = &life->net->places[number];
    if (!place->node || place->paused || life->seats[number].rules == LIFE_REFERENCE)
        return;
    note(life, "snapshot", number, 0);
    msk_node_snapshot(place->node, net_now(life->net, number), &life->config.id, &place->actions);
    net_execute(life->net, number);
}

/* ---- all of them */

static const struct {
    unsigned kind;
    int weight;
    void (*strike)(struct life *life);
} faults[] = {
    {LIFE_FAULT_CRASH, 4, dies_or_returns}, {LIFE_FAULT_PAUSE, 4, pauses_or_goes_on},
    {LIFE_FAULT_PAUSE, 1, falls_asleep},    {LIFE_FAULT_PART, 3, pair_parts},
    {LIFE_FAULT_PART, 1, one_way_parts},    {LIFE_FAULT_PART, 4, sides_part},
    {LIFE_FAULT_BREAK, 2, bond_breaks},     {LIFE_FAULT_SLOW, 2, way_slows},
    {LIFE_FAULT_DISK, 2, disk_stalls},      {LIFE_FAULT_CLOCK, 1, wall_clock_steps},
    {LIFE_FAULT_CLOCK, 1, clock_drifts},    {LIFE_FAULT_SNAPSHOT, 1, takes_snapshot},
    {LIFE_FAULTS_ALL, 8, life_heal},
};
#define FAULTS (sizeof faults / sizeof faults[0])

void life_heal(struct life *life)
{
    note(life, "heal", 0, 0);
    memset(life->net->cut, 0, sizeof life->net->cut);
    memset(life->net->slow_ms, 0, sizeof life->net->slow_ms);
    for (int i = 1; i <= life->count; i++) {
        resume(life, i);
        life->net->places[i].disk_stall_ms = 0;
    }
}

void life_fault(struct life *life)
{
    int total = 0, chosen;
    for (size_t i = 0; i < FAULTS; i++)
        total += life->faults & faults[i].kind ? faults[i].weight : 0;
    chosen = life_below(life, total);
    for (size_t i = 0; i < FAULTS && total > 0; i++) {
        chosen -= life->faults & faults[i].kind ? faults[i].weight : 0;
        if (chosen < 0) {
            life->result.counts.faults++;
            faults[i].strike(life);
            return;
        }
    }
}
