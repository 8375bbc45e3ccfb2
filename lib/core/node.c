#include "core/node.h"

#include <string.h>

#include "base/alloc.h"
#include "core/node_parts.h"
#include "wire/close_code.h"

struct msk_group *msk_node_group(const struct msk_node *node, const struct msk_digest *id)
{
    for (size_t i = 0; i < node->group_count; i++)
        if (msk_digest_equal(&node->groups[i]->config.id, id))
            return node->groups[i];
    return NULL;
}

/* ---- the own entry */

/* It has a new version. `content`: more than that. */
/* What is new about our entry decides who is told. */
enum news {
    NEWS_NOTHING, /* its version, so that members dial again: by bonds only, one after the other (mesh.h), which gossip
                   * would undo */
    NEWS_VERSION, /* we are still here */
    NEWS_CONTENT
};

static void own_changed(struct msk_node *node, struct msk_now now, enum news news, struct msk_actions *out)
{
    for (size_t i = 0; i < node->group_count; i++) {
        int pending = msk_group_begin(out);
        if (!node->groups[i]->failed)
            msk_mesh_own_changed(node->groups[i]->mesh, now, news == NEWS_CONTENT, out);
        msk_group_end(node->groups[i], pending, out);
    }
    if (node->announcer && news != NEWS_NOTHING)
        msk_announcer_tell(node->announcer, now, out);
    if (news == NEWS_CONTENT)
        msk_discovery_own_changed(node->discovery, now);
}

static int own_result(struct msk_node *node, struct msk_now now, int changed, struct msk_actions *out)
{
    if (changed > 0)
        own_changed(node, now, NEWS_CONTENT, out);
    msk_node_settle(node, now, out);
    return changed < 0 ? changed : 0;
}

static void refresh(struct msk_node *node, struct msk_now now, enum news news, struct msk_actions *out)
{
    if (msk_own_entry_refresh(&node->own, now) == 0)
        own_changed(node, now, news, out);
}

void msk_node_refresh(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    refresh(node, now, NEWS_VERSION, out);
}

void msk_node_settle(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    msk_node_gossip_take(node, now, out);
    for (size_t i = 0; i < node->group_count; i++) {
        struct msk_group *group = node->groups[i];
        if (!group->broken || group->failed)
            continue;
        msk_group_fail(group, now, out);
        if (msk_own_entry_remove_group(&node->own, now, &group->config.id) > 0)
            own_changed(node, now, NEWS_CONTENT, out);
    }
    out->error = 0;
}

/* ---- what the parts ask of the node (host.h) */

static enum msk_standing standing_of(const struct msk_node *node, const struct msk_peer_entry *entry)
{
    if (node->host.is_bonded(node->host.node, &entry->address.peer_id))
        return MSK_STANDING_MEMBER;
    if (msk_discovery_is_bootstrap(node->discovery, &entry->address.peer_id))
        return MSK_STANDING_BOOTSTRAP;
    for (size_t i = 0; i < node->group_count; i++)
        if (msk_peer_entry_lists_group(entry, &node->groups[i]->config.id))
            return MSK_STANDING_GROUP;
    return MSK_STANDING_STRANGER;
}

static void report_entry(const struct msk_digest *peer, enum msk_catalog_outcome outcome, enum msk_entry_source source,
                         struct msk_actions *out)
{
    const struct msk_field fields[] = {MSK_F_DIGEST("peer", peer), MSK_F_TEXT("source", msk_entry_source_name(source)),
                                       MSK_F_TEXT("reason", msk_catalog_outcome_text(outcome))};
    enum msk_event_kind kind = outcome == MSK_CATALOG_ADDED     ? MSK_EVENT_ENTRY_ADDED
                               : outcome == MSK_CATALOG_UPDATED ? MSK_EVENT_ENTRY_UPDATED
                                                                : MSK_EVENT_ENTRY_REFUSED;
    if (outcome != MSK_CATALOG_OWN && outcome != MSK_CATALOG_NOT_NEWER)
        msk_act_event(out, NULL, kind, fields, sizeof fields / sizeof fields[0]);
}

void msk_node_forget_peer(struct msk_node *node, const struct msk_digest *peer, const char *reason,
                          struct msk_actions *out)
{
    node->departed++;
    MSK_EMIT(out, NULL, ENTRY_REMOVED, MSK_F_DIGEST("peer", peer), MSK_F_TEXT("reason", reason));
    msk_discovery_forgotten(node->discovery, peer, out);
    for (size_t i = 0; i < node->group_count; i++)
        msk_mesh_forgotten(node->groups[i]->mesh, peer);
}

