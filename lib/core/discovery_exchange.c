/* The exchanges themselves: catalog sync and ping, as initiator and as acceptor (wire.md 4.5, 4.6). */
#include "core/discovery.h"

#include <stdio.h>

#include "base/alloc.h"
#include "core/discovery_parts.h"
#include "wire/close_code.h"
#include "wire/frame.h"

/* ---- beginning and end */

static struct msk_exchange *add(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                                struct msk_contact *contact, uint64_t limit_ms)
{
    struct msk_exchange *exchange = msk_calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    *exchange = (struct msk_exchange){link, contact, now.mono_ms, now.mono_ms + limit_ms, false};
    discovery->exchanges[discovery->exchange_count++] = exchange;
    discovery->out_count += contact != NULL;
    link->context = exchange;
    return exchange;
}

struct msk_exchange *msk_exchange_start(struct msk_discovery *discovery, struct msk_now now,
                                        struct msk_contact *contact, enum msk_alpn alpn,
                                        const struct msk_transport_addr_set *addresses, uint64_t limit_ms,
                                        struct msk_actions *out)
{
    if (discovery->out_count == MSK_EXCHANGES_OUT_MAX)
        return NULL;
    struct msk_link *link = msk_host_dial(discovery->host, &contact->peer, alpn, addresses, MSK_OWNER_DISCOVERY, out);
    if (!link)
        return NULL;
    struct msk_exchange *exchange = add(discovery, now, link, contact, limit_ms);
    if (!exchange)
        msk_host_close(discovery->host, link, MSK_CLOSE_CANCELLED, false, out);
    return exchange;
}

/* Out of the table; its link is the caller's to deal with. */
static void forget(struct msk_discovery *discovery, struct msk_exchange *exchange)
{
    size_t at = 0;
    while (discovery->exchanges[at] != exchange)
        at++;
    discovery->exchanges[at] = discovery->exchanges[--discovery->exchange_count];
    discovery->out_count -= exchange->contact != NULL;
    msk_free(exchange);
}

void msk_exchange_drop(struct msk_discovery *discovery, struct msk_exchange *exchange, uint64_t code,
                       struct msk_actions *out)
{
    msk_host_close(discovery->host, exchange->link, code, false, out);
    forget(discovery, exchange);
}

/* Close it with a code, and tell its contact that it failed. */
static void fail(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange, uint64_t code,
                 const char *why, struct msk_actions *out)
{
    struct msk_contact *contact = exchange->contact;
    enum msk_alpn alpn = exchange->link->info.alpn;
    uint64_t started_ms = exchange->started_ms;
    msk_exchange_drop(discovery, exchange, code, out);
    if (contact)
        msk_contact_settle(discovery, now, contact, alpn, started_ms, why, out);
}

void msk_exchange_expire(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                         struct msk_actions *out)
{
    if (exchange->answered) /* the initiator forgot to close */
        msk_exchange_drop(discovery, exchange, MSK_CLOSE_SUCCESS, out);
    else
        fail(discovery, now, exchange, MSK_CLOSE_CANCELLED,
             exchange->link->open ? "no answer in time" : "no connection in time", out);
}

/* ---- opening */

static int send_snapshot(struct msk_discovery *discovery, struct msk_now now, const struct msk_link *link,
                         struct msk_actions *out)
{
    struct msk_builder encoded;
    msk_builder_init(&encoded, MSK_FRAME_MAX_CATALOG);
    int error =
        msk_catalog_snapshot(discovery->host->catalog, now.wall_ms, &discovery->host->own->signed_entry, &encoded);
    if (error == 0)
        msk_act_send(out, link->number, msk_builder_view(&encoded), 0);
    msk_builder_free(&encoded);
    return error;
}

static bool may_accept(const struct msk_discovery *discovery, const struct msk_digest *peer)
{
    size_t from_peer = 0;
    for (size_t i = 0; i < discovery->exchange_count; i++)
        from_peer +=
            !discovery->exchanges[i]->contact && msk_digest_equal(&discovery->exchanges[i]->link->info.peer, peer);
    return from_peer < MSK_EXCHANGES_IN_PEER_MAX &&
           discovery->exchange_count - discovery->out_count < MSK_EXCHANGES_IN_MAX;
}

