#include "scenario.h"

#include <ctype.h>

#define START_MS  1000 /* the network's clock does not begin at 0 */
#define SENTENCES 12   /* shown of what came instead */

void scenario_fail(struct scenario *scenario, const char *format, ...)
{
    va_list args;
    if (scenario->failure[0])
        return;
    int len = snprintf(scenario->failure, sizeof scenario->failure, "%s:%d: ", scenario->path, scenario->line);
    va_start(args, format);
    vsnprintf(scenario->failure + len, sizeof scenario->failure - (size_t)len, format, args);
    va_end(args);
}

/* ---- what is told */

void scenario_tell(struct scenario *scenario, const char *line)
{
    assert_true(scenario->told_count < SCENARIO_TOLD_MAX);
    struct scenario_told *told = &scenario->told[scenario->told_count++];
    told->ms = scenario->net->now_ms - START_MS;
    snprintf(told->text, sizeof told->text, "%s", line);
}

static void happened(struct net *net, int place, const struct msk_event *event)
{
    char line[TALE_LINE_MAX];
    if (!tale_tells(event))
        return;
    tale_sentence(net, place, event, line);
    scenario_tell(net->context, line);
}

/* A star stands for any text. */
static bool is_like(const char *text, const char *pattern)
{
    if (*pattern == '*')
        return is_like(text, pattern + 1) || (*text && is_like(text + 1, pattern));
    return *text == *pattern && (*text == 0 || is_like(text + 1, pattern + 1));
}

/* The first line like this from `from` on; told_count: there is none. */
static size_t find(const struct scenario *scenario, size_t from, const char *pattern)
{
    while (from < scenario->told_count && !is_like(scenario->told[from].text, pattern))
        from++;
    return from;
}

static void blame(struct scenario *scenario, const char *pattern, int member)
{
    if (scenario->failure[0])
        return;
    scenario_fail(scenario, "not told: %s\ntold since the step:\n", pattern);
    int shown = 0;
    for (size_t i = scenario->step_at; i < scenario->told_count && shown < SENTENCES; i++) {
        size_t len = strlen(scenario->failure);
        if (atoi(scenario->told[i].text) != member)
            continue;
        snprintf(scenario->failure + len, sizeof scenario->failure - len, "  %s\n", scenario->told[i].text);
        shown++;
    }
}

static void expect(struct scenario *scenario, const char *pattern)
{
    int member = atoi(pattern);
    if (member < 1 || member > scenario->count) {
        scenario_fail(scenario, "an expected line begins with the number of a member");
        return;
    }
    size_t from = scenario->said[member] > scenario->step_at ? scenario->said[member] : scenario->step_at;
    size_t at = find(scenario, from, pattern);
    if (at == scenario->told_count)
        blame(scenario, pattern, member);
    scenario->said[member] = at + 1;
}

static void forbid(struct scenario *scenario, const char *pattern)
{
    size_t at = find(scenario, scenario->step_at, pattern);
    if (at < scenario->told_count)
        scenario_fail(scenario, "told: %s", scenario->told[at].text);
}

/* ---- the head of the file */

/* The ids of members go up with their numbers, so that lists of them do. */
static void sort_places(struct net *net, int count)
{
    for (int a = 1; a <= count; a++)
        for (int b = a + 1; b <= count; b++)
            if (msk_digest_compare(&net->places[a].id, &net->places[b].id) > 0) {
                uint8_t secret[32];
                struct msk_digest id = net->places[a].id;
                memcpy(secret, net->places[a].secret, sizeof secret);
                memcpy(net->places[a].secret, net->places[b].secret, sizeof secret);
                net->places[a].id = net->places[b].id;
                memcpy(net->places[b].secret, secret, sizeof secret);
                net->places[b].id = id;
            }
}

static void set_members(struct scenario *scenario, const char *text)
{
    scenario->count = atoi(text);
    if (scenario->count < 1 || scenario->count > SCENARIO_MEMBERS_MAX)
        scenario_fail(scenario, "from 1 to %d members", SCENARIO_MEMBERS_MAX);
    else
        sort_places(scenario->net, scenario->count);
}

