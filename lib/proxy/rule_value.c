#include "proxy/rule_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/rules.h"

#define PART_MAX 32 /* bytes of one part of a value */

/* A decimal number without sign, exponent or blanks, and where it ends. */
static bool take_number(const char *text, double *out, const char **end)
{
    size_t len = strspn(text, "0123456789.");
    char digits[PART_MAX], *rest;
    if (len == 0 || len >= sizeof digits)
        return false;
    memcpy(digits, text, len);
    digits[len] = 0;
    *out = strtod(digits, &rest);
    *end = text + len;
    return *rest == 0 && rest != digits;
}

/* A number with one of the units, which stand for factors; the empty unit only if it is listed. */
struct unit {
    const char *name;
    double factor;
};

static int parse_with_unit(const char *text, const struct unit *units, double max, const char *what, uint64_t *out,
                           struct msk_error *err)
{
    double number;
    const char *end;
    if (take_number(text, &number, &end))
        for (const struct unit *unit = units; unit->name; unit++)
            if (strcmp(unit->name, end) == 0) {
                if (number * unit->factor > max)
                    return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is too much", text);
                *out = (uint64_t)llround(number * unit->factor);
                return 0;
            }
    return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no %s", text, what);
}

/* The largest unit in which the value is a whole number. */
static void append_with_unit(struct msk_builder *out, uint64_t value, const struct unit *units)
{
    const struct unit *best = NULL;
    for (const struct unit *unit = units; unit->name; unit++)
        if (value % (uint64_t)unit->factor == 0 && (!best || unit->factor > best->factor))
            best = unit;
    if (best)
        msk_builder_printf(out, "%llu%s", (unsigned long long)(value / (uint64_t)best->factor), best->name);
}

/* Split at colons into at most `max` parts; 0 if there are more or one is too long. */
static size_t split(const char *text, char parts[][PART_MAX], size_t max)
{
    for (size_t count = 0; count < max; text++) {
        size_t len = strcspn(text, ":");
        if (len >= PART_MAX)
            return 0;
        memcpy(parts[count], text, len);
        parts[count++][len] = 0;
        text += len;
        if (!*text)
            return count;
    }
    return 0;
}

/* ---- probabilities */

static int parse_probability(const char *text, void *value, struct msk_error *err)
{
    double number;
    const char *end;
    if (!take_number(text, &number, &end) || *end || number > 1)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no probability, which is a number from 0 to 1", text);
    *(double *)value = number;
    return 0;
}

static void append_probability(struct msk_builder *out, const void *value)
{
    const double *probability = value;
    if (*probability > 0)
        msk_builder_printf(out, "%.9g", *probability);
}

const struct msk_rule_kind msk_rule_probability = {
    .form = "PROBABILITY", .number = true, .parse = parse_probability, .append = append_probability};

static int parse_burst_loss(const char *text, void *value, struct msk_error *err)
{
    char parts[4][PART_MAX];
    struct msk_burst_loss loss = {.bad = 1};
    double *const fields[] = {&loss.enter, &loss.leave, &loss.bad, &loss.good};
    size_t count = split(text, parts, 4);
    if (count < 2)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no burst loss, which is ENTER:LEAVE[:BAD[:GOOD]]", text);
    for (size_t i = 0; i < count; i++) {
        int rc = parse_probability(parts[i], fields[i], err);
        if (rc)
            return rc;
    }
    *(struct msk_burst_loss *)value = loss;
    return 0;
}

static void append_burst_loss(struct msk_builder *out, const void *value)
{
    const struct msk_burst_loss *loss = value;
    if (loss->enter <= 0 && loss->good <= 0)
        return;
    msk_builder_printf(out, "%.9g:%.9g", loss->enter, loss->leave);
    if (loss->bad < 1 || loss->good > 0)
        msk_builder_printf(out, ":%.9g", loss->bad);
    if (loss->good > 0)
        msk_builder_printf(out, ":%.9g", loss->good);
}

const struct msk_rule_kind msk_rule_burst_loss = {
    .form = "ENTER:LEAVE[:BAD[:GOOD]]", .parse = parse_burst_loss, .append = append_burst_loss};

/* ---- times */

static const struct unit span_units[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6}, {"s", 1e9},
                                         {"m", 60e9}, {"h", 3600e9}, {NULL, 0}};

int msk_span_parse(const char *text, uint64_t *ns, struct msk_error *err)
{
    return parse_with_unit(text, span_units, (double)MSK_SPAN_MAX_NS, "time span, such as 50ms, 1.5s or 200us", ns,
                           err);
}

static int parse_span(const char *text, void *value, struct msk_error *err)
{
    return msk_span_parse(text, value, err);
}

static void append_span(struct msk_builder *out, const void *value)
{
    const uint64_t *ns = value;
    if (*ns)
        append_with_unit(out, *ns, span_units);
}

const struct msk_rule_kind msk_rule_span = {.form = "SPAN", .parse = parse_span, .append = append_span};

