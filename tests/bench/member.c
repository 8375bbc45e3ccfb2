/* A member that measures, on request, how long callers within its process wait: the counterpart of `mosaik-peer
 * measure`, with the same requests and answers as lines of JSON. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "cli/group_options.h"
#include "cli/program.h"
#include "cli/secret.h"
#include "runtime/condition.h"
#include "runtime/now.h"
#include "runtime/runtime_internal.h"

#define REQUEST_MAX    4096
#define CONDITIONS_MAX 8
#define TIMES_MAX      100000
#define BATCH_MAX      200000
#define TICK_MS        1 /* states are compared this often: a fraction of what is measured by them */
#define LIMIT_MS       120000

struct options {
    struct msk_group_options group;
    struct msk_list bootstrap; /* of struct msk_peer_address */
    const char *data_dir, *control;
};

/* The one request under way. */
static struct member {
    struct msk_runtime *runtime;
    struct msk_digest group;
    uv_poll_t input;
    uv_timer_t timer;

    enum msk_call_kind kind; /* of calls */
    size_t times, done, batch;
    struct msk_bytes commands[BATCH_MAX];
    double spans_ms[TIMES_MAX];
    uint64_t begun_ns; /* 0: not yet */

    struct msk_condition conditions[CONDITIONS_MAX]; /* of waits, which are timed from the first bond on */
    size_t condition_count;
    uint64_t give_up_ms;
} member;

static void answer(json_t *fields, const char *error)
{
    json_t *line = json_pack("{s:s, s:b, s:s*}", "event", "answer", "ok", !error, "error", error);
    if (fields)
        json_object_update(line, fields);
    char *text = json_dumps(line, JSON_COMPACT);
    printf("%s\n", text);
    fflush(stdout);
    free(text);
    json_decref(line);
    json_decref(fields);
}

/* ---- calls, one after another */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void on_ended(void *context, const struct msk_action *reply);

static void next_call(void)
{
    static const uint8_t increment_by_one[] = {0, 1};
    member.begun_ns = msk_now_ns();
    for (size_t i = 0; i < member.batch; i++) /* encoding is part of the reference's calls, too */
        member.commands[i] = MSK_BYTES(increment_by_one, sizeof increment_by_one);
    const struct msk_call_ask ask = {.commands = member.commands, .count = member.batch};
    struct msk_runtime *runtime = member.runtime;
    if (msk_calls_ask(&runtime->calls, runtime->node, member.kind, &member.group, &ask, on_ended, NULL,
                      &runtime->actions))
        answer(NULL, "the call was not taken");
}

static void on_ended(void *context, const struct msk_action *reply)
{
    (void)context;
    if (!reply)
        return;
    if (reply->reply.outcome != MSK_OUTCOME_COMMITTED && reply->reply.outcome != MSK_OUTCOME_ANSWERED) {
        answer(NULL, reply->reply.reason);
        return;
    }
    member.spans_ms[member.done++] = (double)(msk_now_ns() - member.begun_ns) / 1e6;
    if (member.done < member.times) {
        next_call();
        return;
    }
    qsort(member.spans_ms, member.done, sizeof member.spans_ms[0], ascending);
    answer(json_pack("{s:f, s:f}", "median_ms", member.spans_ms[member.done / 2], "worst_ms",
                     member.spans_ms[member.done - 1]),
           NULL);
}

static void call(enum msk_call_kind kind, const json_t *request)
{
    member.kind = kind;
    member.done = 0;
    member.times = (size_t)json_integer_value(json_object_get(request, "times"));
    member.batch = (size_t)json_integer_value(json_object_get(request, "batch"));
    if (member.times == 0 || member.times > TIMES_MAX || member.batch > BATCH_MAX) {
        answer(NULL, "so many calls or commands are not taken");
        return;
    }
    next_call();
    msk_net_turn(member.runtime->net);
}

/* ---- waiting */

static bool all_hold(const struct msk_group_view *view)
{
    for (size_t i = 0; i < member.condition_count; i++)
        if (!msk_condition_holds(&member.conditions[i], member.runtime->node, &member.group, view, view))
            return false;
    return true;
}

static void end_wait(json_t *fields, const char *error)
{
    uv_timer_stop(&member.timer);
    answer(fields, error);
}

static void on_tick(uv_timer_t *timer)
{
    struct msk_group_view view;
    char leader[MSK_DIGEST_TEXT_SIZE];
    uint64_t now_ns = msk_now_ns();
    (void)timer;
    if (msk_node_group_view(member.runtime->node, &member.group, &view)) {
        end_wait(NULL, "the group failed");
        return;
    }
    if (member.begun_ns == 0 && view.bond_count > 0)
        member.begun_ns = now_ns;
    if (msk_now().mono_ms >= member.give_up_ms)
        end_wait(NULL, "timed out");
    else if (member.begun_ns && all_hold(&view))
        end_wait(json_pack("{s:f, s:s}", "ms", (double)(now_ns - member.begun_ns) / 1e6, "leader",
                           msk_digest_text(&view.raft.leader, leader)),
                 NULL);
}

