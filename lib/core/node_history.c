/* What a node tells of its committed entries, for members to be compared (mosaik-formats(5) "Control socket"). */
#include "core/node_parts.h"

static json_t *digest_json(const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    return json_string(msk_digest_text(digest, text));
}

json_t *msk_node_digest_json(struct msk_node *node, const struct msk_digest *id, uint64_t index)
{
    const struct msk_group *group = msk_node_group(node, id);
    struct msk_raft_status raft;
    struct msk_digest digest;
    if (!group)
        return NULL;
    msk_raft_status(group->raft, &raft);
    json_t *known = msk_raft_digest(group->raft, index, &digest) ? digest_json(&digest) : json_null();
    return json_pack("{s:o, s:o, s:s, s:I, s:I, s:o}", "group_id", digest_json(id), "peer_id",
                     digest_json(msk_node_id(node)), "machine", group->config.machine, "committed",
                     (json_int_t)raft.committed.index, "index", (json_int_t)index, "digest", known);
}

static json_t *entry_json(const struct msk_machine *machine, uint64_t index, const struct msk_log_entry *entry)
{
    json_t *command = NULL, *hex = NULL;
    if (!machine->command || msk_machine_print_json(machine->command, entry->command, &command, NULL) < 0)
        command = NULL;
    (void)msk_machine_print_json(NULL, entry->command, &hex, NULL);
    return json_pack("{s:I, s:I, s:o*, s:o}", "index", (json_int_t)index, "term", (json_int_t)entry->term, "command",
                     command, "hex", hex);
}

json_t *msk_node_entries_json(const struct msk_node *node, const struct msk_digest *id, uint64_t from, uint64_t to)
{
    const struct msk_group *group = msk_node_group(node, id);
    struct msk_log_entry entry;
    json_t *entries = group ? json_array() : NULL;
    size_t bytes = 0;
    if (!entries)
        return NULL;
    for (uint64_t i = from, count = 0; i <= to && count < MSK_NODE_ENTRIES_MAX; i++, count++) {
        if (!msk_raft_entry(group->raft, i, &entry))
            break;
        bytes += entry.command.len;
        if (count > 0 && bytes > MSK_NODE_ENTRIES_BYTES)
            break;
        if (json_array_append_new(entries, entry_json(msk_node_machine(node, id), i, &entry)) < 0) {
            json_decref(entries);
            return NULL;
        }
    }
    return json_pack("{s:o, s:o}", "group_id", digest_json(id), "entries", entries);
}
