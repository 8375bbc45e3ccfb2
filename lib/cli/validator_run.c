#include "cli/validator_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

#define QUESTION_ID 1 /* as a node's first one has */

struct talk {
    pid_t pid;
    int to, from; /* its standard input and output; -1: closed */
    int64_t limit_ms;
    struct msk_bytes question; /* what is left of it */
    struct msk_builder answer;
    char fault[MSK_TICKET_REASON_MAX]; /* empty: none */
};

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- starting and ending it */

static int spawn(const struct msk_validator *validator, int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawnattr_setpgroup(&attributes, 0); /* a group of its own, which is killed in the end */
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    int failed_errno = posix_spawnp(pid, validator->command[0], &files, &attributes, validator->command, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed_errno;
}

static void start(const struct msk_validator *validator, struct talk *talk)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int failed_errno = pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ? errno : 0;
    if (!failed_errno)
        failed_errno = spawn(validator, in[0], out[1], &talk->pid);
    shut(&in[0]);
    shut(&out[1]);
    talk->to = in[1];
    talk->from = out[0];
    if (failed_errno) {
        talk->pid = 0;
        snprintf(talk->fault, sizeof talk->fault, "it cannot be started: %.60s", strerror(failed_errno));
        return;
    }
    fcntl(talk->to, F_SETFL, O_NONBLOCK);
    fcntl(talk->from, F_SETFL, O_NONBLOCK);
}

/* It said nothing more: how it ended tells why. */
static void note_end(struct talk *talk)
{
    int status = 0;
    while (waitpid(talk->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    talk->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(talk->fault, sizeof talk->fault, "it was killed by signal %d", WTERMSIG(status));
    else
        snprintf(talk->fault, sizeof talk->fault, "it ended with status %d and no answer", WEXITSTATUS(status));
}

static void end(struct talk *talk)
{
    shut(&talk->to);
    shut(&talk->from);
    if (talk->pid == 0)
        return;
    kill(-talk->pid, SIGKILL);
    while (waitpid(talk->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* ---- talking */

static void write_some(struct talk *talk)
{
    ssize_t n = write(talk->to, talk->question.data, talk->question.len);
    if (n < 0 && errno != EAGAIN)
        shut(&talk->to); /* its end says more than this */
    if (n > 0)
        talk->question = MSK_BYTES(talk->question.data + n, talk->question.len - (size_t)n);
    if (talk->question.len == 0)
        shut(&talk->to);
}

/* True: there is a line, or there will be none. */
static bool read_some(struct talk *talk)
{
    char buffer[4096];
    ssize_t n = read(talk->from, buffer, sizeof buffer);
    if (n < 0)
        return false;
    if (n == 0) {
        kill(-talk->pid, SIGTERM); /* if it only closed its output */
        note_end(talk);
        return true;
    }
    const char *line_end = memchr(buffer, '\n', (size_t)n);
    msk_builder_append(&talk->answer, buffer, line_end ? (size_t)(line_end - buffer) : (size_t)n);
    if (talk->answer.error)
        snprintf(talk->fault, sizeof talk->fault, "it wrote a line of more than %d bytes", MSK_VALIDATOR_ANSWER_MAX);
    return line_end || talk->answer.error;
}

static void converse(struct talk *talk, uint64_t timeout_ms)
{
    bool over = false;
    while (!over) {
        struct pollfd fds[] = {{.fd = talk->from, .events = POLLIN}, {.fd = talk->to, .events = POLLOUT}};
        int64_t left_ms = talk->limit_ms - clock_ms();
        if (left_ms <= 0 || poll(fds, 2, (int)left_ms) == 0) {
            snprintf(talk->fault, sizeof talk->fault, "it did not answer within %llu ms",
                     (unsigned long long)timeout_ms);
            return;
        }
        if (fds[1].revents)
            write_some(talk);
        over = fds[0].revents && read_some(talk);
    }
}

static const char *take_answer(const struct talk *talk, int64_t wall_ms, struct msk_ticket_opinion *out)
{
    json_t *answer = json_loadb((const char *)talk->answer.data, talk->answer.len, 0, NULL);
    const char *fault = NULL;
    if (!json_is_object(answer))
        fault = "it wrote a line that is no JSON object";
    else if (json_integer_value(json_object_get(answer, "id")) != QUESTION_ID)
        fault = "it wrote a line whose \"id\" is not that of the question";
    else
        fault = msk_ticket_answer(answer, wall_ms, out);
    json_decref(answer);
    return fault;
}

/* The question as a line. */
static char *make_line(const struct msk_ticket *ticket, const struct msk_digest *peer, size_t *len)
{
    struct msk_builder line;
    json_t *question = msk_ticket_question(ticket, peer);
    char *text = question && json_object_set_new(question, "id", json_integer(QUESTION_ID)) == 0
                     ? json_dumps(question, JSON_COMPACT)
                     : NULL;
    json_decref(question);
    msk_builder_init(&line, MSK_VALIDATOR_QUESTION_MAX);
    if (text) {
        msk_builder_text(&line, text);
        msk_builder_byte(&line, '\n');
    }
    free(text);
    return (char *)msk_builder_take(&line, len);
}

int msk_validator_run(const struct msk_validator *validator, const struct msk_ticket *ticket,
                      const struct msk_digest *peer, int64_t wall_ms, struct msk_ticket_opinion *out)
{
    struct talk talk = {.to = -1, .from = -1, .limit_ms = clock_ms() + (int64_t)validator->timeout_ms};
    size_t len;
    char *line = make_line(ticket, peer, &len);
    if (!line)
        return MSK_E_NOMEM;
    talk.question = MSK_BYTES(line, len);
    msk_builder_init(&talk.answer, MSK_VALIDATOR_ANSWER_MAX);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    start(validator, &talk);
    if (!*talk.fault)
        converse(&talk, validator->timeout_ms);
    const char *fault = *talk.fault ? talk.fault : take_answer(&talk, wall_ms, out);
    if (fault) {
        char reason[MSK_TICKET_REASON_MAX];
        snprintf(reason, sizeof reason, "the validator's program failed: %.90s", fault);
        msk_ticket_refuse(reason, out);
    }
    end(&talk);
    signal(SIGPIPE, before);
    msk_builder_free(&talk.answer);
    msk_free(line);
    return 0;
}
