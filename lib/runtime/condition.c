#include "runtime/condition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/identity.h"

enum value_kind { VALUE_NOTHING, VALUE_PEER, VALUE_NUMBER };

static const struct form {
    const char *text;
    enum value_kind value;
} forms[] = {
#define X(name, text, value) {text, VALUE_##value},
    MSK_CONDITION_MAP(X)
#undef X
};

#define FORM_COUNT (sizeof forms / sizeof forms[0])

static bool matches(const struct form *form, const char *text)
{
    return form->value == VALUE_NOTHING ? strcmp(text, form->text) == 0
                                        : strncmp(text, form->text, strlen(form->text)) == 0;
}

static int parse_number(const char *text, uint64_t *out, struct msk_error *err)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno)
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no number", text);
    return 0;
}

static int fail_unknown(const char *text, struct msk_error *err)
{
    struct msk_builder known;
    static const char *const values[] = {"", "PEER", "N"};
    msk_builder_init(&known, MSK_ERROR_TEXT_MAX);
    for (size_t i = 0; i < FORM_COUNT; i++)
        msk_builder_printf(&known, "%s%s%s", i ? ", " : "", forms[i].text, values[forms[i].value]);
    int rc = msk_fail(err, MSK_E_INVALID, "unknown condition \"%.40s\"; there are %s", text,
                      known.error ? "others" : (const char *)known.data);
    msk_builder_free(&known);
    return rc;
}

int msk_condition_parse(const char *text, struct msk_condition *out, struct msk_error *err)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (!matches(&forms[i], text))
            continue;
        const char *value = text + strlen(forms[i].text);
        int rc = 0;
        *out = (struct msk_condition){.kind = (enum msk_condition_kind)i};
        if (forms[i].value == VALUE_PEER)
            rc = msk_peer_id_parse(msk_bytes_of_text(value), &out->peer, err);
        else if (forms[i].value == VALUE_NUMBER)
            rc = parse_number(value, &out->number, err);
        return rc ? msk_wrap(err, rc, "condition \"%.80s\"", text) : 0;
    }
    return fail_unknown(text, err);
}

static bool leads_otherwise(const struct msk_raft_status *now, const struct msk_raft_status *before)
{
    return now->has_leader &&
           (!before->has_leader || now->term != before->term || !msk_digest_equal(&now->leader, &before->leader));
}

bool msk_condition_holds(const struct msk_condition *condition, const struct msk_node *node,
                         const struct msk_digest *group, const struct msk_group_view *now,
                         const struct msk_group_view *before)
{
    const struct msk_raft_status *raft = &now->raft;
    switch (condition->kind) {
    case MSK_CONDITION_ONLINE:
        return raft->online;
    case MSK_CONDITION_OFFLINE:
        return !raft->online;
    case MSK_CONDITION_LEADER:
        return raft->has_leader;
    case MSK_CONDITION_LEADER_IS:
        return raft->has_leader && msk_digest_equal(&raft->leader, &condition->peer);
    case MSK_CONDITION_IS_LEADER:
        return raft->role == MSK_ROLE_LEADER;
    case MSK_CONDITION_IS_FOLLOWER:
        return raft->role == MSK_ROLE_FOLLOWER;
    case MSK_CONDITION_LEADER_CHANGED:
        return leads_otherwise(raft, &before->raft);
    case MSK_CONDITION_COMMITTED:
        return raft->committed.index >= condition->number;
    case MSK_CONDITION_BONDS:
        return now->bond_count >= condition->number;
    case MSK_CONDITION_BONDED:
        return msk_node_is_bonded(node, group, &condition->peer);
    }
    return false;
}