static void plan_purge(struct msk_node *node, struct msk_now now, int64_t stale_ms)
{
    if (stale_ms == INT64_MAX)
        return;
    uint64_t due_ms = now.mono_ms + (stale_ms > now.wall_ms ? (uint64_t)(stale_ms - now.wall_ms) : 0);
    if (due_ms < node->purge_ms)
        node->purge_ms = due_ms;
}

/* An entry that the catalog took. `restarted`: its process is another than before. */
static void spread(struct msk_node *node, struct msk_now now, const struct msk_signed_peer_entry *entry, bool restarted,
                   enum msk_turn turn, struct msk_actions *out)
{
    if (restarted)
        msk_discovery_seen(node->discovery, now, &entry->entry.address.peer_id, turn);
    plan_purge(node, now, entry->entry.version.updated_ms + node->catalog.purge_after_ms + 1);
    for (size_t i = 0; i < node->group_count; i++) {
        int pending = msk_group_begin(out);
        if (!node->groups[i]->failed)
            msk_mesh_learn(node->groups[i]->mesh, now, entry, turn, out);
        msk_group_end(node->groups[i], pending, out);
    }
}

static enum msk_catalog_outcome on_learn(void *context, struct msk_now now, const struct msk_signed_peer_entry *entry,
                                         enum msk_entry_source source, enum msk_turn turn, struct msk_actions *out)
{
    struct msk_node *node = context;
    const struct msk_digest *peer = &entry->entry.address.peer_id;
    const struct msk_signed_peer_entry *known = msk_catalog_find(&node->catalog, now.wall_ms, peer);
    bool restarted = !known || entry->entry.version.started_ms > known->entry.version.started_ms;
    struct msk_digest evicted;
    enum msk_catalog_outcome outcome =
        msk_catalog_offer(&node->catalog, now, entry, source, standing_of(node, &entry->entry), &evicted);
    report_entry(peer, outcome, source, out);
    node->discovered += outcome == MSK_CATALOG_ADDED;
    node->updated += outcome == MSK_CATALOG_UPDATED;
    if (!msk_digest_is_zero(&evicted))
        msk_node_forget_peer(node, &evicted, "the catalog is full", out);
    if (outcome == MSK_CATALOG_ADDED || outcome == MSK_CATALOG_UPDATED)
        spread(node, now, entry, restarted, turn, out);
    return outcome;
}

static int on_acquaint(void *context, struct msk_now now, const struct msk_digest *peer,
                       const struct msk_transport_addr_set *addresses, bool again, struct msk_actions *out)
{
    struct msk_node *node = context;
    return msk_discovery_acquaint(node->discovery, now, peer, addresses, again, out);
}

static void on_synced(void *context, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out)
{
    struct msk_node *node = context;
    for (size_t i = 0; i < node->group_count; i++) {
        int pending = msk_group_begin(out);
        if (!node->groups[i]->failed)
            msk_mesh_synced(node->groups[i]->mesh, now, peer, out);
        msk_group_end(node->groups[i], pending, out);
    }
}

static bool on_is_bonded(void *context, const struct msk_digest *peer)
{
    const struct msk_node *node = context;
    for (size_t i = 0; i < node->group_count; i++)
        if (msk_mesh_bond(node->groups[i]->mesh, peer))
            return true;
    return false;
}

static bool on_is_informed(void *context, struct msk_now now, const struct msk_digest *peer)
{
    const struct msk_node *node = context;
    return on_is_bonded(context, peer) || (node->announcer && msk_announcer_informs(node->announcer, now, peer));
}

/* Not at once: what is going on shall be over, and it shall not happen often. */
static void on_refresh(void *context, struct msk_now now, struct msk_actions *out)
{
    (void)out;
    struct msk_node *node = context;
    uint64_t earliest_ms = node->helped_ms ? node->helped_ms + MSK_HELP_INTERVAL_MS : now.mono_ms;
    if (node->help_due_ms == MSK_NEVER)
        node->help_due_ms = earliest_ms > now.mono_ms ? earliest_ms : now.mono_ms;
}

/* ---- life */

