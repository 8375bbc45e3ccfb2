#include "proxy/rules.h"

#include <string.h>

#include "base/alloc.h"
#include "proxy/rule_value.h"

struct member {
    const char *name;
    const struct msk_rule_kind *kind;
    size_t offset;
};

#define ROW(name, kind, field)                                    \
    {                                                             \
        name, &msk_rule_##kind, offsetof(struct msk_rules, field) \
    }

static const struct member members[] = {
    ROW("drop", probability, drop),       ROW("loss", burst_loss, loss),     ROW("delay", span, delay_ns),
    ROW("jitter", jitter, jitter),        ROW("reorder", reorder, reorder),  ROW("duplicate", probability, duplicate),
    ROW("corrupt", probability, corrupt), ROW("rate", rate, rate_bps),       ROW("queue", size, queue_bytes),
    ROW("mtu", size, mtu_bytes),          ROW("blackhole", flag, blackhole), ROW("rebind", span, rebind_ns),
    ROW("packets", packets, packets),
};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

/* Named rule sets, in the words of a command line: a home, a moving phone, a dish to a geostationary satellite, a line
 * that is about to be repaired. */
static const struct {
    const char *name, *words;
} profiles[] = {
    {"wifi", "delay=3ms jitter=2ms:pareto loss=0.005:0.3:0.7 reorder=0.002:5ms rate=50mbit queue=256k"},
    {"3g", "delay=75ms jitter=20ms:normal loss=0.002:0.2 rate=2mbit queue=128k"},
    {"satellite", "delay=280ms jitter=5ms:normal loss=0.001:0.1 rate=10mbit queue=512k"},
    {"lossy", "drop=0.1 loss=0.02:0.3 delay=20ms jitter=10ms reorder=0.05:20ms duplicate=0.02 corrupt=0.005"},
};
#define PROFILE_COUNT (sizeof profiles / sizeof profiles[0])

static int set_profile(struct msk_rules *rules, const char *name, struct msk_error *err)
{
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return msk_rules_set_words(rules, profiles[i].words, err);
    return msk_fail(err, MSK_E_INVALID, "profile: \"%.40s\" is none of wifi, 3g, satellite, lossy", name);
}

static int unknown_member(const char *name, struct msk_error *err)
{
    char known[200] = "profile";
    size_t used = strlen(known);
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, ", %s", members[i].name);
    return msk_fail(err, MSK_E_INVALID, "there is no rule \"%.40s\": known are %s", name, known);
}

int msk_rules_set(struct msk_rules *rules, const char *name, const char *text, struct msk_error *err)
{
    if (strcmp(name, "profile") == 0)
        return set_profile(rules, text, err);
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (strcmp(members[i].name, name) == 0) {
            int rc = members[i].kind->parse(text, (char *)rules + members[i].offset, err);
            return rc ? msk_wrap(err, rc, "%s", name) : 0;
        }
    return unknown_member(name, err);
}

/* One word of `len` bytes: "none" or "name=text". */
static int set_word(struct msk_rules *rules, const char *word, size_t len, struct msk_error *err)
{
    char copy[MSK_RULES_TEXT_MAX];
    if (len >= sizeof copy)
        return msk_fail(err, MSK_E_INVALID, "\"%.20s...\" is too long", word);
    memcpy(copy, word, len);
    copy[len] = 0;
    if (strcmp(copy, "none") == 0) {
        *rules = (struct msk_rules){0};
        return 0;
    }
    char *equals = strchr(copy, '=');
    if (!equals)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no rule, which is NAME=VALUE, or none", copy);
    *equals = 0;
    return msk_rules_set(rules, copy, equals + 1, err);
}

int msk_rules_set_words(struct msk_rules *rules, const char *words, struct msk_error *err)
{
    struct msk_rules changed = *rules;
    for (const char *at = words + strspn(words, " "); *at;) {
        size_t len = strcspn(at, " ");
        int rc = set_word(&changed, at, len, err);
        if (rc)
            return rc;
        at += len;
        at += strspn(at, " ");
    }
    *rules = changed;
    return 0;
}

/* ---- JSON */

static void append_scalar(struct msk_builder *out, const json_t *value)
{
    if (json_is_string(value))
        msk_builder_text(out, json_string_value(value));
    else if (json_is_integer(value))
        msk_builder_printf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        msk_builder_printf(out, "%.9f", json_real_value(value));
    else if (json_is_boolean(value))
        msk_builder_text(out, json_is_true(value) ? "true" : "false");
    else
        out->error = MSK_E_INVALID;
}

static void append_value(struct msk_builder *out, const json_t *value)
{
    size_t i;
    const json_t *item;
    if (!json_is_array(value)) {
        append_scalar(out, value);
        return;
    }
    json_array_foreach(value, i, item)
    {
        if (i > 0)
            msk_builder_text(out, ",");
        append_scalar(out, item);
    }
}

static int set_json_member(struct msk_rules *rules, const char *name, const json_t *value, struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_RULES_TEXT_MAX);
    msk_builder_text(&text, "");
    append_value(&text, value);
    int rc = text.error;
    if (rc == MSK_E_NOMEM)
        msk_fail(err, rc, "%s", msk_error_sentence(rc));
    else if (rc)
        rc = msk_fail(err, MSK_E_INVALID, "%s: expected a text, a number, a boolean, or a short list of them", name);
    else
        rc = msk_rules_set(rules, name, text.len ? (const char *)text.data : "", err);
    msk_builder_free(&text);
    return rc;
}

int msk_rules_set_json(struct msk_rules *rules, const json_t *object, struct msk_error *err)
{
    struct msk_rules changed = *rules;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0)
            continue;
        int rc = set_json_member(&changed, name, value, err);
        if (rc)
            return rc;
    }
    *rules = changed;
    return 0;
}

/* ---- back */

void msk_rules_append(struct msk_builder *out, const struct msk_rules *rules)
{
    size_t start = out->len;
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        size_t before = out->len;
        msk_builder_printf(out, "%s%s=", before > start ? " " : "", members[i].name);
        size_t named = out->len;
        members[i].kind->append(out, (const char *)rules + members[i].offset);
        if (out->len == named && !out->error) { /* it is off */
            out->len = before;
            out->data[before] = 0;
        }
    }
    if (out->len == start)
        msk_builder_text(out, "none");
}

static json_t *member_json(const struct member *member, const struct msk_rules *rules)
{
    struct msk_builder text;
    json_t *value = NULL;
    msk_builder_init(&text, MSK_RULES_TEXT_MAX);
    member->kind->append(&text, (const char *)rules + member->offset);
    if (text.len == 0 && !text.error)
        value = json_null();
    else if (!text.error && member->kind->number)
        value = json_loads((const char *)text.data, JSON_DECODE_ANY, NULL);
    else if (!text.error)
        value = json_string((const char *)text.data);
    msk_builder_free(&text);
    return value;
}

json_t *msk_rules_json(const struct msk_rules *rules)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < MEMBER_COUNT; i++) {
        json_t *value = member_json(&members[i], rules);
        if (json_is_null(value))
            continue;
        if (!value || json_object_set_new(object, members[i].name, value) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

bool msk_rules_any(const struct msk_rules *rules)
{
    return rules->drop > 0 || rules->duplicate > 0 || rules->corrupt > 0 || rules->loss.enter > 0 ||
           rules->loss.good > 0 || rules->delay_ns || rules->jitter.spread_ns || rules->reorder.probability > 0 ||
           rules->rate_bps || rules->mtu_bytes || rules->blackhole;
}