static const char *const distributions[] = {"uniform", "normal", "pareto"};
#define DISTRIBUTION_COUNT (sizeof distributions / sizeof distributions[0])

static int parse_jitter(const char *text, void *value, struct msk_error *err)
{
    char parts[2][PART_MAX];
    struct msk_jitter jitter = {0};
    size_t count = split(text, parts, 2), i = 0;
    if (count == 0)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no jitter, which is SPAN[:uniform|normal|pareto]", text);
    while (count == 2 && i < DISTRIBUTION_COUNT && strcmp(parts[1], distributions[i]) != 0)
        i++;
    if (i == DISTRIBUTION_COUNT)
        return msk_fail(err, MSK_E_INVALID, "\"%s\" is none of uniform, normal, pareto", parts[1]);
    jitter.distribution = (enum msk_distribution)i;
    int rc = msk_span_parse(parts[0], &jitter.spread_ns, err);
    if (rc == 0)
        *(struct msk_jitter *)value = jitter;
    return rc;
}

static void append_jitter(struct msk_builder *out, const void *value)
{
    const struct msk_jitter *jitter = value;
    append_span(out, &jitter->spread_ns);
    if (jitter->spread_ns && jitter->distribution != MSK_UNIFORM)
        msk_builder_printf(out, ":%s", distributions[jitter->distribution]);
}

const struct msk_rule_kind msk_rule_jitter = {
    .form = "SPAN[:uniform|normal|pareto]", .parse = parse_jitter, .append = append_jitter};

static int parse_reorder(const char *text, void *value, struct msk_error *err)
{
    char parts[2][PART_MAX];
    struct msk_reorder reorder = {.by_ns = MSK_REORDER_DEFAULT_NS};
    size_t count = split(text, parts, 2);
    if (count == 0)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is not PROBABILITY[:SPAN]", text);
    int rc = parse_probability(parts[0], &reorder.probability, err);
    if (rc == 0 && count == 2)
        rc = msk_span_parse(parts[1], &reorder.by_ns, err);
    if (rc == 0)
        *(struct msk_reorder *)value = reorder;
    return rc;
}

static void append_reorder(struct msk_builder *out, const void *value)
{
    const struct msk_reorder *reorder = value;
    if (reorder->probability <= 0)
        return;
    append_probability(out, &reorder->probability);
    msk_builder_text(out, ":");
    append_with_unit(out, reorder->by_ns, span_units);
}

const struct msk_rule_kind msk_rule_reorder = {
    .form = "PROBABILITY[:SPAN]", .parse = parse_reorder, .append = append_reorder};

/* ---- amounts */

static const struct unit rate_units[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit size_units[] = {{"", 1}, {"k", 1024}, {"M", 1048576}, {NULL, 0}};

static int parse_rate(const char *text, void *value, struct msk_error *err)
{
    return parse_with_unit(text, rate_units, 1e12, "rate, such as 500kbit or 10mbit", value, err);
}

static int parse_size(const char *text, void *value, struct msk_error *err)
{
    return parse_with_unit(text, size_units, 1e9, "number of bytes, such as 1200 or 64k", value, err);
}

static void append_rate(struct msk_builder *out, const void *value)
{
    const uint64_t *rate = value;
    if (*rate)
        append_with_unit(out, *rate, rate_units);
}

static void append_size(struct msk_builder *out, const void *value)
{
    const uint64_t *size = value;
    if (*size)
        msk_builder_printf(out, "%llu", (unsigned long long)*size);
}

const struct msk_rule_kind msk_rule_rate = {.form = "RATE", .parse = parse_rate, .append = append_rate};
const struct msk_rule_kind msk_rule_size = {
    .form = "BYTES", .number = true, .parse = parse_size, .append = append_size};

int msk_rule_count_parse(const char *text, uint32_t *out, struct msk_error *err)
{
    uint64_t value = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && value <= UINT32_MAX; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    if (digits == 0 || text[digits] || value == 0 || value > UINT32_MAX)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no whole number from 1 on", text);
    *out = (uint32_t)value;
    return 0;
}

/* ---- flags and packets */

static int parse_flag(const char *text, void *value, struct msk_error *err)
{
    bool on = strcmp(text, "true") == 0;
    if (!on && strcmp(text, "false") != 0)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is neither true nor false", text);
    *(bool *)value = on;
    return 0;
}

static void append_flag(struct msk_builder *out, const void *value)
{
    if (*(const bool *)value)
        msk_builder_text(out, "true");
}

const struct msk_rule_kind msk_rule_flag = {
    .form = "true|false", .number = true, .parse = parse_flag, .append = append_flag};

static int parse_packets(const char *text, void *value, struct msk_error *err)
{
    return msk_packets_parse(text, value, err);
}

static void append_packets(struct msk_builder *out, const void *value)
{
    msk_packets_append(out, value);
}

const struct msk_rule_kind msk_rule_packets = {
    .form = "initial|handshake|1rtt|close|first:N|every:N|N,...", .parse = parse_packets, .append = append_packets};
