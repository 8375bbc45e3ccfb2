/* life.h: the life of one group in the simulator: its members, its callers, its troubles, and what must hold.
 *
 * A life is whole nodes (core/node.h) on the network of node_net.h, in virtual time; one seed decides all of it. It
 * ends well, or `broken` says what happened that must not. docs/simulator.md tells how to use it. */
#ifndef MSK_TESTS_SIM_LIFE_H
#define MSK_TESTS_SIM_LIFE_H

#include "machine.h"
#include "tale.h"

#define LIFE_MEMBERS_MAX  5
#define LIFE_TROUBLE_MS   40000
#define LIFE_RECOVERY_MS  60000 /* within which everything is well again once the trouble is over */
#define LIFE_SETTLE_MS    20000 /* after which those that need not be have said what they have to say */
#define LIFE_PARTED_MS    10000 /* within which members whose histories differ find that out */
#define LIFE_STEP_MAX_MS  40    /* between two looks at everything */
#define LIFE_ENTRIES_MAX  8192
#define LIFE_REQUESTS_MAX 2048
#define LIFE_TERMS_MAX    4096
#define LIFE_BATCH_MAX    3 /* commands in one request */
#define LIFE_COMMAND_SIZE 16

/* ---- modes: who plays by which rules, what may strike, what must hold */

enum life_rules {
    LIFE_MEMBERS,  /* --members: the size of the group is declared */
    LIFE_STOCK,    /* without; the defences that cost no liveness are on */
    LIFE_REFERENCE /* the reference's own rules (msk_raft_config.reference_rules) */
};

enum {
    LIFE_FAULT_PART = 1 << 0,    /* ways are cut, one or both, of one pair or between sides */
    LIFE_FAULT_CRASH = 1 << 1,   /* what is not on disk is lost */
    LIFE_FAULT_PAUSE = 1 << 2,   /* a process, or its whole machine with its clock, stands still */
    LIFE_FAULT_BREAK = 1 << 3,   /* a bond is lost with all that was on its way */
    LIFE_FAULT_SLOW = 1 << 4,    /* one way takes longer */
    LIFE_FAULT_DISK = 1 << 5,    /* a disk takes longer */
    LIFE_FAULT_CLOCK = 1 << 6,   /* wall clocks are stepped, monotonic ones run unequally */
    LIFE_FAULT_SNAPSHOT = 1 << 7 /* no fault: the state of a machine is stored */
};
#define LIFE_FAULTS_ALL  0xff
#define LIFE_FAULTS_CALM (LIFE_FAULT_SLOW | LIFE_FAULT_DISK | LIFE_FAULT_CLOCK | LIFE_FAULT_SNAPSHOT)

enum {
    LIFE_MUST_LEAD_ALONE = 1 << 0, /* one leader a term */
    LIFE_MUST_MATCH = 1 << 1,      /* where two logs have an entry of one term, all before it is equal */
    LIFE_MUST_AGREE = 1 << 2,      /* a committed entry is the same everywhere, and so is what machines make of it */
    LIFE_MUST_KEEP = 1 << 3,       /* no member changes what it committed, unless it says that it takes all anew */
    LIFE_MUST_ANSWER = 1 << 4,     /* what was acknowledged stays, strong reads see it */
    LIFE_MUST_STORE = 1 << 5,      /* what is committed is on the disks of a majority */
    LIFE_MUST_TELL = 1 << 6,       /* where members part for good, one of them has said so */
    LIFE_MUST_RECOVER = 1 << 7,    /* once the trouble is over the group works, and all have everything */
    LIFE_MUST_LEAD_WHOLE = 1 << 8  /* nobody leads without all that is committed */
};
#define LIFE_MUST_ALL 0x1ff

struct life_mode {
    const char *name, *summary;
    enum life_rules rules;
    bool mixed;  /* some members go by the reference's rules instead */
    bool resync; /* on_fork resync instead of halt */
    unsigned faults, must;
    uint64_t fixed_seeds;    /* how many `make check` tries, besides those */
    uint64_t regressions[8]; /* that found something once; ended by 0 */
};
extern const struct life_mode life_modes[]; /* ended by one without a name */
const struct life_mode *life_mode_find(const char *name);

