/* tale.h: what happened, as lines of people's language: the sentences of events with members by number, and the faults
 * that struck. The last lines are kept in a ring. */
#ifndef MSK_TESTS_SIM_TALE_H
#define MSK_TESTS_SIM_TALE_H

#include "../unit/node_net.h"

#define TALE_LINE_MAX 240

struct tale {
    size_t capacity, count; /* count: ever told; capacity 0: nobody listens */
    char (*lines)[TALE_LINE_MAX];
};

/* 0 lines: nothing is kept. */
void tale_begin(struct tale *tale, size_t lines);
void tale_end(struct tale *tale);
void tale_print(const struct tale *tale, FILE *to); /* oldest first */

/* "2 crashes", at the time of the network. */
void tale_add(struct tale *tale, const struct net *net, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Whether an event is told: what a group decides; not dials, heartbeats, what travels below. */
bool tale_tells(const struct msk_event *event);
/* "2 leads term 3 with ..." into `line`. */
void tale_sentence(const struct net *net, int place, const struct msk_event *event, char line[TALE_LINE_MAX]);

#endif
