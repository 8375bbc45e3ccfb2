/* scenario.h: a story of a group, told in a file: what happens when, and which sentences of events must follow.
 *
 *   members 3                    how many there are; the first line
 *   declared                     they declare that number (--members); else stock mode
 *   reference 2 3                these go by the reference's rules
 *   observer 3, reluctant 2      who would not lead, who would rather not
 *   on-fork resync               else halt
 *   batch 10                     entries in one answer to a member that catches up
 *   delay 100ms                  of every frame, else 1ms
 *   logs 1=(2,10) 2=(1,4)(2,9)   what is on disk: entries up to this index of this term, and so on
 *   committed 1=8                of those
 *
 *   at 1000ms timer of 1         from then on, see scenario_steps.c; the last one is `at TIME end`
 *   expect 1 leads term 3 *      before the next step 1 says so, after what was expected of it before; * is any text
 *   never 2 grants *             it does not between this step and the next
 *
 * What callers are told is a line, too: "1 tells its caller: committed at 11". Times count from the start. */
#ifndef MSK_TESTS_SIM_SCENARIO_H
#define MSK_TESTS_SIM_SCENARIO_H

#include "tale.h"

#define SCENARIO_MEMBERS_MAX  9
#define SCENARIO_LINE_MAX     256
#define SCENARIO_TOLD_MAX     20000
#define SCENARIO_EXPECTED_MAX 64 /* of one step */
#define SCENARIO_FAILURE_MAX  2048

struct scenario_expected {
    int line;
    bool never;
    char text[SCENARIO_LINE_MAX];
};

struct scenario_told {
    uint64_t ms;
    char text[TALE_LINE_MAX];
};

struct scenario {
    const char *path;
    int line; /* of the file, for messages */
    char failure[SCENARIO_FAILURE_MAX];

    struct net *net;
    struct msk_group_config config;
    int count;
    bool begun, declared, ended;
    bool reference[SCENARIO_MEMBERS_MAX + 1];
    enum msk_preference preferences[SCENARIO_MEMBERS_MAX + 1];
    uint64_t start_ms, requests;

    struct scenario_told *told;
    size_t told_count;
    struct scenario_expected expected[SCENARIO_EXPECTED_MAX];
    size_t expected_count;
    size_t step_at;                        /* told before the present step */
    size_t said[SCENARIO_MEMBERS_MAX + 1]; /* what was expected of each is before this line */
};

/* Play it; false: `failure` says what did not come, as "path:line: ...". With `shows` every line is printed. */
bool scenario_play(const char *path, bool shows, char failure[SCENARIO_FAILURE_MAX]);

/* ---- scenario_steps.c */

/* The process of one begins, with what is on its disk. */
void scenario_start(struct scenario *scenario, int place);
/* "timer of 1": do it now. False: there is no such step. */
bool scenario_step(struct scenario *scenario, const char *text);
void scenario_replied(struct net *net, int place, const struct msk_action *action);
void scenario_tell(struct scenario *scenario, const char *line);
void scenario_fail(struct scenario *scenario, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
