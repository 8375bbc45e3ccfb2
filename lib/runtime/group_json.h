/* group_json.h: what a group is joined with, as it travels over the control socket: resolved by the one who asks, so
 * that a running node opens none of the asker's files. */
#ifndef MSK_RUNTIME_GROUP_JSON_H
#define MSK_RUNTIME_GROUP_JSON_H

#include "core/node.h"

/* A new reference. `validators` (stolen) is the list of validator files, each as one text, in order. NULL without
 * memory. It holds the group key: not for logs. */
json_t *msk_group_to_json(const struct msk_group_config *config, json_t *validators);

/* A configuration with everything it points to. */
struct msk_group_copy {
    struct msk_group_config config;
    char *machine_name;
    struct msk_validator *validators;
    const struct msk_validator **order;
    struct msk_schema *schema;  /* NULL: none */
    struct msk_machine machine; /* that knows its types from the schema */
};

/* Read the above and derive what follows from it, the group id included (groups.md 1.4). `*out` is the caller's.
 * MSK_E_INVALID naming the member, MSK_E_NOMEM. */
int msk_group_copy_of_json(const json_t *json, struct msk_group_copy **out, struct msk_error *err);
void msk_group_copy_free(struct msk_group_copy *copy); /* wipes; NULL is fine */

#endif
