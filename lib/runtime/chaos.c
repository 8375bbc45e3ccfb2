#include "runtime/chaos.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "quic/address.h"
#include "runtime/chaos_internal.h"
#include "runtime/notify.h"
#include "runtime/now.h"
#include "wire/address.h"

/* One for each stream that may block: standard output, standard error, events. */
#define POOL_THREADS "3"

#define RELEASES_MAX 32  /* batches of delayed datagrams before others get their turn */
#define FLUSH_MAX_MS 500 /* at the end, for readers of our streams */
#define NS_PER_S     1000000000u

/* A timer that fires after a longer sleep is late by about this. So it is set that much early, and once more when it
 * has fired: a processor that is awake is nearly on time. */
#define WAKE_EARLY_NS 60000u

void msk_chaos_fail(struct msk_chaos *chaos, const struct msk_error *err)
{
    chaos->result = err->code;
    chaos->err = *err;
    uv_stop(&chaos->loop);
}

/* ---- the timer: one descriptor, armed for whatever is next, to the nanosecond */

static uint64_t next_deadline_ns(const struct msk_chaos *chaos)
{
    uint64_t next_ns = msk_proxy_deadline_ns(chaos->proxy),
             scheduled_ns = msk_schedule_next_ns(chaos->config->schedule);
    if (scheduled_ns != MSK_NEVER && chaos->start_ns + scheduled_ns < next_ns)
        next_ns = chaos->start_ns + scheduled_ns;
    return chaos->next_rebind_ns < next_ns ? chaos->next_rebind_ns : next_ns;
}

