/* node_net.h: several whole nodes on a network in memory, in virtual time: connections that open, carry frames in
 * order, close, and stall while a pair is cut, as QUIC connections do. A place on it may also be held by a test
 * (node_fake.h, node_reference.h).
 *
 * Places are numbered from 1; one seed decides everything. NODE_NET_TRACE=1 prints what happens. */
#ifndef MSK_TESTS_NODE_NET_H
#define MSK_TESTS_NODE_NET_H

#include "node_disk.h"

static inline void net_run(struct net *net, uint64_t until_ms);
static inline void net_execute(struct net *net, int place);

/* Defaults of the reference; tests change what they like before they join. */
static inline struct msk_group_config net_group_config(const struct net *net, const char *name)
{
    (void)net;
    struct msk_group_config config = {.key_source = "text",
                                      .machine = "noop",
                                      .heartbeat_interval_ms = 500,
                                      .heartbeat_jitter_ms = 150,
                                      .max_missed_heartbeats = 10,
                                      .raft = {.heartbeat_interval_ms = 500,
                                               .election_timeout_ms = 2000,
                                               .election_timeout_jitter_ms = 500,
                                               .bootstrap_delay_ms = 3000}};
    config.key = msk_digest_of_string(name);
    config.id = msk_digest_hashed(&config.key);
    snprintf(config.alias, sizeof config.alias, "%s", name);
    return config;
}

/* Start a node at a place, knowing the places in `bootstrap` (ended by 0, may be NULL). */
static inline void net_start(struct net *net, int number, const int *bootstrap)
{
    struct net_place *place = &net->places[number];
    struct msk_peer_address peers[NET_PLACES_MAX];
    size_t count = 0;
    for (; bootstrap && bootstrap[count]; count++)
        peers[count] =
            (struct msk_peer_address){net->places[bootstrap[count]].id, net->places[bootstrap[count]].address};
    struct msk_node_config config = {.network_id = net->network_id,
                                     .bootstrap = peers,
                                     .bootstrap_count = count,
                                     .seed = net->seed * 1000 + net->now_ms * 10 + (uint64_t)number,
                                     .refresh_interval_ms = net->refresh_interval_ms,
                                     .purge_after_ms = net->purge_after_ms,
                                     .without_gossip = net->without_gossip};
    memcpy(config.secret, place->secret, sizeof config.secret);
    struct msk_error err;
    assert_int_equal(msk_node_new(&config, net_now(net, number), &place->node, &err), 0);
    place->generation_ms = net->now_ms;
    assert_int_equal(msk_node_set_addresses(place->node, net_now(net, number), &place->address, 1, &place->actions), 0);
    net_execute(net, number);
}

static inline void net_join(struct net *net, int number, const struct msk_group_config *config)
{
    struct net_place *place = &net->places[number];
    struct msk_error err = {0};
    struct msk_saved saved = {.hard = place->disk,
                              .committed = place->disk_committed,
                              .snapshot_at = place->disk_snapshot_at,
                              .snapshot = MSK_BYTES(place->disk_snapshot, place->disk_snapshot_len),
                              .load = net_load,
                              .context = place};
    int rc = msk_node_join(place->node, net_now(net, number), config, &saved, &place->actions, &err);
    if (rc < 0)
        fail_msg("join: %s", err.text);
    net_execute(net, number);
}

/* ---- what nodes are told */

static inline void net_tell_opened(struct net *net, struct net_conn *conn, int end)
{
    struct net_end *here = &conn->ends[end];
    struct net_place *place = &net->places[here->place];
    if (here->told)
        return;
    if (place->faked) {
        if (place->fake.opened)
            place->fake.opened(net, conn, end, place->fake.context);
        return;
    }
    if (end == 1)
        here->link = msk_node_new_link(place->node);
    const struct msk_link_info info = {.peer = net->places[conn->ends[1 - end].place].id,
                                       .alpn = conn->alpn,
                                       .dialled = end == 0,
                                       .remote = net->places[conn->ends[1 - end].place].address,
                                       .rtt_us = 2000 * net->delay_ms,
                                       .export_secret = net_export,
                                       .export_context = place};
    net_enter(net);
    msk_node_link_opened(place->node, net_now(net, here->place), here->link, &info, &place->actions);
    net_leave();
    net_execute(net, here->place);
}

