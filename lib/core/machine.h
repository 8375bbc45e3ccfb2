/* machine.h: a state machine as raft sees it, and the built-in ones: noop, counter, lines, kv, opaque (cli.md "Built-in
 * machines").
 *
 * A machine is told committed entries in order and answers queries; commands, queries and results are postcard values
 * of declared types. Functions that take time (a child process) answer MSK_MACHINE_LATER and tell the end through
 * msk_node_machine_applied, msk_node_machine_answered and msk_node_machine_snapshotted; until then they are not asked
 * to apply more, or for another snapshot. They are told of everything in the order in which it is to happen. */
#ifndef MSK_CORE_MACHINE_H
#define MSK_CORE_MACHINE_H

#include "wire/messages.h"
#include "wire/schema.h"
#include "wire/type.h"

#define MSK_MACHINE_LATER        1           /* the answer comes by itself */
#define MSK_MACHINE_RESULT_MAX   (16u << 20) /* bytes of an encoded query result */
#define MSK_MACHINE_SNAPSHOT_MAX (1u << 30)
#define MSK_MACHINE_APPLY_MAX    256        /* entries in one call */
#define MSK_MACHINE_APPLY_BYTES  (1u << 20) /* of their commands, unless the first is longer */
#define MSK_MACHINE_LINES_MAX    4096       /* lines and pairs in one query result */

/* Consecutive committed entries of one term; valid during the call. */
struct msk_machine_batch {
    uint64_t term, first; /* index of entries[0] */
    const struct msk_log_entry *entries;
    size_t count;
};

struct msk_machine {
    const char *name;
    const char *id;        /* its signature is msk_digest_of_string of this; NULL: the user says (groups.md 1.5) */
    const char *rust_type; /* for the log replay signature, NULL: the user says (groups.md 1.6) */
    const struct msk_type *command, *query, *result; /* NULL: bytes of any content */
    bool may_be_lost; /* msk_node_machine_lost: it is told again what is behind its last snapshot, which stays in memory
                       */
    bool has_idle;    /* `idle` is a command that changes nothing (groups.md 3.11, leader rule 7) */
    struct msk_bytes idle;

    /* `context` is from the group's configuration. 0, MSK_E_NOMEM or another error. */
    int (*create)(void *context, void **state);
    void (*destroy)(void *state); /* NULL is fine */

    /* Undecodable commands change nothing, on every member alike. 0, MSK_MACHINE_LATER, or an error that stops the
     * group: the state is then of no use. */
    int (*apply)(void *state, const struct msk_machine_batch *batch);

    /* Append the encoded result, or MSK_MACHINE_LATER: `ticket` names the query. MSK_E_INVALID: not a query. */
    int (*query_state)(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result);

    /* All of the state as bytes, and back. Both NULL: it cannot, and is replayed from index 1 at every start. Empty
     * bytes are the state at the beginning; what is under way when it is restored is not answered any more.
     * `snapshot` may answer MSK_MACHINE_LATER. MSK_E_DAMAGED: not a snapshot of this machine. */
    int (*snapshot)(void *state, struct msk_builder *out);
    int (*restore)(void *state, struct msk_bytes snapshot);
};

extern const struct msk_machine msk_machine_noop;    /* commands and queries: nothing */
extern const struct msk_machine msk_machine_counter; /* Increment(u32), Decrement(u32); query unit; result i64 */
extern const struct msk_machine msk_machine_lines;   /* command text; query u64, the first index; result list of text */
extern const struct msk_machine msk_machine_kv;      /* Set, Delete, Cas; query Get, Scan; result Value, Pairs */
extern const struct msk_machine msk_machine_opaque;  /* any command; answers no query itself */

/* What a program of the user is to raft (--machine exec:COMMAND): commands, queries and results of any content, as JSON
 * text. Its functions are NULL: who runs the program supplies them. */
extern const struct msk_machine msk_machine_exec;
#define MSK_MACHINE_EXEC_PREFIX "exec:"

/* All built-in machines, ended by NULL; one by its name, or msk_machine_exec by exec:COMMAND; NULL: none. */
extern const struct msk_machine *const msk_machines[];
const struct msk_machine *msk_machine_find(const char *name);

/* `machine` with the types that a schema tells, which stays the caller's and outlives it. MSK_E_INVALID: the machine
 * has types of its own. */
int msk_machine_describe(const struct msk_machine *machine, const struct msk_schema *schema, struct msk_machine *out,
                         struct msk_error *err);

/* One command, query or result (`type` from above, NULL allowed) from JSON: of no type it is hex text. 0,
 * MSK_E_INVALID, MSK_E_NOMEM. */
int msk_machine_read_json(const struct msk_type *type, const json_t *json, struct msk_builder *out,
                          struct msk_error *err);
int msk_machine_print_json(const struct msk_type *type, struct msk_bytes value, json_t **out, struct msk_error *err);

#endif
