/* What can happen in a scenario: one row a step, with what its text looks like. */
#include "core/raft_state.h"
#include "scenario.h"

#define EXECUTE_TIMEOUT_MS 5000
#define NOTICE_MS          100

void scenario_start(struct scenario *scenario, int place)
{
    int others[SCENARIO_MEMBERS_MAX + 1], count = 0;
    struct msk_group_config config = scenario->config;
    for (int i = 1; i <= scenario->count; i++)
        if (i != place)
            others[count++] = i;
    others[count] = 0;
    config.raft.preference = scenario->preferences[place];
    config.raft.reference_rules = scenario->reference[place];
    config.raft.members = scenario->declared && !scenario->reference[place] ? (uint32_t)scenario->count : 0;
    net_start(scenario->net, place, others);
    net_join(scenario->net, place, &config);
}

/* ---- steps, of one member or two */

/* Its election or heartbeat timer fires. */
static void fire(struct scenario *scenario, int place, int other)
{
    struct msk_group *group = msk_node_group(scenario->net->places[place].node, &scenario->config.id);
    (void)other;
    group->raft->timer_ms = net_now(scenario->net, place).mono_ms;
}

static void crash(struct scenario *scenario, int place, int other)
{
    (void)other;
    net_kill(scenario->net, place);
}

static void restart(struct scenario *scenario, int place, int other)
{
    (void)other;
    scenario_start(scenario, place);
}

static void stand_still(struct scenario *scenario, int place, int other)
{
    (void)other;
    scenario->net->places[place].paused = true;
}

static void go_on(struct scenario *scenario, int place, int other)
{
    (void)other;
    scenario->net->places[place].paused = false;
}

static void isolate(struct scenario *scenario, int place, int other)
{
    (void)other;
    for (int i = 1; i <= scenario->count; i++)
        if (i != place)
            net_cut(scenario->net, place, i, true);
}

static void cut(struct scenario *scenario, int a, int b)
{
    net_cut(scenario->net, a, b, true);
}

static void cut_one_way(struct scenario *scenario, int a, int b)
{
    scenario->net->cut[a][b] = true;
}

static void break_bond(struct scenario *scenario, int a, int b)
{
    net_break(scenario->net, a, b, NOTICE_MS);
}

static void heal(struct scenario *scenario, int a, int b)
{
    (void)a, (void)b;
    memset(scenario->net->cut, 0, sizeof scenario->net->cut);
}

static void execute(struct scenario *scenario, int place, int other)
{
    struct net_place *where = &scenario->net->places[place];
    char text[32];
    snprintf(text, sizeof text, "command %d", (int)++scenario->requests);
    struct msk_bytes command = msk_bytes_of_text(text);
    (void)other;
    (void)msk_node_execute(where->node, net_now(scenario->net, place), &scenario->config.id, scenario->requests,
                           &command, 1, EXECUTE_TIMEOUT_MS, &where->actions);
    net_execute(scenario->net, place);
}

/* Its records take as many milliseconds to the disk as the second number says. */
static void slow_disk(struct scenario *scenario, int place, int ms)
{
    scenario->net->places[place].disk_stall_ms = (uint64_t)ms;
}

static void end(struct scenario *scenario, int a, int b)
{
    (void)a, (void)b;
    scenario->ended = true;
}

static const struct {
    const char *form;                 /* N: a number */
    enum { ANY, RUNS, GONE } process; /* as its member's must be */
    bool second_is_ms;
    void (*happens)(struct scenario *scenario, int a, int b);
} steps[] = {
    {"timer of N", RUNS, false, fire},
    {"crash N", RUNS, false, crash},
    {"start N", GONE, false, restart},
    {"pause N", RUNS, false, stand_still},
    {"resume N", RUNS, false, go_on},
    {"isolate N", ANY, false, isolate},
    {"cut N -> N", ANY, false, cut_one_way},
    {"cut N N", ANY, false, cut},
    {"break N N", ANY, false, break_bond},
    {"execute at N", RUNS, false, execute},
    {"disk of N takes Nms", RUNS, true, slow_disk},
    {"heal", ANY, false, heal},
    {"end", ANY, false, end},
};

/* Whether the text has this form, in which each N stands for a number. */
static bool matches(const char *text, const char *form, int numbers[2])
{
    for (int count = 0; *form; form++) {
        if (*form != 'N') {
            if (*text++ != *form)
                return false;
            continue;
        }
        char *end;
        numbers[count++] = (int)strtol(text, &end, 10);
        if (end == text)
            return false;
        text = end;
    }
    return *text == 0;
}

static bool is_member(const struct scenario *scenario, int number)
{
    return number >= 1 && number <= scenario->count;
}

bool scenario_step(struct scenario *scenario, const char *text)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int numbers[] = {1, 1}, a, b;
        if (!matches(text, steps[i].form, numbers))
            continue;
        a = numbers[0];
        b = numbers[1];
        if (!is_member(scenario, a) || (!steps[i].second_is_ms && !is_member(scenario, b)))
            scenario_fail(scenario, "there is no such member");
        else if (steps[i].process != ANY && (steps[i].process == RUNS) != (scenario->net->places[a].node != NULL))
            scenario_fail(scenario, "%d %s", a, steps[i].process == RUNS ? "does not run" : "runs");
        else
            steps[i].happens(scenario, a, b);
        return true;
    }
    return false;
}

void scenario_replied(struct net *net, int place, const struct msk_action *action)
{
    char line[TALE_LINE_MAX];
    int len = snprintf(line, sizeof line, "%d tells its caller: %s", place, msk_outcome_name(action->reply.outcome));
    if (action->reply.outcome == MSK_OUTCOME_COMMITTED)
        snprintf(line + len, sizeof line - (size_t)len, " at %d", (int)action->reply.last);
    scenario_tell(net->context, line);
}
