#include "base/map.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

static uint64_t hash(const struct msk_map *map, const uint8_t *key, size_t len)
{
    uint64_t h = map->seed ^ 0x9e3779b97f4a7c15u ^ len;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, key + i, len - i < 8 ? len - i : 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct msk_map_slot *find(const struct msk_map *map, const void *key, size_t len)
{
    size_t at = (size_t)hash(map, key, len) & (map->capacity - 1);
    for (;; at = (at + 1) & (map->capacity - 1)) {
        struct msk_map_slot *slot = &map->slots[at];
        if (!slot->used || (slot->key_len == len && memcmp(slot->key, key, len) == 0))
            return slot;
    }
}

static void place(struct msk_map *map, const void *key, size_t len, void *value)
{
    struct msk_map_slot *slot = find(map, key, len);
    slot->used = true;
    slot->key_len = (uint8_t)len;
    memcpy(slot->key, key, len);
    slot->value = value;
}

static int grow(struct msk_map *map)
{
    struct msk_map larger = {.capacity = map->capacity ? map->capacity * 2 : 8, .count = map->count, .seed = map->seed};
    larger.slots = msk_calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return MSK_E_NOMEM;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].used)
            place(&larger, map->slots[i].key, map->slots[i].key_len, map->slots[i].value);
    msk_free(map->slots);
    *map = larger;
    return 0;
}

void msk_map_free(struct msk_map *map)
{
    msk_free(map->slots);
    *map = (struct msk_map){.seed = map->seed};
}

void *msk_map_get(const struct msk_map *map, const void *key, size_t key_len)
{
    if (map->count == 0 || key_len > MSK_MAP_KEY_MAX)
        return NULL;
    const struct msk_map_slot *slot = find(map, key, key_len);
    return slot->used ? slot->value : NULL;
}

int msk_map_put(struct msk_map *map, const void *key, size_t key_len, void *value)
{
    msk_assert(key_len <= MSK_MAP_KEY_MAX && value);
    if (msk_map_get(map, key, key_len))
        return MSK_E_EXISTS;
    if ((map->count + 1) * 4 > map->capacity * 3 && grow(map) < 0)
        return MSK_E_NOMEM;
    place(map, key, key_len, value);
    map->count++;
    return 0;
}

/* Closing the gap by moving later members of the run back keeps searches right without tombstones. */
static void close_gap(struct msk_map *map, size_t gap)
{
    size_t mask = map->capacity - 1;
    for (size_t at = (gap + 1) & mask; map->slots[at].used; at = (at + 1) & mask) {
        size_t home = (size_t)hash(map, map->slots[at].key, map->slots[at].key_len) & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap] = (struct msk_map_slot){0};
}

void *msk_map_remove(struct msk_map *map, const void *key, size_t key_len)
{
    void *value = msk_map_get(map, key, key_len);
    if (!value)
        return NULL;
    close_gap(map, (size_t)(find(map, key, key_len) - map->slots));
    map->count--;
    return value;
}

void *msk_map_next(const struct msk_map *map, size_t *position)
{
    while (*position < map->capacity) {
        const struct msk_map_slot *slot = &map->slots[(*position)++];
        if (slot->used)
            return slot->value;
    }
    return NULL;
}
