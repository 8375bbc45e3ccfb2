#include "core/group.h"

#include <string.h>

#include "base/alloc.h"

#define REPORT_RETRY_MS 1000 /* of a failure that could not be reported for want of memory */

/* ---- from raft to bonds */

/* What raft has said since `from` goes out on the bonds, in place and in order; to peers without one it is lost, as on
 * any network. `after` stays: nothing leaves before its record is on disk. */
static void route(struct msk_group *group, struct msk_actions *out, size_t from)
{
    size_t kept = from;
    for (size_t i = from; i < out->count; i++) {
        struct msk_action *action = &out->items[i];
        if (action->kind == MSK_ACTION_RAFT) {
            struct msk_bond *bond = msk_mesh_bond(group->mesh, &action->raft.to);
            uint8_t *data = action->raft.data;
            size_t len = action->raft.len;
            if (!bond) {
                msk_free(data);
                continue;
            }
            action->kind = MSK_ACTION_SEND;
            action->link = bond->link->number;
            action->send.data = data;
            action->send.len = len;
            msk_bond_sent(bond, len);
        }
        if (kept != i)
            out->items[kept] = *action;
        kept++;
    }
    out->count = kept;
}

static void on_bonded(void *context, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out)
{
    struct msk_group *group = context;
    size_t from = out->count;
    msk_raft_bonded(group->raft, now, peer, out);
    route(group, out, from);
}

static void on_unbonded(void *context, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out)
{
    struct msk_group *group = context;
    size_t from = out->count;
    msk_raft_unbonded(group->raft, now, peer, out);
    route(group, out, from);
}

static void on_heard(void *context, struct msk_now now, const struct msk_digest *peer)
{
    struct msk_group *group = context;
    msk_raft_heard(group->raft, now, peer);
}

static int on_raft(void *context, struct msk_now now, const struct msk_digest *peer,
                   const struct msk_raft_message *message, struct msk_actions *out)
{
    struct msk_group *group = context;
    size_t from = out->count;
    int error = msk_raft_receive(group->raft, now, peer, message, out);
    route(group, out, from);
    return error;
}

/* ---- life */

/* groups.md 1.3, degenerate values; observed.md, Timers. */
static int check_settings(const struct msk_group_config *config, struct msk_error *err)
{
    if (config->heartbeat_interval_ms == 0 || config->heartbeat_jitter_ms == 0)
        return msk_fail(err, MSK_E_INVALID, "heartbeat interval and jitter must not be 0");
    if (config->heartbeat_jitter_ms >= config->heartbeat_interval_ms)
        return msk_fail(err, MSK_E_INVALID, "the heartbeat jitter must be below the heartbeat interval");
    if (config->heartbeat_interval_ms > MSK_RAFT_TIME_MAX_MS)
        return msk_fail(err, MSK_E_INVALID, "the heartbeat interval is too long");
    if (config->max_missed_heartbeats == 0)
        return msk_fail(err, MSK_E_INVALID, "max missed heartbeats must not be 0");
    if (config->raft.election_timeout_jitter_ms == 0)
        return msk_fail(err, MSK_E_INVALID, "the election timeout jitter must not be 0");
    if (config->raft.election_timeout_ms <= config->heartbeat_interval_ms)
        return msk_fail(err, MSK_E_INVALID, "the election timeout must exceed the heartbeat interval");
    return 0;
}

static char *copy_text(const char *text)
{
    return msk_strdup(text ? text : "");
}

static int copy_config(const struct msk_group_config *from, struct msk_group_config *to)
{
    *to = *from;
    to->key_source = copy_text(from->key_source);
    to->machine = copy_text(from->machine);
    to->validators = msk_memdup(from->validators, from->validator_count * sizeof(struct msk_validator *));
    return to->key_source && to->machine && to->validators ? 0 : MSK_E_NOMEM;
}

