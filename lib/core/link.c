#include "core/link.h"

#include "base/alloc.h"
#include "base/assert.h"

const char *msk_closed_by_name(enum msk_closed_by by)
{
    static const char *const names[] = {"local", "peer", "transport"};
    msk_assert((size_t)by < sizeof names / sizeof names[0]);
    return names[by];
}

void msk_links_free(struct msk_links *links)
{
    size_t position = 0;
    for (struct msk_link *link; (link = msk_map_next(&links->by_number, &position)) != NULL;)
        msk_free(link);
    msk_map_free(&links->by_number);
}

uint64_t msk_links_number(struct msk_links *links)
{
    return ++links->last_number;
}

struct msk_link *msk_links_add(struct msk_links *links, uint64_t number, enum msk_link_owner owner,
                               const struct msk_link_info *info)
{
    if (links->by_number.count >= MSK_LINKS_MAX)
        return NULL;
    struct msk_link *link = msk_calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->number = number;
    link->owner = owner;
    link->info = *info;
    if (msk_map_put(&links->by_number, &number, sizeof number, link) < 0) {
        msk_free(link);
        return NULL;
    }
    return link;
}

struct msk_link *msk_links_find(const struct msk_links *links, uint64_t number)
{
    return msk_map_get(&links->by_number, &number, sizeof number);
}

void msk_links_remove(struct msk_links *links, struct msk_link *link)
{
    msk_map_remove(&links->by_number, &link->number, sizeof link->number);
    msk_free(link);
}
