#include "submit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/input.h"

#define READ_SIZE  (64u << 10)
#define PLACE_SIZE 64

#define AT(member) offsetof(struct node_submit_options, member)

const struct msk_option node_submit_rows[] = {
    {.name = "command",
     .type = &msk_value_text,
     .placeholder = "COMMAND",
     .positional = true,
     .required = true,
     .repeatable = true,
     .offset = AT(commands),
     .help = "a command as JSON in the machine's terms; - reads one a line from standard input"},
    {.name = "hex",
     .letter = 'x',
     .type = &msk_value_flag,
     .offset = AT(hex),
     .help = "commands are the hex digits of their bytes"},
    {.name = "timeout",
     .letter = 't',
     .type = &msk_value_duration_ms,
     .fallback = "30s",
     .offset = AT(timeout_ms),
     .help = "how long to wait for the answer to each batch"},
    {.name = NULL},
};

struct submission {
    const struct node_submit_options *options;
    const char *cmd, *done;
    struct msk_client *client; /* NULL until the first batch */
    json_t *batch;             /* of commands, NULL: none gathered */
    size_t texts_len;          /* bytes that they were read from */
    size_t places[NODE_BATCH_MAX];
    bool from_input; /* places are lines of standard input, not arguments */
    bool progress;
    uint64_t first, last, count; /* of what was answered well */
    json_t *answer;              /* the last one */
    struct msk_error *err;
};

/* ---- single values */

int node_read_value(const char *text, size_t len, bool hex, const char *place, json_t **out, struct msk_error *err)
{
    if (hex) {
        struct msk_builder bytes;
        size_t offset = 0;
        msk_builder_init(&bytes, NODE_COMMAND_MAX);
        int rc = msk_hex_decode_append(text, len, &bytes, &offset);
        msk_builder_free(&bytes);
        *out = NULL;
        if (rc < 0)
            return msk_fail(err, rc, "%s: column %zu: pairs of hex digits are wanted", place, offset + 1);
        *out = json_stringn(text, len);
        return *out ? 0 : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    }
    json_error_t where;
    *out = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
    if (*out)
        return 0;
    return msk_fail(err, MSK_E_INVALID, "%s: column %d: not JSON: %s", place, where.column, where.text);
}

int node_outcome_fail(const json_t *answer, struct msk_error *err)
{
    static const struct {
        const char *outcome, *advice;
    } ends[] = {
        {"lost", "not all of these commands were executed: look before giving them again"},
        {"unknown", "they may have been executed, or may still be: look before giving them again"},
        {"offline", "nothing was executed; \"mosaik-node wait online\" waits for a better time"},
    };
    const char *outcome = json_string_value(json_object_get(answer, "outcome"));
    const char *reason = json_string_value(json_object_get(answer, "reason"));
    reason = reason ? reason : msk_error_sentence(MSK_E_REFUSED);
    for (size_t i = 0; outcome && i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(outcome, ends[i].outcome) == 0)
            return msk_fail(err, MSK_E_REFUSED, "%s: %s\n%s", outcome, reason, ends[i].advice);
    return msk_fail(err, MSK_E_REFUSED, "%s", reason);
}

/* ---- batches */

static const char *name_place(const struct submission *all, size_t number, char out[PLACE_SIZE])
{
    snprintf(out, PLACE_SIZE, all->from_input ? "standard input: line %zu" : "command %zu", number);
    return out;
}

/* The node names a command by its place in the batch: "commands[3]: ...". */
static int place_refusal(const struct submission *all, int rc, size_t count)
{
    struct msk_error inner = *all->err;
    char place[PLACE_SIZE];
    size_t i;
    int used = 0;
    if (sscanf(inner.text, "commands[%zu]%n", &i, &used) != 1 || used == 0 || i >= count)
        return rc;
    return msk_fail(all->err, rc, "%s%s", name_place(all, all->places[i], place), inner.text + used);
}

