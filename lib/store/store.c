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

int msk_store_load_log(struct msk_store *store, const struct msk_digest *group, struct msk_store_log *out,
                       struct msk_error *err)
{
    *out = (struct msk_store_log){0};
    return store->ops->load_log ? store->ops->load_log(store, group, out, err) : 0;
}

int msk_store_load_entries(struct msk_store *store, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                           struct msk_error *err)
{
    return store->ops->load_entries ? store->ops->load_entries(store, group, last, log, err) : 0;
}

int msk_store_read_entries(struct msk_store *store, const struct msk_digest *group, uint64_t first, uint64_t count,
                           size_t bytes_max, struct msk_builder *out, uint64_t *read, struct msk_error *err)
{
    *read = 0;
    return store->ops->read_entries ? store->ops->read_entries(store, group, first, count, bytes_max, out, read, err)
                                    : msk_fail(err, MSK_E_NOTFOUND, "no log is kept");
}

int msk_store_write(struct msk_store *store, const struct msk_store_batch *batch, struct msk_error *err)
{
    return store->ops->write(store, batch, err);
}

int msk_store_name_group(struct msk_store *store, const struct msk_digest *group, const char *alias,
                         const char *machine, struct msk_error *err)
{
    return store->ops->name_group ? store->ops->name_group(store, group, alias, machine, err) : 0;
}