/* What the reference is known to do wrong (groups.md 7). */
enum { LIFE_W1, LIFE_W2, LIFE_W4, LIFE_W7, LIFE_W8, LIFE_WEAKNESSES };
extern const char *const life_weakness_names[];

/* ---- one life */

struct life_entry {
    bool known, by_counting; /* by_counting: a leader committed it in a later term than its own */
    uint64_t term;
    size_t len;
    uint8_t command[LIFE_COMMAND_SIZE];
};

struct life_request {
    int place;
    bool ended, reads, acknowledged;
    size_t count;
    char commands[LIFE_BATCH_MAX][LIFE_COMMAND_SIZE];
    uint64_t floor; /* a read: what it must see */
    uint64_t first, last;
};

/* A member besides its node. */
struct life_seat {
    enum life_rules rules;
    enum msk_preference preference;
    struct sim_machine machine;
    uint64_t seen;  /* compared with the history up to here */
    uint64_t kept;  /* committed here up to there, whatever was restarted since */
    bool halted;    /* it said so in its present run */
    bool suspended; /* its clock stands still with it */
};

#define LIFE_COUNTS(X) \
    X(elections) X(commits) X(acknowledged) X(uncertain) X(reads) X(faults) X(crashes) X(forks) X(halts) X(resyncs)

struct life_counts {
#define X(name) uint64_t name;
    LIFE_COUNTS(X)
#undef X
};

/* What is left of a life. */
struct life_result {
    char broken[256]; /* the first thing that must never happen; empty: it ended well */
    struct life_counts counts;
    uint64_t recovery_ms;
    bool weaknesses[LIFE_WEAKNESSES];
};

struct life {
    const struct life_mode *mode;
    struct net *net;
    struct msk_random random;
    struct msk_group_config config;
    struct life_seat seats[LIFE_MEMBERS_MAX + 1];
    int count;
    unsigned faults; /* kinds that strike in this life */

    struct life_entry history[LIFE_ENTRIES_MAX];                  /* what was ever committed, by index */
    struct sim_state states[LIFE_ENTRIES_MAX];                    /* what machines made of it */
    uint64_t matched[LIFE_MEMBERS_MAX + 1][LIFE_MEMBERS_MAX + 1]; /* two logs are equal up to here */
    int leaders[LIFE_TERMS_MAX];
    struct life_request requests[LIFE_REQUESTS_MAX];
    size_t request_count;
    uint64_t acknowledged; /* the highest index of an acknowledged command */
    bool told;             /* somebody said that histories may differ */
    bool twins;            /* two members led one term */
    bool forgot;           /* a member restarted without knowing all that it had committed */

    struct tale tale;
    struct life_result result;
};

/* Live through all of it: calm start, trouble, recovery. `lines` of its tale are kept, 0: none, and printed to `to`. */
void life_run(const struct life_mode *mode, uint64_t seed, size_t lines, FILE *to, struct life_result *out);

static inline bool life_must(const struct life *life, unsigned what)
{
    return life->mode->must & what;
}

static inline int life_below(struct life *life, int bound)
{
    return (int)msk_random_below(&life->random, (uint64_t)bound);
}

static inline int life_someone(struct life *life)
{
    return 1 + life_below(life, life->count);
}

void life_break(struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));
void life_start(struct life *life, int place); /* its process */

/* ---- faults.c */
void life_fault(struct life *life); /* something happens to somebody */
void life_heal(struct life *life);  /* everything runs and reaches everything again */

/* ---- callers.c */
void life_execute(struct life *life);
void life_read(struct life *life);
void life_replied(struct net *net, int place, const struct msk_action *action);
void life_callers_die(struct life *life, int place); /* with the process they asked */

/* ---- checks.c */
void life_happened(struct net *net, int place, const struct msk_event *event);
void life_applied(struct sim_machine *machine, uint64_t index, const struct msk_log_entry *entry);
void life_check(struct life *life);   /* after every step */
bool life_is_well(struct life *life); /* everybody has everything */
void life_check_end(struct life *life);

#endif
