/* Asking nodes how they are, and what is shown of their answers. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "top.h"

#define SHORT_ID_LEN 10

/* ---- asking */

static int ask(struct top_node *node, json_t *request, json_t **answer, struct msk_error *err)
{
    return msk_client_call(node->client, request, TOP_ANSWER_MAX_MS, answer, err);
}

static int ask_groups(struct top_node *node, const json_t *groups, json_t *out, struct msk_error *err)
{
    size_t i;
    const json_t *group;
    json_array_foreach(groups, i, group)
    {
        json_t *status;
        if (i == TOP_GROUPS_MAX)
            return 0;
        int rc = ask(node, json_pack("{s:s, s:O}", "cmd", "status", "group", json_object_get(group, "group_id")),
                     &status, err);
        if (rc)
            return rc;
        if (json_array_append_new(out, status) < 0)
            return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    }
    return 0;
}

static int ask_all(struct top_node *node, json_t *out, struct msk_error *err)
{
    json_t *groups;
    int rc = node->client ? 0 : msk_client_open(node->socket, &node->client, err);
    if (rc == 0)
        rc = ask(node, json_pack("{s:s}", "cmd", "groups"), &groups, err);
    if (rc)
        return rc;
    rc = ask_groups(node, json_is_array(groups) ? groups : json_object_get(groups, "groups"), out, err);
    json_decref(groups);
    return rc;
}

void top_poll(struct top_node *node, uint64_t now_ms)
{
    struct msk_error err = {0};
    if (!node->client && now_ms < node->retry_ms)
        return;
    json_decref(node->groups);
    node->groups = json_array();
    if (node->groups && ask_all(node, node->groups, &err) == 0)
        return;
    snprintf(node->reason, sizeof node->reason, "%s", *err.text ? err.text : msk_error_sentence(MSK_E_NOMEM));
    node->reason[strcspn(node->reason, "\n")] = 0; /* advice stands behind it */
    json_decref(node->groups);
    node->groups = NULL;
    msk_client_close(node->client); /* an answer may still come: the next question needs another connection */
    node->client = NULL;
    node->retry_ms = now_ms + TOP_RETRY_MS;
}

void top_node_free(struct top_node *node)
{
    msk_client_close(node->client);
    json_decref(node->groups);
}

/* ---- figures */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static int64_t number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

/* The first ticket of a bonded peer to end, in seconds; INT64_MAX: none does. */
static int64_t next_expiry_s(const json_t *status, int64_t wall_ms)
{
    int64_t next = INT64_MAX, seconds;
    uint32_t nanoseconds;
    size_t i;
    const json_t *bond;
    json_array_foreach(json_object_get(status, "bonds"), i, bond)
    {
        const char *expires = text_of(bond, "ticket_expires");
        if (msk_time_parse(expires, strlen(expires), &seconds, &nanoseconds) == 0 && seconds - wall_ms / 1000 < next)
            next = seconds - wall_ms / 1000;
    }
    return next;
}

static void span_text(int64_t seconds, char out[TOP_CELL_SIZE])
{
    if (seconds == INT64_MAX)
        snprintf(out, TOP_CELL_SIZE, "-");
    else if (seconds >= 2 * 86400)
        snprintf(out, TOP_CELL_SIZE, "%" PRId64 "d", seconds / 86400);
    else if (seconds >= 2 * 3600)
        snprintf(out, TOP_CELL_SIZE, "%" PRId64 "h", seconds / 3600);
    else
        snprintf(out, TOP_CELL_SIZE, seconds > 0 ? "%" PRId64 "s" : "expired", seconds);
}

static void sync_text(const json_t *sync, char out[TOP_CELL_SIZE])
{
    if (json_is_object(sync))
        snprintf(out, TOP_CELL_SIZE, "%" PRId64 "/%" PRId64, number_of(sync, "done"), number_of(sync, "to"));
    else
        snprintf(out, TOP_CELL_SIZE, "-");
}

/* The highest index known as committed in the group by any node that is shown. */
static int64_t committed_in_group(const struct top_node *nodes, size_t count, const char *group)
{
    int64_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j;
        const json_t *status;
        json_array_foreach(nodes[i].groups, j, status) if (strcmp(text_of(status, "group_id"), group) == 0 &&
                                                           number_of(status, "committed") > highest) highest =
            number_of(status, "committed");
    }
    return highest;
}

