/* submit.h: commands on their way into a group's log, as execute and feed take them: from the command line, or a line
 * each from standard input, in bounded batches. */
#ifndef MOSAIK_NODE_SUBMIT_H
#define MOSAIK_NODE_SUBMIT_H

#include "node_cmd.h"

#define NODE_COMMAND_MAX    (512u << 10) /* bytes of one command's text */
#define NODE_BATCH_MAX      1000         /* commands of one request */
#define NODE_BATCH_TEXT_MAX (128u << 10) /* bytes of their texts, where there are several */
#define NODE_REQUEST_MAX_MS (UINT64_C(1) << 30)

struct node_submit_options {
    struct node_target target;
    struct msk_list commands; /* of const char * */
    bool hex;
    uint64_t timeout_ms;
};

/* Positional commands, --hex and --timeout; the target is a set of its own. */
extern const struct msk_option node_submit_rows[];

#define NODE_SUBMIT_SETS                                                                        \
    {                                                                                           \
        {.options = node_submit_rows},                                                          \
        {                                                                                       \
            .options = node_target_rows, .offset = offsetof(struct node_submit_options, target) \
        }                                                                                       \
    }

/* Send all commands as requests `cmd`, each batch when the one before is answered, and print the answer: first and last
 * index, count, outcome. `done` is the outcome that means success, which people read as `verb`. The first batch that
 * ends otherwise is the last. 0, 1 (--json: the answer says why), or an error that names the command's place and how
 * many went before. */
int node_submit(struct msk_run *run, const char *cmd, const char *done);

/* One command or query from its text: JSON, or with `hex` the digits of its bytes. `place` names it in errors. A new
 * reference. MSK_E_INVALID. */
int node_read_value(const char *text, size_t len, bool hex, const char *place, json_t **out, struct msk_error *err);

/* What an outcome other than success means, and what to do about it. MSK_E_REFUSED. */
int node_outcome_fail(const json_t *answer, struct msk_error *err);

#endif