static int make_parts(struct msk_node *node, const struct msk_node_config *config, struct msk_now now)
{
    msk_random_seed(&node->random, config->seed);
    node->links.by_number.seed = msk_random_next(&node->random);
    int error = msk_own_entry_init(&node->own, config->secret, &config->network_id, config->refresh_interval_ms,
                                   msk_random_next(&node->random), now);
    if (error < 0)
        return error;
    msk_catalog_init(&node->catalog, msk_node_id(node), &config->network_id, config->purge_after_ms);
    node->host = (struct msk_host){.node = node,
                                   .own = &node->own,
                                   .catalog = &node->catalog,
                                   .links = &node->links,
                                   .verdicts = &node->verdicts,
                                   .learn = on_learn,
                                   .acquaint = on_acquaint,
                                   .synced = on_synced,
                                   .is_bonded = on_is_bonded,
                                   .is_informed = on_is_informed,
                                   .refresh = on_refresh};
    node->discovery = msk_discovery_new(&node->host, config->ping_interval_ms, msk_random_next(&node->random));
    if (!node->discovery)
        return MSK_E_NOMEM;
    for (size_t i = 0; i < config->bootstrap_count && error == 0; i++)
        error = msk_discovery_add_bootstrap(node->discovery, now, &config->bootstrap[i]);
    return error < 0 || config->without_gossip ? error : msk_node_gossip_new(node, config, now);
}

int msk_node_new(const struct msk_node_config *config, struct msk_now now, struct msk_node **out, struct msk_error *err)
{
    struct msk_node *node = msk_calloc(1, sizeof *node);
    if (!node)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    node->purge_ms = node->help_due_ms = MSK_NEVER;
    int error = make_parts(node, config, now);
    if (error < 0) {
        msk_node_free(node);
        return msk_fail(err, error, error == MSK_E_LIMIT ? "more than %d bootstrap peers" : "cannot make the node",
                        MSK_BOOTSTRAP_MAX);
    }
    *out = node;
    return 0;
}

void msk_node_free(struct msk_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->group_count; i++)
        msk_group_free(node->groups[i]);
    for (size_t i = 0; i < node->accepting_count; i++)
        msk_free(node->accepting[i]);
    msk_announcer_free(node->announcer);
    msk_discovery_free(node->discovery);
    msk_links_free(&node->links);
    msk_verdicts_free(&node->verdicts);
    msk_catalog_free(&node->catalog);
    msk_own_entry_free(&node->own);
    msk_free(node);
}

const struct msk_digest *msk_node_id(const struct msk_node *node)
{
    return &node->own.signed_entry.entry.address.peer_id;
}

int msk_node_set_addresses(struct msk_node *node, struct msk_now now, const struct msk_socket_addr *addresses,
                           size_t count, struct msk_actions *out)
{
    return own_result(node, now, msk_own_entry_set_addresses(&node->own, now, addresses, count), out);
}

int msk_node_ticket_add(struct msk_node *node, struct msk_now now, const struct msk_ticket *ticket,
                        struct msk_actions *out)
{
    return own_result(node, now, msk_own_entry_add_ticket(&node->own, now, ticket), out);
}

int msk_node_ticket_remove(struct msk_node *node, struct msk_now now, const struct msk_digest *id,
                           struct msk_actions *out)
{
    int changed = msk_own_entry_remove_ticket(&node->own, now, id);
    return changed == 0 ? MSK_E_NOTFOUND : own_result(node, now, changed, out);
}

/* ---- groups */

static void remove_group(struct msk_node *node, struct msk_group *group)
{
    size_t at = 0;
    while (node->groups[at] != group)
        at++;
    node->group_count--;
    memmove(&node->groups[at], &node->groups[at + 1], (node->group_count - at) * sizeof(struct msk_group *));
    msk_group_free(group);
}

static int check_alias(const struct msk_node *node, const char *alias, struct msk_error *err)
{
    for (size_t i = 0; *alias && i < node->group_count; i++)
        if (strcmp(node->groups[i]->config.alias, alias) == 0)
            return msk_fail(err, MSK_E_EXISTS, "another group has the alias \"%s\"", alias);
    return 0;
}

