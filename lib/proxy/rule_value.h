/* rule_value.h: the kinds of values that rules have, each from text and back. */
#ifndef MSK_PROXY_RULE_VALUE_H
#define MSK_PROXY_RULE_VALUE_H

#include "base/bytes.h"
#include "base/error.h"

#define MSK_SPAN_MAX_NS (24ull * 3600 * 1000000000) /* no rule takes longer than a day */

struct msk_rule_kind {
    const char *form; /* how a value is written: "PROBABILITY" */
    bool number;      /* its text is a JSON number, too */
    /* Fill `value` from `text`. 0, or MSK_E_INVALID with the reason alone; `value` is then unchanged. */
    int (*parse)(const char *text, void *value, struct msk_error *err);
    /* The text back; nothing for the value that means "off" (all zero). */
    void (*append)(struct msk_builder *out, const void *value);
};

extern const struct msk_rule_kind msk_rule_probability; /* double: 0.1 */
extern const struct msk_rule_kind msk_rule_burst_loss;  /* struct msk_burst_loss: ENTER:LEAVE[:BAD[:GOOD]] */
extern const struct msk_rule_kind msk_rule_span;        /* uint64_t, ns: 50ms, 1.5ms, 200us */
extern const struct msk_rule_kind msk_rule_jitter;      /* struct msk_jitter: SPAN[:DISTRIBUTION] */
extern const struct msk_rule_kind msk_rule_reorder;     /* struct msk_reorder: PROBABILITY[:SPAN] */
extern const struct msk_rule_kind msk_rule_rate;        /* uint64_t, bit/s: 10mbit */
extern const struct msk_rule_kind msk_rule_size;        /* uint64_t, bytes: 64k */
extern const struct msk_rule_kind msk_rule_flag;        /* bool: true, false */
extern const struct msk_rule_kind msk_rule_packets;     /* struct msk_packets (packets.h) */

/* A whole number from 1 on. 0 or MSK_E_INVALID. */
int msk_rule_count_parse(const char *text, uint32_t *out, struct msk_error *err);

/* "1.5s" -> ns. 0 or MSK_E_INVALID. */
int msk_span_parse(const char *text, uint64_t *ns, struct msk_error *err);

#endif
