#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "runtime/interfaces.h"
#include "runtime/notify.h"
#include "runtime/now.h"
#include "runtime/runtime_internal.h"

/* One for each stream that may block (standard output, standard error, events, frames), one for the disk. */
#define POOL_THREADS "5"

#define FLUSH_MAX_MS 500 /* after the departure, for readers of our streams */

/* The last one only by a node that gossips. */
static const enum msk_alpn served[] = {MSK_ALPN_SYNC, MSK_ALPN_PING, MSK_ALPN_GROUPS, MSK_ALPN_ANNOUNCE};

/* ---- what the network tells goes to the node */

static uint64_t on_new_link(void *context)
{
    struct msk_runtime *runtime = context;
    return msk_node_new_link(runtime->node);
}

static void on_opened(void *context, uint64_t link, const struct msk_link_info *info)
{
    struct msk_runtime *runtime = context;
    msk_node_link_opened(runtime->node, msk_now(), link, info, &runtime->actions);
}

static void on_frame(void *context, uint64_t link, struct msk_bytes frame)
{
    struct msk_runtime *runtime = context;
    msk_node_link_frame(runtime->node, msk_now(), link, frame, &runtime->actions);
}

static void on_stream_frame(void *context, uint64_t link, uint64_t stream, struct msk_bytes frame)
{
    struct msk_runtime *runtime = context;
    msk_node_stream_frame(runtime->node, msk_now(), link, stream, frame, &runtime->actions);
}

static void on_stream_ended(void *context, uint64_t link, uint64_t stream)
{
    struct msk_runtime *runtime = context;
    msk_node_stream_ended(runtime->node, msk_now(), link, stream, &runtime->actions);
}

static void on_closed(void *context, uint64_t link, const struct msk_link_close *close)
{
    struct msk_runtime *runtime = context;
    msk_node_link_closed(runtime->node, msk_now(), link, close, &runtime->actions);
}

static size_t on_frame_max(void *context, uint64_t link)
{
    const struct msk_runtime *runtime = context;
    return msk_node_link_frame_max(runtime->node, link);
}

/* ---- turns */

static bool has_departed(const struct msk_runtime *runtime, uint64_t now_ms)
{
    return now_ms >= runtime->stop_by_ms || (msk_net_quiet(runtime->net) && msk_disk_idle(runtime->disk));
}

static void on_act(void *context)
{
    struct msk_runtime *runtime = context;
    struct msk_now now = msk_now();
    runtime->acting = true;
    if (now.mono_ms >= msk_node_deadline(runtime->node))
        msk_node_tick(runtime->node, now, &runtime->actions);
    msk_runtime_execute(runtime);
    msk_waits_check(&runtime->waits, runtime->node, msk_now());
    runtime->acting = false;
    if (runtime->phase == MSK_PHASE_STOPPING && has_departed(runtime, now.mono_ms)) {
        runtime->phase = MSK_PHASE_OVER;
        uv_stop(&runtime->loop);
    }
}

static uint64_t on_deadline_ms(void *context)
{
    const struct msk_runtime *runtime = context;
    uint64_t node_ms = msk_node_deadline(runtime->node), wait_ms = msk_waits_deadline(&runtime->waits);
    uint64_t earliest_ms = node_ms < wait_ms ? node_ms : wait_ms;
    return earliest_ms < runtime->stop_by_ms ? earliest_ms : runtime->stop_by_ms;
}

static const char *alias_of(void *context, const struct msk_digest *group)
{
    const struct msk_runtime *runtime = context;
    for (size_t i = runtime->name_count; i-- > 0;) /* the newest first: it may have been joined again */
        if (msk_digest_equal(&runtime->names[i].id, group))
            return runtime->names[i].alias[0] ? runtime->names[i].alias : NULL;
    return NULL;
}

void msk_runtime_turn(void *context)
{
    struct msk_runtime *runtime = context;
    msk_net_turn(runtime->net);
}

/* ---- disk */

/* What is not stored must never be sent (W-6), and after a failed write nobody knows what is stored. */
static void on_disk_failed(void *context, const struct msk_error *err)
{
    struct msk_runtime *runtime = context;
    runtime->result = err->code;
    runtime->err = *err;
    msk_wrap(&runtime->err, err->code, "store");
    msk_runtime_stop(runtime, runtime->err.text);
    if (!runtime->acting)
        msk_net_turn(runtime->net);
}

