/* store_impl.h: what an implementation of the store provides. */
#ifndef MSK_STORE_STORE_IMPL_H
#define MSK_STORE_STORE_IMPL_H

#include "store/store.h"

/* As the functions of store.h. An implementation embeds struct msk_store as its first member. */
struct msk_store_ops {
    bool durable;
    int (*load)(struct msk_store *store, struct msk_store_record **records, size_t *count, struct msk_error *err);
    /* These three NULL: it keeps no logs. */
    int (*load_log)(struct msk_store *store, const struct msk_digest *group, struct msk_store_log *out,
                    struct msk_error *err);
    int (*load_entries)(struct msk_store *store, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                        struct msk_error *err);
    int (*read_entries)(struct msk_store *store, const struct msk_digest *group, uint64_t first, uint64_t count,
                        size_t bytes_max, struct msk_builder *out, uint64_t *read, struct msk_error *err);
    int (*write)(struct msk_store *store, const struct msk_store_batch *batch, struct msk_error *err);
    /* NULL: it keeps no names. */
    int (*name_group)(struct msk_store *store, const struct msk_digest *group, const char *alias, const char *machine,
                      struct msk_error *err);
    void (*close)(struct msk_store *store);
};

struct msk_store {
    const struct msk_store_ops *ops;
};

#endif
