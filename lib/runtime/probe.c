#include "runtime/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "runtime/net.h"
#include "runtime/now.h"
#include "wire/close_code.h"

#define CLOSE_MAX_MS 1000 /* for the peer to learn of a close */

struct msk_probe {
    uv_loop_t loop;
    struct msk_net *net;
    uint64_t link; /* number of the newest */
    bool open, ended;
    struct msk_link_close end;
    char end_detail[MSK_ERROR_TEXT_MAX];
    size_t frame_max;
    struct msk_builder inbox; /* frames with their lengths before them */
    size_t consumed;          /* of the inbox: the frame given out last */
    uint64_t wake_ms;         /* when the call under way runs out of time */
};

/* ---- what the net tells */

static uint64_t on_new_link(void *context)
{
    struct msk_probe *probe = context;
    return ++probe->link; /* never: no protocol is served */
}

static void on_opened(void *context, uint64_t link, const struct msk_link_info *info)
{
    struct msk_probe *probe = context;
    (void)info;
    probe->open |= link == probe->link;
}

static void on_frame(void *context, uint64_t link, struct msk_bytes frame)
{
    struct msk_probe *probe = context;
    (void)link;
    msk_builder_append(&probe->inbox, &frame.len, sizeof frame.len);
    msk_builder_append(&probe->inbox, frame.data, frame.len);
}

static void on_closed(void *context, uint64_t link, const struct msk_link_close *close)
{
    struct msk_probe *probe = context;
    if (link != probe->link)
        return;
    snprintf(probe->end_detail, sizeof probe->end_detail, "%s", close->detail ? close->detail : "");
    probe->end = *close;
    probe->end.detail = probe->end_detail;
    probe->open = false;
    probe->ended = true;
}

static size_t on_frame_max(void *context, uint64_t link)
{
    const struct msk_probe *probe = context;
    return link == probe->link && !probe->inbox.error ? probe->frame_max : 0;
}

static void on_act(void *context)
{
    (void)context; /* the caller acts, after the turn */
}

static uint64_t on_deadline_ms(void *context)
{
    const struct msk_probe *probe = context;
    return probe->wake_ms;
}

/* ---- life */

int msk_probe_new(const uint8_t secret[32], struct msk_probe **out, struct msk_error *err)
{
    static const struct msk_socket_addr anywhere[] = {{.version = MSK_IPV4}, {.version = MSK_IPV6}};
    const struct msk_net_config config = {.secret = secret, .listen = anywhere, .listen_count = 2};
    const struct msk_net_config without_v6 = {.secret = secret, .listen = anywhere, .listen_count = 1};
    struct msk_probe *probe = msk_calloc(1, sizeof *probe);
    if (!probe)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    const struct msk_net_owner owner = {.new_link = on_new_link,
                                        .opened = on_opened,
                                        .frame = on_frame,
                                        .closed = on_closed,
                                        .frame_max = on_frame_max,
                                        .act = on_act,
                                        .deadline_ms = on_deadline_ms,
                                        .context = probe};
    probe->wake_ms = MSK_NEVER;
    msk_builder_init(&probe->inbox, MSK_PROBE_INBOX_MAX);
    uv_loop_init(&probe->loop);
    int rc = msk_net_new(&probe->loop, &config, &owner, &probe->net, err);
    if (rc == MSK_E_IO) /* many machines have no IPv6 */
        rc = msk_net_new(&probe->loop, &without_v6, &owner, &probe->net, err);
    if (rc) {
        msk_probe_free(probe);
        return rc;
    }
    *out = probe;
    return 0;
}

void msk_probe_free(struct msk_probe *probe)
{
    if (!probe)
        return;
    if (probe->net)
        msk_probe_close(probe, MSK_CLOSE_DROPPED);
    msk_net_free(probe->net);
    uv_run(&probe->loop, UV_RUN_DEFAULT); /* lets go of sockets and timer */
    uv_loop_close(&probe->loop);
    msk_builder_free(&probe->inbox);
    msk_free(probe);
}

const struct msk_digest *msk_probe_peer_id(const struct msk_probe *probe)
{
    return msk_net_peer_id(probe->net);
}

/* ---- waiting */

