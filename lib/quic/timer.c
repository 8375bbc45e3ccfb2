#include "quic/timer.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#define CAPACITY_MIN 8

void msk_timers_free(struct msk_timers *timers)
{
    msk_free(timers->items);
    *timers = (struct msk_timers){0};
}

static void place(struct msk_timers *timers, size_t index, struct msk_timer *timer)
{
    timers->items[index] = timer;
    timer->index = index;
}

static void rise(struct msk_timers *timers, struct msk_timer *timer)
{
    size_t index = timer->index;
    while (index > 0 && timers->items[(index - 1) / 2]->deadline_ns > timer->deadline_ns) {
        place(timers, index, timers->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(timers, index, timer);
}

static void sink(struct msk_timers *timers, struct msk_timer *timer)
{
    size_t index = timer->index;
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && timers->items[child + 1]->deadline_ns < timers->items[child]->deadline_ns)
            child++;
        if (timers->items[child]->deadline_ns >= timer->deadline_ns)
            break;
        place(timers, index, timers->items[child]);
        index = child;
    }
    place(timers, index, timer);
}

int msk_timers_add(struct msk_timers *timers, struct msk_timer *timer, void (*due)(struct msk_timer *, uint64_t))
{
    if (timers->count == timers->capacity) {
        size_t capacity = timers->capacity ? timers->capacity * 2 : CAPACITY_MIN;
        struct msk_timer **items = msk_realloc(timers->items, capacity * sizeof *items);
        if (!items)
            return MSK_E_NOMEM;
        timers->items = items;
        timers->capacity = capacity;
    }
    *timer = (struct msk_timer){.deadline_ns = UINT64_MAX, .due = due};
    place(timers, timers->count++, timer);
    return 0;
}

void msk_timers_remove(struct msk_timers *timers, struct msk_timer *timer)
{
    if (!timer->due)
        return;
    struct msk_timer *last = timers->items[--timers->count];
    if (last != timer) {
        place(timers, timer->index, last);
        rise(timers, last);
        sink(timers, last);
    }
    timer->due = NULL;
}

void msk_timers_set(struct msk_timers *timers, struct msk_timer *timer, uint64_t deadline_ns)
{
    msk_assert(timer->due);
    uint64_t before_ns = timer->deadline_ns;
    timer->deadline_ns = deadline_ns;
    if (deadline_ns < before_ns)
        rise(timers, timer);
    else if (deadline_ns > before_ns)
        sink(timers, timer);
}

uint64_t msk_timers_next(const struct msk_timers *timers)
{
    return timers->count ? timers->items[0]->deadline_ns : UINT64_MAX;
}

void msk_timers_fire(struct msk_timers *timers, uint64_t now_ns)
{
    /* At most one round for each timer: one that keeps falling due must not hold up the others. */
    for (size_t left = timers->count; left > 0 && msk_timers_next(timers) <= now_ns; left--) {
        struct msk_timer *timer = timers->items[0];
        msk_timers_set(timers, timer, UINT64_MAX);
        timer->due(timer, now_ns);
    }
}
