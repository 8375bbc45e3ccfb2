/* mesh.h: the bonds of one group: who is dialled when, which connection is kept, what is told to whom, so that every
 * member is bonded with every other (groups.md 2).
 *
 * Choices where the specification leaves room:
 * - Handshake lists (W-33): HandshakeStart to a peer that never proved the key in this run carries an empty list, since
 *   it is sent before the peer proves anything; once it has, the same entries follow as BondFormed. HandshakeEnd, sent
 *   after the proof was checked, always carries the full list. So both sides learn at once whom the other knows.
 * - The signatures in a handshake list are looked at last, when network, group, tickets and proof have been found
 *   right: a stranger's list costs nothing. So a bad signature (400, check 4a) decides where nothing else is wrong.
 *   Entries that the catalog has already are not checked, nor is their content used.
 * - Entries from lists and BondFormed are offered to the catalog under its rules, so that their owners need not be
 *   answered with 401 when they dial first.
 * - A peer known only through others is synced with before it is dialled: it would answer 401 otherwise.
 * - Redialling: redial_rules in mesh_dial.c. A member that was bonded and fell silent is probed every second for ten
 *   minutes, each probe given up after one second and four round trips, so that a healed partition is noticed within
 *   two seconds from either side; then like all others, every 15 s at most. */
#ifndef MSK_CORE_MESH_H
#define MSK_CORE_MESH_H

#include <jansson.h>

#include "core/bond.h"
#include "crypto/validator.h"

#define MSK_MEMBERS_MAX        256 /* known peers of one group, bonded or not */
#define MSK_DIALS_MAX          64  /* under way in one group */
#define MSK_CONNECT_TIMEOUT_MS 3000
#define MSK_SPARE_MS           2000 /* groups.md 2.6, rule 4 */
#define MSK_PROBE_INTERVAL_MS  1000
#define MSK_PROBE_PERIOD_MS    600000  /* since the bond was lost */
#define MSK_MEMBER_MEMORY_MS   3600000 /* a lost member that is no longer in the catalog is forgotten after this */
#define MSK_UNKNOWN_RETRIES    3       /* groups.md 2.5, 401 */
#define MSK_REBUFFS_MAX        6       /* reachable, but no member: then quarantine (W-33) */
#define MSK_QUARANTINE_MS      600000
#define MSK_QUARANTINE_LIFT_MS 15000 /* a restarted peer leaves quarantine, but not more often than this */

/* Entries of one handshake list that count: so many signatures it may cost, at some 0.1 ms each. */
#define MSK_LIST_MAX MSK_MEMBERS_MAX

/* What a mesh tells its group. */
struct msk_mesh_events {
    void *group;
    void (*bonded)(void *group, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out);
    void (*unbonded)(void *group, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out);
    void (*heard)(void *group, struct msk_now now, const struct msk_digest *peer);
    /* 0, or MSK_E_PROTOCOL: the bond is then closed with 400. */
    int (*raft)(void *group, struct msk_now now, const struct msk_digest *peer, const struct msk_raft_message *message,
                struct msk_actions *out);
};

struct msk_mesh_config {
    struct msk_bond_settings bond;
    const struct msk_validator *const *validators; /* stay the caller's */
    size_t validator_count;
    uint64_t seed;
};

struct msk_mesh;

/* `host` stays the caller's. NULL without memory. */
struct msk_mesh *msk_mesh_new(const struct msk_host *host, const struct msk_mesh_events *events,
                              const struct msk_mesh_config *config);
void msk_mesh_free(struct msk_mesh *mesh);

/* Look through the catalog for members (groups.md 1.7), and at our own tickets. */
void msk_mesh_start(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out);

/* An entry that the catalog took (groups.md 2.1). */
void msk_mesh_learn(struct msk_mesh *mesh, struct msk_now now, const struct msk_signed_peer_entry *entry,
                    enum msk_turn turn, struct msk_actions *out);
void msk_mesh_forgotten(struct msk_mesh *mesh, const struct msk_digest *peer); /* it left the catalog */
void msk_mesh_synced(struct msk_mesh *mesh, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out);

/* Our own entry has a new version: PeerEntryUpdate on every bond (groups.md 2.7). `content`: more than its version
 * changed, perhaps a ticket: everybody is told at once, and whoever refused us is tried again. A mere refresh goes from
 * one member to the next within two seconds. */
void msk_mesh_own_changed(struct msk_mesh *mesh, struct msk_now now, bool content, struct msk_actions *out);

/* Close everything with 102; with `depart`, a Departure goes first and is flushed (groups.md 2.10). */
void msk_mesh_close(struct msk_mesh *mesh, struct msk_now now, bool depart, struct msk_actions *out);

/* An accepted connection said HandshakeStart for this group: checks 7 to 12 of groups.md 2.4. `entry` is the remote's
 * in the catalog; `start` was decoded unchecked, and its list gets another order. The link becomes the mesh's or is
 * closed; or false: a program has still to look at the peer's tickets, and the same is to be asked again after
 * msk_mesh_tickets_settle. */
bool msk_mesh_accept(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link,
                     const struct msk_signed_peer_entry *entry, struct msk_handshake_start *start,
                     struct msk_actions *out);

/* ---- its links */
void msk_mesh_opened(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link, struct msk_actions *out);
void msk_mesh_frame(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link, struct msk_bytes frame,
                    struct msk_actions *out);
void msk_mesh_closed(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link,
                     const struct msk_link_close *close, struct msk_actions *out); /* the link is removed */
size_t msk_mesh_frame_max(const struct msk_link *link);

/* A program has answered: whoever waited for it goes on. */
void msk_mesh_tickets_settle(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out);

void msk_mesh_tick(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out);
uint64_t msk_mesh_deadline(const struct msk_mesh *mesh); /* mono_ms, or MSK_NEVER */

/* The bond with a peer on which to send; NULL: not bonded. */
struct msk_bond *msk_mesh_bond(const struct msk_mesh *mesh, const struct msk_digest *peer);
size_t msk_mesh_bond_count(const struct msk_mesh *mesh);
/* Of all bonds and handshakes since the group was joined. */
struct msk_traffic msk_mesh_traffic(const struct msk_mesh *mesh);

/* Arrays, members as in cli.md: the bonds; and the members without one, with why and when next. New references, NULL
 * without memory. */
json_t *msk_mesh_bonds_json(const struct msk_mesh *mesh, struct msk_now now);
/* Of our own tickets: {"valid","expires","reason","validator"}; null where none are required. */
json_t *msk_mesh_tickets_json(const struct msk_mesh *mesh);
json_t *msk_mesh_unbonded_json(const struct msk_mesh *mesh, struct msk_now now);

#endif
