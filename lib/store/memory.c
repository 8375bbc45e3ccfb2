#include "base/alloc.h"
#include "base/assert.h"
#include "store/store_impl.h"

struct memory_store {
    struct msk_store base;
    struct msk_store_record *records; /* one a group */
    size_t count, capacity;
};

static int memory_load(struct msk_store *base, struct msk_store_record **records, size_t *count, struct msk_error *err)
{
    struct memory_store *store = (struct memory_store *)base;
    if (store->count == 0)
        return 0;
    *records = msk_memdup(store->records, store->count * sizeof *store->records);
    if (!*records)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    *count = store->count;
    return 0;
}

static struct msk_store_record *find(struct memory_store *store, const struct msk_digest *group)
{
    for (size_t i = 0; i < store->count; i++)
        if (msk_digest_equal(&store->records[i].group, group))
            return &store->records[i];
    return NULL;
}

/* Room for `count` more groups, so that what follows cannot fail halfway. */
static bool reserve(struct memory_store *store, size_t count)
{
    if (store->count + count <= store->capacity)
        return true;
    size_t capacity = (store->count + count) * 2;
    struct msk_store_record *records = msk_realloc(store->records, capacity * sizeof *records);
    if (!records)
        return false;
    store->records = records;
    store->capacity = capacity;
    return true;
}

static int memory_write(struct msk_store *base, const struct msk_store_batch *batch, struct msk_error *err)
{
    struct memory_store *store = (struct memory_store *)base;
    if (!reserve(store, batch->record_count))
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    for (size_t i = 0; i < batch->record_count; i++) {
        struct msk_store_record *known = find(store, &batch->records[i].group);
        msk_assert(store->records);
        *(known ? known : &store->records[store->count++]) = batch->records[i];
    }
    return 0;
}

static void memory_close(struct msk_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    msk_free(store->records);
    msk_free(store);
}

static const struct msk_store_ops memory_ops = {
    .durable = false, .load = memory_load, .write = memory_write, .close = memory_close};

int msk_store_open_memory(struct msk_store **out)
{
    struct memory_store *store = msk_calloc(1, sizeof *store);
    if (!store)
        return MSK_E_NOMEM;
    store->base.ops = &memory_ops;
    *out = &store->base;
    return 0;
}
