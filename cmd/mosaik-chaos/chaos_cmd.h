/* chaos_cmd.h: the commands of mosaik-chaos, and what those that talk to a running one share. */
#ifndef MOSAIK_CHAOS_CMD_H
#define MOSAIK_CHAOS_CMD_H

#include "cli/program.h"

extern const struct msk_command chaos_run, chaos_set, chaos_partition, chaos_heal, chaos_pause, chaos_resume,
    chaos_node, chaos_stats, chaos_links;

/* Which running proxy. */
struct chaos_target {
    const char *control;
};
extern const struct msk_option chaos_target_rows[];

#define CHAOS_ANSWER_MAX_MS 10000

/* Ask it and wait for its answer, a new reference. `argument` is stolen, and may be NULL. Errors as msk_client_call. */
int chaos_ask(const struct chaos_target *target, const char *command, json_t *argument, json_t **answer,
              struct msk_error *err);

/* Have it change something: `argument` as in msk_network_act, stolen; NULL stands for memory that ran out. */
int chaos_change(const struct chaos_target *target, const char *action, json_t *argument, struct msk_error *err);

#endif
