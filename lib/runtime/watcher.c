#include "runtime/watcher.h"

#include <signal.h>
#include <sys/random.h>

#include "core/announce.h"
#include "runtime/net.h"
#include "runtime/now.h"
#include "wire/close_code.h"
#include "wire/peer_entry.h"

#define FAREWELL_MAX_MS 1000 /* for the last closes to reach their peers */

struct watcher {
    const struct msk_watcher_config *config;
    uv_loop_t loop;
    struct msk_net *net;
    struct msk_own_entry own;
    struct msk_catalog catalog;
    struct msk_announcer *announcer;
    struct msk_actions actions;
    uint64_t last_link, end_ms; /* MSK_NEVER */
    uv_signal_t signals[2];
    bool leaving;
};

/* ---- what changes */

static void tell(struct watcher *watcher, struct msk_now now, const struct msk_event *event,
                 const struct msk_signed_peer_entry *entry)
{
    watcher->config->tell(watcher->config->context, now, event, entry);
}

static void tell_removed(struct watcher *watcher, struct msk_now now, const struct msk_digest *peer, const char *reason)
{
    const struct msk_event event = {.kind = MSK_EVENT_ENTRY_REMOVED,
                                    .field_count = 2,
                                    .fields = {MSK_F_DIGEST("peer", peer), MSK_F_TEXT("reason", reason)}};
    tell(watcher, now, &event, NULL);
}

static void learn(struct watcher *watcher, struct msk_now now, const struct msk_signed_peer_entry *entry,
                  enum msk_entry_source source)
{
    struct msk_digest evicted;
    enum msk_catalog_outcome outcome =
        msk_catalog_offer(&watcher->catalog, now, entry, source, MSK_STANDING_STRANGER, &evicted);
    const struct msk_event event = {.kind = outcome == MSK_CATALOG_ADDED     ? MSK_EVENT_ENTRY_ADDED
                                            : outcome == MSK_CATALOG_UPDATED ? MSK_EVENT_ENTRY_UPDATED
                                                                             : MSK_EVENT_ENTRY_REFUSED,
                                    .field_count = 3,
                                    .fields = {MSK_F_DIGEST("peer", &entry->entry.address.peer_id),
                                               MSK_F_TEXT("source", msk_entry_source_name(source)),
                                               MSK_F_TEXT("reason", msk_catalog_outcome_text(outcome))}};
    if (!msk_digest_is_zero(&evicted))
        tell_removed(watcher, now, &evicted, msk_catalog_outcome_text(MSK_CATALOG_FULL));
    tell(watcher, now, &event, event.kind == MSK_EVENT_ENTRY_REFUSED ? NULL : entry);
}

/* What the peer said to know; nobody has checked it yet. */
static void learn_known(struct watcher *watcher, struct msk_now now, const struct msk_signed_peer_entry *entry)
{
    if (msk_peer_entry_verify(entry) == 0) {
        learn(watcher, now, entry, MSK_SOURCE_SYNC);
        return;
    }
    const struct msk_event event = {
        .kind = MSK_EVENT_ENTRY_REFUSED,
        .field_count = 3,
        .fields = {MSK_F_DIGEST("peer", &entry->entry.address.peer_id),
                   MSK_F_TEXT("source", msk_entry_source_name(MSK_SOURCE_SYNC)),
                   MSK_F_TEXT("reason", msk_announcement_verdict_text(MSK_ANNOUNCEMENT_BAD_SIGNATURE))}};
    tell(watcher, now, &event, NULL);
}

static void take_heard(struct watcher *watcher, struct msk_now now)
{
    struct msk_heard heard;
    while (msk_announcer_next(watcher->announcer, now, &heard, &watcher->actions)) {
        if (heard.kind == MSK_HEARD_ENTRY)
            learn(watcher, now, heard.entry, MSK_SOURCE_GOSSIP);
        else if (heard.kind == MSK_HEARD_DEPARTURE && msk_catalog_remove(&watcher->catalog, &heard.peer))
            tell_removed(watcher, now, &heard.peer, "departed");
    }
}