static int open_disk(struct msk_runtime *runtime, const struct msk_digest *peer_id, struct msk_error *err)
{
    const struct msk_runtime_config *config = runtime->config;
    const struct msk_store_identity identity = {.peer_id = *peer_id, .network_id = config->network_id};
    const struct msk_disk_owner owner = {
        .stored = msk_runtime_stored, .failed = on_disk_failed, .read = msk_runtime_read, .context = runtime};
    struct msk_store *store;
    int rc = config->data_directory ? msk_store_open_directory(config->data_directory, &identity, &store, err)
                                    : msk_store_open_memory(&store);
    if (rc)
        return config->data_directory ? rc : msk_fail(err, rc, "%s", msk_error_sentence(rc));
    rc = msk_disk_new(&runtime->loop, store, &owner, &runtime->disk, err);
    if (rc)
        msk_store_close(store);
    return rc && config->data_directory ? msk_wrap(err, rc, "data directory %s", config->data_directory) : rc;
}

/* ---- tickets in files */

static void read_ticket(struct msk_runtime *runtime, size_t index)
{
    struct msk_error err;
    if (msk_ticket_file_read(&runtime->tickets, index, runtime->node, msk_now(), &runtime->actions, &err))
        msk_journal_warn(&runtime->journal, "warning: %s", err.text);
}

static void on_ticket_changed(void *context, size_t index)
{
    struct msk_runtime *runtime = context;
    if (runtime->phase != MSK_PHASE_RUNNING)
        return;
    read_ticket(runtime, index);
    msk_net_turn(runtime->net);
}

/* Where that is not possible, SIGHUP still works. */
static void watch_tickets(struct msk_runtime *runtime)
{
    struct msk_error err;
    runtime->ticket_watch.changed = on_ticket_changed;
    runtime->ticket_watch.context = runtime;
    if (msk_file_watch_start(&runtime->ticket_watch, &runtime->loop, runtime->config->ticket_paths,
                             runtime->tickets.count, &err))
        msk_journal_warn(&runtime->journal, "warning: tickets: %s; SIGHUP reads them again", err.text);
}

/* ---- signals */

