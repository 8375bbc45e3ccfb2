#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define BLOCK_SIZE 4096
#define ALIGNMENT  sizeof(max_align_t)

struct msk_arena_block {
    struct msk_arena_block *next;
    size_t used, size;
    max_align_t data[];
};

void msk_arena_init(struct msk_arena *arena, size_t max)
{
    *arena = (struct msk_arena){.max = max};
}

static struct msk_arena_block *new_block(struct msk_arena *arena, size_t size)
{
    struct msk_arena_block *block = msk_calloc(1, sizeof *block + size);
    if (!block) {
        arena->error = MSK_E_NOMEM;
        return NULL;
    }
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *msk_arena_alloc(struct msk_arena *arena, size_t count, size_t size)
{
    size_t wanted;
    if (__builtin_mul_overflow(count, size, &wanted) || wanted > arena->max - arena->used) {
        arena->error = MSK_E_LIMIT;
        return NULL;
    }
    size_t rounded = (wanted + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct msk_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < rounded)
        block = new_block(arena, rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE);
    if (!block)
        return NULL;
    void *place = (char *)block->data + block->used;
    block->used += rounded;
    arena->used += wanted;
    return place;
}

void *msk_arena_copy(struct msk_arena *arena, const void *data, size_t len)
{
    if (len == SIZE_MAX) {
        arena->error = MSK_E_LIMIT;
        return NULL;
    }
    void *copy = msk_arena_alloc(arena, len + 1, 1);
    if (copy && len)
        memcpy(copy, data, len);
    return copy;
}

void msk_arena_free(struct msk_arena *arena)
{
    while (arena->blocks) {
        struct msk_arena_block *next = arena->blocks->next;
        msk_free(arena->blocks);
        arena->blocks = next;
    }
    msk_arena_init(arena, arena->max);
}

void msk_arena_wipe(struct msk_arena *arena)
{
    for (struct msk_arena_block *block = arena->blocks; block; block = block->next)
        msk_wipe(block->data, block->size);
    msk_arena_free(arena);
}