static void begin_wait(size_t condition_count)
{
    member.condition_count = condition_count;
    member.begun_ns = 0;
    member.give_up_ms = msk_now().mono_ms + LIMIT_MS;
    uv_timer_start(&member.timer, on_tick, 0, TICK_MS);
}

static void wait_for(const json_t *texts)
{
    struct msk_error err;
    size_t i;
    const json_t *text;
    json_array_foreach(texts, i, text)
    {
        if (i == CONDITIONS_MAX || !json_is_string(text) ||
            msk_condition_parse(json_string_value(text), &member.conditions[i], &err)) {
            answer(NULL, "these conditions are not understood");
            return;
        }
    }
    begin_wait(json_array_size(texts));
}

static void catch_up(const json_t *committed)
{
    member.conditions[0] =
        (struct msk_condition){.kind = MSK_CONDITION_COMMITTED, .number = (uint64_t)json_integer_value(committed)};
    begin_wait(1);
}

/* ---- requests */

static void take(const json_t *request)
{
    const char *cmd = json_string_value(json_object_get(request, "cmd"));
    if (cmd && strcmp(cmd, "execute") == 0)
        call(MSK_CALL_EXECUTE, request);
    else if (cmd && strcmp(cmd, "query") == 0)
        call(MSK_CALL_QUERY, request);
    else if (cmd && strcmp(cmd, "wait") == 0)
        wait_for(json_object_get(request, "conditions"));
    else if (cmd && strcmp(cmd, "catch_up") == 0)
        catch_up(json_object_get(request, "committed"));
    else
        answer(NULL, "no such request");
}

/* A request comes in one piece, and the next one after the answer. */
static void on_input(uv_poll_t *poll, int status, int events)
{
    char line[REQUEST_MAX];
    (void)events;
    ssize_t len = status < 0 ? 0 : read(STDIN_FILENO, line, sizeof line);
    if (len <= 0) {
        uv_close((uv_handle_t *)poll, NULL);
        uv_close((uv_handle_t *)&member.timer, NULL);
        msk_runtime_stop(member.runtime, "the end of the requests");
        msk_net_turn(member.runtime->net);
        return;
    }
    json_t *request = json_loadb(line, (size_t)len, 0, NULL);
    take(request);
    json_decref(request);
}

static void on_started(void *context, struct msk_runtime *runtime)
{
    (void)context;
    member.runtime = runtime;
    uv_timer_init(&runtime->loop, &member.timer);
    uv_poll_init(&runtime->loop, &member.input, STDIN_FILENO);
    uv_poll_start(&member.input, UV_READABLE, on_input);
}

/* ---- the program */

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "bootstrap",
     .type = &msk_value_peer_address,
     .repeatable = true,
     .offset = AT(bootstrap),
     .help = "a peer"},
    {.name = "data-dir", .type = &msk_value_directory, .offset = AT(data_dir), .help = "where the log is kept"},
    {.name = "control", .type = &msk_value_file, .offset = AT(control), .help = "control socket"},
    {.name = NULL},
};

static int run_member(struct msk_run *run)
{
    static struct msk_group_setup setup;
    const struct options *options = run->options;
    const struct msk_socket_addr listen = {.ip = {127, 0, 0, 1}};
    const struct msk_group_config *groups[] = {&setup.config};
    uint8_t secret[MSK_SECRET_LEN];
    struct msk_runtime_config config = {
        .secret = secret,
        .listen = &listen,
        .listen_count = 1,
        .bootstrap = options->bootstrap.items,
        .bootstrap_count = options->bootstrap.count,
        .groups = groups,
        .group_count = 1,
        .data_directory = options->data_dir,
        .control_path = options->control,
        .ready_fd = -1,
        .started = on_started,
    };
    msk_assert(getrandom(secret, sizeof secret, 0) == sizeof secret);
    int rc = msk_group_setup_make(&options->group, &setup, run->err);
    config.network_id = setup.network_id;
    member.group = setup.config.id;
    if (rc == 0)
        rc = msk_runtime_run(&config, run->err);
    msk_group_setup_free(&setup);
    return rc;
}

static const struct msk_command run = {
    .name = "run",
    .summary = "Be a member until the requests end",
    .sets = {{.options = rows}, MSK_GROUP_OPTION_SETS(AT(group))},
    .size = sizeof(struct options),
    .run = run_member,
};

int main(int argc, char **argv)
{
    static const struct msk_command *const commands[] = {&run, NULL};
    static const struct msk_program program = {
        .name = "member", .summary = "A member that measures itself", .commands = commands};
    return msk_program_main(&program, argc, argv);
}
