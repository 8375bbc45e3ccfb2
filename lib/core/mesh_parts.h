/* mesh_parts.h: what the files of the mesh share: the members and their state. */
#ifndef MSK_CORE_MESH_PARTS_H
#define MSK_CORE_MESH_PARTS_H

#include "core/mesh.h"
#include "core/tickets.h"

/* What a member without a bond and without a dial waits for. */
enum msk_wait {
    MSK_WAIT_NOTHING,   /* nothing planned */
    MSK_WAIT_DUE,       /* dial at due_ms */
    MSK_WAIT_SYNC,      /* a catalog sync; dial when it is over, at due_ms at the latest */
    MSK_WAIT_ENTRY,     /* until its entry changes */
    MSK_WAIT_TICKET,    /* until its entry or ours changes, at due_ms at the latest */
    MSK_WAIT_QUARANTINE /* until due_ms, unless it restarts */
};

/* How long tickets hold, of a member or of ourselves; where they do not, why. */
struct msk_ticket_watch {
    bool known, valid, warned;
    bool pending;                /* what is known is of an earlier look: a program has not answered */
    int64_t expires_ms, warn_ms; /* wall clock; MSK_TICKET_NEVER */
    uint64_t due_ms;             /* the next look */
    char reason[MSK_JWT_RULE_MAX];
    size_t validator;
};

/* A sorted set of peers, at most MSK_MEMBERS_MAX. */
struct msk_peer_set {
    struct msk_digest *items;
    size_t count, capacity;
};

struct msk_member {
    struct msk_digest peer;
    struct msk_signed_peer_entry *entry; /* the newest known, owned */

    struct msk_bond *bond;   /* the one to send on */
    struct msk_bond *spare;  /* a second one, while it is open which will stay (groups.md 2.6) */
    struct msk_bond *dial;   /* ours, under way */
    int64_t bond_started_ms; /* `started` of the process at the other end, as far as known when the bond began */
    uint64_t spare_since_ms;
    uint64_t bond_heard, spare_heard; /* frames received when the spare began */

    enum msk_wait wait;
    uint64_t due_ms;
    const char *trigger;                 /* of the next dial: "catalog", "handshake_list", "bond_formed", "redial" */
    uint32_t attempts, unknown, rebuffs; /* failed dials in a row; of those 401; reachable but no member */
    bool outdated;                       /* lacks our refreshed entry: gets it when its turn comes */
    bool introduced;                     /* a catalog sync came before the dial, or is not needed */
    bool proven;                         /* held a bond in this run */
    uint64_t lost_ms, rtt_us;            /* of the last bond; lost_ms 0: none lost */
    const char *last_stage;              /* of the last failed dial; NULL: none */
    uint64_t last_code;

    struct msk_ticket_watch tickets;
    uint64_t ask_due_ms, ask_from_ms; /* a sync, to see whether it has a ticket by now; not before */
    bool skew_reported;
    struct msk_peer_set linked;   /* whom it is bonded with, as it told us */
    struct msk_peer_set reported; /* whom it is not bonded with, as we told the operator */
};

struct msk_mesh {
    const struct msk_host *host;
    struct msk_mesh_events events;
    struct msk_mesh_config config;
    struct msk_random random;
    struct msk_member **members; /* ascending by peer */
    size_t member_count, member_capacity, bond_count, dial_count;
    struct msk_traffic traffic;
    struct msk_ticket_watch own_tickets;
    int64_t clock_offset_ms; /* wall clock minus monotonic clock */
    uint64_t tickets_due_ms, pairs_due_ms, pairs_wait_ms;
    uint64_t updates_due_ms, updates_step_ms; /* of a refreshed entry, from member to member */
};

/* ---- members (mesh.c) */
struct msk_member *msk_member_find(const struct msk_mesh *mesh, const struct msk_digest *peer);
/* Made if need be; NULL without memory or room, for which `urgent` ones may push others out. The entry is copied if
 * newer than the known one. */
struct msk_member *msk_member_of(struct msk_mesh *mesh, const struct msk_signed_peer_entry *entry, bool urgent);
bool msk_member_lists_group(const struct msk_mesh *mesh, const struct msk_signed_peer_entry *entry);
/* An entry from wherever: remember it, and dial its peer if that is called for. */
void msk_mesh_consider(struct msk_mesh *mesh, struct msk_now now, const struct msk_signed_peer_entry *entry,
                       enum msk_turn turn, const char *trigger, struct msk_actions *out);

/* ---- dialling (mesh_dial.c) */
void msk_member_plan(struct msk_member *member, enum msk_wait wait, uint64_t due_ms, const char *trigger);
void msk_mesh_dial(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out);
/* The dial under way ended without a bond: closed by us with `code` now, or by others before. `detail` may be NULL. */
void msk_mesh_dial_over(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, enum msk_closed_by by,
                        uint64_t code, const char *detail, struct msk_actions *out);
