#include "core/announce.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "wire/departure.h"

#define DECODED_MAX      (256u << 10) /* what 4096 bytes can become: a ticket of 34 bytes takes 80 in memory */
#define ANNOUNCEMENT_MAX (MSK_OWN_ENTRY_MAX + 1) /* the tag and the entry, whether gossip can carry it or not */

struct bootstrap {
    struct msk_digest peer;
    struct msk_socket_addr address;
};

struct msk_announcer {
    struct msk_gossip *gossip;
    const struct msk_own_entry *own;
    const struct msk_catalog *catalog;
    uint64_t (*new_link)(void *context);
    void *context;
    struct msk_random random;
    struct bootstrap bootstrap[MSK_GOSSIP_BOOTSTRAP_MAX];
    size_t bootstrap_count;
    uint64_t join_ms;        /* the next attempt, as long as there is no neighbour */
    uint64_t seek_ms;        /* the next attempt to reach a silent peer */
    uint64_t refresh_ms;     /* when a new neighbour is due our entry; MSK_NEVER: none is */
    uint64_t quiet_until_ms; /* it was announced just now: not again for a neighbour's sake */
    uint64_t leave_ms;       /* MSK_NEVER: we stay */
    bool silent, departed;
    size_t too_large;              /* the size that was reported last; 0: it fits */
    struct msk_announcement heard; /* the last one, in the arena */
    struct msk_arena arena;
};

/* ---- rules */

const char *msk_announcement_verdict_text(enum msk_announcement_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, text) text,
        MSK_ANNOUNCEMENT_VERDICT_MAP(X)
#undef X
    };
    msk_assert((size_t)verdict < sizeof texts / sizeof texts[0]);
    return texts[verdict];
}

static enum msk_announcement_verdict judge_time(int64_t signed_ms, int64_t wall_ms)
{
    if (signed_ms < wall_ms - MSK_CLOCK_DRIFT_MAX_MS)
        return MSK_ANNOUNCEMENT_STALE;
    if (signed_ms > wall_ms + MSK_CLOCK_DRIFT_MAX_MS)
        return MSK_ANNOUNCEMENT_FUTURE;
    return MSK_ANNOUNCEMENT_ACCEPTED;
}

static enum msk_announcement_verdict judge_departure(const struct msk_departure *departure, int64_t wall_ms,
                                                     const struct msk_catalog *catalog)
{
    const struct msk_timestamp *time = &departure->timestamp;
    enum msk_announcement_verdict verdict = judge_time(time->seconds * 1000 + time->nanoseconds / 1000000, wall_ms);
    if (verdict != MSK_ANNOUNCEMENT_ACCEPTED)
        return verdict;
    const struct msk_signed_peer_entry *known = msk_catalog_find(catalog, wall_ms, &departure->peer_id);
    if (!known)
        return MSK_ANNOUNCEMENT_UNKNOWN;
    if (msk_entry_version_compare(&departure->last_version, &known->entry.version) < 0)
        return MSK_ANNOUNCEMENT_SUPERSEDED;
    int error = msk_departure_verify(departure); /* last, being the dearest */
    if (error < 0)
        return error == MSK_E_NOMEM ? MSK_ANNOUNCEMENT_NOMEM : MSK_ANNOUNCEMENT_BAD_SIGNATURE;
    return MSK_ANNOUNCEMENT_ACCEPTED;
}

enum msk_announcement_verdict msk_announcement_judge(const struct msk_announcement *announcement, int64_t wall_ms,
                                                     const struct msk_catalog *catalog)
{
    if (announcement->kind == MSK_ANNOUNCE_ENTRY)
        return judge_time(announcement->entry.entry.version.updated_ms, wall_ms);
    return judge_departure(&announcement->departure, wall_ms, catalog);
}

/* ---- life */

static uint64_t new_link(void *context)
{
    struct msk_announcer *announcer = context;
    return announcer->new_link(announcer->context);
}

static size_t find_addresses(void *context, struct msk_now now, const struct msk_digest *peer,
                             struct msk_transport_addr *out, size_t max)
{
    const struct msk_announcer *announcer = context;
    const struct msk_signed_peer_entry *entry = msk_catalog_find(announcer->catalog, now.wall_ms, peer);
    size_t count = 0;
    for (size_t i = 0; i < announcer->bootstrap_count && count < max; i++)
        if (msk_digest_equal(&announcer->bootstrap[i].peer, peer))
            out[count++] = (struct msk_transport_addr){.kind = MSK_ADDR_IP, .ip = announcer->bootstrap[i].address};
    for (size_t i = 0; entry && i < entry->entry.address.addresses.count && count < max; i++)
        if (entry->entry.address.addresses.items[i].kind == MSK_ADDR_IP)
            out[count++] = entry->entry.address.addresses.items[i];
    return count;
}