static void read_tickets_again(struct msk_runtime *runtime)
{
    char reloading[64];
    snprintf(reloading, sizeof reloading, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)msk_now_ns() / 1000);
    msk_notify(reloading, NULL);
    for (size_t i = 0; i < runtime->tickets.count; i++)
        read_ticket(runtime, i);
    msk_notify("READY=1", NULL);
    msk_net_turn(runtime->net);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct msk_runtime *runtime = handle->data;
    if (number == SIGHUP) {
        read_tickets_again(runtime);
    } else if (runtime->phase == MSK_PHASE_RUNNING) {
        msk_runtime_stop(runtime, number == SIGINT ? "SIGINT" : "SIGTERM");
        msk_net_turn(runtime->net);
    } else {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static int watch_signals(struct msk_runtime *runtime, struct msk_error *err)
{
    static const int numbers[MSK_SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit: the write fails, and the store says so */
    for (size_t i = 0; i < MSK_SIGNAL_COUNT; i++) {
        uv_signal_init(&runtime->loop, &runtime->signals[i]);
        runtime->signals[i].data = runtime;
        runtime->signal_count++;
        int rc = uv_signal_start(&runtime->signals[i], on_signal, numbers[i]);
        if (rc)
            return msk_fail(err, MSK_E_IO, "signals: %s", uv_strerror(rc));
    }
    return 0;
}

/* ---- starting */

static int open_node(struct msk_runtime *runtime, struct msk_error *err)
{
    const struct msk_runtime_config *config = runtime->config;
    struct msk_node_config node = {
        .network_id = config->network_id,
        .bootstrap = config->bootstrap,
        .bootstrap_count = config->bootstrap_count,
        .without_gossip = config->without_gossip,
    };
    if (getrandom(&node.seed, sizeof node.seed, 0) != sizeof node.seed)
        return msk_fail(err, MSK_E_INTERNAL, "no random numbers: %s", strerror(errno));
    memcpy(node.secret, config->secret, sizeof node.secret);
    int rc = msk_node_new(&node, msk_now(), &runtime->node, err);
    msk_wipe(&node, sizeof node);
    return rc;
}

static int open_net(struct msk_runtime *runtime, struct msk_error *err)
{
    const struct msk_runtime_config *config = runtime->config;
    const struct msk_net_config net = {
        .secret = config->secret,
        .listen = config->listen,
        .listen_count = config->listen_count,
        .alpns = served,
        .alpn_count = sizeof served / sizeof served[0] - (config->without_gossip ? 1 : 0),
        .qlog_directory = config->qlog_directory,
        .keylog_path = config->keylog_path,
        .frames = config->frames_path ? &runtime->journal : NULL,
    };
    const struct msk_net_owner owner = {
        .new_link = on_new_link,
        .opened = on_opened,
        .frame = on_frame,
        .stream_frame = on_stream_frame,
        .stream_ended = on_stream_ended,
        .closed = on_closed,
        .frame_max = on_frame_max,
        .act = on_act,
        .deadline_ms = on_deadline_ms,
        .context = runtime,
    };
    int rc = msk_net_new(&runtime->loop, &net, &owner, &runtime->net, err);
    msk_wipe(config->secret, 32);
    return rc;
}

static int set_addresses(struct msk_runtime *runtime, struct msk_error *err)
{
    const struct msk_runtime_config *config = runtime->config;
    struct msk_socket_addr found[MSK_ADVERTISED_MAX];
    const struct msk_socket_addr *addresses = config->advertise;
    size_t count = config->advertise_count;
    int rc = 0;
    if (count == 0) {
        addresses = found;
        for (size_t i = 0; i < config->listen_count && rc == 0; i++) {
            struct msk_socket_addr bound;
            msk_net_address(runtime->net, i, &bound);
            rc = msk_interfaces_expand(&bound, found, &count, err);
        }
    }
    if (rc == 0)
        rc = msk_node_set_addresses(runtime->node, msk_now(), addresses, count, &runtime->actions);
    return rc ? msk_wrap(err, rc, "addresses") : 0;
}

static int read_tickets(struct msk_runtime *runtime, struct msk_error *err)
{
    const struct msk_runtime_config *config = runtime->config;
    int rc = msk_ticket_files_init(&runtime->tickets, config->ticket_paths, config->ticket_path_count, err);
    if (rc == 0)
        watch_tickets(runtime); /* first: a change while they are read must not go unseen */
    for (size_t i = 0; i < runtime->tickets.count && rc == 0; i++)
        rc = msk_ticket_file_read(&runtime->tickets, i, runtime->node, msk_now(), &runtime->actions, err);
    return rc;
}

static int join_groups(struct msk_runtime *runtime, struct msk_error *err)
{
    for (size_t i = 0; i < runtime->config->group_count; i++) {
        int rc = msk_runtime_join(runtime, runtime->config->groups[i], err);
        if (rc < 0)
            return msk_wrap(err, rc, "group %zu", i + 1);
    }
    return 0;
}

static int start(struct msk_runtime *runtime, struct msk_error *err)
{
    const struct msk_runtime_config *config = runtime->config;
    setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 1);
    if (config->ready_fd >= 0)
        fcntl(config->ready_fd, F_SETFD, FD_CLOEXEC); /* programs of the user must not keep it open */
    int rc = uv_loop_init(&runtime->loop);
    if (rc)
        return msk_fail(err, MSK_E_IO, "event loop: %s", uv_strerror(rc));
    runtime->loop_open = true;
    msk_children_init(&runtime->children, &runtime->loop);
    rc = msk_journal_open(&runtime->journal, &runtime->loop, config->events_path, config->frames_path, err);
    if (rc == 0)
        rc = open_node(runtime, err);
    runtime->validators.host = (struct msk_validators_host){.children = &runtime->children,
                                                            .node = runtime->node,
                                                            .actions = &runtime->actions,
                                                            .turn = msk_runtime_turn,
                                                            .context = runtime};
    if (rc == 0)
        rc = open_disk(runtime, msk_node_id(runtime->node), err);
    if (rc == 0)
        rc = open_net(runtime, err);
    if (rc == 0)
        rc = set_addresses(runtime, err);
    if (rc == 0)
        rc = read_tickets(runtime, err);
    if (rc == 0)
        rc = join_groups(runtime, err);
    if (rc == 0)
        rc = watch_signals(runtime, err);
    if (rc == 0 && config->metrics)
        rc = msk_runtime_serve_metrics(runtime, err);
    if (rc == 0 && config->control_path)
        rc = msk_control_new(&runtime->loop, config->control_path, msk_runtime_verbs, msk_runtime_verb_count, runtime,
                             &runtime->control, err);
    return rc;
}

/* ---- ready */

static void say_ready(struct msk_runtime *runtime)
{
    struct msk_error err;
    if (msk_notify("READY=1", &err))
        msk_journal_warn(&runtime->journal, "warning: %s", err.text);
    if (runtime->config->ready_fd >= 0 && msk_notify_ready_fd(runtime->config->ready_fd, &err))
        msk_journal_warn(&runtime->journal, "warning: %s", err.text);
}

/* ---- stopping */

void msk_runtime_stop(struct msk_runtime *runtime, const char *reason)
{
    if (runtime->phase != MSK_PHASE_RUNNING)
        return;
    struct msk_now now = msk_now();
    runtime->phase = MSK_PHASE_STOPPING;
    runtime->stop_by_ms = now.mono_ms + MSK_RUNTIME_STOP_MAX_MS;
    msk_notify("STOPPING=1", NULL);
    msk_waits_end(&runtime->waits);
    msk_net_refuse(runtime->net);
    msk_node_stop(runtime->node, now, reason, &runtime->actions);
}

static void on_wake_up(uv_timer_t *timer)
{
    (void)timer;
}

static void run_until(struct msk_runtime *runtime, bool (*done)(const struct msk_runtime *runtime), uint64_t limit_ms)
{
    uint64_t end_ms = msk_now().mono_ms + limit_ms;
    uv_timer_t timer;
    uv_timer_init(&runtime->loop, &timer);
    uv_timer_start(&timer, on_wake_up, limit_ms, 0);
    while (!done(runtime) && msk_now().mono_ms < end_ms)
        uv_run(&runtime->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&runtime->loop, UV_RUN_NOWAIT);
}

static bool journal_idle(const struct msk_runtime *runtime)
{
    return msk_journal_idle(&runtime->journal);
}

static bool all_ended(const struct msk_runtime *runtime)
{
    return journal_idle(runtime) && runtime->children.processes == 0;
}

static void finish(struct msk_runtime *runtime)
{
    runtime->phase = MSK_PHASE_OVER;
    msk_control_end(runtime->control);
    msk_http_free(runtime->metrics);
    msk_children_stop(&runtime->children);
    msk_net_free(runtime->net);
    msk_disk_free(runtime->disk);
    msk_file_watch_stop(&runtime->ticket_watch);
    for (size_t i = 0; i < runtime->signal_count; i++)
        uv_close((uv_handle_t *)&runtime->signals[i], NULL);
    if (runtime->loop_open)
        run_until(runtime, all_ended, FLUSH_MAX_MS);
    runtime->journal.control = NULL;
    msk_waits_end(&runtime->waits);
    msk_calls_end(&runtime->calls);
    msk_control_free(runtime->control); /* last: a client that sees its connection end knows that we have departed */
    if (runtime->loop_open) {
        if (!all_ended(runtime))
            _exit(msk_error_exit_status(runtime->result)); /* a reader who has stopped reading must not keep us here */
        msk_journal_free(&runtime->journal);
        uv_loop_close(&runtime->loop);
    }
    msk_node_free(runtime->node);
    msk_actions_free(&runtime->actions);
    msk_actions_free(&runtime->executing);
    msk_actions_free(&runtime->held);
    for (size_t i = 0; i < runtime->copy_count; i++)
        msk_group_copy_free(runtime->copies[i]);
    msk_validators_free(&runtime->validators);
    for (size_t i = 0; i < runtime->machine_count; i++)
        msk_machine_exec_free(runtime->machines[i]);
    msk_free(runtime->machines);
    msk_free(runtime->copies);
    msk_free(runtime->names);
}

int msk_runtime_run(const struct msk_runtime_config *config, struct msk_error *err)
{
    struct msk_runtime *runtime = msk_calloc(1, sizeof *runtime);
    if (!runtime)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    runtime->config = config;
    runtime->stop_by_ms = MSK_NEVER;
    msk_waits_init(&runtime->waits);
    msk_calls_init(&runtime->calls);
    runtime->result = start(runtime, err);
    if (runtime->result == 0) {
        runtime->journal.node = *msk_node_id(runtime->node);
        runtime->journal.network = config->network_id;
        runtime->journal.control = runtime->control;
        runtime->journal.alias_of = alias_of;
        runtime->journal.context = runtime;
        runtime->phase = MSK_PHASE_RUNNING;
        msk_runtime_announce_start(runtime);
        run_until(runtime, journal_idle,
                  FLUSH_MAX_MS); /* whoever is told that we are ready may read that line at once */
        say_ready(runtime);
        if (config->started)
            config->started(config->context, runtime);
        msk_net_turn(runtime->net);
        uv_run(&runtime->loop, UV_RUN_DEFAULT);
        if (runtime->result)
            *err = runtime->err;
    }
    int result = runtime->result;
    finish(runtime);
    msk_free(runtime);
    return result;
}
