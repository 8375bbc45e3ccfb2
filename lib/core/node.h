/* node.h: a whole member as a pure state machine: own entry, catalog, discovery links, and any number of groups with
 * their bonds and their raft.
 *
 * Links (one QUIC connection with its one stream) come and go by number; the node never sees a socket. The runtime and
 * the simulator drive the same object. */
#ifndef MSK_CORE_NODE_H
#define MSK_CORE_NODE_H

#include <jansson.h>

#include "base/clock.h"
#include "core/action.h"
#include "core/link.h"
#include "core/raft.h"
#include "crypto/validator.h"
#include "wire/ticket_text.h"

struct msk_node;

struct msk_node_config {
    uint8_t secret[32]; /* the caller wipes its own copy */
    struct msk_digest network_id;
    const struct msk_peer_address *bootstrap; /* copied */
    size_t bootstrap_count;
    uint64_t seed;
    uint64_t purge_after_ms, refresh_interval_ms, ping_interval_ms; /* 0: the reference's defaults (wire.md 4.11) */
    bool without_gossip; /* known by catalog syncs and bonds only (wire.md 4.9) */
};

#define MSK_NODE_GROUPS_MAX    32
#define MSK_ALIAS_MAX          64
#define MSK_NODE_ENTRIES_MAX   256        /* in one answer, */
#define MSK_NODE_ENTRIES_BYTES (1u << 20) /* of commands, unless the first alone is longer */

/* What defines a group, and how this member behaves in it (cli.md "What defines a group"). All texts are copied. */
struct msk_group_config {
    struct msk_digest id; /* derived by crypto/identity.h */
    struct msk_digest key;
    char alias[MSK_ALIAS_MAX + 1];
    const char *key_source;          /* "file", "text", "validator": reported, never the key itself */
    const char *machine;             /* name of raft.machine, or exec:COMMAND */
    const struct msk_schema *schema; /* that told raft.machine its types; NULL: none. Outlives the group */
    uint64_t machine_timeout_ms;     /* of its program, for each answer; 0: 30 s */
    struct msk_digest consensus_digest, machine_signature, sync_signature; /* reported */
    uint64_t heartbeat_interval_ms, heartbeat_jitter_ms;
    uint32_t max_missed_heartbeats;
    const struct msk_validator *const *validators; /* in order; stay the caller's and outlive the group */
    size_t validator_count;
    struct msk_raft_config raft; /* group, self, seed, sequence are filled in by the node */
};

/* 0, MSK_E_NOMEM, or MSK_E_INVALID (bad secret). */
int msk_node_new(const struct msk_node_config *config, struct msk_now now, struct msk_node **out,
                 struct msk_error *err);
void msk_node_free(struct msk_node *node);

const struct msk_digest *msk_node_id(const struct msk_node *node);

/* The addresses others may dial; changes the own entry. */
int msk_node_set_addresses(struct msk_node *node, struct msk_now now, const struct msk_socket_addr *addresses,
                           size_t count, struct msk_actions *out);

/* Join, idempotently: an id already joined gives 1 and changes nothing, a new one 0 (groups.md 1.7). `saved` as
 * msk_raft_new. MSK_E_INVALID names the bad setting (groups.md 1.3 degenerate values), MSK_E_EXISTS a taken alias,
 * MSK_E_LIMIT; errors of msk_raft_new. */
int msk_node_join(struct msk_node *node, struct msk_now now, const struct msk_group_config *config,
                  const struct msk_saved *saved, struct msk_actions *out, struct msk_error *err);

/* Depart from one group: Departure on each bond, flushed, then close 102; the id leaves the own entry. MSK_E_NOTFOUND.
 */
int msk_node_leave(struct msk_node *node, struct msk_now now, const struct msk_digest *group, struct msk_actions *out);

/* Depart from all groups, close every link, and announce the departure to gossip neighbours: if there are any, gossip
 * goes on for MSK_DEPARTURE_WINDOW_MS, and the node wants to be called until its deadline is MSK_NEVER. */
void msk_node_stop(struct msk_node *node, struct msk_now now, const char *reason, struct msk_actions *out);

/* Tickets this node presents in its entry (wire.md 5). */
int msk_node_ticket_add(struct msk_node *node, struct msk_now now, const struct msk_ticket *ticket,
                        struct msk_actions *out);
int msk_node_ticket_remove(struct msk_node *node, struct msk_now now, const struct msk_digest *id,
                           struct msk_actions *out);

/* The answer to MSK_ACTION_VALIDATE. A program that failed accepts nobody: a refusal that says so. */
void msk_node_validated(struct msk_node *node, struct msk_now now, uint64_t number,
                        const struct msk_ticket_opinion *opinion, struct msk_actions *out);

/* ---- commands and queries (groups.md 3.8). `request` is any number of the caller's, unique in its group among those
 * that wait; 0 when its REPLY is or will be in a list of actions, MSK_E_NOTFOUND for an unknown or failed group. */
int msk_node_execute(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t request,
                     const struct msk_bytes *commands, size_t count, uint64_t timeout_ms, struct msk_actions *out);
int msk_node_feed(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t request,
                  const struct msk_bytes *commands, size_t count, struct msk_actions *out);
int msk_node_query(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t request,
                   struct msk_bytes query, bool strong, struct msk_actions *out);
/* The caller is gone: no REPLY comes. */
void msk_node_forget_request(struct msk_node *node, const struct msk_digest *group, uint64_t request);

/* Answers of machines that take time (machine.h), and a snapshot when the owner thinks it is time: see raft.h. */
void msk_node_machine_applied(struct msk_node *node, struct msk_now now, const struct msk_digest *group, int result,
                              struct msk_actions *out);