/* Until `done`, or the time is over. */
static bool run_until(struct msk_probe *probe, bool (*done)(const struct msk_probe *probe), uint64_t timeout_ms)
{
    uint64_t now_ms = msk_now().mono_ms;
    probe->wake_ms = timeout_ms < MSK_NEVER - now_ms ? now_ms + timeout_ms : MSK_NEVER;
    msk_net_turn(probe->net);
    while (!done(probe) && msk_now().mono_ms < probe->wake_ms)
        uv_run(&probe->loop, UV_RUN_ONCE);
    probe->wake_ms = MSK_NEVER;
    return done(probe);
}

static bool is_open_or_ended(const struct msk_probe *probe)
{
    return probe->open || probe->ended;
}

static bool has_frame_or_ended(const struct msk_probe *probe)
{
    return probe->inbox.len > 0 || probe->inbox.error || !probe->open;
}

static bool is_quiet(const struct msk_probe *probe)
{
    return msk_net_quiet(probe->net);
}

/* ---- the link */

int msk_probe_dial(struct msk_probe *probe, const struct msk_peer_address *peer, enum msk_alpn alpn, size_t frame_max,
                   uint64_t timeout_ms, struct msk_error *err)
{
    struct msk_transport_addr address = {.kind = MSK_ADDR_IP, .ip = peer->address};
    const struct msk_transport_addr_set addresses = {.items = &address, .count = 1};
    msk_net_close(probe->net, probe->link, MSK_CLOSE_DROPPED, false);
    msk_builder_free(&probe->inbox);
    probe->consumed = 0;
    probe->open = probe->ended = false;
    probe->frame_max = frame_max;
    msk_net_dial(probe->net, ++probe->link, &peer->peer, alpn, &addresses);
    if (!run_until(probe, is_open_or_ended, timeout_ms)) {
        msk_net_close(probe->net, probe->link, MSK_CLOSE_DROPPED, false);
        return msk_fail(err, MSK_E_TIMEOUT, "no answer");
    }
    return probe->open ? 0 : msk_fail(err, MSK_E_UNREACHABLE, "%s", probe->end_detail);
}

static int fail_closed(const struct msk_probe *probe, struct msk_error *err)
{
    const char *name = msk_close_name(probe->end.code);
    if (!probe->ended)
        return msk_fail(err, MSK_E_CLOSED, "there is no link");
    if (probe->end.by == MSK_CLOSED_PEER && !probe->end.stream_ended)
        return msk_fail(err, MSK_E_CLOSED, "closed by the peer: %llu %s", (unsigned long long)probe->end.code, name);
    return msk_fail(err, MSK_E_CLOSED, "%s", probe->end_detail);
}

int msk_probe_send(struct msk_probe *probe, struct msk_bytes frame, struct msk_error *err)
{
    if (!probe->open)
        return fail_closed(probe, err);
    msk_net_send(probe->net, probe->link, frame);
    msk_net_turn(probe->net);
    return probe->open ? 0 : fail_closed(probe, err);
}

int msk_probe_receive(struct msk_probe *probe, uint64_t timeout_ms, struct msk_bytes *frame, struct msk_error *err)
{
    msk_builder_consume(&probe->inbox, probe->consumed);
    probe->consumed = 0;
    if (!run_until(probe, has_frame_or_ended, timeout_ms))
        return msk_fail(err, MSK_E_TIMEOUT, "nothing came");
    if (probe->inbox.error)
        return msk_fail(err, probe->inbox.error, "%s", msk_error_sentence(probe->inbox.error));
    if (probe->inbox.len == 0)
        return fail_closed(probe, err);
    memcpy(&frame->len, probe->inbox.data, sizeof frame->len);
    frame->data = probe->inbox.data + sizeof frame->len;
    probe->consumed = sizeof frame->len + frame->len;
    return 0;
}

void msk_probe_hang_up(struct msk_probe *probe, uint64_t code)
{
    msk_net_close(probe->net, probe->link, code, true);
    probe->open = false;
    msk_net_turn(probe->net);
}

void msk_probe_close(struct msk_probe *probe, uint64_t code)
{
    msk_probe_hang_up(probe, code);
    run_until(probe, is_quiet, CLOSE_MAX_MS);
}

const struct msk_link_close *msk_probe_end(const struct msk_probe *probe)
{
    return probe->ended ? &probe->end : NULL;
}

const struct msk_quic_conn *msk_probe_conn(const struct msk_probe *probe)
{
    return probe->open ? msk_net_conn(probe->net, probe->link) : NULL;
}

int msk_probe_export(const struct msk_probe *probe, struct msk_bytes label, uint8_t out[32])
{
    return msk_net_export(probe->net, probe->link, label, out);
}
