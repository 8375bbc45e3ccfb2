/* mosaik-node status: how a group's member is. */
#include <inttypes.h>
#include <string.h>

#include "cli/layout.h"
#include "node_cmd.h"

#define LABEL_WIDTH 10

struct options {
    struct node_target target;
};

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static int64_t number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

static void print_label(const struct msk_output *out, const char *label)
{
    fprintf(out->stream, "%s%-*s%s", msk_style(out, MSK_STYLE_BOLD), LABEL_WIDTH, label,
            msk_style(out, MSK_STYLE_PLAIN));
}

static void print_identity(const struct msk_output *out, const json_t *status)
{
    const char *alias = text_of(status, "alias");
    print_label(out, "peer");
    fprintf(out->stream, "%s\n", text_of(status, "peer_id"));
    print_label(out, "network");
    fprintf(out->stream, "%s\n", text_of(status, "network_id"));
    print_label(out, "group");
    fprintf(out->stream, "%s%s%s\n", text_of(status, "group_id"), *alias ? "  " : "", alias);
}

static void print_role(const struct msk_output *out, const json_t *status)
{
    bool online = json_is_true(json_object_get(status, "online"));
    const char *leader = text_of(status, "leader"), *failed = text_of(status, "failed");
    if (*failed) {
        print_label(out, "failed");
        fprintf(out->stream, "%s%s%s\n", msk_style(out, MSK_STYLE_RED), failed, msk_style(out, MSK_STYLE_PLAIN));
    }
    print_label(out, "role");
    fprintf(out->stream, "%s in term %" PRId64 ", %s%s%s\n", text_of(status, "role"), number_of(status, "term"),
            msk_style(out, online ? MSK_STYLE_GREEN : MSK_STYLE_YELLOW), online ? "online" : "offline",
            msk_style(out, MSK_STYLE_PLAIN));
    print_label(out, "leader");
    fprintf(out->stream, "%s\n",
            !*leader                                          ? "none"
            : strcmp(leader, text_of(status, "peer_id")) == 0 ? "this node"
                                                              : leader);
}

static void print_log(const struct msk_output *out, const json_t *status)
{
    const json_t *log = json_object_get(status, "log");
    print_label(out, "log");
    fprintf(out->stream, "ends at term %" PRId64 " index %" PRId64 ", committed %" PRId64 ", applied %" PRId64 "\n",
            number_of(log, "term"), number_of(log, "index"), number_of(status, "committed"),
            number_of(status, "applied"));
}

/* What this node presents, where the group requires tickets. */
static void print_ticket(const struct msk_output *out, const json_t *status)
{
    const json_t *ticket = json_object_get(status, "ticket");
    if (!json_is_object(ticket))
        return;
    print_label(out, "ticket");
    if (json_is_true(json_object_get(ticket, "valid")))
        fprintf(out->stream, "expires %s\n", text_of(ticket, "expires"));
    else
        fprintf(out->stream, "%s%s%s (validator %" PRId64 ")\n", msk_style(out, MSK_STYLE_RED),
                text_of(ticket, "reason"), msk_style(out, MSK_STYLE_PLAIN), number_of(ticket, "validator"));
}

/* Members without a bond: what is done about it. */
static int print_unbonded(const struct msk_run *run, const json_t *unbonded)
{
    static const struct msk_column columns[] = {{"PEER", false}, {"STATE", false}, {"AGAIN IN", true}, {"WHY", false}};
    struct msk_table table;
    char text[NODE_TEXT_SIZE];
    size_t i;
    const json_t *peer;
    msk_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(unbonded, i, peer)
    {
        const json_t *retry = json_object_get(peer, "retry_in_ms");
        msk_table_cell(&table, "%s", node_short_id(json_object_get(peer, "peer"), text));
        msk_table_cell(&table, "%s", text_of(peer, "state"));
        if (json_is_integer(retry))
            msk_table_cell(&table, "%.1f s", (double)json_integer_value(retry) / 1000);
        else
            msk_table_cell(&table, "-");
        if (*text_of(peer, "why"))
            msk_table_cell(&table, "%s", text_of(peer, "why"));
        else if (*text_of(peer, "last_stage"))
            msk_table_cell(&table, "%" PRId64 " %s", number_of(peer, "code"), text_of(peer, "name"));
        else
            msk_table_cell(&table, "-");
    }
    return msk_table_print(&table, run->out);
}

static int print_peers(const struct msk_run *run, const json_t *status)
{
    const json_t *bonds = json_object_get(status, "bonds"), *unbonded = json_object_get(status, "unbonded");
    int rc = 0;
    print_label(run->out, "bonds");
    fprintf(run->out->stream, "%zu\n", json_array_size(bonds));
    if (json_array_size(bonds) > 0)
        rc = node_print_bonds(run, bonds);
    if (rc || json_array_size(unbonded) == 0)
        return rc;
    print_label(run->out, "unbonded");
    fprintf(run->out->stream, "%zu\n", json_array_size(unbonded));
    return print_unbonded(run, unbonded);
}

static int run_status(struct msk_run *run)
{
    const struct options *options = run->options;
    json_t *status;
    int rc = node_ask(&options->target, json_pack("{s:s}", "cmd", "status"), &status, run->err);
    if (rc)
        return rc;
    if (run->out->json)
        return msk_output_json(run->out, status);
    print_identity(run->out, status);
    print_role(run->out, status);
    print_log(run->out, status);
    print_ticket(run->out, status);
    rc = print_peers(run, status);
    json_decref(status);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-node status --control node.sock", NULL},
    {"mosaik-node status --json --group ledger --control node.sock | jq -r .leader", NULL},
    {NULL, NULL},
};

const struct msk_command node_status = {
    .name = "status",
    .summary = "Tell how the node is in a group: role, term, leader, log, bonds",
    .sets = {{.options = node_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_status,
};
