#include "proxy/ruling.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* What a number is drawn for. */
enum purpose {
    FOR_DROP,
    FOR_STATE,
    FOR_LOSS,
    FOR_JITTER,
    FOR_JITTER_ANGLE,
    FOR_REORDER,
    FOR_DUPLICATE,
    FOR_CORRUPT,
    FOR_CORRUPT_BIT,
    PURPOSES
};

#define NS_PER_S     1000000000u
#define PARETO_SHAPE 3
#define PI           3.14159265358979323846

static const char *const fate_names[] = {
#define X(name, text) text,
    MSK_FATE_MAP(X)
#undef X
};

const char *msk_fate_name(enum msk_fate fate)
{
    return fate_names[fate];
}

int msk_fate_of_name(const char *name, enum msk_fate *fate)
{
    for (int i = 0; i < MSK_FATE_COUNT; i++)
        if (strcmp(fate_names[i], name) == 0) {
            *fate = (enum msk_fate)i;
            return 0;
        }
    return MSK_E_INVALID;
}

/* ---- luck */

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t mix_text(uint64_t key, const char *text)
{
    for (; *text; text++)
        key = mix(key + (uint8_t)*text + 0x9e3779b97f4a7c15u);
    return mix(key + 256);
}

uint64_t msk_link_key(uint64_t seed, const char *from, const char *to)
{
    return mix_text(mix_text(mix(seed + 0x9e3779b97f4a7c15u), from), to);
}

static uint64_t draw(const struct msk_link_state *link, enum purpose purpose)
{
    uint64_t position = link->counters.received * PURPOSES + purpose;
    return mix(link->key + position * 0x9e3779b97f4a7c15u);
}

/* Uniform in [0, 1). */
static double draw_unit(const struct msk_link_state *link, enum purpose purpose)
{
    return (double)(draw(link, purpose) >> 11) * 0x1p-53;
}

static bool happens(const struct msk_link_state *link, enum purpose purpose, double probability)
{
    return probability > 0 && draw_unit(link, purpose) < probability;
}

/* ---- loss */

static bool is_lost_in_burst(struct msk_link_state *link)
{
    const struct msk_burst_loss *loss = &link->rules.loss;
    if (loss->enter <= 0 && loss->good <= 0)
        return false;
    if (happens(link, FOR_STATE, link->bad ? loss->leave : loss->enter))
        link->bad = !link->bad;
    return happens(link, FOR_LOSS, link->bad ? loss->bad : loss->good);
}

/* ---- time */

static double jitter_ns(const struct msk_link_state *link)
{
    const struct msk_jitter *jitter = &link->rules.jitter;
    double spread = (double)jitter->spread_ns, max = spread * MSK_JITTER_TAIL_MAX;
    double luck = 1 - draw_unit(link, FOR_JITTER), value; /* in (0, 1] */
    switch (jitter->distribution) {
    case MSK_NORMAL: /* Box and Muller */
        value = spread * sqrt(-2 * log(luck)) * cos(2 * PI * draw_unit(link, FOR_JITTER_ANGLE));
        break;
    case MSK_PARETO:
        value = spread * (PARETO_SHAPE - 1) * (pow(luck, -1.0 / PARETO_SHAPE) - 1);
        break;
    default:
        value = spread * (2 * luck - 1);
    }
    return value < max ? value : max;
}

static uint64_t drawn_delay_ns(const struct msk_link_state *link)
{
    const struct msk_rules *rules = &link->rules;
    if (rules->jitter.spread_ns == 0)
        return rules->delay_ns;
    double delay = (double)rules->delay_ns + jitter_ns(link);
    return delay > 0 ? (uint64_t)delay : 0;
}

/* Wait for what is in front; false if there is no room in the queue. */
static bool pass_bottleneck(struct msk_link_state *link, uint64_t now_ns, size_t len, uint64_t *wait_ns)
{
    const struct msk_rules *rules = &link->rules;
    if (rules->rate_bps == 0)
        return true;
    uint64_t queue_bytes = rules->queue_bytes ? rules->queue_bytes : MSK_QUEUE_DEFAULT_BYTES;
    uint64_t begin_ns = link->busy_until_ns > now_ns ? link->busy_until_ns : now_ns;
    double ns_per_byte = 8.0 * NS_PER_S / (double)rules->rate_bps;
    if ((double)(begin_ns - now_ns) / ns_per_byte + (double)len > (double)queue_bytes)
        return false;
    link->busy_until_ns = begin_ns + (uint64_t)(ns_per_byte * (double)len);
    *wait_ns = link->busy_until_ns - now_ns;
    return true;
}

uint64_t msk_link_departure_ns(struct msk_link_state *link, uint64_t now_ns, const struct msk_verdict *verdict)
{
    uint64_t departure_ns = now_ns + verdict->delay_ns;
    if (verdict->reordered || !verdict->meant)
        return departure_ns;
    if (departure_ns < link->last_departure_ns)
        departure_ns = link->last_departure_ns;
    link->last_departure_ns = departure_ns;
    return departure_ns;
}

/* ---- all of it */

static enum msk_fate drop_fate(struct msk_link_state *link, size_t len)
{
    const struct msk_rules *rules = &link->rules;
    if (rules->blackhole)
        return MSK_FATE_BLACKHOLE;
    if (rules->mtu_bytes && len > rules->mtu_bytes)
        return MSK_FATE_MTU;
    if (happens(link, FOR_DROP, rules->drop))
        return MSK_FATE_DROP;
    return is_lost_in_burst(link) ? MSK_FATE_LOSS : MSK_FATE_PASS;
}

void msk_link_set_rules(struct msk_link_state *link, const struct msk_rules *rules)
{
    link->rules = *rules;
    link->ruled = msk_rules_any(rules);
    link->since = link->counters.received;
    link->bad = false;
    link->busy_until_ns = 0;
    link->last_departure_ns = 0;
}

struct msk_verdict msk_link_rule(struct msk_link_state *link, uint64_t now_ns, unsigned kinds, size_t len)
{
    const struct msk_rules *rules = &link->rules;
    struct msk_verdict verdict = {0};
    uint64_t wait_ns = 0;
    if (!link->ruled || !msk_packets_mean(&rules->packets, kinds, link->counters.received - link->since))
        return verdict;
    verdict.meant = true;
    verdict.fate = drop_fate(link, len);
    if (verdict.fate == MSK_FATE_PASS && !pass_bottleneck(link, now_ns, len, &wait_ns))
        verdict.fate = MSK_FATE_QUEUE;
    if (verdict.fate != MSK_FATE_PASS)
        return verdict;
    verdict.delay_ns = wait_ns + drawn_delay_ns(link);
    verdict.reordered = happens(link, FOR_REORDER, rules->reorder.probability);
    if (verdict.reordered)
        verdict.delay_ns += rules->reorder.by_ns;
    verdict.duplicate = happens(link, FOR_DUPLICATE, rules->duplicate);
    verdict.corrupt = len > 0 && happens(link, FOR_CORRUPT, rules->corrupt);
    if (verdict.corrupt)
        verdict.corrupt_bit = (uint32_t)(draw(link, FOR_CORRUPT_BIT) % (len * 8));
    return verdict;
}