static inline void net_tell_closed(struct net *net, struct net_conn *conn, int end, enum msk_closed_by by,
                                   uint64_t code)
{
    struct net_end *here = &conn->ends[end];
    struct net_place *place = &net->places[here->place];
    if (here->told)
        return;
    here->told = here->closed = true;
    here->code = by == MSK_CLOSED_TRANSPORT ? NET_CODE_TRANSPORT : code;
    net_clear_inbox(here);
    if (place->faked && place->fake.closed)
        place->fake.closed(net, conn, end, here->code, place->fake.context);
    if (!place->node)
        return;
    const struct msk_link_close close = {
        .by = by, .code = code, .detail = by == MSK_CLOSED_TRANSPORT ? "timed out" : NULL};
    net_enter(net);
    msk_node_link_closed(place->node, net_now(net, here->place), here->link, &close, &place->actions);
    net_leave();
    net_execute(net, here->place);
}

/* An end closes with a code; the other hears of it once that gets through. */
static inline void net_close(struct net *net, struct net_conn *conn, int end, uint64_t code)
{
    if (conn->ends[end].told)
        return;
    conn->ends[end].told = true;
    net_clear_inbox(&conn->ends[end]);
    if (conn->open)
        net_post(net, conn, end, MSK_BYTES("", 0), true, code);
    else
        conn->opening = false;
}

/* ---- what nodes want done */

static inline void net_note_event(struct net *net, int number, const struct msk_event *event)
{
    struct net_place *place = &net->places[number];
    place->events[event->kind]++;
    place->last_ms[event->kind] = net->now_ms;
    msk_event_free(&place->last[event->kind]);
    assert_int_equal(msk_event_copy(event, &place->last[event->kind]), 0);
    if (net->happened)
        net->happened(net, number, event);
    if (!net->trace)
        return;
    struct msk_builder text;
    msk_builder_init(&text, 4096);
    msk_event_sentence(event, &text);
    printf("%8llu %d %s: %.*s\n", (unsigned long long)net->now_ms, number, msk_event_name(event->kind), (int)text.len,
           (const char *)text.data);
    msk_builder_free(&text);
}

static inline void net_do(struct net *net, int number, struct msk_action *action)
{
    struct net_place *place = &net->places[number];
    int end;
    struct net_conn *conn = action->kind == MSK_ACTION_SEND || action->kind == MSK_ACTION_CLOSE
                                ? net_find(net, number, action->link, &end)
                                : NULL;
    switch (action->kind) {
    case MSK_ACTION_EVENT:
        net_note_event(net, number, &action->event);
        break;
    case MSK_ACTION_PERSIST:
    case MSK_ACTION_APPEND:
    case MSK_ACTION_SNAPSHOT:
        net_write(net, place, action);
        break;
    case MSK_ACTION_READ:
        fail_msg("nothing has left memory");
        break;
    case MSK_ACTION_REPLY:
        if (net->replied)
            net->replied(net, number, action);
        break;
    case MSK_ACTION_VALIDATE:
        assert_non_null(net->asked);
        net->asked(net, number, action);
        break;
    case MSK_ACTION_DIAL: {
        int to = 0;
        for (size_t i = 0; i < action->dial.addresses.count && !to; i++)
            if (action->dial.addresses.items[i].ip.ip[0] == 10)
                to = action->dial.addresses.items[i].ip.ip[3];
        net_conn_new(net, number, to, action->dial.alpn, action->link);
        break;
    }
    case MSK_ACTION_SEND:
        if (action->after > place->on_disk)
            msk_act_send(&place->held, action->link, MSK_BYTES(action->send.data, action->send.len), action->after);
        else if (conn && !conn->ends[end].told && conn->open)
            net_post(net, conn, end, MSK_BYTES(action->send.data, action->send.len), false, 0);
        break;
    case MSK_ACTION_CLOSE:
        if (conn)
            net_close(net, conn, end, action->close.code);
        break;
    case MSK_ACTION_RAFT:
        fail_msg("a raft action left the node");
    }
}

