/* Commands and queries of a node's caller, and answers of its machines and validators: each goes to its group (node.h).
 */
#include "core/node_parts.h"

static struct msk_group *running(const struct msk_node *node, const struct msk_digest *id)
{
    struct msk_group *group = msk_node_group(node, id);
    return group && !group->failed ? group : NULL;
}

static int ask(struct msk_node *node, struct msk_now now, const struct msk_digest *id,
               const struct msk_group_request *request, struct msk_actions *out)
{
    struct msk_group *group = running(node, id);
    if (!group)
        return MSK_E_NOTFOUND;
    int pending = msk_group_begin(out);
    msk_group_request(group, now, request, out);
    msk_group_end(group, pending, out);
    msk_node_settle(node, now, out);
    return 0;
}

int msk_node_execute(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t request,
                     const struct msk_bytes *commands, size_t count, uint64_t timeout_ms, struct msk_actions *out)
{
    return ask(node, now, group,
               &(struct msk_group_request){.kind = MSK_GROUP_EXECUTE,
                                           .number = request,
                                           .commands = commands,
                                           .count = count,
                                           .timeout_ms = timeout_ms},
               out);
}

int msk_node_feed(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t request,
                  const struct msk_bytes *commands, size_t count, struct msk_actions *out)
{
    return ask(
        node, now, group,
        &(struct msk_group_request){.kind = MSK_GROUP_FEED, .number = request, .commands = commands, .count = count},
        out);
}

int msk_node_query(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t request,
                   struct msk_bytes query, bool strong, struct msk_actions *out)
{
    return ask(node, now, group,
               &(struct msk_group_request){
                   .kind = MSK_GROUP_QUERY, .number = request, .commands = &query, .count = 1, .strong = strong},
               out);
}

void msk_node_forget_request(struct msk_node *node, const struct msk_digest *id, uint64_t request)
{
    struct msk_group *group = running(node, id);
    if (group)
        msk_raft_forget_request(group->raft, request);
}

void msk_node_machine_applied(struct msk_node *node, struct msk_now now, const struct msk_digest *group, int result,
                              struct msk_actions *out)
{
    (void)ask(node, now, group, &(struct msk_group_request){.kind = MSK_GROUP_APPLIED, .result = result}, out);
}

void msk_node_machine_answered(struct msk_node *node, struct msk_now now, const struct msk_digest *group,
                               uint64_t ticket, int result, struct msk_bytes answer, struct msk_actions *out)
{
    (void)ask(node, now, group,
              &(struct msk_group_request){
                  .kind = MSK_GROUP_ANSWERED, .number = ticket, .commands = &answer, .count = 1, .result = result},
              out);
}

void msk_node_machine_snapshotted(struct msk_node *node, struct msk_now now, const struct msk_digest *group, int result,
                                  struct msk_bytes state, struct msk_actions *out)
{
    (void)ask(
        node, now, group,
        &(struct msk_group_request){.kind = MSK_GROUP_SNAPSHOTTED, .commands = &state, .count = 1, .result = result},
        out);
}

void msk_node_machine_lost(struct msk_node *node, struct msk_now now, const struct msk_digest *group,
                           struct msk_actions *out)
{
    (void)ask(node, now, group, &(struct msk_group_request){.kind = MSK_GROUP_LOST}, out);
}

void msk_node_snapshot(struct msk_node *node, struct msk_now now, const struct msk_digest *group,
                       struct msk_actions *out)
{
    (void)ask(node, now, group, &(struct msk_group_request){.kind = MSK_GROUP_SNAPSHOT}, out);
}

void msk_node_entries_read(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t number,
                           size_t count, struct msk_bytes entries, struct msk_actions *out)
{
    (void)ask(node, now, group,
              &(struct msk_group_request){
                  .kind = MSK_GROUP_ENTRIES_READ, .number = number, .commands = &entries, .count = count},
              out);
}

const struct msk_machine *msk_node_machine(const struct msk_node *node, const struct msk_digest *id)
{
    const struct msk_group *group = msk_node_group(node, id);
    if (!group)
        return NULL;
    return group->config.raft.machine ? group->config.raft.machine : &msk_machine_noop;
}

bool msk_node_entry(const struct msk_node *node, const struct msk_digest *id, uint64_t index, struct msk_log_entry *out)
{
    const struct msk_group *group = msk_node_group(node, id);
    return group && msk_raft_entry(group->raft, index, out);
}

void msk_node_validated(struct msk_node *node, struct msk_now now, uint64_t number,
                        const struct msk_ticket_opinion *opinion, struct msk_actions *out)
{
    if (!msk_verdicts_settle(&node->verdicts, now, number, opinion))
        return;
    for (size_t i = 0; i < node->group_count; i++) {
        int pending = msk_group_begin(out);
        if (!node->groups[i]->failed)
            msk_mesh_tickets_settle(node->groups[i]->mesh, now, out);
        msk_group_end(node->groups[i], pending, out);
    }
    msk_node_accept_again(node, now, out);
    msk_node_settle(node, now, out);
}