static void accept_link(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                        struct msk_actions *out)
{
    bool allowed = may_accept(discovery, &link->info.peer);
    if (allowed && add(discovery, now, link, NULL, MSK_EXCHANGE_STEP_MS))
        return;
    if (!allowed)
        MSK_EMIT(out, NULL, LIMIT_HIT, MSK_F_TEXT("which", "exchanges"), MSK_F_DIGEST("peer", &link->info.peer),
                 MSK_F_U64("value", discovery->exchange_count));
    msk_host_close(discovery->host, link, MSK_CLOSE_CANCELLED, false, out);
}

void msk_discovery_opened(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                          struct msk_actions *out)
{
    if (!link->info.dialled) {
        accept_link(discovery, now, link, out);
        return;
    }
    /* Speak at once: the reference serves one exchange after another (wire.md D.1, 1). */
    struct msk_exchange *exchange = link->context;
    exchange->deadline_ms = now.mono_ms + MSK_EXCHANGE_STEP_MS;
    if (link->info.alpn == MSK_ALPN_PING)
        msk_act_send(out, link->number, MSK_BYTES("", 0), 0);
    else if (send_snapshot(discovery, now, link, out) < 0)
        fail(discovery, now, exchange, MSK_CLOSE_CANCELLED, "out of memory", out);
}

/* ---- messages */

/* Keep what may be of use, with its signature checked if it is news; what is known already goes. One bad signature
 * makes all fail (wire.md 4.2). */
static int check_news(const struct msk_host *host, struct msk_now now, const struct msk_digest *from,
                      struct msk_catalog_snapshot *snapshot, struct msk_error *err, struct msk_actions *out)
{
    struct msk_signed_peer_entry_seq *entries = &snapshot->entries;
    size_t kept = 0, news = 0;
    for (size_t i = 0; i < entries->count; i++) {
        enum msk_catalog_outcome outcome = msk_catalog_judge(host->catalog, now, &entries->items[i]);
        bool is_news = outcome == MSK_CATALOG_ADDED || outcome == MSK_CATALOG_UPDATED;
        news += is_news;
        if (outcome == MSK_CATALOG_NOT_NEWER || (is_news && news > MSK_SYNC_NEWS_MAX))
            continue;
        int error = is_news ? msk_check(MSK_TYPE(signed_peer_entry), &entries->items[i], err) : 0;
        if (error < 0)
            return msk_wrap(err, error, "catalog_snapshot.entries[%zu]", i);
        entries->items[kept++] = entries->items[i];
    }
    entries->count = kept;
    if (news > MSK_SYNC_NEWS_MAX)
        MSK_EMIT(out, NULL, LIMIT_HIT, MSK_F_TEXT("which", "news in one catalog"), MSK_F_DIGEST("peer", from),
                 MSK_F_U64("value", news));
    return 0;
}

static void violated(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                     const struct msk_error *err, struct msk_actions *out)
{
    MSK_EMIT(out, NULL, PROTOCOL_VIOLATION, MSK_F_DIGEST("peer", &exchange->link->info.peer),
             MSK_F_TEXT("detail", err->text));
    fail(discovery, now, exchange, MSK_CLOSE_PROTOCOL_VIOLATION, "undecodable answer", out);
}

/* Whether an exchange with this peer is under way in the other direction too. */
static bool crossing(const struct msk_discovery *discovery, const struct msk_digest *peer, bool dialled)
{
    for (size_t i = 0; i < discovery->exchange_count; i++) {
        const struct msk_link_info *info = &discovery->exchanges[i]->link->info;
        if (info->alpn == MSK_ALPN_SYNC && info->dialled != dialled && msk_digest_equal(&info->peer, peer))
            return true;
    }
    return false;
}

/* What the peer told of itself: the answer to a ping is fresh; in a catalog only an entry that the rules of time refuse
 * says something about its clock. */