static void arm(struct msk_chaos *chaos)
{
    uint64_t next_ns = next_deadline_ns(chaos);
    struct itimerspec when = {0}; /* all zero: it does not fire */
    if (next_ns != MSK_NEVER && next_ns > msk_now_ns() + 2 * WAKE_EARLY_NS)
        next_ns -= WAKE_EARLY_NS;
    if (next_ns == chaos->armed_ns)
        return;
    chaos->armed_ns = next_ns;
    if (next_ns != MSK_NEVER) {
        when.it_value.tv_sec = (time_t)(next_ns / NS_PER_S);
        when.it_value.tv_nsec = (long)(next_ns % NS_PER_S) + (next_ns == 0);
    }
    timerfd_settime(chaos->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Everything handed out leaves. */
static void settle(struct msk_chaos *chaos)
{
    if (chaos->ports)
        msk_ports_flush(chaos->ports);
    msk_proxy_settle(chaos->proxy);
}

static void release(struct msk_chaos *chaos, uint64_t now_ns)
{
    for (int i = 0; i < RELEASES_MAX && msk_proxy_deadline_ns(chaos->proxy) <= now_ns; i++) {
        msk_proxy_release(chaos->proxy, now_ns);
        settle(chaos);
    }
}

static void on_settle(void *context)
{
    struct msk_chaos *chaos = context;
    settle(chaos);
    arm(chaos);
}

/* ---- what is due */

static void run_schedule(struct msk_chaos *chaos, uint64_t now_ns)
{
    struct msk_schedule *schedule = chaos->config->schedule;
    while (msk_schedule_next_ns(schedule) <= now_ns - chaos->start_ns) {
        const struct msk_scheduled *item = &schedule->items[schedule->done++];
        struct msk_error err;
        if (msk_chaos_act(chaos, item->action, item->argument, &err))
            msk_chaos_warn(chaos, err.text);
    }
}

static void rebind(struct msk_chaos *chaos, size_t from, size_t to, bool on)
{
    struct msk_socket_addr bound;
    struct msk_error err;
    char text[MSK_SOCKET_TEXT_SIZE];
    if (msk_ports_rebind(chaos->ports, from, to, on, &bound, &err)) {
        msk_chaos_warn(chaos, err.text);
        return;
    }
    msk_network_between(chaos->network, from, to)->counters.rebound++;
    msk_chaos_tell(chaos,
                   json_pack("{s:s, s:s, s:s, s:s}", "event", "rebound", "from", chaos->network->nodes[from].name, "to",
                             chaos->network->nodes[to].name, "address", msk_socket_addr_text(&bound, text)));
}

/* Change the ports whose time has come, and find out when the next one's does. MSK_NEVER in rebind_ns: the node's own.
 */
static void run_rebinds(struct msk_chaos *chaos, uint64_t now_ns)
{
    size_t count = chaos->network->node_count;
    chaos->next_rebind_ns = MSK_NEVER;
    for (size_t i = 0; chaos->ports && i < count * count; i++) {
        uint64_t span_ns = chaos->network->links[i].rules.rebind_ns, *due_ns = &chaos->rebind_ns[i];
        if (span_ns == 0 && *due_ns != MSK_NEVER) {
            rebind(chaos, i / count, i % count, false);
            *due_ns = MSK_NEVER;
        } else if (span_ns != 0 && *due_ns == MSK_NEVER) {
            *due_ns = now_ns + span_ns;
        } else if (*due_ns <= now_ns) {
            rebind(chaos, i / count, i % count, true);
            *due_ns = now_ns + span_ns;
        }
        if (*due_ns < chaos->next_rebind_ns)
            chaos->next_rebind_ns = *due_ns;
    }
}

void msk_chaos_changed(struct msk_chaos *chaos)
{
    run_rebinds(chaos, msk_now_ns());
    arm(chaos);
}

static void on_timer(uv_poll_t *timer, int status, int events)
{
    struct msk_chaos *chaos = timer->data;
    uint64_t fired, now_ns = msk_now_ns();
    (void)status;
    (void)events;
    if (read(chaos->timer_fd, &fired, sizeof fired) < 0 && errno != EAGAIN)
        msk_chaos_warn(chaos, strerror(errno));
    chaos->armed_ns = 0;
    run_schedule(chaos, now_ns);
    if (now_ns >= chaos->next_rebind_ns)
        run_rebinds(chaos, now_ns);
    release(chaos, now_ns);
    arm(chaos);
}

/* ---- what the sockets tell */

static void on_receive(void *context, size_t from, size_t to, struct msk_bytes packet, struct msk_bytes payload)
{
    struct msk_chaos *chaos = context;
    msk_proxy_receive(chaos->proxy, msk_now_ns(), from, to, packet, payload);
}

static void on_learned(void *context, size_t node)
{
    struct msk_chaos *chaos = context;
    char text[MSK_SOCKET_TEXT_SIZE];
    msk_chaos_tell(chaos, json_pack("{s:s, s:s, s:s}", "event", "node_moved", "node", chaos->network->nodes[node].name,
                                    "address", msk_socket_addr_text(&chaos->network->nodes[node].node, text)));
}

static void on_unsent(void *context, size_t from, size_t to, size_t len)
{
    struct msk_chaos *chaos = context;
    msk_proxy_unsent(chaos->proxy, from, to, len);
}

static enum msk_fate on_send(void *context, size_t from, size_t to, struct msk_bytes packet)
{
    struct msk_chaos *chaos = context;
    return chaos->bridge ? msk_bridge_send(chaos->bridge, to, packet) : msk_ports_send(chaos->ports, from, to, packet);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct msk_chaos *chaos = handle->data;
    (void)number;
    uv_stop(&chaos->loop);
}

/* ---- starting */

static int fail_memory(struct msk_error *err)
{
    return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

static int open_proxy(struct msk_chaos *chaos, struct msk_error *err)
{
    const struct msk_chaos_config *config = chaos->config;
    bool records = config->verdicts_path || config->capture_path;
    const struct msk_proxy_owner owner = {
        .send = on_send, .ruled = records ? msk_chaos_record : NULL, .context = chaos};
    size_t count = chaos->network->node_count;
    chaos->rebind_ns = msk_calloc(count * count, sizeof *chaos->rebind_ns);
    if (!chaos->rebind_ns)
        return fail_memory(err);
    memset(chaos->rebind_ns, 0xff, count * count * sizeof *chaos->rebind_ns); /* MSK_NEVER */
    int rc = msk_proxy_new(chaos->network, config->replay, chaos->start_ns, config->seed, &owner, &chaos->proxy);
    if (rc)
        return fail_memory(err);
    if (config->keylog_path)
        msk_chaos_keys_open(chaos);
    return 0;
}

static int open_sockets(struct msk_chaos *chaos, struct msk_error *err)
{
    if (chaos->config->bridge) {
        const struct msk_bridge_owner owner = {.receive = on_receive, .settle = on_settle, .context = chaos};
        return msk_bridge_new(&chaos->loop, chaos->network, &owner, &chaos->bridge, err);
    }
    const struct msk_ports_owner owner = {
        .receive = on_receive, .settle = on_settle, .learned = on_learned, .unsent = on_unsent, .context = chaos};
    return msk_ports_new(&chaos->loop, chaos->network, &owner, &chaos->ports, err);
}

static int open_timer(struct msk_chaos *chaos, struct msk_error *err)
{
    chaos->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (chaos->timer_fd < 0)
        return msk_fail(err, MSK_E_IO, "timer: %s", strerror(errno));
    int rc = uv_poll_init(&chaos->loop, &chaos->timer, chaos->timer_fd);
    if (rc)
        return msk_fail(err, MSK_E_IO, "timer: %s", uv_strerror(rc));
    chaos->timer_open = true;
    chaos->timer.data = chaos;
    uv_poll_start(&chaos->timer, UV_READABLE, on_timer);
    return 0;
}

static int watch_signals(struct msk_chaos *chaos, struct msk_error *err)
{
    static const int numbers[MSK_CHAOS_SIGNAL_COUNT] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < MSK_CHAOS_SIGNAL_COUNT; i++) {
        uv_signal_init(&chaos->loop, &chaos->signals[i]);
        chaos->signals[i].data = chaos;
        chaos->signal_count++;
        int rc = uv_signal_start(&chaos->signals[i], on_signal, numbers[i]);
        if (rc)
            return msk_fail(err, MSK_E_IO, "signals: %s", uv_strerror(rc));
    }
    return 0;
}

static int start(struct msk_chaos *chaos, struct msk_error *err)
{
    setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 1);
    int rc = uv_loop_init(&chaos->loop);
    if (rc)
        return msk_fail(err, MSK_E_IO, "event loop: %s", uv_strerror(rc));
    chaos->loop_open = true;
    rc = open_proxy(chaos, err);
    if (rc == 0)
        rc = open_sockets(chaos, err);
    if (rc == 0)
        rc = msk_chaos_record_open(chaos, err);
    if (rc == 0)
        rc = open_timer(chaos, err);
    if (rc == 0)
        rc = watch_signals(chaos, err);
    if (rc == 0 && chaos->config->control_path)
        rc = msk_control_new(&chaos->loop, chaos->config->control_path, msk_chaos_verbs, msk_chaos_verb_count, chaos,
                             &chaos->control, err);
    return rc;
}

static void say_ready(struct msk_chaos *chaos)
{
    struct msk_error err;
    if (msk_notify("READY=1", &err))
        msk_chaos_warn(chaos, err.text);
    if (chaos->config->ready_fd >= 0 && msk_notify_ready_fd(chaos->config->ready_fd, &err))
        msk_chaos_warn(chaos, err.text);
}

/* ---- stopping */

static void on_wake_up(uv_timer_t *timer)
{
    (void)timer;
}

/* Let the outlets write, for a while. */
static void drain(struct msk_chaos *chaos)
{
    uint64_t end_ms = msk_now().mono_ms + FLUSH_MAX_MS;
    uv_timer_t timer;
    uv_timer_init(&chaos->loop, &timer);
    uv_timer_start(&timer, on_wake_up, FLUSH_MAX_MS, 0);
    while (!msk_chaos_record_idle(chaos) && msk_now().mono_ms < end_ms)
        uv_run(&chaos->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&chaos->loop, UV_RUN_NOWAIT);
}

static void finish(struct msk_chaos *chaos)
{
    if (chaos->loop_open) {
        if (chaos->timer_open)
            uv_close((uv_handle_t *)&chaos->timer, NULL);
        for (size_t i = 0; i < chaos->signal_count; i++)
            uv_close((uv_handle_t *)&chaos->signals[i], NULL);
        msk_ports_close(chaos->ports);
        msk_bridge_close(chaos->bridge);
        if (chaos->standard_error)
            drain(chaos);
        msk_control_free(chaos->control);
        uv_run(&chaos->loop, UV_RUN_NOWAIT);
        if (chaos->standard_error && !msk_chaos_record_idle(chaos))
            _exit(msk_error_exit_status(chaos->result)); /* a reader who has stopped reading must not keep us here */
        msk_chaos_record_close(chaos);
        uv_loop_close(&chaos->loop);
    }
    if (chaos->timer_fd >= 0)
        close(chaos->timer_fd);
    msk_proxy_free(chaos->proxy);
    msk_chaos_keys_close(chaos);
    msk_free(chaos->rebind_ns);
}

static void run(struct msk_chaos *chaos)
{
    msk_chaos_announce(chaos);
    msk_chaos_changed(chaos);
    say_ready(chaos);
    uv_run(&chaos->loop, UV_RUN_DEFAULT);
    msk_notify("STOPPING=1", NULL);
    msk_chaos_tell(chaos, json_pack("{s:s}", "event", "chaos_stopped"));
    msk_chaos_record_flush(chaos);
}

int msk_chaos_run(const struct msk_chaos_config *config, struct msk_error *err)
{
    struct msk_chaos *chaos = msk_calloc(1, sizeof *chaos);
    if (!chaos)
        return fail_memory(err);
    chaos->config = config;
    chaos->network = config->network;
    chaos->timer_fd = chaos->keylog_fd = chaos->verdicts.fd = chaos->capture.fd = -1;
    chaos->next_rebind_ns = MSK_NEVER;
    chaos->start_ns = msk_now_ns();
    chaos->result = start(chaos, err);
    if (chaos->result == 0) {
        run(chaos);
        if (chaos->result)
            *err = chaos->err;
    }
    int result = chaos->result;
    finish(chaos);
    msk_free(chaos);
    return result;
}