int msk_node_join(struct msk_node *node, struct msk_now now, const struct msk_group_config *config,
                  const struct msk_saved *saved, struct msk_actions *out, struct msk_error *err)
{
    struct msk_group *group = msk_node_group(node, &config->id);
    if (group && !group->failed)
        return 1;
    if (group)
        remove_group(node, group); /* a failed one is started afresh */
    if (node->group_count == MSK_NODE_GROUPS_MAX)
        return msk_fail(err, MSK_E_LIMIT, "a node can be in %d groups", MSK_NODE_GROUPS_MAX);
    int error = check_alias(node, config->alias, err);
    if (error == 0)
        error = msk_group_new(&node->host, config, saved, msk_random_next(&node->random), &node->sequence, now, &group,
                              err);
    if (error < 0)
        return error;
    error = msk_own_entry_add_group(&node->own, now, &config->id);
    if (error < 0) {
        msk_group_free(group);
        return msk_fail(err, error, "the group does not fit into the own entry: %s", msk_error_sentence(error));
    }
    node->groups[node->group_count++] = group;
    own_changed(node, now, NEWS_CONTENT, out);
    int pending = msk_group_begin(out);
    msk_group_start(group, now, out);
    msk_group_end(group, pending, out);
    msk_node_settle(node, now, out);
    return 0;
}

int msk_node_leave(struct msk_node *node, struct msk_now now, const struct msk_digest *id, struct msk_actions *out)
{
    struct msk_group *group = msk_node_group(node, id);
    if (!group)
        return MSK_E_NOTFOUND;
    /* The bonds hear first that our entry no longer lists the group, so that nobody dials again. */
    if (msk_own_entry_remove_group(&node->own, now, id) > 0)
        own_changed(node, now, NEWS_CONTENT, out);
    msk_group_leave(group, now, out);
    remove_group(node, group);
    msk_node_settle(node, now, out);
    return 0;
}

void msk_node_stop(struct msk_node *node, struct msk_now now, const char *reason, struct msk_actions *out)
{
    MSK_EMIT(out, NULL, NODE_STOPPING, MSK_F_TEXT("reason", reason));
    while (node->group_count > 0)
        (void)msk_node_leave(node, now, &node->groups[0]->config.id, out);
    msk_node_accept_stop(node, out);
    msk_discovery_stop(node->discovery, out);
    if (node->announcer)
        msk_announcer_depart(node->announcer, now, out);
    node->stopped = true;
    msk_node_settle(node, now, out);
}

/* ---- time */

static void purge(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    struct msk_digest peer;
    while (msk_catalog_purge_one(&node->catalog, now.wall_ms, &peer))
        msk_node_forget_peer(node, &peer, "not heard of for too long", out);
    node->purge_ms = MSK_NEVER;
    plan_purge(node, now, msk_catalog_next_purge(&node->catalog));
}

static void tick_parts(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    if (node->help_due_ms <= now.mono_ms) {
        node->help_due_ms = MSK_NEVER;
        node->helped_ms = now.mono_ms;
        refresh(node, now, NEWS_NOTHING, out);
    }
    if (node->own.refresh_ms <= now.mono_ms)
        msk_node_refresh(node, now, out);
    if (node->purge_ms <= now.mono_ms)
        purge(node, now, out);
    msk_node_accept_tick(node, now, out);
    msk_discovery_tick(node->discovery, now, out);
    for (size_t i = 0; i < node->group_count; i++) {
        int pending = msk_group_begin(out);
        msk_group_tick(node->groups[i], now, out);
        msk_group_end(node->groups[i], pending, out);
    }
}

void msk_node_tick(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    if (!node->stopped)
        tick_parts(node, now, out);
    if (node->announcer)
        msk_announcer_tick(node->announcer, now, out);
    msk_node_settle(node, now, out);
}

uint64_t msk_node_deadline(const struct msk_node *node)
{
    uint64_t gossip_ms = node->announcer ? msk_announcer_deadline(node->announcer) : MSK_NEVER;
    if (node->stopped)
        return gossip_ms;
    uint64_t candidates[] = {
        node->help_due_ms, node->own.refresh_ms,           node->purge_ms,
        gossip_ms,         msk_node_accept_deadline(node), msk_discovery_deadline(node->discovery)};
    uint64_t deadline_ms = MSK_NEVER;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
        deadline_ms = candidates[i] < deadline_ms ? candidates[i] : deadline_ms;
    for (size_t i = 0; i < node->group_count; i++) {
        uint64_t group_ms = msk_group_deadline(node->groups[i]);
        deadline_ms = group_ms < deadline_ms ? group_ms : deadline_ms;
    }
    return deadline_ms;
}

void msk_node_persisted(struct msk_node *node, struct msk_now now, uint64_t sequence, struct msk_actions *out)
{
    for (size_t i = 0; i < node->group_count; i++) {
        int pending = msk_group_begin(out);
        if (!node->groups[i]->failed)
            msk_group_persisted(node->groups[i], now, sequence, out);
        msk_group_end(node->groups[i], pending, out);
    }
    msk_node_settle(node, now, out);
}
