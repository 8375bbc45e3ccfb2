/* top.h: several running nodes at a glance, asked again and again over their control sockets. */
#ifndef MOSAIK_INSPECT_TOP_H
#define MOSAIK_INSPECT_TOP_H

#include <jansson.h>

#include "base/error.h"
#include "cli/layout.h"
#include "runtime/client.h"

#define TOP_ANSWER_MAX_MS 500  /* a node that hangs must not stop the view of the others */
#define TOP_RETRY_MS      2000 /* and is asked more rarely */
#define TOP_GROUPS_MAX    64   /* of one node that are shown */
#define TOP_CELL_SIZE     48
#define TOP_COLUMNS       12
#define TOP_ROWS_MAX      4096

/* One control socket. */
struct top_node {
    const char *socket;
    struct msk_client *client; /* NULL: not connected */
    uint64_t retry_ms;         /* when to try again */
    json_t *groups;            /* the status of each group; NULL: unreachable */
    char reason[MSK_ERROR_TEXT_MAX];
};

/* Ask the node how it is. What it answers, or why it does not, is then in `node`. */
void top_poll(struct top_node *node, uint64_t now_ms);
void top_node_free(struct top_node *node);

/* What is shown of one group of one node; `alarm` rows are drawn conspicuously. */
struct top_row {
    char cells[TOP_COLUMNS][TOP_CELL_SIZE];
    const char *reason; /* instead of the cells behind the first one; NULL: none */
    bool leads, alarm;
};

extern const struct msk_column top_columns[TOP_COLUMNS];

/* The rows of all nodes, at most `max`; returns how many. `wall_ms` is the present, which tickets expire after. */
size_t top_rows(const struct top_node *nodes, size_t count, int64_t wall_ms, struct top_row *rows, size_t max);

/* Show the nodes until the user has enough. MSK_E_INVALID: no terminal for it. */
int top_watch(struct top_node *nodes, size_t count, uint64_t interval_ms, struct msk_error *err);

#endif