static void purge(struct watcher *watcher, struct msk_now now)
{
    struct msk_digest peer;
    while (msk_catalog_purge_one(&watcher->catalog, now.wall_ms, &peer))
        tell_removed(watcher, now, &peer, "not heard of for too long");
}

/* ---- connections */

static struct msk_gossip *gossip_of(struct watcher *watcher)
{
    return msk_announcer_gossip(watcher->announcer);
}

static uint64_t on_new_link(void *context)
{
    struct watcher *watcher = context;
    return ++watcher->last_link;
}

static void on_opened(void *context, uint64_t link, const struct msk_link_info *info)
{
    struct watcher *watcher = context;
    msk_gossip_link_opened(gossip_of(watcher), msk_now(), link, &info->peer, &watcher->actions);
    take_heard(watcher, msk_now());
}

static void on_stream_frame(void *context, uint64_t link, uint64_t stream, struct msk_bytes frame)
{
    struct watcher *watcher = context;
    msk_gossip_stream_frame(gossip_of(watcher), msk_now(), link, stream, frame, &watcher->actions);
    take_heard(watcher, msk_now());
}

static void on_stream_ended(void *context, uint64_t link, uint64_t stream)
{
    struct watcher *watcher = context;
    msk_gossip_stream_ended(gossip_of(watcher), msk_now(), link, stream, &watcher->actions);
    take_heard(watcher, msk_now());
}

static void on_closed(void *context, uint64_t link, const struct msk_link_close *close)
{
    struct watcher *watcher = context;
    const char *why = close->by == MSK_CLOSED_PEER ? msk_close_name(close->code) : close->detail;
    msk_gossip_link_closed(gossip_of(watcher), msk_now(), link, why, &watcher->actions);
    take_heard(watcher, msk_now());
}

static void execute(struct watcher *watcher, const struct msk_action *action)
{
    if (action->kind == MSK_ACTION_EVENT)
        tell(watcher, msk_now(), &action->event, NULL);
    else if (action->kind == MSK_ACTION_DIAL)
        msk_net_dial(watcher->net, action->link, &action->dial.peer, action->dial.alpn, &action->dial.addresses);
    else if (action->kind == MSK_ACTION_SEND)
        msk_net_send(watcher->net, action->link, MSK_BYTES(action->send.data, action->send.len));
    else if (action->kind == MSK_ACTION_CLOSE)
        msk_net_close(watcher->net, action->link, action->close.code, action->close.flush);
}

static void execute_all(struct watcher *watcher)
{
    while (watcher->actions.count > 0) {
        struct msk_actions list = watcher->actions;
        msk_actions_init(&watcher->actions);
        for (size_t i = 0; i < list.count; i++)
            execute(watcher, &list.items[i]);
        msk_actions_free(&list);
    }
}

/* ---- time */

static void leave(struct watcher *watcher)
{
    struct msk_now now = msk_now();
    if (watcher->leaving)
        return;
    watcher->leaving = true;
    watcher->end_ms = now.mono_ms + FAREWELL_MAX_MS;
    msk_net_refuse(watcher->net);
    msk_announcer_depart(watcher->announcer, now, &watcher->actions);
    take_heard(watcher, now);
}

static void on_act(void *context)
{
    struct watcher *watcher = context;
    struct msk_now now = msk_now();
    if (!watcher->leaving && now.mono_ms >= watcher->end_ms)
        leave(watcher);
    purge(watcher, now);
    msk_announcer_tick(watcher->announcer, now, &watcher->actions);
    take_heard(watcher, now);
    execute_all(watcher);
    if (watcher->leaving && (now.mono_ms >= watcher->end_ms || msk_net_quiet(watcher->net)))
        uv_stop(&watcher->loop);
}

static uint64_t on_deadline_ms(void *context)
{
    const struct watcher *watcher = context;
    struct msk_now now = msk_now();
    int64_t purge_wall_ms = msk_catalog_next_purge(&watcher->catalog);
    uint64_t deadlines[] = {watcher->end_ms, MSK_NEVER, msk_announcer_deadline(watcher->announcer)};
    if (purge_wall_ms != INT64_MAX)
        deadlines[1] = now.mono_ms + (purge_wall_ms > now.wall_ms ? (uint64_t)(purge_wall_ms - now.wall_ms) : 0);
    uint64_t first_ms = MSK_NEVER;
    for (size_t i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++)
        first_ms = deadlines[i] < first_ms ? deadlines[i] : first_ms;
    return first_ms;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct watcher *watcher = handle->data;
    if (watcher->leaving) {
        signal(number, SIG_DFL);
        raise(number);
    }
    leave(watcher);
    msk_net_turn(watcher->net);
}