static int ask(struct submission *all, json_t *request, json_t **answer)
{
    uint64_t timeout_ms = all->options->timeout_ms + NODE_ANSWER_MAX_MS; /* the node keeps the time */
    if (!all->client)
        return node_open(&all->options->target, request, timeout_ms, &all->client, answer, all->err);
    if (request && all->options->target.group)
        json_object_set_new(request, "group", json_string(all->options->target.group));
    return msk_client_call(all->client, request, timeout_ms, answer, all->err);
}

static void add_up(struct submission *all, json_t *answer)
{
    if (all->count == 0)
        all->first = (uint64_t)json_integer_value(json_object_get(answer, "first"));
    all->last = (uint64_t)json_integer_value(json_object_get(answer, "index"));
    all->count += (uint64_t)json_integer_value(json_object_get(answer, "count"));
    if (all->progress)
        fprintf(stderr, "\r%" PRIu64 " %s", all->count, all->done);
}

/* Send what was gathered. 0, 1: it ended otherwise than wanted, and all->answer tells how. */
static int flush(struct submission *all)
{
    if (!all->batch)
        return 0;
    size_t count = json_array_size(all->batch);
    json_t *answer = NULL;
    json_t *request = json_pack("{s:s, s:o, s:b, s:I}", "cmd", all->cmd, "commands", all->batch, "hex",
                                all->options->hex, "timeout_ms", (json_int_t)all->options->timeout_ms);
    all->batch = NULL;
    all->texts_len = 0;
    int rc = ask(all, request, &answer);
    if (rc)
        return place_refusal(all, rc, count);
    json_decref(all->answer);
    all->answer = answer;
    const char *outcome = json_string_value(json_object_get(answer, "outcome"));
    if (!outcome || strcmp(outcome, all->done) != 0)
        return 1;
    add_up(all, answer);
    return 0;
}

