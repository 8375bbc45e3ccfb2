/* arena.h: many small allocations freed at once, with a maximum: what one decoded message may cost. */
#ifndef MSK_BASE_ARENA_H
#define MSK_BASE_ARENA_H

#include <stddef.h>

struct msk_arena_block;

struct msk_arena {
    struct msk_arena_block *blocks;
    size_t used, max; /* bytes handed out so far, and allowed */
    int error;        /* 0, MSK_E_NOMEM or MSK_E_LIMIT after a refused request */
};

void msk_arena_init(struct msk_arena *arena, size_t max);

/* Zeroed, aligned for any type; NULL after setting error. `count` * `size` may overflow: that is LIMIT. */
void *msk_arena_alloc(struct msk_arena *arena, size_t count, size_t size);
void *msk_arena_copy(struct msk_arena *arena, const void *data, size_t len); /* with one zero byte behind */

void msk_arena_free(struct msk_arena *arena); /* empty again, same max */
void msk_arena_wipe(struct msk_arena *arena); /* the same, after overwriting all of it: for secrets */

#endif
