#include "core/gossip_memory.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

void msk_gossip_memory_init(struct msk_gossip_memory *memory, uint64_t seed)
{
    *memory = (struct msk_gossip_memory){.by_id = {.seed = seed}, .sweep_ms = MSK_NEVER};
}

static void drop_oldest_payload(struct msk_gossip_memory *memory)
{
    struct msk_remembered *item = memory->oldest_payload;
    msk_free(item->payload);
    item->payload = NULL;
    memory->payload_count--;
    memory->payload_bytes -= item->len;
    memory->oldest_payload = item->next;
}

static void forget_oldest(struct msk_gossip_memory *memory)
{
    struct msk_remembered *item = memory->oldest;
    if (memory->oldest_payload == item)
        drop_oldest_payload(memory);
    msk_map_remove(&memory->by_id, item->id.bytes, MSK_DIGEST_LEN);
    memory->oldest = item->next;
    if (!memory->oldest)
        memory->newest = NULL;
    msk_free(item);
}

void msk_gossip_memory_free(struct msk_gossip_memory *memory)
{
    while (memory->oldest)
        forget_oldest(memory);
    msk_map_free(&memory->by_id);
}

static struct msk_remembered *new_item(const struct msk_digest *id, struct msk_bytes payload)
{
    struct msk_remembered *item = msk_calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->id = *id;
    item->len = payload.len;
    item->payload = msk_memdup(payload.data, payload.len);
    if (!item->payload) {
        msk_free(item);
        return NULL;
    }
    return item;
}

static void append(struct msk_gossip_memory *memory, struct msk_remembered *item)
{
    if (memory->newest)
        memory->newest->next = item;
    else
        memory->oldest = item;
    memory->newest = item;
    if (!memory->oldest_payload)
        memory->oldest_payload = item;
    memory->payload_count++;
    memory->payload_bytes += item->len;
}

int msk_gossip_memory_add(struct msk_gossip_memory *memory, uint64_t now_ms, const struct msk_digest *id,
                          struct msk_bytes payload, uint16_t round)
{
    struct msk_remembered *item = new_item(id, payload);
    if (!item)
        return MSK_E_NOMEM;
    item->since_ms = now_ms;
    item->round = round;
    int error = msk_map_put(&memory->by_id, id->bytes, MSK_DIGEST_LEN, item);
    if (error < 0) {
        msk_free(item->payload);
        msk_free(item);
        msk_assert(error == MSK_E_NOMEM);
        return error;
    }
    append(memory, item);
    if (memory->by_id.count > MSK_IDS_MAX)
        forget_oldest(memory);
    while (memory->payload_count > MSK_PAYLOADS_MAX || memory->payload_bytes > MSK_PAYLOAD_BYTES_MAX)
        drop_oldest_payload(memory);
    if (memory->sweep_ms == MSK_NEVER)
        memory->sweep_ms = now_ms + MSK_SWEEP_MS;
    return 0;
}

const struct msk_remembered *msk_gossip_memory_find(const struct msk_gossip_memory *memory, const struct msk_digest *id)
{
    return msk_map_get(&memory->by_id, id->bytes, MSK_DIGEST_LEN);
}

void msk_gossip_memory_sweep(struct msk_gossip_memory *memory, uint64_t now_ms)
{
    if (now_ms < memory->sweep_ms)
        return;
    while (memory->oldest_payload && memory->oldest_payload->since_ms + MSK_PAYLOAD_CACHE_MS <= now_ms)
        drop_oldest_payload(memory);
    while (memory->oldest && memory->oldest->since_ms + MSK_ID_MEMORY_MS <= now_ms)
        forget_oldest(memory);
    memory->sweep_ms = memory->oldest ? now_ms + MSK_SWEEP_MS : MSK_NEVER;
}

uint64_t msk_gossip_memory_deadline(const struct msk_gossip_memory *memory)
{
    return memory->sweep_ms;
}