void msk_node_machine_answered(struct msk_node *node, struct msk_now now, const struct msk_digest *group,
                               uint64_t ticket, int result, struct msk_bytes answer, struct msk_actions *out);
void msk_node_machine_snapshotted(struct msk_node *node, struct msk_now now, const struct msk_digest *group, int result,
                                  struct msk_bytes state, struct msk_actions *out);
void msk_node_machine_lost(struct msk_node *node, struct msk_now now, const struct msk_digest *group,
                           struct msk_actions *out);
void msk_node_snapshot(struct msk_node *node, struct msk_now now, const struct msk_digest *group,
                       struct msk_actions *out);
/* The machine of a group, whose types tell what to send; NULL: unknown group. */
const struct msk_machine *msk_node_machine(const struct msk_node *node, const struct msk_digest *group);
/* As msk_raft_entry; false also for an unknown group. */
bool msk_node_entry(const struct msk_node *node, const struct msk_digest *group, uint64_t index,
                    struct msk_log_entry *out);

/* ---- links */

/* A number for a link somebody else opened; dialled links get theirs in MSK_ACTION_DIAL. */
uint64_t msk_node_new_link(struct msk_node *node);

/* A connection stands: TLS is done. For accepted ones this is before their stream appears, so that the handshake limits
 * cover the wait for it (W-19). `info` is copied; an ALPN the node does not serve is closed with 100. */
void msk_node_link_opened(struct msk_node *node, struct msk_now now, uint64_t link, const struct msk_link_info *info,
                          struct msk_actions *out);
void msk_node_link_frame(struct msk_node *node, struct msk_now now, uint64_t link, struct msk_bytes frame,
                         struct msk_actions *out);

/* The link is gone (also a dial that failed), or its stream ended (link.h). Its number is never used again. A link that
 * the node closed itself (MSK_ACTION_CLOSE) is forgotten at once; telling its end is allowed and has no effect. */
void msk_node_link_closed(struct msk_node *node, struct msk_now now, uint64_t link, const struct msk_link_close *close,
                          struct msk_actions *out);

/* Connections of the announce protocol have no frames of their own but streams of the peer that carry them (wire.md
 * C.1), told apart by number: one frame of at most MSK_FRAME_MAX_GOSSIP bytes; its end, whichever. What is sent on such
 * a link goes to our own one-way stream. */
void msk_node_stream_frame(struct msk_node *node, struct msk_now now, uint64_t link, uint64_t stream,
                           struct msk_bytes frame, struct msk_actions *out);
void msk_node_stream_ended(struct msk_node *node, struct msk_now now, uint64_t link, uint64_t stream,
                           struct msk_actions *out);

/* The largest frame acceptable on this link in its present state (W-25): asked again after each delivered frame. */
size_t msk_node_link_frame_max(const struct msk_node *node, uint64_t link);

/* Transport figures for status, refreshed when asked. */
void msk_node_link_rtt(struct msk_node *node, uint64_t link, uint64_t rtt_us);

/* ---- disk, time */
/* The answer to a READ: as msk_raft_entries_read. */
void msk_node_entries_read(struct msk_node *node, struct msk_now now, const struct msk_digest *group, uint64_t number,
                           size_t count, struct msk_bytes entries, struct msk_actions *out);
void msk_node_persisted(struct msk_node *node, struct msk_now now, uint64_t sequence, struct msk_actions *out);
void msk_node_tick(struct msk_node *node, struct msk_now now, struct msk_actions *out);
uint64_t msk_node_deadline(const struct msk_node *node); /* mono_ms, or MSK_NEVER */

/* ---- looking in (groups.md 8.2; member names as in cli.md "JSON members"). New references, NULL without memory. */
size_t msk_node_group_count(const struct msk_node *node);
/* By alias or 64 hex digits; NULL text: the only group. MSK_E_NOTFOUND, MSK_E_INVALID (several, none named). */
int msk_node_find_group(const struct msk_node *node, const char *text, struct msk_digest *out, struct msk_error *err);
json_t *msk_node_status_json(const struct msk_node *node, struct msk_now now, const struct msk_digest *group);
json_t *msk_node_bonds_json(const struct msk_node *node, struct msk_now now, const struct msk_digest *group);
json_t *msk_node_catalog_json(const struct msk_node *node, struct msk_now now);
/* {"group_id","peer_id","machine","committed","index","digest"}: of the committed entries up to `index` (rolling.h);
 * null where they are not. */
json_t *msk_node_digest_json(struct msk_node *node, const struct msk_digest *group, uint64_t index);
/* {"group_id","entries"}: those from `from` to `to` as far as they are there and within the limits above, each with
 * "index", "term", "hex" and, where the machine's commands have a type, "command". */
json_t *msk_node_entries_json(const struct msk_node *node, const struct msk_digest *group, uint64_t from, uint64_t to);
json_t *msk_node_groups_json(const struct msk_node *node); /* [{"alias","group_id"}] */

/* What `wait` and metrics look at. Counts begin with the node, or with its joining the group, and never go back. */
struct msk_group_view {
    struct msk_raft_status raft;
    size_t bond_count;
    struct msk_traffic traffic; /* of its bonds */
};
struct msk_node_view {
    size_t catalog_entries, neighbours; /* of others; in gossip */
    uint64_t syncs;                     /* catalog syncs begun here that went well */
    uint64_t discovered, updated, departed;
};
void msk_node_view(const struct msk_node *node, struct msk_node_view *out);
const struct msk_digest *msk_node_group_id(const struct msk_node *node, size_t index); /* below msk_node_group_count */
int msk_node_group_view(const struct msk_node *node, const struct msk_digest *group, struct msk_group_view *out);
bool msk_node_is_bonded(const struct msk_node *node, const struct msk_digest *group, const struct msk_digest *peer);

#endif