int msk_announcer_new(const struct msk_announcer_config *config, struct msk_now now, struct msk_announcer **out)
{
    struct msk_announcer *announcer = msk_calloc(1, sizeof *announcer);
    if (!announcer)
        return MSK_E_NOMEM;
    announcer->own = config->own;
    announcer->catalog = config->catalog;
    announcer->new_link = config->new_link;
    announcer->context = config->context;
    announcer->silent = config->silent;
    announcer->join_ms = now.mono_ms;
    announcer->seek_ms = now.mono_ms + MSK_SEEK_INTERVAL_MS;
    announcer->refresh_ms = announcer->leave_ms = MSK_NEVER;
    msk_random_seed(&announcer->random, config->seed);
    msk_arena_init(&announcer->arena, DECODED_MAX);
    struct msk_gossip_config gossip = {.self = config->own->signed_entry.entry.address.peer_id,
                                       .topic = config->network_id,
                                       .seed = msk_random_next(&announcer->random),
                                       .owner = {announcer, new_link, find_addresses}};
    int error = msk_gossip_new(&gossip, now, &announcer->gossip);
    if (error == 0)
        error = msk_gossip_set_addresses(announcer->gossip, &config->own->signed_entry.entry.address.addresses);
    if (error < 0) {
        msk_announcer_free(announcer);
        return error;
    }
    *out = announcer;
    return 0;
}

void msk_announcer_free(struct msk_announcer *announcer)
{
    if (!announcer)
        return;
    msk_gossip_free(announcer->gossip);
    msk_arena_free(&announcer->arena);
    msk_free(announcer);
}

struct msk_gossip *msk_announcer_gossip(struct msk_announcer *announcer)
{
    return announcer->gossip;
}

int msk_announcer_add_bootstrap(struct msk_announcer *announcer, struct msk_now now, const struct msk_digest *peer,
                                const struct msk_socket_addr *address)
{
    if (announcer->bootstrap_count == MSK_GOSSIP_BOOTSTRAP_MAX)
        return MSK_E_LIMIT;
    announcer->bootstrap[announcer->bootstrap_count++] = (struct bootstrap){.peer = *peer, .address = *address};
    announcer->join_ms = now.mono_ms;
    return 0;
}

/* ---- telling */

static void emit_announced(struct msk_announcer *announcer, const char *what, struct msk_actions *out)
{
    MSK_EMIT(out, NULL, ANNOUNCED, MSK_F_TEXT("what", what),
             MSK_F_U64("neighbours", msk_gossip_neighbour_count(announcer->gossip)));
}

/* Broadcast; the failure stays with the actions. True when it was sent. */
static bool announce(struct msk_announcer *announcer, struct msk_now now, const struct msk_announcement *what,
                     size_t *size, struct msk_actions *out)
{
    struct msk_builder encoded;
    msk_builder_init(&encoded, ANNOUNCEMENT_MAX);
    int error = msk_encode(MSK_TYPE(announcement), what, &encoded);
    *size = encoded.len;
    if (error == 0)
        error = msk_gossip_broadcast(announcer->gossip, now, msk_builder_view(&encoded), out);
    msk_builder_free(&encoded);
    if (error == MSK_E_NOMEM)
        out->error = error;
    return error == 0;
}

static void report_size(struct msk_announcer *announcer, size_t size, struct msk_actions *out)
{
    size_t too_large = size > MSK_GOSSIP_CONTENT_MAX ? size : 0;
    if (too_large && too_large != announcer->too_large)
        MSK_EMIT(out, NULL, ENTRY_TOO_LARGE, MSK_F_U64("bytes", size - 1), MSK_F_U64("max", MSK_PEER_ENTRY_GOSSIP_MAX));
    announcer->too_large = too_large;
}

void msk_announcer_tell(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out)
{
    const struct msk_signed_peer_entry *entry = &announcer->own->signed_entry;
    if (msk_gossip_set_addresses(announcer->gossip, &entry->entry.address.addresses) < 0)
        out->error = MSK_E_NOMEM;
    announcer->refresh_ms = MSK_NEVER;
    if (announcer->silent || announcer->leave_ms != MSK_NEVER)
        return;
    size_t size;
    struct msk_announcement update = {.kind = MSK_ANNOUNCE_ENTRY, .entry = *entry};
    if (announce(announcer, now, &update, &size, out)) {
        emit_announced(announcer, "entry", out);
        announcer->quiet_until_ms = now.mono_ms + MSK_ANNOUNCE_PAUSE_MS;
    }
    report_size(announcer, size, out);
}

static void leave(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out)
{
    msk_gossip_leave(announcer->gossip, now, out);
    announcer->departed = true;
}

