/* mosaik-inspect top: running nodes at a glance. */
#include "top.h"

#include "base/alloc.h"
#include "cli/program.h"
#include "inspect.h"
#include "runtime/now.h"

#define INTERVAL_MIN_MS 100
#define INTERVAL_MAX_MS 3600000

struct options {
    struct msk_list sockets;
    uint64_t interval_ms;
    bool once;
};

static const struct msk_option rows[] = {
    {.name = "SOCKET",
     .type = &msk_value_file,
     .offset = offsetof(struct options, sockets),
     .positional = true,
     .required = true,
     .repeatable = true,
     .help = "control socket of a running node"},
    {.name = "interval",
     .letter = 'i',
     .type = &msk_value_duration_ms,
     .offset = offsetof(struct options, interval_ms),
     .fallback = "1s",
     .help = "how often the nodes are asked"},
    {.name = "once",
     .letter = '1',
     .type = &msk_value_flag,
     .offset = offsetof(struct options, once),
     .help = "print a table once, and end"},
    {.name = NULL},
};

/* ---- once */

static json_t *node_to_json(const struct top_node *node)
{
    return node->groups ? json_pack("{s:s, s:b, s:n, s:O}", "socket", node->socket, "reachable", 1, "reason", "groups",
                                    node->groups)
                        : json_pack("{s:s, s:b, s:s, s:[]}", "socket", node->socket, "reachable", 0, "reason",
                                    node->reason, "groups");
}

static int print_json(const struct msk_run *run, const struct top_node *nodes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, node_to_json(&nodes[i])) < 0) {
            json_decref(list);
            return MSK_E_NOMEM;
        }
    return msk_output_json(run->out, json_pack("{s:o}", "nodes", list));
}

static int print_table(const struct msk_run *run, const struct top_node *nodes, size_t count)
{
    struct msk_table table;
    struct top_row *shown = msk_calloc(TOP_ROWS_MAX, sizeof *shown);
    if (!shown)
        return msk_fail(run->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    size_t used = top_rows(nodes, count, msk_now().wall_ms, shown, TOP_ROWS_MAX);
    msk_table_init(&table, top_columns, TOP_COLUMNS);
    for (size_t i = 0; i < used; i++)
        for (size_t column = 0; !shown[i].reason && column < TOP_COLUMNS; column++)
            msk_table_cell(&table, "%s", shown[i].cells[column]);
    int rc = msk_table_print(&table, run->out);
    for (size_t i = 0; i < used; i++)
        if (shown[i].reason)
            fprintf(run->out->stream, "%s: %s\n", shown[i].cells[0], shown[i].reason);
    msk_free(shown);
    return rc;
}

static int show_once(const struct msk_run *run, struct top_node *nodes, size_t count)
{
    size_t unreachable = 0;
    for (size_t i = 0; i < count; i++) {
        top_poll(&nodes[i], msk_now().mono_ms);
        unreachable += !nodes[i].groups;
    }
    int rc = run->out->json ? print_json(run, nodes, count) : print_table(run, nodes, count);
    if (rc == 0 && unreachable)
        rc = msk_fail(run->err, MSK_E_UNREACHABLE, "%zu of %zu nodes could not be reached", unreachable, count);
    return rc;
}

/* ---- the command */

static int run_top(struct msk_run *run)
{
    const struct options *options = run->options;
    const char *const *sockets = options->sockets.items;
    size_t count = options->sockets.count;
    if (options->interval_ms < INTERVAL_MIN_MS || options->interval_ms > INTERVAL_MAX_MS)
        return msk_fail(run->err, MSK_E_INVALID, "--interval: 100ms to 1h");
    if (run->out->json && !options->once)
        return msk_fail(run->err, MSK_E_INVALID, "--json: only with --once\nmosaik-node watch streams events");
    struct top_node *nodes = msk_calloc(count, sizeof *nodes);
    if (!nodes)
        return msk_fail(run->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    for (size_t i = 0; i < count; i++)
        nodes[i].socket = sockets[i];
    int rc = options->once ? show_once(run, nodes, count) : top_watch(nodes, count, options->interval_ms, run->err);
    for (size_t i = 0; i < count; i++)
        top_node_free(&nodes[i]);
    msk_free(nodes);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect top /run/mosaik/*.sock", NULL},
    {"mosaik-inspect top --once ada.sock bob.sock", "For a log, or where there is no terminal"},
    {NULL, NULL},
};

const struct msk_command inspect_top = {
    .name = "top",
    .summary = "Watch running nodes: role, term, commits, bonds, tickets",
    .details =
        "Asks each node over its control socket again and again, and shows a line for each of its groups. A node "
        "that does not answer is shown as such, and asked again. LAG counts committed entries that the node "
        "does not have yet; TICKET tells when the first ticket of a bonded peer expires; UNBONDED counts known "
        "members without a bond. Keys: q or Ctrl-C quits, the arrows scroll.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_top,
};