static void set_declared(struct scenario *scenario, const char *text)
{
    (void)text;
    scenario->declared = true;
}

/* Each number in `text` that is a member's. */
#define EACH_MEMBER(scenario, text, member) \
    for (int member, read_; sscanf(text, " %d%n", &member, &read_) == 1 && is_member(scenario, member); (text) += read_)

static bool is_member(struct scenario *scenario, int number)
{
    bool is = number >= 1 && number <= scenario->count;
    if (!is)
        scenario_fail(scenario, "there is no member %d", number);
    return is;
}

static void set_reference(struct scenario *scenario, const char *text)
{
    EACH_MEMBER(scenario, text, member)
    scenario->reference[member] = true;
}

static void set_observer(struct scenario *scenario, const char *text)
{
    EACH_MEMBER(scenario, text, member)
    scenario->preferences[member] = MSK_PREFER_OBSERVER;
}

static void set_reluctant(struct scenario *scenario, const char *text)
{
    EACH_MEMBER(scenario, text, member)
    scenario->preferences[member] = MSK_PREFER_RELUCTANT;
}

static void set_on_fork(struct scenario *scenario, const char *text)
{
    bool resync = strcmp(text, "resync") == 0;
    scenario->config.raft.on_fork = resync ? MSK_FORK_RESYNC : MSK_FORK_HALT;
    if (!resync && strcmp(text, "halt") != 0)
        scenario_fail(scenario, "on-fork is halt or resync");
}

static void set_batch(struct scenario *scenario, const char *text)
{
    scenario->config.raft.sync_batch_size = strtoull(text, NULL, 10);
}

static void set_delay(struct scenario *scenario, const char *text)
{
    scenario->net->delay_ms = strtoull(text, NULL, 10);
}

/* "(1,4)(2,9)": entries 1 to 4 of term 1, 5 to 9 of term 2. */
static const char *fill_log(struct net_place *place, const char *text)
{
    unsigned term, last;
    for (int len; sscanf(text, "(%u,%u)%n", &term, &last, &len) == 2; text += len)
        while (place->disk_log.count < last) {
            char command[48];
            snprintf(command, sizeof command, "%d of term %u", (int)place->disk_log.count + 1, term);
            assert_int_equal(msk_log_append(&place->disk_log, term, msk_bytes_of_text(command)), 0);
        }
    return text;
}

static void set_logs(struct scenario *scenario, const char *text)
{
    int member, len;
    while (sscanf(text, " %d=%n", &member, &len) == 1 && is_member(scenario, member))
        text = fill_log(&scenario->net->places[member], text + len);
    if (*text)
        scenario_fail(scenario, "expected MEMBER=(TERM,INDEX) at: %s", text);
}

static void set_committed(struct scenario *scenario, const char *text)
{
    int member, len;
    for (unsigned index; sscanf(text, " %d=%u%n", &member, &index, &len) == 2 && is_member(scenario, member);
         text += len) {
        struct net_place *place = &scenario->net->places[member];
        place->disk_committed.index = index;
        if (!msk_log_term_at(&place->disk_log, index, &place->disk_committed.term))
            scenario_fail(scenario, "the log of %d ends before %u", member, index);
    }
}

static const struct {
    const char *word;
    void (*set)(struct scenario *scenario, const char *text);
} settings[] = {{"members", set_members},    {"declared", set_declared},   {"reference", set_reference},
                {"observer", set_observer},  {"reluctant", set_reluctant}, {"on-fork", set_on_fork},
                {"batch", set_batch},        {"delay", set_delay},         {"logs", set_logs},
                {"committed", set_committed}};

/* ---- lines */

/* What is expected of a step is looked at once the next one is due. */
static void keep(struct scenario *scenario, bool never, const char *text)
{
    if (scenario->expected_count == SCENARIO_EXPECTED_MAX) {
        scenario_fail(scenario, "more than %d lines are expected of one step", SCENARIO_EXPECTED_MAX);
        return;
    }
    struct scenario_expected *expected = &scenario->expected[scenario->expected_count++];
    expected->line = scenario->line;
    expected->never = never;
    snprintf(expected->text, sizeof expected->text, "%s", text);
}