void msk_announcer_depart(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out)
{
    if (announcer->leave_ms != MSK_NEVER)
        return;
    const struct msk_peer_entry *entry = &announcer->own->signed_entry.entry;
    struct msk_announcement farewell = {
        .kind = MSK_ANNOUNCE_DEPARTURE,
        .departure = {
            .peer_id = entry->address.peer_id,
            .last_version = entry->version,
            .timestamp = {.seconds = now.wall_ms / 1000, .nanoseconds = (uint32_t)(now.wall_ms % 1000) * 1000000u}}};
    size_t size;
    announcer->leave_ms = now.mono_ms + MSK_DEPARTURE_WINDOW_MS;
    if (!announcer->silent && msk_departure_sign(&farewell.departure, announcer->own->secret) == 0 &&
        announce(announcer, now, &farewell, &size, out))
        emit_announced(announcer, "departure", out);
    else
        leave(announcer, now, out);
}

bool msk_announcer_departed(const struct msk_announcer *announcer)
{
    return announcer->departed;
}

/* ---- finding neighbours */

static void join_bootstrap(struct msk_announcer *announcer, struct msk_now now, size_t wanted, struct msk_actions *out)
{
    size_t count = announcer->bootstrap_count, first = (size_t)msk_random_below(&announcer->random, count);
    for (size_t i = 0; i < count && i < wanted; i++)
        msk_gossip_join(announcer->gossip, now, &announcer->bootstrap[(first + i) % count].peer, out);
}

static void join_known(struct msk_announcer *announcer, struct msk_now now, size_t wanted, struct msk_actions *out)
{
    const struct msk_catalog *catalog = announcer->catalog;
    size_t first = (size_t)msk_random_below(&announcer->random, catalog->count);
    for (size_t i = 0; i < catalog->count && i < wanted; i++) {
        const struct msk_catalog_record *record = &catalog->records[(first + i) % catalog->count];
        msk_gossip_join(announcer->gossip, now, &record->entry->entry.address.peer_id, out);
    }
}

/* The reference asks every peer of its catalog (wire.md 4.7); some, chosen anew each time, serve as well. */
static void find_neighbours(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out)
{
    size_t bootstraps = announcer->bootstrap_count;
    if (bootstraps > MSK_JOIN_BOOTSTRAP_MAX)
        bootstraps = MSK_JOIN_BOOTSTRAP_MAX;
    join_bootstrap(announcer, now, bootstraps, out);
    join_known(announcer, now, MSK_JOIN_MAX - bootstraps, out);
    announcer->join_ms =
        now.mono_ms + MSK_REJOIN_INTERVAL_MS / 2 + msk_random_below(&announcer->random, MSK_REJOIN_INTERVAL_MS);
}

/* A peer known here whose announcements do not come any more, or a bootstrap peer of which nothing is known. */
static bool is_silent(const struct msk_announcer *announcer, struct msk_now now, const struct msk_digest *peer)
{
    const struct msk_signed_peer_entry *entry = msk_catalog_find(announcer->catalog, now.wall_ms, peer);
    return !msk_gossip_is_neighbour(announcer->gossip, peer) &&
           !msk_digest_equal(&announcer->own->signed_entry.entry.address.peer_id, peer) &&
           (!entry || entry->entry.version.updated_ms + MSK_SILENT_AFTER_MS < now.wall_ms);
}

bool msk_announcer_informs(const struct msk_announcer *announcer, struct msk_now now, const struct msk_digest *peer)
{
    return msk_gossip_neighbour_count(announcer->gossip) > 0 && !announcer->too_large &&
           !is_silent(announcer, now, peer);
}

/* After a long partition both sides have neighbours enough and would stay apart for ever, knowing each other only from
 * the catalog: so a random silent peer is asked now and then. */
static void seek_silent_peer(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out)
{
    const struct msk_catalog *catalog = announcer->catalog;
    const struct msk_digest *chosen = NULL;
    uint64_t candidates = 0;
    for (size_t i = 0; i < announcer->bootstrap_count + catalog->count; i++) {
        const struct msk_digest *peer =
            i < announcer->bootstrap_count
                ? &announcer->bootstrap[i].peer
                : &catalog->records[i - announcer->bootstrap_count].entry->entry.address.peer_id;
        if (is_silent(announcer, now, peer) && msk_random_below(&announcer->random, ++candidates) == 0)
            chosen = peer;
    }
    if (chosen)
        msk_gossip_join(announcer->gossip, now, chosen, out);
    announcer->seek_ms = now.mono_ms + MSK_SEEK_INTERVAL_MS;
}

static bool is_alone(const struct msk_announcer *announcer)
{
    return announcer->leave_ms == MSK_NEVER && msk_gossip_neighbour_count(announcer->gossip) == 0;
}

