/* gossip_wanted.h: broadcasts that neighbours say they have and we lack, and when to ask for them (wire.md C.5).
 *
 * Nothing obliges a neighbour to speak the truth, so each may keep only so many places busy. */
#ifndef MSK_CORE_GOSSIP_WANTED_H
#define MSK_CORE_GOSSIP_WANTED_H

#include "base/clock.h"
#include "base/map.h"
#include "core/hyparview.h"

/* wire.md C.3 */
#define MSK_GRAFT_FIRST_MS 80
#define MSK_GRAFT_NEXT_MS  40

/* Our own bound: notes of one neighbour. */
#define MSK_WANTED_PER_PEER_MAX 512
#define MSK_WANTED_MAX          (MSK_WANTED_PER_PEER_MAX * MSK_ACTIVE_MAX)

/* An i-have that was noted. */
struct msk_note {
    struct msk_digest peer;
    uint16_t round;
};

struct msk_wanted {
    struct msk_digest id;
    size_t place; /* in the list */
    uint64_t graft_ms;
    struct msk_note notes[MSK_ACTIVE_MAX]; /* in the order they came; one per neighbour */
    size_t note_count;
};

struct msk_wanted_list {
    struct msk_map by_id;
    struct msk_wanted **items;
    size_t count, capacity;
    uint64_t next_ms; /* no graft is due before */
};

void msk_wanted_init(struct msk_wanted_list *list, uint64_t seed);
void msk_wanted_free(struct msk_wanted_list *list);

/* Note that a neighbour has an id. A second note of the same is ignored. 0, MSK_E_LIMIT (that neighbour has too many
 * notes open) or MSK_E_NOMEM. */
int msk_wanted_note(struct msk_wanted_list *list, uint64_t now_ms, const struct msk_digest *id,
                    const struct msk_digest *peer, uint16_t round);

/* The id arrived: its entry leaves the list. Among those who had it the one with the smallest round, the earliest of
 * several; false: nobody, or not wanted. */
bool msk_wanted_arrived(struct msk_wanted_list *list, const struct msk_digest *id, struct msk_note *nearest);

/* The next id whose graft is due and whom to ask, which uses up that note and starts the timer again; false: none is
 * due. Ids that nobody is left to be asked for leave the list. */
bool msk_wanted_due(struct msk_wanted_list *list, uint64_t now_ms, struct msk_digest *id, struct msk_note *ask);

/* A neighbour is gone, and with it all its notes. */
void msk_wanted_forget_peer(struct msk_wanted_list *list, const struct msk_digest *peer);

uint64_t msk_wanted_deadline(const struct msk_wanted_list *list); /* monotonic ms, or MSK_NEVER */

#endif