static int make_parts(struct msk_group *group, const struct msk_saved *saved, uint64_t seed, uint64_t *sequence,
                      struct msk_now now, struct msk_error *err)
{
    const struct msk_peer_entry *own = &group->host->own->signed_entry.entry;
    const struct msk_mesh_events events = {group, on_bonded, on_unbonded, on_heard, on_raft};
    const struct msk_mesh_config mesh = {.bond = {.group_id = group->config.id,
                                                  .key = group->config.key,
                                                  .self = own->address.peer_id,
                                                  .network_id = own->network,
                                                  .heartbeat_interval_ms = group->config.heartbeat_interval_ms,
                                                  .heartbeat_jitter_ms = group->config.heartbeat_jitter_ms,
                                                  .max_missed_heartbeats = group->config.max_missed_heartbeats},
                                         .validators = group->config.validators,
                                         .validator_count = group->config.validator_count,
                                         .seed = seed};
    group->mesh = msk_mesh_new(group->host, &events, &mesh);
    struct msk_raft_config *raft = &group->config.raft;
    raft->group = group->config.id;
    raft->self = own->address.peer_id;
    raft->heartbeat_interval_ms = group->config.heartbeat_interval_ms;
    raft->seed = seed + 1;
    raft->sequence = sequence;
    return group->mesh ? msk_raft_new(raft, saved, now, &group->raft, err)
                       : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

int msk_group_new(const struct msk_host *host, const struct msk_group_config *config, const struct msk_saved *saved,
                  uint64_t seed, uint64_t *sequence, struct msk_now now, struct msk_group **out, struct msk_error *err)
{
    int error = check_settings(config, err);
    if (error < 0)
        return error;
    struct msk_group *group = msk_calloc(1, sizeof *group);
    if (!group)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    group->host = host;
    error = copy_config(config, &group->config);
    error = error < 0 ? msk_fail(err, error, "%s", msk_error_sentence(error))
                      : make_parts(group, saved, seed, sequence, now, err);
    if (error < 0)
        msk_group_free(group);
    else
        *out = group;
    return error;
}

void msk_group_free(struct msk_group *group)
{
    if (!group)
        return;
    msk_mesh_free(group->mesh);
    msk_raft_free(group->raft);
    msk_wipe(&group->config.key, sizeof group->config.key);
    msk_free((void *)group->config.key_source);
    msk_free((void *)group->config.machine);
    msk_free((void *)group->config.validators);
    msk_free(group);
}

/* The validators' signatures as reported; without memory none are. */
static struct msk_digest_seq validator_signatures(const struct msk_group_config *config)
{
    struct msk_digest_seq signatures = {.items = msk_calloc(config->validator_count, sizeof *signatures.items)};
    for (; signatures.items && signatures.count < config->validator_count; signatures.count++)
        signatures.items[signatures.count] = config->validators[signatures.count]->signature;
    return signatures;
}

void msk_group_start(struct msk_group *group, struct msk_now now, struct msk_actions *out)
{
    const struct msk_group_config *config = &group->config;
    struct msk_digest_seq signatures = validator_signatures(config);
    MSK_EMIT(out, &config->id, GROUP_JOINED, MSK_F_DIGEST("id", &config->id),
             MSK_F_TEXT("key_source", config->key_source), MSK_F_TEXT("machine", config->machine),
             MSK_F_DIGEST("consensus_digest", &config->consensus_digest),
             MSK_F_DIGEST("machine_signature", &config->machine_signature),
             MSK_F_DIGEST("sync_signature", &config->sync_signature), MSK_F_DIGESTS("validators", signatures));
    msk_free(signatures.items);
    msk_mesh_start(group->mesh, now, out);
}

void msk_group_leave(struct msk_group *group, struct msk_now now, struct msk_actions *out)
{
    msk_raft_stop(group->raft, "the group was left", out);
    msk_mesh_close(group->mesh, now, true, out);
    MSK_EMIT(out, &group->config.id, GROUP_LEFT, MSK_F_DIGEST("id", &group->config.id));
}

int msk_group_begin(struct msk_actions *out)
{
    int pending = out->error;
    out->error = 0;
    return pending;
}

void msk_group_end(struct msk_group *group, int pending, struct msk_actions *out)
{
    if (out->error)
        group->broken = out->error;
    out->error = pending;
}

static void report_failure(struct msk_group *group, struct msk_now now, struct msk_actions *out)
{
    struct msk_raft_status status;
    msk_raft_status(group->raft, &status);
    int pending = msk_group_begin(out);
    MSK_EMIT(out, &group->config.id, GROUP_FAILED, MSK_F_TEXT("reason", group->failed),
             MSK_F_CURSOR("committed", status.committed));
    group->report_ms = out->error ? now.mono_ms + REPORT_RETRY_MS : MSK_NEVER;
    out->error = pending;
}

void msk_group_fail(struct msk_group *group, struct msk_now now, struct msk_actions *out)
{
    group->failed = msk_error_sentence(group->broken);
    msk_raft_stop(group->raft, "the group failed", out);
    msk_mesh_close(group->mesh, now, false, out);
    report_failure(group, now, out);
}

/* ---- commands and queries, machines */

void msk_group_request(struct msk_group *group, struct msk_now now, const struct msk_group_request *request,
                       struct msk_actions *out)
{
    size_t from = out->count;
    struct msk_raft *raft = group->raft;
    switch (request->kind) {
    case MSK_GROUP_EXECUTE:
        msk_raft_execute(raft, now, request->number, request->commands, request->count, request->timeout_ms, out);
        break;
    case MSK_GROUP_FEED:
        msk_raft_feed(raft, now, request->number, request->commands, request->count, out);
        break;
    case MSK_GROUP_QUERY:
        msk_raft_query(raft, now, request->number, request->commands[0], request->strong, out);
        break;
    case MSK_GROUP_APPLIED:
        msk_raft_machine_applied(raft, now, request->result, out);
        break;
    case MSK_GROUP_ANSWERED:
        msk_raft_machine_answered(raft, now, request->number, request->result, request->commands[0], out);
        break;
    case MSK_GROUP_SNAPSHOTTED:
        msk_raft_machine_snapshotted(raft, request->result, request->commands[0], out);
        break;
    case MSK_GROUP_LOST:
        msk_raft_machine_lost(raft, out);
        break;
    case MSK_GROUP_ENTRIES_READ:
        msk_raft_entries_read(raft, now, request->number, request->count, request->commands[0], out);
        break;
    case MSK_GROUP_SNAPSHOT:
        msk_raft_snapshot(raft, out);
        break;
    }
    route(group, out, from);
}

/* ---- disk, time */

void msk_group_persisted(struct msk_group *group, struct msk_now now, uint64_t sequence, struct msk_actions *out)
{
    size_t from = out->count;
    msk_raft_persisted(group->raft, now, sequence, out);
    route(group, out, from);
}

void msk_group_tick(struct msk_group *group, struct msk_now now, struct msk_actions *out)
{
    if (group->failed) {
        if (group->report_ms <= now.mono_ms)
            report_failure(group, now, out);
        return;
    }
    msk_mesh_tick(group->mesh, now, out);
    if (msk_raft_deadline(group->raft) > now.mono_ms)
        return;
    size_t from = out->count;
    msk_raft_tick(group->raft, now, out);
    route(group, out, from);
}

uint64_t msk_group_deadline(const struct msk_group *group)
{
    if (group->failed)
        return group->report_ms;
    uint64_t mesh_ms = msk_mesh_deadline(group->mesh), raft_ms = msk_raft_deadline(group->raft);
    return mesh_ms < raft_ms ? mesh_ms : raft_ms;
}
