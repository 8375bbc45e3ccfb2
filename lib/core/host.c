#include "core/host.h"

#define CLOCK_SKEW_MS 2000

void msk_watch_clock(struct msk_now now, const struct msk_signed_peer_entry *entry, const char *source, bool *reported,
                     struct msk_actions *out)
{
    int64_t skew_ms = entry->entry.version.updated_ms - now.wall_ms;
    if (*reported || (skew_ms < CLOCK_SKEW_MS && skew_ms > -CLOCK_SKEW_MS))
        return;
    *reported = true;
    MSK_EMIT(out, NULL, CLOCK_SKEW, MSK_F_DIGEST("peer", &entry->entry.address.peer_id),
             MSK_F_I64("estimate_ms", skew_ms), MSK_F_TEXT("source", source));
}

uint64_t msk_head_start_ms(const struct msk_host *host, const struct msk_digest *peer, enum msk_turn turn)
{
    const struct msk_digest *self = &host->own->signed_entry.entry.address.peer_id;
    if (turn == MSK_TURN_BY_ID)
        turn = msk_digest_compare(self, peer) < 0 ? MSK_TURN_OURS : MSK_TURN_THEIRS;
    return turn == MSK_TURN_OURS ? 0 : MSK_HEAD_START_MS;
}

size_t msk_ip_addresses(const struct msk_transport_addr_set *addresses, struct msk_transport_addr *out)
{
    size_t count = 0;
    for (size_t i = 0; i < addresses->count && count < MSK_DIAL_ADDRESSES_MAX; i++)
        if (addresses->items[i].kind == MSK_ADDR_IP)
            out[count++] = addresses->items[i];
    return count;
}

struct msk_link *msk_host_dial(const struct msk_host *host, const struct msk_digest *peer, enum msk_alpn alpn,
                               const struct msk_transport_addr_set *addresses, enum msk_link_owner owner,
                               struct msk_actions *out)
{
    struct msk_transport_addr ips[MSK_DIAL_ADDRESSES_MAX];
    struct msk_transport_addr_set tried = {ips, msk_ip_addresses(addresses, ips)};
    if (tried.count == 0)
        return NULL;
    struct msk_link_info info = {.peer = *peer, .alpn = alpn, .dialled = true};
    struct msk_link *link = msk_links_add(host->links, msk_links_number(host->links), owner, &info);
    if (link)
        msk_act_dial(out, link->number, peer, alpn, &tried);
    return link;
}

void msk_host_close(const struct msk_host *host, struct msk_link *link, uint64_t code, bool flush,
                    struct msk_actions *out)
{
    msk_act_close(out, link->number, code, flush);
    msk_links_remove(host->links, link);
}