static void watch_clock(struct msk_discovery *discovery, struct msk_now now, const struct msk_signed_peer_entry *entry,
                        enum msk_entry_source source, enum msk_catalog_outcome outcome, struct msk_actions *out)
{
    bool reported = false;
    struct msk_contact *contact = msk_contact_find(discovery, &entry->entry.address.peer_id);
    bool refused = outcome == MSK_CATALOG_STALE || outcome == MSK_CATALOG_FUTURE;
    if (source == MSK_SOURCE_PING || refused)
        msk_watch_clock(now, entry, msk_entry_source_name(source), contact ? &contact->skew_reported : &reported, out);
}

/* Both sides merge by the rules of the catalog (wire.md 4.4). `own_turn` is for the peer's own entry. */
static void merge(struct msk_discovery *discovery, struct msk_now now, const struct msk_catalog_snapshot *snapshot,
                  enum msk_entry_source source, const struct msk_digest *from, enum msk_turn own_turn,
                  struct msk_actions *out)
{
    const struct msk_host *host = discovery->host;
    for (size_t i = 0; i < snapshot->entries.count; i++) {
        const struct msk_signed_peer_entry *entry = &snapshot->entries.items[i];
        bool first_hand = msk_digest_equal(&entry->entry.address.peer_id, from);
        enum msk_catalog_outcome outcome =
            host->learn(host->node, now, entry, source, first_hand ? own_turn : MSK_TURN_BY_ID, out);
        if (first_hand)
            watch_clock(discovery, now, entry, source, outcome, out);
    }
}

/* What we asked for is here: close at once, then work on it. The exchange is gone when entries are learned, since those
 * may cost its contact its place. */
static void finish(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                   const struct msk_catalog_snapshot *snapshot, struct msk_actions *out)
{
    struct msk_digest peer = exchange->link->info.peer;
    enum msk_alpn alpn = exchange->link->info.alpn;
    uint64_t started_ms = exchange->started_ms;
    bool crossed = crossing(discovery, &peer, true);
    exchange->contact->rtt_us = exchange->link->info.rtt_us;
    *(alpn == MSK_ALPN_PING ? &exchange->contact->ping : &exchange->contact->sync) = NULL;
    msk_exchange_drop(discovery, exchange, MSK_CLOSE_SUCCESS, out);
    merge(discovery, now, snapshot, alpn == MSK_ALPN_PING ? MSK_SOURCE_PING : MSK_SOURCE_SYNC, &peer,
          crossed ? MSK_TURN_BY_ID : MSK_TURN_OURS, out);
    struct msk_contact *contact = msk_contact_find(discovery, &peer);
    if (contact)
        msk_contact_settle(discovery, now, contact, alpn, started_ms, NULL, out);
}

static void receive_snapshot(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                             const struct msk_catalog_snapshot *snapshot, struct msk_actions *out)
{
    if (exchange->contact) {
        finish(discovery, now, exchange, snapshot, out);
        return;
    }
    /* Our answer is taken before merging (wire.md 4.5). */
    struct msk_digest peer = exchange->link->info.peer;
    if (send_snapshot(discovery, now, exchange->link, out) < 0) {
        fail(discovery, now, exchange, MSK_CLOSE_CANCELLED, "out of memory", out);
        return;
    }
    exchange->answered = true;
    exchange->deadline_ms = now.mono_ms + MSK_EXCHANGE_STEP_MS;
    merge(discovery, now, snapshot, MSK_SOURCE_SYNC, &peer,
          crossing(discovery, &peer, false) ? MSK_TURN_BY_ID : MSK_TURN_THEIRS, out);
    struct msk_contact *contact = msk_contact_find(discovery, &peer);
    if (contact)
        msk_contact_acquainted(discovery, now, contact);
}

static void sync_frame(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                       struct msk_bytes frame, struct msk_actions *out)
{
    struct msk_arena arena;
    struct msk_catalog_snapshot snapshot;
    struct msk_error err = {0};
    msk_arena_init(&arena, MSK_DECODE_BUDGET(frame.len));
    int error = msk_decode_unchecked(MSK_TYPE(catalog_snapshot), frame, &arena, &snapshot, &err);
    if (error == 0)
        error = check_news(discovery->host, now, &exchange->link->info.peer, &snapshot, &err, out);
    if (error < 0)
        violated(discovery, now, exchange, &err, out);
    else
        receive_snapshot(discovery, now, exchange, &snapshot, out);
    msk_arena_free(&arena);
}