/* Somebody to turn to; without, there is nothing to wake up for. */
static bool knows_anybody(const struct msk_announcer *announcer)
{
    return announcer->bootstrap_count + announcer->catalog->count > 0;
}

/* ---- hearing */

/* Whether to give it out as `heard`. */
static bool hear(struct msk_announcer *announcer, struct msk_now now, const struct msk_gossip_news *news,
                 struct msk_heard *heard, struct msk_actions *out)
{
    struct msk_announcement *announcement = &announcer->heard;
    struct msk_error err;
    msk_arena_free(&announcer->arena);
    int error = msk_decode(MSK_TYPE(announcement), news->content, &announcer->arena, announcement, &err);
    if (error < 0) {
        MSK_EMIT(out, NULL, ANNOUNCEMENT_UNREADABLE, MSK_F_DIGEST("peer", &news->peer), MSK_F_TEXT("reason", err.text));
        return false;
    }
    bool is_entry = announcement->kind == MSK_ANNOUNCE_ENTRY;
    *heard = (struct msk_heard){.kind = is_entry ? MSK_HEARD_ENTRY : MSK_HEARD_DEPARTURE,
                                .peer = is_entry ? announcement->entry.entry.address.peer_id
                                                 : announcement->departure.peer_id,
                                .from = news->peer,
                                .entry = is_entry ? &announcement->entry : NULL};
    enum msk_announcement_verdict verdict = msk_announcement_judge(announcement, now.wall_ms, announcer->catalog);
    if (verdict == MSK_ANNOUNCEMENT_ACCEPTED)
        return true;
    struct msk_field reason = MSK_F_TEXT("reason", msk_announcement_verdict_text(verdict));
    if (is_entry)
        MSK_EMIT(out, NULL, ENTRY_REFUSED, MSK_F_DIGEST("peer", &heard->peer),
                 MSK_F_TEXT("source", msk_entry_source_name(MSK_SOURCE_GOSSIP)), reason);
    else
        MSK_EMIT(out, NULL, DEPARTURE_REFUSED, MSK_F_DIGEST("peer", &heard->peer), reason);
    return false;
}

/* A new neighbour is told who we are; the last lost one leaves us looking for others. */
static void note_neighbour(struct msk_announcer *announcer, struct msk_now now, bool up)
{
    if (up && !announcer->silent && announcer->refresh_ms == MSK_NEVER)
        announcer->refresh_ms = announcer->quiet_until_ms > now.mono_ms ? announcer->quiet_until_ms : now.mono_ms;
    if (!up && is_alone(announcer))
        announcer->join_ms = now.mono_ms + msk_random_below(&announcer->random, MSK_REJOIN_INTERVAL_MS / 2);
}

bool msk_announcer_next(struct msk_announcer *announcer, struct msk_now now, struct msk_heard *out,
                        struct msk_actions *actions)
{
    for (struct msk_gossip_news news; msk_gossip_next(announcer->gossip, &news);) {
        if (news.kind != MSK_NEWS_DELIVERED)
            note_neighbour(announcer, now, news.kind == MSK_NEWS_NEIGHBOUR_UP);
        else if (hear(announcer, now, &news, out, actions))
            return true;
    }
    if (now.mono_ms < announcer->refresh_ms || announcer->leave_ms != MSK_NEVER)
        return false;
    announcer->refresh_ms = MSK_NEVER;
    *out = (struct msk_heard){.kind = MSK_HEARD_REFRESH};
    return true;
}

/* ---- time */

void msk_announcer_tick(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out)
{
    msk_gossip_tick(announcer->gossip, now, out);
    bool stays = announcer->leave_ms == MSK_NEVER && knows_anybody(announcer);
    if (stays && is_alone(announcer) && now.mono_ms >= announcer->join_ms)
        find_neighbours(announcer, now, out);
    if (stays && now.mono_ms >= announcer->seek_ms)
        seek_silent_peer(announcer, now, out);
    if (!announcer->departed && now.mono_ms >= announcer->leave_ms)
        leave(announcer, now, out);
}

uint64_t msk_announcer_deadline(const struct msk_announcer *announcer)
{
    if (announcer->departed)
        return MSK_NEVER;
    bool stays = announcer->leave_ms == MSK_NEVER, seeks = stays && knows_anybody(announcer);
    uint64_t deadlines[] = {announcer->leave_ms, stays ? announcer->refresh_ms : MSK_NEVER,
                            seeks ? announcer->seek_ms : MSK_NEVER,
                            seeks && is_alone(announcer) ? announcer->join_ms : MSK_NEVER};
    uint64_t first = msk_gossip_deadline(announcer->gossip);
    for (size_t i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++)
        if (deadlines[i] < first)
            first = deadlines[i];
    return first;
}
