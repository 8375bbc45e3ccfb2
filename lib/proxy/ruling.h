/* ruling.h: what happens to one datagram of a link. The same seed, names and datagrams give the same decisions: each is
 * drawn from the link's key and the datagram's number, so no rule changes the luck of another. */
#ifndef MSK_PROXY_RULING_H
#define MSK_PROXY_RULING_H

#include "proxy/rules.h"

/* What became of it. name, text in verdict files and statistics */
#define MSK_FATE_MAP(X)       \
    X(PASS, "pass")           \
    X(DROP, "drop")           \
    X(LOSS, "loss")           \
    X(MTU, "mtu")             \
    X(BLACKHOLE, "blackhole") \
    X(PARTITION, "partition") \
    X(QUEUE, "queue")         \
    X(ABSENT, "absent")       \
    X(LIMIT, "limit")         \
    X(UNSENT, "unsent")

/* drop to mtu, blackhole: by the rule; partition; queue: the one in front of a rate was full; absent: nobody knows
 * where the receiver is; limit: too much was on its way (delay_line.h); unsent: the system did not take it */
enum msk_fate {
#define X(name, text) MSK_FATE_##name,
    MSK_FATE_MAP(X)
#undef X
        MSK_FATE_COUNT
};

const char *msk_fate_name(enum msk_fate fate);
/* 0 or MSK_E_INVALID. */
int msk_fate_of_name(const char *name, enum msk_fate *fate);

struct msk_verdict {
    enum msk_fate fate;
    bool meant; /* the link's rules apply to it */
    bool duplicate, reordered, corrupt;
    uint32_t corrupt_bit; /* of the datagram */
    uint64_t delay_ns;
};

/* Counters of a link, in the order of the statistics. name, text, meaning */
#define MSK_LINK_COUNTER_MAP(X)                                    \
    X(received, "datagrams from the sender")                       \
    X(sent, "datagrams to the receiver, duplicates among them")    \
    X(dropped, "datagrams dropped for whatever reason")            \
    X(delayed, "datagrams that had to wait")                       \
    X(duplicated, "datagrams sent twice")                          \
    X(corrupted, "datagrams with a bit turned")                    \
    X(reordered, "datagrams held back to be overtaken")            \
    X(held, "datagrams that met a paused node")                    \
    X(handshakes, "QUIC connections begun by the sender")          \
    X(connections, "of these, how many completed their handshake") \
    X(closes, "QUIC closes by the sender, as far as they show")    \
    X(rebound, "times that the sender's port changed")             \
    X(received_bytes, "bytes from the sender")                     \
    X(sent_bytes, "bytes to the receiver")

struct msk_link_counters {
#define X(name, meaning) uint64_t name;
    MSK_LINK_COUNTER_MAP(X)
#undef X
    uint64_t fates[MSK_FATE_COUNT];
};

struct msk_link_state {
    struct msk_rules rules;
    bool ruled;                 /* msk_rules_any(rules) */
    uint64_t key;               /* of the link's luck */
    uint64_t since;             /* datagrams before the rules were set */
    bool bad;                   /* state of burst loss */
    uint64_t busy_until_ns;     /* a link with a rate is sending until then */
    uint64_t last_departure_ns; /* jitter alone never changes the order */
    struct msk_link_counters counters;
};

/* A number that follows from all three. */
uint64_t msk_link_key(uint64_t seed, const char *from, const char *to);

void msk_link_set_rules(struct msk_link_state *link, const struct msk_rules *rules);

/* Rule on a datagram of `len` bytes and packet kinds (packets.h), which the link's counter `received` has counted: that
 * is its number. */
struct msk_verdict msk_link_rule(struct msk_link_state *link, uint64_t now_ns, unsigned kinds, size_t len);

/* When a datagram with this verdict leaves. */
uint64_t msk_link_departure_ns(struct msk_link_state *link, uint64_t now_ns, const struct msk_verdict *verdict);

#endif
