/* The node for people and scripts (groups.md 8.2, cli.md "JSON members"). */
#include <string.h>

#include "core/entry_json.h"
#include "core/node_parts.h"
#include "crypto/identity.h"

static json_t *digest_json(const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    return json_string(msk_digest_text(digest, text));
}

static json_t *optional_json(bool present, const struct msk_digest *digest)
{
    return present ? digest_json(digest) : json_null();
}

static json_t *age_json(struct msk_now now, uint64_t since_ms)
{
    return since_ms ? json_integer((json_int_t)(now.mono_ms - since_ms)) : json_null();
}

size_t msk_node_group_count(const struct msk_node *node)
{
    return node->group_count;
}

static int find_by_text(const struct msk_node *node, const char *text, struct msk_digest *out, struct msk_error *err)
{
    for (size_t i = 0; i < node->group_count; i++)
        if (*text && strcmp(node->groups[i]->config.alias, text) == 0) {
            *out = node->groups[i]->config.id;
            return 0;
        }
    if (msk_digest_parse(msk_bytes_of_text(text), out, NULL) == 0 && msk_node_group(node, out))
        return 0;
    return msk_fail(err, MSK_E_NOTFOUND, "no group \"%s\" here", text);
}

int msk_node_find_group(const struct msk_node *node, const char *text, struct msk_digest *out, struct msk_error *err)
{
    if (text)
        return find_by_text(node, text, out, err);
    if (node->group_count > 1)
        return msk_fail(err, MSK_E_INVALID, "this node has %zu groups: name one", node->group_count);
    if (node->group_count == 0)
        return msk_fail(err, MSK_E_NOTFOUND, "this node has no group");
    *out = node->groups[0]->config.id;
    return 0;
}

static const char *const preference_names[] = {
    [MSK_PREFER_NORMAL] = "normal", [MSK_PREFER_RELUCTANT] = "reluctant", [MSK_PREFER_OBSERVER] = "observer"};

static json_t *config_json(const struct msk_group_config *config)
{
    json_t *validators = json_array();
    for (size_t i = 0; i < config->validator_count; i++) {
        struct msk_digest signature = config->validators[i]->signature;
        json_array_append_new(validators, digest_json(&signature));
    }
    /* clang-format off */
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I}",
                     "key_source", config->key_source,
                     "machine", config->machine,
                     "consensus_digest", digest_json(&config->consensus_digest),
                     "machine_signature", digest_json(&config->machine_signature),
                     "sync_signature", digest_json(&config->sync_signature),
                     "validator_signatures", validators,
                     "heartbeat_interval_ms", (json_int_t)config->heartbeat_interval_ms,
                     "heartbeat_jitter_ms", (json_int_t)config->heartbeat_jitter_ms,
                     "max_missed_heartbeats", (json_int_t)config->max_missed_heartbeats,
                     "election_timeout_ms", (json_int_t)config->raft.election_timeout_ms,
                     "election_timeout_jitter_ms", (json_int_t)config->raft.election_timeout_jitter_ms,
                     "bootstrap_delay_ms", (json_int_t)config->raft.bootstrap_delay_ms,
                     "leadership", preference_names[config->raft.preference],
                     "members", (json_int_t)config->raft.members);
    /* clang-format on */
}

/* null, or how far a log replay session is (groups.md 4.2). */
static json_t *sync_json(const struct msk_raft_status *raft)
{
    if (!raft->syncing)
        return json_null();
    return json_pack("{s:o, s:I, s:I, s:I, s:I}", "from", optional_json(raft->has_sync_peer, &raft->sync_peer), "to",
                     (json_int_t)raft->sync_target, "done", (json_int_t)raft->sync_next - 1, "start",
                     (json_int_t)raft->sync_from, "buffered", (json_int_t)raft->sync_buffered);
}

