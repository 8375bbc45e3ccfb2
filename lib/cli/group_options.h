/* group_options.h: the options that define a group, shared by every command that names one (cli.md "What defines a
 * group"), and what follows from them: the group id, and the configuration a node joins with. */
#ifndef MSK_CLI_GROUP_OPTIONS_H
#define MSK_CLI_GROUP_OPTIONS_H

#include "cli/option.h"
#include "core/node.h"
#include "crypto/identity.h"

/* A member of a command's structure, filled by the option sets MSK_GROUP_OPTION_SETS(its offset). */
struct msk_group_options {
    const char *network, *group_key_file, *group_key, *group_key_from_validator; /* NULL: not given */
    const char *machine, *machine_id, *sync_type;                                /* only `machine` has a default */
    uint64_t sync_batch_size, sync_fetch_timeout_ms;
    struct msk_list require_ticket; /* of const char *: validator files */
    uint64_t heartbeat_interval_ms, heartbeat_jitter_ms;
    uint32_t max_missed_heartbeats;
    uint64_t election_timeout_ms, election_timeout_jitter_ms, bootstrap_delay_ms;
    struct msk_leadership {
        enum msk_preference preference;
        uint32_t factor; /* of MSK_PREFER_RELUCTANT */
    } leadership;
    uint32_t members; /* 0: not declared */
    uint64_t forward_timeout_ms, query_timeout_ms, machine_timeout_ms;
    unsigned on_fork;   /* enum msk_on_fork */
    const char *schema; /* NULL: not given */
};

extern const struct msk_option msk_group_identity_rows[], msk_group_member_rows[];

#define MSK_GROUP_OPTION_SETS(at)                                                                                      \
    {.title = "What defines the group", .options = msk_group_identity_rows, .offset = (at)},                           \
    {                                                                                                                  \
        .title = "How this member behaves (no part of the group id)", .options = msk_group_member_rows, .offset = (at) \
    }

#define MSK_GROUP_VALIDATORS_MAX 64

/* What the options come to. Zero-initialise; owns its validators, which `config` points to, and texts are the options'.
 */
struct msk_group_setup {
    bool has_network;
    struct msk_digest network_id;
    struct msk_group_inputs inputs; /* what the id is made of, in words too */
    struct msk_group_config config; /* complete but for the alias */
    size_t validator_count;
    struct msk_validator validators[MSK_GROUP_VALIDATORS_MAX];
    const struct msk_validator *validator_order[MSK_GROUP_VALIDATORS_MAX];
    struct msk_digest validator_signatures[MSK_GROUP_VALIDATORS_MAX];
    struct msk_schema *schema;  /* NULL: none given */
    struct msk_machine machine; /* that knows its types from the schema */
};

/* Read key and validator files and derive the id (groups.md 1). `setup` must not move afterwards: it points into
 * itself. MSK_E_INVALID names option or file; MSK_E_IO, MSK_E_NOMEM. msk_group_setup_free is to be called in any case.
 */
int msk_group_setup_make(const struct msk_group_options *options, struct msk_group_setup *setup, struct msk_error *err);

/* Whether a member can run with these settings: the reference aborts with some (groups.md 1.3), and elections never
 * settle with others (observed.md, Timers). 0, or MSK_E_INVALID naming the option. */
int msk_group_setup_check(const struct msk_group_setup *setup, struct msk_error *err);

/* Wipes the keys. */
void msk_group_setup_free(struct msk_group_setup *setup);

#endif
