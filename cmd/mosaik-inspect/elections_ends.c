/* Why each leader was followed no longer, and how long the group had none. */
#include <string.h>

#include "base/alloc.h"
#include "elections.h"

#define CANCELLED   102 /* the close code of a departure (wire.md 4) */
#define SECONDS(ms) ((double)(ms) / 1000)

static const char *const names[] = {
    [ELECTIONS_LEADS_ON] = "leads_on",      [ELECTIONS_SILENT] = "silent",           [ELECTIONS_DEPARTED] = "departed",
    [ELECTIONS_SUPERSEDED] = "higher_term", [ELECTIONS_STOOD_DOWN] = "stepped_down", [ELECTIONS_FAILED] = "failed",
};

const char *elections_end_name(enum elections_end end)
{
    return names[end];
}

/* What the events tell about the end of one reign; NULL: nothing of the kind. */
struct evidence {
    const struct elections_candidacy *challenger; /* the first to stand in a higher term */
    const struct elections_reign *successor;      /* the first to lead after it */
    bool self_challenged;                         /* that was the leader itself */
    const struct elections_event *departed, *stepped_down, *failed, *lost, *outdated, *restarted;
    const struct elections_event *went_on; /* the first event of the leader after others heard it last */
};

static const struct elections_event *first_of(const struct elections_event *found, const struct elections_event *event)
{
    return found ? found : event;
}

static void find_challenger(const struct elections_group *group, const struct elections_reign *reign,
                            struct evidence *evidence)
{
    for (size_t i = 0; i < group->candidacy_count && !evidence->challenger; i++)
        if (reign->term && group->candidacies[i].term > reign->term && group->candidacies[i].at_ms >= reign->from_ms)
            evidence->challenger = &group->candidacies[i];
    evidence->self_challenged = evidence->challenger && evidence->challenger->node == reign->node;
    for (const struct elections_reign *next = reign + 1; next < group->reigns + group->reign_count; next++)
        if (!next->term || next->term > reign->term) {
            evidence->successor = next;
            return;
        }
}

static void weigh_own(const struct elections_event *event, const struct elections_reign *reign,
                      struct evidence *evidence)
{
    if (event->at_ms > reign->heard_ms)
        evidence->went_on = first_of(evidence->went_on, event);
    switch (event->kind) {
    case ELECTIONS_NODE_STOPPING:
    case ELECTIONS_GROUP_LEFT:
        evidence->departed = first_of(evidence->departed, event);
        return;
    case ELECTIONS_STEPPED_DOWN:
        evidence->stepped_down = first_of(evidence->stepped_down, event);
        return;
    case ELECTIONS_GROUP_FAILED:
        evidence->failed = first_of(evidence->failed, event);
        return;
    case ELECTIONS_NODE_STARTED:
        evidence->restarted = first_of(evidence->restarted, event);
        return;
    case ELECTIONS_TERM_CHANGED:
        evidence->outdated = first_of(evidence->outdated, event);
        return;
    default:
        return;
    }
}

/* That a follower gave it up counts if it was the one to stand: the others only hear of the new term. */
static void weigh_others(const struct elections_event *event, const struct elections_reign *reign,
                         struct evidence *evidence)
{
    bool by_challenger = !evidence->challenger || evidence->challenger->node == event->node;
    bool gives_up = (event->kind == ELECTIONS_LEADER_LOST && event->peer == reign->node) ||
                    (event->kind == ELECTIONS_LEADER_CHANGED && event->peer == ELECTIONS_NONE);
    bool loses_bond = event->kind == ELECTIONS_BOND_CLOSED && event->peer == reign->node;
    if (loses_bond && event->numbers[0] == CANCELLED && !(event->text && strcmp(event->text, "local") == 0))
        evidence->departed = first_of(evidence->departed, event);
    if (by_challenger && (gives_up || loses_bond))
        evidence->lost = first_of(evidence->lost, event);
}

static void collect(const struct elections_log *log, const struct elections_group *group,
                    const struct elections_reign *reign, struct evidence *evidence)
{
    find_challenger(group, reign, evidence);
    int64_t until_ms = evidence->successor ? evidence->successor->from_ms : INT64_MAX;
    int64_t lost_until_ms = evidence->challenger ? evidence->challenger->at_ms : until_ms;
    for (size_t i = 0; i < log->event_count; i++) {
        const struct elections_event *event = &log->events[i];
        if (event->at_ms < reign->from_ms || !elections_concerns(group, event))
            continue;
        bool after_reign = reign->ended && event->at_ms > reign->to_ms;
        if (event->node == reign->node && !after_reign && event->at_ms >= reign->from_ms &&
            !(event->kind == ELECTIONS_TERM_CHANGED && event->term <= reign->term))
            weigh_own(event, reign, evidence);
        else if (event->node != reign->node && event->at_ms <= lost_until_ms)
            weigh_others(event, reign, evidence);
    }
    /* What came after another one led already explains nothing. */
    const struct elections_event **late[] = {&evidence->departed, &evidence->stepped_down, &evidence->failed};
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        if (*late[i] && (*late[i])->at_ms > until_ms)
            *late[i] = NULL;
}

/* ---- in words */

