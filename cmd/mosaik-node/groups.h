/* groups.h: the groups of a node as its options give them: one on the command line, several in the configuration file.
 */
#ifndef MOSAIK_NODE_GROUPS_H
#define MOSAIK_NODE_GROUPS_H

#include "cli/arguments.h"
#include "cli/group_options.h"

#define NODE_GROUPS_MAX 256 /* in one configuration file */

/* What may be said of one group: the members of an object in "groups", and options of run and join. */
struct node_group_options {
    const char *alias;
    struct msk_group_options group;
};
extern const struct msk_option node_alias_rows[];

/* One group, ready to be joined; not to be moved. */
struct node_group {
    struct msk_group_setup setup;
    struct msk_arguments *arguments; /* of an object in "groups": keeps its texts; NULL otherwise */
};

/* MSK_E_INVALID names the option, MSK_E_IO the file; also MSK_E_NOMEM. The options must outlive the group. */
int node_group_make(const struct node_group_options *options, struct node_group **out, struct msk_error *err);

/* From one object of "groups", whose members are the options with underscores for hyphens; `place` names it in errors.
 */
int node_group_of_json(const json_t *object, const char *place, struct node_group **out, struct msk_error *err);

void node_group_free(struct node_group *group); /* wipes the key; NULL is fine */

#endif