static inline void net_execute(struct net *net, int number)
{
    struct net_place *place = &net->places[number];
    struct msk_actions list = place->actions;
    msk_actions_init(&place->actions);
    for (size_t i = 0; i < list.count; i++)
        net_do(net, number, &list.items[i]);
    assert_int_equal(list.error, 0);
    msk_actions_free(&list);
}

/* Everything that is due reaches the disk, in one transaction. */
static inline void net_disk_done(struct net *net, int number)
{
    struct net_place *place = &net->places[number];
    size_t done = 0;
    while (done < place->record_count && place->record_due_ms[done] <= net->now_ms)
        net_store(place, &place->records[done++]);
    place->record_count -= done;
    memmove(place->record_due_ms, place->record_due_ms + done, place->record_count * sizeof place->record_due_ms[0]);
    memmove(place->records, place->records + done, place->record_count * sizeof place->records[0]);
    struct msk_actions held = place->held;
    msk_actions_init(&place->held);
    for (size_t i = 0; i < held.count; i++)
        net_do(net, number, &held.items[i]);
    msk_actions_free(&held);
    net_enter(net);
    msk_node_persisted(place->node, net_now(net, number), place->on_disk, &place->actions);
    net_leave();
    net_execute(net, number);
}

/* ---- time */

static inline bool net_reachable(const struct net *net, int a, int b)
{
    const struct net_place *to = &net->places[b];
    return b > 0 && !net->cut[a][b] && (to->node || to->faked);
}

/* The handshake of a dial: the first packet gets through now, or is sent again later. */
static inline void net_step_opening(struct net *net, struct net_conn *conn)
{
    int from = conn->ends[0].place, to = conn->ends[1].place;
    if (conn->open_ms) { /* the answer is back */
        if (net->cut[from][to] || net->cut[to][from]) {
            conn->open_ms += 500;
            return;
        }
        conn->opening = false;
        conn->open = true;
        net_tell_opened(net, conn, 1);
        net_tell_opened(net, conn, 0);
    } else if (net->now_ms - conn->first_ms >= NET_DIAL_MS) {
        conn->opening = false;
        net_tell_closed(net, conn, 0, MSK_CLOSED_TRANSPORT, 0);
    } else if (net_reachable(net, from, to) && !net->cut[to][from]) {
        conn->open_ms =
            net->now_ms + net_transit(net) + net_transit(net) + net->slow_ms[from][to] + net->slow_ms[to][from];
    } else {
        conn->try_ms = net->now_ms + conn->wait_ms;
        conn->wait_ms *= 2;
    }
}

static inline void net_deliver(struct net *net, struct net_conn *conn, int end)
{
    struct net_end *here = &conn->ends[end];
    struct net_place *place = &net->places[here->place];
    struct net_parcel *parcel = here->inbox;
    int from = conn->ends[1 - end].place;
    if (net->cut[from][here->place]) { /* sent again until it gets through, or the connection is given up */
        here->stalled_ms = here->stalled_ms ? here->stalled_ms : net->now_ms;
        uint64_t waited_ms = net->now_ms - here->stalled_ms;
        here->retry_ms = net->now_ms + (waited_ms < 100 ? 100 : waited_ms < 2000 ? waited_ms : 2000);
        if (waited_ms >= NET_IDLE_MS) {
            net_clear_inbox(here);
            net_tell_closed(net, conn, 0, MSK_CLOSED_TRANSPORT, 0);
            net_tell_closed(net, conn, 1, MSK_CLOSED_TRANSPORT, 0);
        }
        return;
    }
    here->stalled_ms = here->retry_ms = 0;
    here->inbox = parcel->next;
    if (!here->inbox)
        here->inbox_tail = &here->inbox;
    if (here->told) {
        /* lost */
    } else if (!place->node && !place->faked) {
        here->told = true;                              /* nobody there any more: silence */
    } else if (place->generation_ms > conn->first_ms) { /* another process than the connection's: a stateless reset */
        here->told = true;
        net_tell_closed(net, conn, 1 - end, MSK_CLOSED_TRANSPORT, 0);
    } else if (parcel->is_close) {
        bool broke = parcel->code == NET_CODE_TRANSPORT;
        net_tell_closed(net, conn, end, broke ? MSK_CLOSED_TRANSPORT : MSK_CLOSED_PEER, broke ? 0 : parcel->code);
    } else if (place->faked) {
        if (here->frame_count < NET_FRAMES_MAX) {
            here->frames[here->frame_count].data = memcpy(malloc(parcel->len + 1), parcel->data, parcel->len);
            here->frames[here->frame_count++].len = parcel->len;
        }
        if (place->fake.frame)
            place->fake.frame(net, conn, end, MSK_BYTES(parcel->data, parcel->len), place->fake.context);
    } else if (parcel->len > msk_node_link_frame_max(place->node, here->link)) {
        fail_msg("a frame above the limit");
    } else {
        struct msk_bytes frame = MSK_BYTES(parcel->data, parcel->len);
        net_enter(net);
        if (conn->alpn == MSK_ALPN_ANNOUNCE) /* one stream each way */
            msk_node_stream_frame(place->node, net_now(net, here->place), here->link, 1, frame, &place->actions);
        else
            msk_node_link_frame(place->node, net_now(net, here->place), here->link, frame, &place->actions);
        net_leave();
        net_execute(net, here->place);
    }
    free(parcel);
}

