/* node_cmd.h: the commands of mosaik-node, one file each, and what those that talk to a running node share. */
#ifndef MOSAIK_NODE_CMD_H
#define MOSAIK_NODE_CMD_H

#include "cli/program.h"
#include "runtime/client.h"

extern const struct msk_command node_run, node_status, node_wait, node_watch, node_bonds, node_catalog, node_join,
    node_leave, node_stop, node_ticket_add, node_ticket_remove, node_execute, node_feed, node_query;

/* Which node, and which of its groups. */
struct node_target {
    const char *control, *group; /* group NULL: the only one */
};
extern const struct msk_option node_target_rows[];       /* of a command about one group */
extern const struct msk_option node_target_plain_rows[]; /* of a command about the node */

#define NODE_ANSWER_MAX_MS 10000 /* a node that runs answers at once */

/* Ask the node and wait for its answer, a new reference. `request` is stolen, NULL standing for memory that ran out;
 * the group is added to it. Errors as msk_client_call. */
int node_ask(const struct node_target *target, json_t *request, json_t **answer, struct msk_error *err);

/* The same over a connection that stays open, for more to come (msk_client_close). */
int node_open(const struct node_target *target, json_t *request, uint64_t timeout_ms, struct msk_client **client,
              json_t **answer, struct msk_error *err);

/* ---- figures as people read them; all return `out` */
#define NODE_TEXT_SIZE 64
const char *node_short_id(const json_t *id, char out[NODE_TEXT_SIZE]);    /* "ed4928c628", "-" for null */
const char *node_age_text(const json_t *since, char out[NODE_TEXT_SIZE]); /* "2m" since an RFC 3339 time */

/* The table of a group's bonds. */
int node_print_bonds(const struct msk_run *run, const json_t *bonds);

#endif
