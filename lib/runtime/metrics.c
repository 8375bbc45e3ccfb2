#include <inttypes.h>

#include "runtime/runtime_internal.h"

#define PATH        "/metrics"
#define FORMAT      "text/plain; version=0.0.4; charset=utf-8"
#define PATIENCE_MS 5000

#define ABSENT UINT64_MAX /* there is no such figure now */

/* All that figures are read from; `group` only for those of groups. */
struct source {
    struct msk_net_figures net;
    struct msk_node_view node;
    size_t group_count;
    struct msk_group_view group;
};

static uint64_t of_leader(const struct msk_group_view *group, uint64_t value)
{
    return group->raft.role == MSK_ROLE_LEADER ? value : ABSENT;
}

/* name, of what, kind, how to read it, help */
/* clang-format off */
#define METRIC_MAP(X)                                                                                                    \
    X(network_connections_opened, NODE, counter, from->net.opened, "Links opened by either side, gossip aside")          \
    X(network_ingress_bytes, NODE, counter, from->net.bytes_in, "Bytes of frames received on links")                     \
    X(network_egress_bytes, NODE, counter, from->net.bytes_out, "Bytes of frames sent on links")                         \
    X(discovery_catalog_size, NODE, gauge, from->node.catalog_entries, "Other peers in the catalog")                     \
    X(discovery_catalog_syncs, NODE, counter, from->node.syncs, "Catalog syncs begun here that went well")               \
    X(discovery_peers_discovered, NODE, counter, from->node.discovered, "Peers that were new in the catalog")            \
    X(discovery_peers_updated, NODE, counter, from->node.updated, "Newer entries of known peers")                        \
    X(discovery_peers_departed, NODE, counter, from->node.departed, "Peers that departed or were forgotten")             \
    X(discovery_gossip_neighbors, NODE, gauge, from->node.neighbours, "Neighbours in gossip")                            \
    X(groups_active, NODE, gauge, from->group_count, "Groups joined")                                                    \
    X(groups_bonds_active, GROUP, gauge, from->group.bond_count, "Bonds of the group")                                   \
    X(groups_bonds_messages_received, GROUP, counter, from->group.traffic.frames_in, "Messages received on bonds")       \
    X(groups_bonds_messages_sent, GROUP, counter, from->group.traffic.frames_out, "Messages sent on bonds")              \
    X(groups_bonds_bytes_received, GROUP, counter, from->group.traffic.bytes_in, "Bytes of messages received on bonds")  \
    X(groups_bonds_bytes_sent, GROUP, counter, from->group.traffic.bytes_out, "Bytes of messages sent on bonds")         \
    X(groups_raft_elections, GROUP, counter, from->group.raft.elections, "Elections in which this member stood")         \
    X(groups_raft_leader_changes, GROUP, counter, from->group.raft.leader_changes, "New leaders, or terms of leaders")   \
    X(groups_raft_committed, GROUP, gauge, from->group.raft.committed.index, "Index of the last committed entry")        \
    X(groups_raft_committee_voters, GROUP, gauge, of_leader(&from->group, from->group.raft.voters),                      \
      "Members whose copies count for commits, as the leader sees it")                                                   \
    X(groups_raft_committee_non_voters, GROUP, gauge, of_leader(&from->group, from->group.raft.waiting),                 \
      "Members with the whole log that are not counted")                                                                 \
    X(groups_raft_committee_size, GROUP, gauge,                                                                          \
      of_leader(&from->group, (uint64_t)from->group.raft.voters + from->group.raft.waiting), "Both together")
/* clang-format on */

#define X(name, scope, kind, value, help)                  \
    static uint64_t read_##name(const struct source *from) \
    {                                                      \
        return value;                                      \
    }
METRIC_MAP(X)
#undef X

static const struct metric {
    const char *name, *kind, *help;
    enum { NODE, GROUP } scope;
    uint64_t (*read)(const struct source *from);
} metrics[] = {
#define X(name, scope, kind, value, help) {"mosaik_" #name, #kind, help, scope, read_##name},
    METRIC_MAP(X)
#undef X
};

static void write_sample(const struct metric *metric, const struct source *from, const struct msk_digest *network_id,
                         const struct msk_digest *group, struct msk_builder *out)
{
    char network_text[MSK_DIGEST_SHORT_SIZE], group_text[MSK_DIGEST_SHORT_SIZE];
    uint64_t value = metric->read(from);
    if (value == ABSENT)
        return;
    msk_builder_printf(out, "%s{network=\"%s\"", metric->name, msk_digest_short(network_id, network_text));
    if (group)
        msk_builder_printf(out, ",group=\"%s\"", msk_digest_short(group, group_text));
    msk_builder_printf(out, "} %" PRIu64 "\n", value);
}

static void write_metric(const struct metric *metric, const struct msk_node *node, struct source *from,
                         const struct msk_digest *network_id, struct msk_builder *out)
{
    msk_builder_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, metric->kind);
    if (metric->scope == NODE) {
        write_sample(metric, from, network_id, NULL, out);
        return;
    }
    for (size_t i = 0; i < from->group_count; i++) {
        const struct msk_digest *group = msk_node_group_id(node, i);
        if (msk_node_group_view(node, group, &from->group) == 0)
            write_sample(metric, from, network_id, group, out);
    }
}

static void write_metrics(void *context, struct msk_builder *out)
{
    const struct msk_runtime *runtime = context;
    struct source from = {.net = msk_net_figures(runtime->net), .group_count = msk_node_group_count(runtime->node)};
    msk_node_view(runtime->node, &from.node);
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        write_metric(&metrics[i], runtime->node, &from, &runtime->config->network_id, out);
}

int msk_runtime_serve_metrics(struct msk_runtime *runtime, struct msk_error *err)
{
    const struct msk_http_page page = {
        .path = PATH,
        .content_type = FORMAT,
        .write = write_metrics,
        .context = runtime,
        .patience_ms = PATIENCE_MS,
    };
    int rc = msk_http_new(&runtime->loop, runtime->config->metrics, &page, &runtime->metrics, err);
    return rc ? msk_wrap(err, rc, "metrics") : 0;
}