/* ---- rows */

enum column { NODE, GROUP, ROLE, ONLINE, TERM, LEADER, COMMITTED, LAG, BONDS, UNBONDED, TICKET, SYNC };

const struct msk_column top_columns[TOP_COLUMNS] = {
    [NODE] = {"NODE", false},          [GROUP] = {"GROUP", false},  [ROLE] = {"ROLE", false},
    [ONLINE] = {"STATE", false},       [TERM] = {"TERM", true},     [LEADER] = {"LEADER", false},
    [COMMITTED] = {"COMMITTED", true}, [LAG] = {"LAG", true},       [BONDS] = {"BONDS", true},
    [UNBONDED] = {"UNBONDED", true},   [TICKET] = {"TICKET", true}, [SYNC] = {"SYNC", true},
};

static void set_number(struct top_row *row, enum column column, int64_t number)
{
    snprintf(row->cells[column], TOP_CELL_SIZE, "%" PRId64, number);
}

static void set_id(struct top_row *row, enum column column, const char *id)
{
    snprintf(row->cells[column], TOP_CELL_SIZE, "%.*s", SHORT_ID_LEN, *id ? id : "-");
}

static void set_row(struct top_row *row, const json_t *status, int64_t group_committed, int64_t wall_ms)
{
    const char *alias = text_of(status, "alias"), *failed = text_of(status, "failed");
    bool online = json_is_true(json_object_get(status, "online"));
    int64_t lag = group_committed - number_of(status, "committed");
    size_t unbonded = json_array_size(json_object_get(status, "unbonded"));
    *row = (struct top_row){.leads = strcmp(text_of(status, "role"), "leader") == 0,
                            .alarm = *failed || !online || json_is_true(json_object_get(status, "halted"))};
    if (number_of(status, "lag") > lag) /* the node knows more of its leader than the others shown */
        lag = number_of(status, "lag");
    set_id(row, NODE, text_of(status, "peer_id"));
    set_id(row, GROUP, *alias ? alias : text_of(status, "group_id"));
    snprintf(row->cells[ROLE], TOP_CELL_SIZE, "%s", text_of(status, "role"));
    snprintf(row->cells[ONLINE], TOP_CELL_SIZE, "%s", *failed ? "failed" : online ? "online" : "offline");
    set_number(row, TERM, number_of(status, "term"));
    set_id(row, LEADER, row->leads ? "itself" : text_of(status, "leader"));
    set_number(row, COMMITTED, number_of(status, "committed"));
    set_number(row, LAG, lag);
    set_number(row, BONDS, (int64_t)json_array_size(json_object_get(status, "bonds")));
    set_number(row, UNBONDED, (int64_t)unbonded);
    span_text(next_expiry_s(status, wall_ms), row->cells[TICKET]);
    sync_text(json_object_get(status, "sync"), row->cells[SYNC]);
}

static void set_reason(struct top_row *row, const struct top_node *node, const char *reason)
{
    size_t len = strlen(node->socket), shown = len < TOP_CELL_SIZE ? len : TOP_CELL_SIZE - 1;
    *row = (struct top_row){.reason = reason, .alarm = true};
    memcpy(row->cells[NODE], node->socket + len - shown, shown); /* the end of a path tells more */
}

size_t top_rows(const struct top_node *nodes, size_t count, int64_t wall_ms, struct top_row *rows, size_t max)
{
    size_t used = 0, j;
    const json_t *status;
    for (size_t i = 0; i < count && used < max; i++) {
        if (!nodes[i].groups)
            set_reason(&rows[used++], &nodes[i], nodes[i].reason);
        else if (json_array_size(nodes[i].groups) == 0)
            set_reason(&rows[used++], &nodes[i], "in no group");
        json_array_foreach(nodes[i].groups, j, status)
        {
            if (used == max)
                break;
            set_row(&rows[used++], status, committed_in_group(nodes, count, text_of(status, "group_id")), wall_ms);
        }
    }
    return used;
}