static void look_back(struct scenario *scenario)
{
    int line = scenario->line;
    for (size_t i = 0; i < scenario->expected_count; i++) {
        scenario->line = scenario->expected[i].line;
        if (scenario->expected[i].never)
            forbid(scenario, scenario->expected[i].text);
        else
            expect(scenario, scenario->expected[i].text);
    }
    scenario->expected_count = 0;
    scenario->line = line;
}

/* Time goes on until the step, then it happens. */
static void begin_step(struct scenario *scenario, const char *text)
{
    unsigned at_ms;
    int len = 0;
    if (sscanf(text, "%ums %n", &at_ms, &len) != 1 || len == 0) {
        scenario_fail(scenario, "expected a time such as 2100ms and what happens then");
        return;
    }
    for (int i = 1; !scenario->begun && i <= scenario->count; i++)
        scenario_start(scenario, i);
    scenario->begun = true;
    if (START_MS + at_ms < scenario->net->now_ms) {
        scenario_fail(scenario, "it is later than that");
        return;
    }
    net_run(scenario->net, START_MS + at_ms);
    look_back(scenario);
    scenario->step_at = scenario->told_count;
    if (!scenario_step(scenario, text + len))
        scenario_fail(scenario, "this cannot happen: %s", text + len);
}

static bool set(struct scenario *scenario, const char *word, const char *text)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (!scenario->begun && strcmp(settings[i].word, word) == 0) {
            settings[i].set(scenario, text);
            return true;
        }
    return false;
}

static void read_line(struct scenario *scenario, char *line)
{
    char *end = line + strcspn(line, "#\n");
    while (end > line && isspace((unsigned char)end[-1]))
        end--;
    *end = 0;
    char *text = line + strcspn(line, " ");
    const char *word = line;
    while (*text == ' ')
        *text++ = 0;
    if (!*word)
        return;
    if (scenario->ended)
        scenario_fail(scenario, "nothing comes behind the end");
    else if (strcmp(word, "at") == 0)
        begin_step(scenario, text);
    else if (strcmp(word, "expect") == 0 || strcmp(word, "never") == 0)
        keep(scenario, *word == 'n', text);
    else if (!set(scenario, word, text))
        scenario_fail(scenario, "\"%s\" is unknown here", word);
}

static void read_file(struct scenario *scenario)
{
    char line[SCENARIO_LINE_MAX];
    FILE *file = fopen(scenario->path, "r");
    if (!file) {
        scenario_fail(scenario, "cannot be read");
        return;
    }
    while (!scenario->failure[0] && fgets(line, sizeof line, file)) {
        scenario->line++;
        read_line(scenario, line);
    }
    if (!scenario->ended)
        scenario_fail(scenario, "no end");
    fclose(file);
}

bool scenario_play(const char *path, bool shows, char failure[SCENARIO_FAILURE_MAX])
{
    struct scenario *scenario = calloc(1, sizeof *scenario);
    assert_non_null(scenario);
    scenario->path = path;
    scenario->told = calloc(SCENARIO_TOLD_MAX, sizeof *scenario->told);
    assert_non_null(scenario->told);
    scenario->net = net_new(1);
    scenario->net->context = scenario;
    scenario->net->happened = happened;
    scenario->net->replied = scenario_replied;
    scenario->config = net_group_config(scenario->net, "scenario");
    scenario->config.raft.machine = &msk_machine_opaque; /* leaders append nothing of their own */
    read_file(scenario);
    for (size_t i = 0; shows && i < scenario->told_count; i++)
        printf("%6llu  %s\n", (unsigned long long)scenario->told[i].ms, scenario->told[i].text);
    bool played = !scenario->failure[0];
    snprintf(failure, SCENARIO_FAILURE_MAX, "%s", scenario->failure);
    net_free(scenario->net);
    free(scenario->told);
    free(scenario);
    return played;
}