static const char *explain_silence(struct elections_log *log, const struct elections_reign *reign,
                                   const struct evidence *evidence)
{
    double heard = SECONDS(reign->heard_ms);
    int64_t given_up_ms = evidence->challenger ? evidence->challenger->at_ms : evidence->lost->at_ms;
    if (!reign->told)
        return elections_text(log, "fell silent: heard last at %.3f s; there are no events of its own to tell why",
                              heard);
    if (evidence->restarted && (!evidence->went_on || evidence->went_on == evidence->restarted))
        return elections_text(log, "was killed: heard last at %.3f s, started again at %.3f s", heard,
                              SECONDS(evidence->restarted->at_ms));
    if (!evidence->went_on)
        return elections_text(log, "was killed, or hangs: heard last at %.3f s, its own events end too", heard);
    if (evidence->went_on->at_ms <= given_up_ms)
        return elections_text(log, "was cut off: heard last at %.3f s, but it went on, at least until %.3f s", heard,
                              SECONDS(reign->to_ms));
    return elections_text(log, "stood still or was cut off: heard last at %.3f s, its own events go on at %.3f s",
                          heard, SECONDS(evidence->went_on->at_ms));
}

static const char *explain_higher_term(struct elections_log *log, const struct evidence *evidence)
{
    const struct elections_candidacy *challenger = evidence->challenger;
    const char *cause = evidence->outdated && evidence->outdated->text ? evidence->outdated->text : "not told";
    unsigned long long challenger_term = challenger ? challenger->term : 0;
    if (challenger && evidence->self_challenged)
        return elections_text(log, "gave up its term and stood again, in term %llu", challenger_term);
    if (challenger)
        return elections_text(log, "gave way to term %llu, in which %.*s stood, which %s", challenger_term,
                              ELECTIONS_SHORT(log, challenger->node),
                              evidence->lost ? "heard it no more, while others did" : "had not followed it");
    if (evidence->outdated)
        return elections_text(log, "gave way to term %llu: %s", (unsigned long long)evidence->outdated->term, cause);
    return elections_text(log, "gave way to %.*s; who stood, no events tell",
                          ELECTIONS_SHORT(log, evidence->successor->node));
}

static void decide(struct elections_log *log, struct elections_reign *reign, const struct evidence *evidence)
{
    const struct elections_candidacy *challenger = evidence->challenger;
    if (evidence->stepped_down) {
        reign->end = ELECTIONS_STOOD_DOWN;
        reign->why = elections_text(log, "stepped down: %s",
                                    evidence->stepped_down->text ? evidence->stepped_down->text : "no reason told");
    } else if (evidence->departed) {
        reign->end = ELECTIONS_DEPARTED;
        reign->why = elections_text(log, "departed at %.3f s", SECONDS(evidence->departed->at_ms));
    } else if (evidence->failed) {
        reign->end = ELECTIONS_FAILED;
        reign->why =
            elections_text(log, "failed: %s", evidence->failed->text ? evidence->failed->text : "no reason told");
    } else if (evidence->lost && !(challenger && reign->heard_ms > challenger->at_ms)) {
        reign->end = ELECTIONS_SILENT;
        reign->why = explain_silence(log, reign, evidence);
    } else if (evidence->successor || evidence->outdated || evidence->lost) {
        reign->end = ELECTIONS_SUPERSEDED;
        reign->why = explain_higher_term(log, evidence);
    } else {
        reign->end = ELECTIONS_LEADS_ON;
        reign->why = elections_text(log, "leads on");
    }
}

/* ---- time without a leader */

/* Until when the group had it. */
static int64_t served_until(const struct elections_group *group, const struct elections_reign *reign)
{
    return reign->end == ELECTIONS_LEADS_ON ? group->to_ms
           : reign->end == ELECTIONS_SILENT ? reign->heard_ms
                                            : reign->to_ms;
}

static void count_leaderless(struct elections_group *group)
{
    int64_t covered_ms = group->reign_count ? group->reigns[0].from_ms : group->to_ms;
    group->first_wait_ms = covered_ms - group->from_ms;
    for (size_t i = 0; i < group->reign_count; i++) {
        const struct elections_reign *reign = &group->reigns[i];
        int64_t until_ms = served_until(group, reign);
        if (reign->from_ms > covered_ms)
            group->leaderless_ms += reign->from_ms - covered_ms;
        covered_ms = until_ms > covered_ms ? until_ms : covered_ms;
    }
    if (group->to_ms > covered_ms)
        group->leaderless_ms += group->to_ms - covered_ms;
}

static void settle_times(const struct elections_group *group, struct elections_reign *reign,
                         const struct evidence *evidence)
{
    if (!reign->ended && reign->heard_ms > reign->to_ms)
        reign->to_ms = reign->heard_ms;
    if (reign->end == ELECTIONS_LEADS_ON)
        reign->to_ms = group->to_ms;
    if (reign->end == ELECTIONS_DEPARTED && !reign->told)
        reign->to_ms = evidence->departed->at_ms;
    if (reign->end == ELECTIONS_SUPERSEDED && !reign->told && evidence->successor)
        reign->to_ms = evidence->successor->from_ms;
    reign->by = evidence->successor ? evidence->successor->node : ELECTIONS_NONE;
}

int elections_find_ends(struct elections_log *log, struct elections_group *group)
{
    for (size_t i = 0; i < group->reign_count; i++) {
        struct elections_reign *reign = &group->reigns[i];
        struct evidence evidence = {0};
        collect(log, group, reign, &evidence);
        decide(log, reign, &evidence);
        if (!reign->why)
            return MSK_E_NOMEM;
        settle_times(group, reign, &evidence);
    }
    count_leaderless(group);
    return 0;
}