/* ---- life */

static int open_gossip(struct watcher *watcher)
{
    const struct msk_watcher_config *config = watcher->config;
    struct msk_now now = msk_now();
    uint64_t seeds[2];
    if (getrandom(seeds, sizeof seeds, 0) != sizeof seeds)
        return MSK_E_CRYPTO;
    int rc = msk_own_entry_init(&watcher->own, config->secret, &config->network_id, 0, seeds[0], now);
    if (rc < 0)
        return rc;
    msk_catalog_init(&watcher->catalog, &watcher->own.signed_entry.entry.address.peer_id, &config->network_id, 0);
    const struct msk_announcer_config announcer = {.network_id = config->network_id,
                                                   .seed = seeds[1],
                                                   .own = &watcher->own,
                                                   .catalog = &watcher->catalog,
                                                   .new_link = on_new_link,
                                                   .context = watcher,
                                                   .silent = true};
    rc = msk_announcer_new(&announcer, now, &watcher->announcer);
    if (rc == 0)
        rc = msk_announcer_add_bootstrap(watcher->announcer, now, &config->peer.peer, &config->peer.address);
    return rc;
}

static int open_net(struct watcher *watcher, struct msk_error *err)
{
    const struct msk_socket_addr any[] = {{.version = MSK_IPV4}, {.version = MSK_IPV6}};
    static const enum msk_alpn served[] = {MSK_ALPN_ANNOUNCE};
    const struct msk_net_config net = {.secret = watcher->config->secret,
                                       .listen = &any[watcher->config->peer.address.version == MSK_IPV4 ? 0 : 1],
                                       .listen_count = 1,
                                       .alpns = served,
                                       .alpn_count = 1};
    const struct msk_net_owner owner = {.new_link = on_new_link,
                                        .opened = on_opened,
                                        .stream_frame = on_stream_frame,
                                        .stream_ended = on_stream_ended,
                                        .closed = on_closed,
                                        .act = on_act,
                                        .deadline_ms = on_deadline_ms,
                                        .context = watcher};
    return msk_net_new(&watcher->loop, &net, &owner, &watcher->net, err);
}

static void watch_signals(struct watcher *watcher)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&watcher->loop, &watcher->signals[i]);
        watcher->signals[i].data = watcher;
        uv_signal_start(&watcher->signals[i], on_signal, numbers[i]);
    }
}

static void run(struct watcher *watcher)
{
    struct msk_now now = msk_now();
    for (size_t i = 0; i < watcher->config->known->count; i++)
        learn_known(watcher, now, &watcher->config->known->items[i]);
    watch_signals(watcher);
    msk_net_turn(watcher->net);
    uv_run(&watcher->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&watcher->signals[i], NULL);
}

int msk_watch(const struct msk_watcher_config *config, uint64_t for_ms, struct msk_error *err)
{
    struct watcher watcher = {.config = config, .end_ms = MSK_NEVER};
    if (for_ms != MSK_NEVER)
        watcher.end_ms = msk_now().mono_ms + for_ms;
    if (uv_loop_init(&watcher.loop) != 0)
        return msk_fail(err, MSK_E_IO, "event loop: %s", msk_error_sentence(MSK_E_IO));
    int rc = open_gossip(&watcher);
    if (rc < 0)
        rc = msk_fail(err, rc, "%s", msk_error_sentence(rc));
    else
        rc = open_net(&watcher, err);
    if (rc == 0)
        run(&watcher);
    msk_net_free(watcher.net);
    uv_run(&watcher.loop, UV_RUN_DEFAULT);
    uv_loop_close(&watcher.loop);
    msk_announcer_free(watcher.announcer);
    msk_catalog_free(&watcher.catalog);
    msk_own_entry_free(&watcher.own);
    msk_actions_free(&watcher.actions);
    return rc;
}
