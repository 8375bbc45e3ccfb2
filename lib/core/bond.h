/* bond.h: one connection between two members of a group: handshake, heartbeat, messages (groups.md 2.2 to 2.8).
 *
 * It knows nothing of other connections: which of two is kept, and who is dialled again when, is the mesh's business.
 */
#ifndef MSK_CORE_BOND_H
#define MSK_CORE_BOND_H

#include "base/random.h"
#include "core/host.h"

#define MSK_HANDSHAKE_TIMEOUT_MS 2000 /* groups.md 2.3, 2.4: from the connection to the end of the handshake (W-19) */
#define MSK_GROUP_HANDSHAKE_MAX  (1u << 20) /* frame: it carries the member list with tickets (W-25) */

enum msk_bond_state {
    MSK_BOND_CONNECTING, /* dialled, no connection yet */
    MSK_BOND_GREETING,   /* HandshakeStart sent, HandshakeEnd awaited */
    MSK_BOND_OPEN
};

/* What all bonds of a group have in common. */
struct msk_bond_settings {
    struct msk_digest group_id, key, self, network_id;
    uint64_t heartbeat_interval_ms, heartbeat_jitter_ms;
    uint32_t max_missed_heartbeats;
};

/* The context of its link. */
struct msk_bond {
    struct msk_link *link;
    void *peer; /* the mesh's */
    enum msk_bond_state state;
    struct msk_digest id; /* groups.md 2.2, for logs */
    uint64_t started_ms;  /* the dial, or the connection accepted */
    uint64_t limit_ms;    /* until OPEN: when to give up */
    uint64_t opened_ms;
    int64_t opened_wall_ms;
    uint64_t heard_ms, beat_ms; /* last frame received; next heartbeat tick */
    uint32_t missed;
    struct msk_traffic traffic, *total; /* total: of the group; it never goes back */
};

/* The handshake messages, proof included. `bonds` are the entries to list; too many for a frame are left out, all of
 * them: the mesh then completes through BondFormed. 0, MSK_E_NOMEM, or what the exporter failed with. groups.md 2.2. */
int msk_bond_send_start(struct msk_bond *bond, const struct msk_bond_settings *settings,
                        const struct msk_signed_peer_entry_seq *bonds, struct msk_actions *out);
int msk_bond_send_end(struct msk_bond *bond, const struct msk_bond_settings *settings,
                      const struct msk_signed_peer_entry_seq *bonds, struct msk_actions *out);

/* Whether the remote's proof holds: 0, MSK_E_REFUSED, or what the exporter failed with. */
int msk_bond_check_proof(const struct msk_bond *bond, const struct msk_bond_settings *settings,
                         const struct msk_digest *proof);

/* The handshake is over: the heartbeat starts, its first tick at once (groups.md 2.8). */
void msk_bond_open(struct msk_bond *bond, struct msk_now now);

/* A frame arrived: evidence of life. */
void msk_bond_heard(struct msk_bond *bond, struct msk_now now, const struct msk_bond_settings *settings,
                    struct msk_random *random, size_t frame_len);

/* A frame was given to its link. */
void msk_bond_sent(struct msk_bond *bond, size_t frame_len);

/* The heartbeat, when due: a ping, and a miss counted. true: so many were missed that the bond is over (30408). */
bool msk_bond_beat(struct msk_bond *bond, struct msk_now now, const struct msk_bond_settings *settings,
                   struct msk_random *random, struct msk_actions *out);

void msk_bond_send_kind(struct msk_bond *bond, enum msk_bond_message_kind kind, struct msk_actions *out); /* no body */
void msk_bond_send_entry(struct msk_bond *bond, enum msk_bond_message_kind kind,
                         const struct msk_signed_peer_entry *entry, struct msk_actions *out);

#endif
