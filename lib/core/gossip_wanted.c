#include "core/gossip_wanted.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

void msk_wanted_init(struct msk_wanted_list *list, uint64_t seed)
{
    *list = (struct msk_wanted_list){.by_id = {.seed = seed}, .next_ms = MSK_NEVER};
}

void msk_wanted_free(struct msk_wanted_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        msk_free(list->items[i]);
    msk_free(list->items);
    msk_map_free(&list->by_id);
    msk_wanted_init(list, list->by_id.seed);
}

static void remove_item(struct msk_wanted_list *list, struct msk_wanted *item)
{
    struct msk_wanted *last = list->items[--list->count];
    last->place = item->place;
    list->items[item->place] = last;
    msk_map_remove(&list->by_id, item->id.bytes, MSK_DIGEST_LEN);
    msk_free(item);
}

static int make_room(struct msk_wanted_list *list)
{
    if (list->count < list->capacity)
        return 0;
    size_t capacity = list->capacity ? list->capacity * 2 : 16;
    struct msk_wanted **items = msk_realloc(list->items, capacity * sizeof *items);
    if (!items)
        return MSK_E_NOMEM;
    list->items = items;
    list->capacity = capacity;
    return 0;
}

static struct msk_wanted *add_item(struct msk_wanted_list *list, uint64_t graft_ms, const struct msk_digest *id)
{
    struct msk_wanted *item = msk_calloc(1, sizeof *item);
    if (!item || make_room(list) < 0 || msk_map_put(&list->by_id, id->bytes, MSK_DIGEST_LEN, item) < 0) {
        msk_free(item);
        return NULL;
    }
    item->id = *id;
    item->place = list->count;
    item->graft_ms = graft_ms;
    list->items[list->count++] = item;
    if (graft_ms < list->next_ms)
        list->next_ms = graft_ms;
    return item;
}

static bool has_note(const struct msk_wanted *item, const struct msk_digest *peer)
{
    for (size_t i = 0; i < item->note_count; i++)
        if (msk_digest_equal(&item->notes[i].peer, peer))
            return true;
    return false;
}

static bool is_full_for(const struct msk_wanted_list *list, const struct msk_digest *peer)
{
    if (list->count < MSK_WANTED_PER_PEER_MAX) /* there is no more than one note of a peer in each */
        return false;
    size_t notes = 0;
    for (size_t i = 0; i < list->count; i++)
        notes += has_note(list->items[i], peer);
    return notes >= MSK_WANTED_PER_PEER_MAX;
}

int msk_wanted_note(struct msk_wanted_list *list, uint64_t now_ms, const struct msk_digest *id,
                    const struct msk_digest *peer, uint16_t round)
{
    struct msk_wanted *item = msk_map_get(&list->by_id, id->bytes, MSK_DIGEST_LEN);
    if (item && (has_note(item, peer) || item->note_count == MSK_ACTIVE_MAX))
        return 0;
    if (is_full_for(list, peer))
        return MSK_E_LIMIT;
    if (!item)
        item = add_item(list, now_ms + MSK_GRAFT_FIRST_MS, id);
    if (!item)
        return MSK_E_NOMEM;
    item->notes[item->note_count++] = (struct msk_note){.peer = *peer, .round = round};
    return 0;
}

bool msk_wanted_arrived(struct msk_wanted_list *list, const struct msk_digest *id, struct msk_note *nearest)
{
    struct msk_wanted *item = msk_map_get(&list->by_id, id->bytes, MSK_DIGEST_LEN);
    if (!item)
        return false;
    size_t count = item->note_count;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || item->notes[i].round < nearest->round)
            *nearest = item->notes[i];
    remove_item(list, item);
    return count > 0;
}

static void remove_note(struct msk_wanted *item, size_t place)
{
    item->note_count--;
    memmove(&item->notes[place], &item->notes[place + 1], (item->note_count - place) * sizeof item->notes[0]);
}

bool msk_wanted_due(struct msk_wanted_list *list, uint64_t now_ms, struct msk_digest *id, struct msk_note *ask)
{
    if (now_ms < list->next_ms)
        return false;
    list->next_ms = MSK_NEVER;
    for (size_t i = 0; i < list->count;) {
        struct msk_wanted *item = list->items[i];
        if (item->graft_ms > now_ms) {
            if (item->graft_ms < list->next_ms)
                list->next_ms = item->graft_ms;
            i++;
        } else if (item->note_count == 0) {
            remove_item(list, item);
        } else {
            *id = item->id;
            *ask = item->notes[0];
            remove_note(item, 0);
            item->graft_ms = now_ms + MSK_GRAFT_NEXT_MS;
            list->next_ms = now_ms; /* there may be more */
            return true;
        }
    }
    return false;
}

void msk_wanted_forget_peer(struct msk_wanted_list *list, const struct msk_digest *peer)
{
    for (size_t i = 0; i < list->count; i++) {
        struct msk_wanted *item = list->items[i];
        for (size_t n = item->note_count; n-- > 0;)
            if (msk_digest_equal(&item->notes[n].peer, peer))
                remove_note(item, n);
    }
}

uint64_t msk_wanted_deadline(const struct msk_wanted_list *list)
{
    return list->next_ms;
}