static inline uint64_t net_inbox_due(const struct net *net, const struct net_end *end)
{
    if (!end->inbox || net->places[end->place].paused)
        return MSK_NEVER;
    return end->retry_ms > end->inbox->due_ms ? end->retry_ms : end->inbox->due_ms;
}

static inline uint64_t net_opening_due(const struct net_conn *conn)
{
    return !conn->opening ? MSK_NEVER : conn->open_ms ? conn->open_ms : conn->try_ms;
}

static inline uint64_t net_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t net_next(const struct net *net)
{
    uint64_t next = MSK_NEVER;
    for (size_t i = 0; i < net->conn_count; i++) {
        next = net_min(next, net_opening_due(net->conns[i]));
        for (int e = 0; e < 2; e++)
            next = net_min(next, net_inbox_due(net, &net->conns[i]->ends[e]));
    }
    for (int i = 1; i <= NET_PLACES_MAX; i++) {
        const struct net_place *place = &net->places[i];
        if (place->node && !place->paused)
            next = net_min(next, net_when(place, msk_node_deadline(place->node)));
        if (place->node && place->record_count && !place->paused)
            next = net_min(next, place->record_due_ms[0]);
        if (place->faked && place->fake.due_ms)
            next = net_min(next, place->fake.due_ms);
    }
    return next;
}

static inline void net_step(struct net *net)
{
    if (++net->steps > NET_STEPS_MAX)
        fail_msg("a storm at %llu ms", (unsigned long long)net->now_ms);
    for (size_t i = 0; i < net->conn_count; i++) {
        struct net_conn *conn = net->conns[i];
        if (net_opening_due(conn) <= net->now_ms)
            net_step_opening(net, conn);
        for (int e = 0; e < 2; e++)
            while (net_inbox_due(net, &conn->ends[e]) <= net->now_ms)
                net_deliver(net, conn, e);
    }
    for (int i = 1; i <= NET_PLACES_MAX; i++) {
        struct net_place *place = &net->places[i];
        if (place->paused)
            continue;
        while (place->node && place->record_count && place->record_due_ms[0] <= net->now_ms)
            net_disk_done(net, i);
        if (place->node && msk_node_deadline(place->node) <= net_now(net, i).mono_ms) {
            net->wakeups++;
            net_enter(net);
            msk_node_tick(place->node, net_now(net, i), &place->actions);
            net_leave();
            net_execute(net, i);
        }
        if (place->faked && place->fake.due_ms && place->fake.due_ms <= net->now_ms)
            place->fake.tick(net, place->fake.context);
    }
}

static inline void net_run(struct net *net, uint64_t until_ms)
{
    for (;;) {
        uint64_t next = net_next(net);
        if (next > until_ms)
            break;
        if (next > net->now_ms)
            net->now_ms = next;
        net_step(net);
    }
    net->now_ms = until_ms > net->now_ms ? until_ms : net->now_ms;
}

static inline void net_run_for(struct net *net, uint64_t ms)
{
    net_run(net, net->now_ms + ms);
}

