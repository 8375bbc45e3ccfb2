/* rules.h: what a link does to the datagrams of one direction: one table of members, which serves configuration files,
 * words of a command line, and printing. */
#ifndef MSK_PROXY_RULES_H
#define MSK_PROXY_RULES_H

#include <jansson.h>

#include "proxy/packets.h"

/* Gilbert and Elliott: a link is good or bad, and changes from one to the other with each datagram. */
struct msk_burst_loss {
    double enter, leave; /* probability to become bad, and good again */
    double bad, good;    /* probability of loss in either state */
};

enum msk_distribution { MSK_UNIFORM, MSK_NORMAL, MSK_PARETO };

/* uniform: within +-spread; normal: standard deviation; pareto: only later, the mean, with a long tail (shape 3). */
struct msk_jitter {
    uint64_t spread_ns;
    enum msk_distribution distribution;
};
#define MSK_JITTER_TAIL_MAX 50 /* times the spread */

/* A datagram is held back so that later ones overtake it. */
struct msk_reorder {
    double probability;
    uint64_t by_ns;
};
#define MSK_REORDER_DEFAULT_NS 10000000u

#define MSK_QUEUE_DEFAULT_BYTES (64u << 10) /* in front of a link with a rate, where none is given */

/* All zero: a perfect link. */
struct msk_rules {
    double drop, duplicate, corrupt;
    struct msk_burst_loss loss;
    uint64_t delay_ns;
    struct msk_jitter jitter;
    struct msk_reorder reorder;
    uint64_t rate_bps, queue_bytes, mtu_bytes;
    uint64_t rebind_ns;
    bool blackhole;
    struct msk_packets packets;
};

/* Change one member; "profile" sets those of a named rule set. 0, or MSK_E_INVALID naming it; `rules` is then as it
 * was. */
int msk_rules_set(struct msk_rules *rules, const char *name, const char *text, struct msk_error *err);

/* "drop=0.2 delay=50ms", "profile=3g", "none": all off, in this order. Errors as above. */
int msk_rules_set_words(struct msk_rules *rules, const char *words, struct msk_error *err);

/* The members of an object other than "from", "to" and "at"; values are texts, numbers, booleans, or lists, which stand
 * for their items with commas between. Errors as above, and MSK_E_NOMEM. */
int msk_rules_set_json(struct msk_rules *rules, const json_t *object, struct msk_error *err);

/* "drop=0.2 delay=50ms"; "none" where all are off. */
void msk_rules_append(struct msk_builder *out, const struct msk_rules *rules);

/* A new object with those that are not off; NULL: memory is out. */
json_t *msk_rules_json(const struct msk_rules *rules);

/* Whether they can do anything to a datagram. */
bool msk_rules_any(const struct msk_rules *rules);

#define MSK_RULES_TEXT_MAX 1024

#endif