static void answer_ping(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                        struct msk_actions *out)
{
    struct msk_signed_peer_entry fresh;
    struct msk_builder encoded;
    msk_builder_init(&encoded, MSK_FRAME_MAX_PING);
    int error = msk_own_entry_for_ping(discovery->host->own, now, &fresh);
    if (error == 0)
        error = msk_encode(MSK_TYPE(signed_peer_entry), &fresh, &encoded);
    if (error < 0) {
        fail(discovery, now, exchange, MSK_CLOSE_CANCELLED, NULL, out);
    } else {
        msk_act_send(out, exchange->link->number, msk_builder_view(&encoded), 0);
        exchange->answered = true;
        exchange->deadline_ms = now.mono_ms + MSK_EXCHANGE_STEP_MS;
    }
    msk_builder_free(&encoded);
}

static void ping_frame(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                       struct msk_bytes frame, struct msk_actions *out)
{
    if (!exchange->contact) {
        answer_ping(discovery, now, exchange, out); /* whatever the frame says (wire.md 4.6) */
        return;
    }
    struct msk_arena arena;
    struct msk_signed_peer_entry entry;
    struct msk_error err = {0};
    msk_arena_init(&arena, MSK_DECODE_BUDGET(frame.len));
    if (msk_decode(MSK_TYPE(signed_peer_entry), frame, &arena, &entry, &err) < 0)
        violated(discovery, now, exchange, &err, out);
    else
        finish(discovery, now, exchange, &(struct msk_catalog_snapshot){{&entry, 1}}, out);
    msk_arena_free(&arena);
}

void msk_discovery_frame(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                         struct msk_bytes frame, struct msk_actions *out)
{
    struct msk_exchange *exchange = link->context;
    if (exchange->answered)
        return; /* one message each way; more is not looked at */
    if (link->info.alpn == MSK_ALPN_PING)
        ping_frame(discovery, now, exchange, frame, out);
    else
        sync_frame(discovery, now, exchange, frame, out);
}

static const char *why_closed(const struct msk_link_close *close, char *text, size_t size)
{
    if (close->by == MSK_CLOSED_PEER)
        snprintf(text, size, "closed with %llu %s", (unsigned long long)close->code, msk_close_name(close->code));
    else
        snprintf(text, size, "%s", close->detail ? close->detail : "the connection failed");
    return text;
}

void msk_discovery_closed(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                          const struct msk_link_close *close, struct msk_actions *out)
{
    char why[160];
    struct msk_exchange *exchange = link->context;
    struct msk_contact *contact = exchange->contact;
    enum msk_alpn alpn = link->info.alpn;
    uint64_t started_ms = exchange->started_ms;
    if (close->stream_ended) /* wire.md 3.2 */
        msk_act_close(out, link->number, close->inside_frame ? MSK_CLOSE_DROPPED : MSK_CLOSE_UNEXPECTED_CLOSE, false);
    forget(discovery, exchange);
    msk_links_remove(discovery->host->links, link);
    if (contact)
        msk_contact_settle(discovery, now, contact, alpn, started_ms, why_closed(close, why, sizeof why), out);
}

void msk_discovery_stop(struct msk_discovery *discovery, struct msk_actions *out)
{
    while (discovery->exchange_count > 0) {
        struct msk_exchange *exchange = discovery->exchanges[0];
        if (exchange->contact)
            *(exchange->link->info.alpn == MSK_ALPN_PING ? &exchange->contact->ping : &exchange->contact->sync) = NULL;
        msk_exchange_drop(discovery, exchange, MSK_CLOSE_CANCELLED, out);
    }
}

size_t msk_discovery_frame_max(const struct msk_link *link)
{
    return link->info.alpn == MSK_ALPN_PING ? MSK_FRAME_MAX_PING : MSK_FRAME_MAX_CATALOG;
}