/* Run until the condition holds; the milliseconds it took, or UINT64_MAX after `limit_ms`. */
#define NET_UNTIL(net, limit_ms, condition)                                                            \
    __extension__({                                                                                    \
        uint64_t begun_ = (net)->now_ms, took_ = UINT64_MAX;                                           \
        while (took_ == UINT64_MAX && (net)->now_ms <= begun_ + (limit_ms)) {                          \
            if (condition)                                                                             \
                took_ = (net)->now_ms - begun_;                                                        \
            else {                                                                                     \
                uint64_t next_ = net_next(net);                                                        \
                net_run(net, next_ > (net)->now_ms && next_ != MSK_NEVER ? next_ : (net)->now_ms + 1); \
            }                                                                                          \
        }                                                                                              \
        took_;                                                                                         \
    })

/* ---- faults */

static inline void net_cut(struct net *net, int a, int b, bool on)
{
    net->cut[a][b] = net->cut[b][a] = on;
}

/* Whatever connects the two is lost with all that is on its way, as when a middlebox forgets it. Each end notices
 * within `notice_ms`. */
static inline void net_break(struct net *net, int a, int b, uint64_t notice_ms)
{
    for (size_t i = 0; i < net->conn_count; i++) {
        struct net_conn *conn = net->conns[i];
        int from = conn->ends[0].place, to = conn->ends[1].place;
        if (!conn->open || !((from == a && to == b) || (from == b && to == a)))
            continue;
        for (int e = 0; e < 2; e++) {
            net_clear_inbox(&conn->ends[e]);
            net_post(net, conn, 1 - e, MSK_BYTES("", 0), true, NET_CODE_TRANSPORT);
            conn->ends[e].inbox->due_ms += msk_random_below(&net->random, notice_ms + 1);
        }
    }
}

/* The process is gone without a word. */
static inline void net_kill(struct net *net, int number)
{
    struct net_place *place = &net->places[number];
    msk_node_free(place->node);
    place->node = NULL;
    place->paused = false;
    msk_actions_clear(&place->actions);
    msk_actions_clear(&place->held);
    net_drop_records(place);
    place->on_disk = 0; /* numbers begin anew with the next process */
    for (size_t i = 0; i < net->conn_count; i++)
        for (int e = 0; e < 2; e++)
            if (net->conns[i]->ends[e].place == number) {
                net->conns[i]->ends[e].told = true;
                net->conns[i]->ends[e].link = 0;
            }
}

/* ---- looking */

static inline bool net_bonded(const struct net *net, int a, int b, const struct msk_digest *group)
{
    return net->places[a].node && msk_node_is_bonded(net->places[a].node, group, &net->places[b].id);
}

/* Whether places 1 to `count` are all bonded with each other, as both ends see it. */
static inline bool net_full_mesh(const struct net *net, int count, const struct msk_digest *group)
{
    for (int a = 1; a <= count; a++)
        for (int b = 1; b <= count; b++)
            if (a != b && !net_bonded(net, a, b, group))
                return false;
    return true;
}

static inline unsigned net_events(const struct net *net, int place, enum msk_event_kind kind)
{
    return net->places[place].events[kind];
}

/* Connections of a protocol ever begun between two places, either way. */
static inline unsigned net_conn_total(const struct net *net, int a, int b, enum msk_alpn alpn)
{
    unsigned total = 0;
    for (size_t i = 0; i < net->conn_count; i++) {
        const struct net_end *ends = net->conns[i]->ends;
        total += net->conns[i]->alpn == alpn &&
                 ((ends[0].place == a && ends[1].place == b) || (ends[0].place == b && ends[1].place == a));
    }
    return total;
}

static inline struct msk_group_view net_view(const struct net *net, int place, const struct msk_digest *group)
{
    struct msk_group_view view = {0};
    if (net->places[place].node)
        assert_int_equal(msk_node_group_view(net->places[place].node, group, &view), 0);
    return view;
}

/* The one leader that all of 1 to `count` agree on, or 0. */
static inline int net_leader(const struct net *net, int count, const struct msk_digest *group)
{
    struct msk_group_view first = net_view(net, 1, group);
    for (int i = 1; i <= count; i++) {
        struct msk_group_view view = net_view(net, i, group);
        if (!view.raft.has_leader || !msk_digest_equal(&view.raft.leader, &first.raft.leader))
            return 0;
    }
    return net_place_of(net, &first.raft.leader);
}

#endif