/* Give it up without consequences. */
void msk_mesh_dial_drop(struct msk_mesh *mesh, struct msk_member *member, uint64_t code, struct msk_actions *out);
/* When to dial again after a bond or a dial ended that began at `started_ms`. Returns the wait in ms. */
uint64_t msk_member_redial(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, uint64_t started_ms,
                           enum msk_closed_by by, uint64_t code, struct msk_actions *out);

/* ---- bonds (mesh_bond.c) */
struct msk_bond *msk_mesh_new_bond(struct msk_mesh *mesh, struct msk_member *member, struct msk_link *link,
                                   struct msk_now now);
/* The handshake of a bond is over: it becomes the member's bond, its spare, or is closed. */
void msk_mesh_complete(struct msk_mesh *mesh, struct msk_now now, struct msk_bond *bond, struct msk_actions *out);
void msk_mesh_spare_due(struct msk_mesh *mesh, struct msk_member *member, struct msk_actions *out);
/* Close bond and spare ourselves. */
void msk_mesh_end(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, uint64_t code, bool flush,
                  struct msk_actions *out);

/* The peer said that it leaves: the same with 102. */
void msk_mesh_departed(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out);

/* ---- what members tell of third ones (mesh_lists.c) */
/* The entries for a handshake list: all bonded members but `except`. Free `out->items`. 0 or MSK_E_NOMEM. */
int msk_mesh_list(const struct msk_mesh *mesh, const struct msk_member *except, struct msk_signed_peer_entry_seq *out);
/* A member has bonded: the others hear of it. */
void msk_mesh_tell_others(struct msk_mesh *mesh, const struct msk_member *member, struct msk_actions *out);
/* What HandshakeStart did not say to a peer that had proved nothing yet: whom we are bonded with (mesh.h). */
void msk_mesh_tell_bonds(struct msk_mesh *mesh, struct msk_member *member, struct msk_actions *out);
/* Check the handshake list of `from`, which has proved the key, and cut it to MSK_LIST_MAX; it was decoded unchecked.
 * Its order changes: `news` is then the beginning of it, the entries of which a signature was needed and holds. 0, or
 * the errors of msk_check with the way to the place in `err`. */
int msk_mesh_check_list(const struct msk_mesh *mesh, struct msk_now now, const struct msk_digest *from,
                        struct msk_signed_peer_entry_seq *list, struct msk_signed_peer_entry_seq *news,
                        struct msk_error *err, struct msk_actions *out);
/* A list so checked, of a member with a bond. */
void msk_mesh_take_list(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member,
                        const struct msk_signed_peer_entry_seq *list, const struct msk_signed_peer_entry_seq *news,
                        struct msk_actions *out);
/* One entry, checked, out of a list or BondFormed. */
void msk_mesh_hear_of(struct msk_mesh *mesh, struct msk_now now, const struct msk_signed_peer_entry *entry,
                      enum msk_entry_source source, struct msk_actions *out);

/* ---- tickets (mesh_tickets.c) */
/* Check an entry, and bring what was remembered of its tickets up to date. */
bool msk_mesh_asks_programs(const struct msk_mesh *mesh);
bool msk_mesh_tickets_valid(struct msk_mesh *mesh, struct msk_now now, const struct msk_peer_entry *entry,
                            struct msk_ticket_watch *watch, struct msk_actions *out);
/* The same for a member's. */
bool msk_member_tickets_valid(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member,
                              struct msk_actions *out);
/* The next look at the tickets of a member that has just bonded, which may be due already. */
void msk_member_tickets_bonded(struct msk_mesh *mesh, const struct msk_member *member);
void msk_mesh_own_tickets(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out);
/* At every tick: looks at those that are due, and at all when the wall clock was set. */
void msk_mesh_tickets_due(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out);
#define MSK_TICKET_FAULT_SIZE (MSK_JWT_RULE_MAX + 80)
/* What is wrong, as a sentence about `whose`, in `out`; NULL: nothing, or nothing was looked at. */
const char *msk_ticket_fault(const struct msk_ticket_watch *watch, const char *whose, char out[MSK_TICKET_FAULT_SIZE]);
/* Why there is no bond with a member, as far as tickets tell: its own, or ours where it refused us. */
const char *msk_member_refusal(const struct msk_mesh *mesh, const struct msk_member *member,
                               char out[MSK_TICKET_FAULT_SIZE]);
/* We refused it for want of a ticket. It may have got one since we last heard of it, and a member of the reference that
 * was refused does not come again by itself (groups.md 2.5): sync with it soon. If there is a ticket, its entry calls
 * for a dial. */
void msk_member_ask_ticket(struct msk_member *member, struct msk_now now);
void msk_mesh_ask_due(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out);

/* ---- who is bonded with whom (mesh_pairs.c) */
void msk_member_linked(struct msk_member *member, const struct msk_digest *peer);
void msk_member_list(struct msk_member *member, const struct msk_signed_peer_entry_seq *bonds);
void msk_member_forget_pairs(struct msk_member *member);
void msk_mesh_pairs_changed(struct msk_mesh *mesh, struct msk_now now);
void msk_mesh_pairs_due(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out);

#endif
