/* map.h: a hash table from byte-string keys to pointers, for peers, links, connection ids. */
#ifndef MSK_BASE_MAP_H
#define MSK_BASE_MAP_H

#include "base/bytes.h"

#define MSK_MAP_KEY_MAX 32

struct msk_map_slot {
    uint8_t key[MSK_MAP_KEY_MAX];
    uint8_t key_len;
    bool used;
    void *value;
};

/* Zero-initialise; keys are copied (up to MSK_MAP_KEY_MAX bytes), values stay the caller's. Not ordered: whoever needs
 * a stable order sorts. Set `seed` to a random number where strangers choose the keys. */
struct msk_map {
    struct msk_map_slot *slots;
    size_t capacity, count;
    uint64_t seed;
};

void msk_map_free(struct msk_map *map);
void *msk_map_get(const struct msk_map *map, const void *key, size_t key_len); /* NULL: absent */
/* 0, MSK_E_EXISTS (nothing changed) or MSK_E_NOMEM. `value` is not NULL. */
int msk_map_put(struct msk_map *map, const void *key, size_t key_len, void *value);
void *msk_map_remove(struct msk_map *map, const void *key, size_t key_len); /* the value, or NULL */

/* Walk: `*position` starts at 0; NULL at the end. The map must not change meanwhile. */
void *msk_map_next(const struct msk_map *map, size_t *position);

#endif