json_t *msk_node_status_json(const struct msk_node *node, struct msk_now now, const struct msk_digest *id)
{
    const struct msk_group *group = msk_node_group(node, id);
    struct msk_raft_status raft;
    if (!group)
        return NULL;
    msk_raft_status(group->raft, &raft);
    int64_t timer_ms = raft.timer_ms == MSK_NEVER ? -1 : (int64_t)raft.timer_ms - (int64_t)now.mono_ms;
    /* clang-format off */
    return json_pack("{s:o, s:o, s:o, s:s, s:s?, s:s, s:I, s:o, s:o, s:b, s:I, s:I, s:I, s:{s:I, s:I}, s:o, s:o, s:o,"
                     " s:o, s:o, s:o, s:I, s:I, s:o, s:I, s:b, s:I, s:I, s:I}",
                     "peer_id", digest_json(msk_node_id(node)),
                     "network_id", digest_json(&node->catalog.network_id),
                     "group_id", digest_json(&group->config.id),
                     "alias", group->config.alias,
                     "failed", group->failed,
                     "role", msk_role_name(raft.role),
                     "term", (json_int_t)raft.term,
                     "leader", optional_json(raft.has_leader, &raft.leader),
                     "voted_for", optional_json(raft.has_vote, &raft.vote),
                     "online", raft.online,
                     "committed", (json_int_t)raft.committed.index,
                     "committed_term", (json_int_t)raft.committed.term,
                     "applied", (json_int_t)raft.applied,
                     "log", "term", (json_int_t)raft.log.term, "index", (json_int_t)raft.log.index,
                     "bonds", msk_mesh_bonds_json(group->mesh, now),
                     "unbonded", msk_mesh_unbonded_json(group->mesh, now),
                     "ticket", msk_mesh_tickets_json(group->mesh),
                     "sync", sync_json(&raft),
                     "config", config_json(&group->config),
                     "leader_age_ms", age_json(now, raft.leader_heard_ms),
                     "timer_ms", (json_int_t)timer_ms,
                     "quorum", (json_int_t)raft.quorum,
                     "gossip", node->announcer ? msk_gossip_json(msk_announcer_gossip(node->announcer)) : json_null(),
                     "lag", (json_int_t)(raft.group_committed - raft.committed.index),
                     "halted", raft.halted,
                     "log_bytes", (json_int_t)raft.log_bytes,
                     "snapshot", (json_int_t)raft.snapshot_index,
                     "requests", (json_int_t)raft.requests);
    /* clang-format on */
}

json_t *msk_node_bonds_json(const struct msk_node *node, struct msk_now now, const struct msk_digest *id)
{
    const struct msk_group *group = msk_node_group(node, id);
    return group ? json_pack("{s:o, s:o, s:o, s:s}", "bonds", msk_mesh_bonds_json(group->mesh, now), "unbonded",
                             msk_mesh_unbonded_json(group->mesh, now), "group_id", digest_json(id), "alias",
                             group->config.alias)
                 : NULL;
}

static json_t *peer_json(const struct msk_node *node, const struct msk_catalog_record *record)
{
    const struct msk_digest *peer = &record->entry->entry.address.peer_id;
    struct msk_contact_view contact = {0};
    (void)msk_discovery_view(node->discovery, peer, &contact);
    json_t *json = msk_entry_to_json(record->entry, true);
    json_t *more = json_pack("{s:s, s:b, s:b, s:I, s:I}", "source", msk_entry_source_name(record->source), "bonded",
                             node->host.is_bonded(node->host.node, peer), "acquainted", contact.acquainted,
                             "sync_failures", (json_int_t)contact.failures, "rtt_us", (json_int_t)contact.rtt_us);
    if (json_object_update_missing(json, more) < 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(more);
    return json;
}

json_t *msk_node_catalog_json(const struct msk_node *node, struct msk_now now)
{
    json_t *peers = json_array();
    for (size_t i = 0; i < node->catalog.count; i++) {
        const struct msk_catalog_record *record = &node->catalog.records[i];
        if (msk_catalog_find(&node->catalog, now.wall_ms, &record->entry->entry.address.peer_id) &&
            json_array_append_new(peers, peer_json(node, record)) < 0) {
            json_decref(peers);
            return NULL;
        }
    }
    return json_pack("{s:o, s:o}", "peers", peers, "own", msk_entry_to_json(&node->own.signed_entry, true));
}

json_t *msk_node_groups_json(const struct msk_node *node)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < node->group_count; i++)
        if (json_array_append_new(groups, json_pack("{s:s, s:o}", "alias", node->groups[i]->config.alias, "group_id",
                                                    digest_json(&node->groups[i]->config.id))) < 0) {
            json_decref(groups);
            return NULL;
        }
    return groups;
}

const struct msk_digest *msk_node_group_id(const struct msk_node *node, size_t index)
{
    return &node->groups[index]->config.id;
}

void msk_node_view(const struct msk_node *node, struct msk_node_view *out)
{
    *out = (struct msk_node_view){
        .catalog_entries = node->catalog.count,
        .neighbours = node->announcer ? msk_gossip_neighbour_count(msk_announcer_gossip(node->announcer)) : 0,
        .syncs = msk_discovery_syncs(node->discovery),
        .discovered = node->discovered,
        .updated = node->updated,
        .departed = node->departed,
    };
}

int msk_node_group_view(const struct msk_node *node, const struct msk_digest *id, struct msk_group_view *out)
{
    const struct msk_group *group = msk_node_group(node, id);
    if (!group)
        return MSK_E_NOTFOUND;
    msk_raft_status(group->raft, &out->raft);
    out->bond_count = msk_mesh_bond_count(group->mesh);
    out->traffic = msk_mesh_traffic(group->mesh);
    return 0;
}

bool msk_node_is_bonded(const struct msk_node *node, const struct msk_digest *id, const struct msk_digest *peer)
{
    const struct msk_group *group = msk_node_group(node, id);
    return group && msk_mesh_bond(group->mesh, peer);
}
