#include "store/store_impl.h"

void msk_store_close(struct msk_store *store)
{
    if (store)
        store->ops->close(store);
}

bool msk_store_is_durable(const struct msk_store *store)
{
    return store->ops->durable;
}

int msk_store_load(struct msk_store *store, struct msk_store_record **records, size_t *count, struct msk_error *err)
{
    *records = NULL;
    *count = 0;
    return store->ops->load(store, records, count, err);
}

int msk_store_write(struct msk_store *store, const struct msk_store_record *records, size_t count,
                    struct msk_error *err)
{
    return store->ops->write(store, records, count, err);
}
