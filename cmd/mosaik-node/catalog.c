/* mosaik-node catalog: the peers this node knows of. */
#include <inttypes.h>

#include "base/clock.h"
#include "cli/layout.h"
#include "node_cmd.h"

struct options {
    struct node_target target;
};

/* The items of a list of texts, shortened to ids if wanted, separated by spaces. */
static void append_list(struct msk_table *table, const json_t *list, bool ids)
{
    struct msk_builder joined;
    char text[NODE_TEXT_SIZE];
    size_t i;
    const json_t *item;
    msk_builder_init(&joined, MSK_TABLE_MEMORY);
    json_array_foreach(list, i, item)
        msk_builder_printf(&joined, "%s%s", i ? " " : "", ids ? node_short_id(item, text) : json_string_value(item));
    msk_table_cell(table, "%s", joined.len ? (const char *)joined.data : "-");
    msk_builder_free(&joined);
}

static void append_peer(struct msk_table *table, const json_t *peer)
{
    char text[NODE_TEXT_SIZE], updated[MSK_TIME_TEXT_SIZE];
    const char *source = json_string_value(json_object_get(peer, "source"));
    json_int_t updated_ms = json_integer_value(json_array_get(json_object_get(peer, "version"), 1));
    json_t *since = json_string(msk_time_ms_text(updated_ms, updated));
    msk_table_cell(table, "%s", node_short_id(json_object_get(peer, "peer_id"), text));
    append_list(table, json_object_get(peer, "addresses"), false);
    msk_table_cell(table, "%s", node_age_text(since, text));
    msk_table_cell(table, "%s", source ? source : "-");
    msk_table_cell(table, "%s", json_is_true(json_object_get(peer, "bonded")) ? "yes" : "no");
    append_list(table, json_object_get(peer, "groups"), true);
    json_decref(since);
}

static int print_peers(const struct msk_run *run, const json_t *peers)
{
    static const struct msk_column columns[] = {{"PEER", false},   {"ADDRESSES", false}, {"AGE", true},
                                                {"SOURCE", false}, {"BONDED", false},    {"GROUPS", false}};
    struct msk_table table;
    size_t i;
    const json_t *peer;
    msk_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(peers, i, peer) append_peer(&table, peer);
    return msk_table_print(&table, run->out);
}

static int run_catalog(struct msk_run *run)
{
    const struct options *options = run->options;
    json_t *answer;
    int rc = node_ask(&options->target, json_pack("{s:s}", "cmd", "catalog"), &answer, run->err);
    if (rc)
        return rc;
    if (run->out->json)
        return msk_output_json(run->out, answer);
    rc = print_peers(run, json_object_get(answer, "peers"));
    json_decref(answer);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-node catalog --control node.sock", NULL},
    {"mosaik-node catalog --json --control node.sock | jq '.peers[].addresses'", NULL},
    {NULL, NULL},
};

const struct msk_command node_catalog = {
    .name = "catalog",
    .summary = "List the peers this node knows of",
    .details =
        "AGE is the time since a peer's entry was last renewed by the peer itself; entries are forgotten after five "
        "minutes. SOURCE tells how the entry came here.",
    .sets = {{.options = node_target_plain_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_catalog,
};
