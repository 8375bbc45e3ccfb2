/* timer.h: a heap of deadlines, so that many idle connections cost nothing per tick. */
#ifndef MSK_QUIC_TIMER_H
#define MSK_QUIC_TIMER_H

#include <stddef.h>
#include <stdint.h>

/* A member of what it wakes. `deadline_ns` UINT64_MAX: never. */
struct msk_timer {
    uint64_t deadline_ns;
    size_t index;                                          /* its place in the heap */
    void (*due)(struct msk_timer *timer, uint64_t now_ns); /* NULL: not in a heap */
};

struct msk_timers {
    struct msk_timer **items;
    size_t count, capacity;
};

void msk_timers_free(struct msk_timers *timers);

/* Put a timer in, without a deadline yet; from then on setting it needs no memory. 0 or MSK_E_NOMEM. */
int msk_timers_add(struct msk_timers *timers, struct msk_timer *timer, void (*due)(struct msk_timer *, uint64_t));
void msk_timers_remove(struct msk_timers *timers, struct msk_timer *timer); /* nothing, if not in */
void msk_timers_set(struct msk_timers *timers, struct msk_timer *timer, uint64_t deadline_ns);

/* The earliest deadline, or UINT64_MAX. */
uint64_t msk_timers_next(const struct msk_timers *timers);

/* Call `due` of the timers whose deadline has come; each is set to never before. At most as many calls as there are
 * timers, whatever they set themselves to. */
void msk_timers_fire(struct msk_timers *timers, uint64_t now_ns);

#endif