static int add(struct submission *all, const char *text, size_t len, size_t number)
{
    char place[PLACE_SIZE];
    json_t *command;
    int rc = node_read_value(text, len, all->options->hex, name_place(all, number, place), &command, all->err);
    if (rc == 0 && all->batch && all->texts_len + len > NODE_BATCH_TEXT_MAX)
        rc = flush(all);
    if (rc) {
        json_decref(command);
        return rc;
    }
    if (!all->batch)
        all->batch = json_array();
    if (json_array_append_new(all->batch, command) < 0)
        return msk_fail(all->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    size_t count = json_array_size(all->batch);
    all->places[count - 1] = number;
    all->texts_len += len;
    return count == NODE_BATCH_MAX ? flush(all) : 0;
}

/* ---- where they come from */

static bool is_blank(const char *text, size_t len)
{
    return strspn(text, " \t\r\n") >= len;
}

/* One line, whose end is still there. */
static int add_line(struct submission *all, const char *line, size_t len, size_t number)
{
    return is_blank(line, len) ? 0 : add(all, line, len, number);
}

/* All whole lines of `input`, which are then gone from it. */
static int take_lines(struct submission *all, struct msk_builder *input, size_t *line_count)
{
    size_t used = 0;
    int rc = 0;
    while (rc == 0) {
        const char *line = (const char *)input->data + used;
        const char *end = used < input->len ? memchr(line, '\n', input->len - used) : NULL;
        if (!end)
            break;
        rc = add_line(all, line, (size_t)(end - line), ++*line_count);
        used += (size_t)(end - line) + 1;
    }
    msk_builder_consume(input, used);
    return rc;
}

static bool more_is_there(void)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static int read_some(struct submission *all, struct msk_builder *input, bool *ended, size_t line_count)
{
    uint8_t chunk[READ_SIZE];
    ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
    if (n < 0)
        return errno == EINTR ? 0 : msk_input_fail("-", all->err);
    *ended = n == 0;
    if (*ended && input->len > 0)
        msk_builder_byte(input, '\n'); /* the last line may lack its end */
    msk_builder_append(input, chunk, (size_t)n);
    if (input->error == MSK_E_LIMIT)
        return msk_fail(all->err, MSK_E_INVALID, "standard input: line %zu: more than %u bytes", line_count + 1,
                        NODE_COMMAND_MAX);
    return input->error ? msk_fail(all->err, input->error, "%s", msk_error_sentence(input->error)) : 0;
}

/* A batch is sent when it is full, or when whoever writes has paused: a slow writer's commands do not wait. */
static int submit_input(struct submission *all)
{
    struct msk_builder input;
    size_t line_count = 0;
    bool ended = false;
    int rc = 0;
    msk_builder_init(&input, NODE_COMMAND_MAX + READ_SIZE);
    while (rc == 0 && !ended) {
        rc = read_some(all, &input, &ended, line_count);
        if (rc == 0)
            rc = take_lines(all, &input, &line_count);
        if (rc == 0 && (ended || !more_is_there()))
            rc = flush(all);
    }
    msk_builder_free(&input);
    return rc;
}

static int submit_arguments(struct submission *all)
{
    const char *const *texts = all->options->commands.items;
    int rc = 0;
    for (size_t i = 0; i < all->options->commands.count && rc == 0; i++)
        rc = add(all, texts[i], strlen(texts[i]), i + 1);
    return rc ? rc : flush(all);
}

static int check(const struct node_submit_options *options, bool *from_input, struct msk_error *err)
{
    const char *const *texts = options->commands.items;
    *from_input = false;
    for (size_t i = 0; i < options->commands.count; i++)
        *from_input |= strcmp(texts[i], "-") == 0;
    if (*from_input && options->commands.count > 1)
        return msk_fail(err, MSK_E_INVALID, "-: stands alone: other commands go to standard input, too");
    if (options->timeout_ms == 0 || options->timeout_ms > NODE_REQUEST_MAX_MS)
        return msk_fail(err, MSK_E_INVALID, "--timeout: from 1ms to 12 days");
    return 0;
}

/* ---- the answer */

static int print_json(const struct msk_run *run, const struct submission *all, const char *outcome)
{
    json_t *answer = json_pack("{s:I, s:I, s:I, s:s}", "index", (json_int_t)all->last, "first", (json_int_t)all->first,
                               "count", (json_int_t)all->count, "outcome", outcome);
    json_t *reason = json_object_get(all->answer, "reason");
    if (answer && json_is_string(reason))
        json_object_set(answer, "reason", reason);
    return msk_output_json(run->out, answer);
}

static void print_text(const struct msk_run *run, const struct submission *all)
{
    if (all->count == 1)
        fprintf(run->out->stream, "%s: index %" PRIu64 "\n", all->done, all->last);
    else if (all->last - all->first + 1 == all->count)
        fprintf(run->out->stream, "%s: %" PRIu64 " commands, index %" PRIu64 " to %" PRIu64 "\n", all->done, all->count,
                all->first, all->last);
    else /* those of others stand between the batches */
        fprintf(run->out->stream, "%s: %" PRIu64 " commands between index %" PRIu64 " and %" PRIu64 "\n", all->done,
                all->count, all->first, all->last);
}

static int answer(const struct msk_run *run, const struct submission *all, int rc)
{
    bool well = rc == 0;
    const char *outcome = well ? all->done : json_string_value(json_object_get(all->answer, "outcome"));
    if (rc >= 0 && run->out->json)
        rc = print_json(run, all, outcome ? outcome : "refused");
    else if (well && all->count > 0)
        print_text(run, all);
    else if (!well && rc > 0)
        rc = node_outcome_fail(all->answer, run->err);
    if (rc < 0 && all->count > 0)
        msk_wrap(run->err, rc, "after %" PRIu64 " that were %s", all->count, all->done);
    return rc == 0 && !well ? msk_error_exit_status(MSK_E_REFUSED) : rc;
}

int node_submit(struct msk_run *run, const char *cmd, const char *done)
{
    struct submission all = {.options = run->options, .cmd = cmd, .done = done, .err = run->err};
    int rc = check(all.options, &all.from_input, run->err);
    if (rc)
        return rc;
    all.progress = all.from_input && !run->out->json && isatty(STDERR_FILENO);
    rc = all.from_input ? submit_input(&all) : submit_arguments(&all);
    if (all.progress && all.count > 0)
        fputc('\n', stderr);
    rc = answer(run, &all, rc);
    json_decref(all.batch);
    json_decref(all.answer);
    msk_client_close(all.client);
    return rc;
}
