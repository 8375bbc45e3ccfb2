/* What happened in each group: who was a member, who stood, who voted how, who led until when. */
#include <string.h>

#include "base/alloc.h"
#include "elections.h"

/* What is known while the events of one group pass by. */
struct judging {
    struct elections_log *log;
    struct elections_group *group;
    size_t reigning[ELECTIONS_NODES_MAX]; /* the reign that the node takes itself to be in, ELECTIONS_NONE: none */
};

bool elections_concerns(const struct elections_group *group, const struct elections_event *event)
{
    return event->group == group->index || (event->group == ELECTIONS_NONE && group->is_member[event->node]);
}

/* ---- candidacies and votes */

static struct elections_candidacy *find_candidacy(struct judging *judging, size_t node, uint64_t term, int64_t at_ms)
{
    struct elections_group *group = judging->group;
    for (size_t i = group->candidacy_count; i-- > 0;)
        if (group->candidacies[i].node == node && group->candidacies[i].term == term)
            return &group->candidacies[i];
    struct elections_candidacy *list =
        elections_grow(group->candidacies, group->candidacy_count, sizeof *list, ELECTIONS_LIST_MAX);
    if (!list)
        return NULL;
    group->candidacies = list;
    list[group->candidacy_count] =
        (struct elections_candidacy){.node = node, .term = term, .at_ms = at_ms, .outcome = "open"};
    return &list[group->candidacy_count++];
}

static struct elections_vote *find_vote(struct elections_candidacy *candidacy, size_t voter)
{
    for (size_t i = 0; i < candidacy->vote_count; i++)
        if (candidacy->votes[i].voter == voter)
            return &candidacy->votes[i];
    struct elections_vote *list =
        elections_grow(candidacy->votes, candidacy->vote_count, sizeof *list, ELECTIONS_NODES_MAX);
    if (!list)
        return NULL;
    candidacy->votes = list;
    list[candidacy->vote_count].voter = voter;
    return &list[candidacy->vote_count++];
}

/* Told by the voter, by the candidate, or by both. What the voter says counts. */
static int add_vote(struct judging *judging, const struct elections_event *event)
{
    static const char *const answers[] = {"granted", "denied", "abstained"};
    bool cast = event->kind == ELECTIONS_VOTE_CAST;
    size_t candidate = cast ? event->peer : event->node, voter = cast ? event->node : event->peer;
    struct elections_candidacy *candidacy = find_candidacy(judging, candidate, event->term, event->at_ms);
    struct elections_vote *vote = candidacy ? find_vote(candidacy, voter) : NULL;
    if (!vote)
        return MSK_E_NOMEM;
    if (cast) {
        vote->cast = true;
        vote->reason = event->text;
        vote->row = event->numbers[0];
        vote->at_ms = event->at_ms;
    } else {
        vote->received = true;
        vote->received_ms = event->at_ms;
        vote->at_ms = vote->cast ? vote->at_ms : event->at_ms;
    }
    if (cast || !vote->cast)
        vote->answer = answers[event->numbers[1]];
    return 0;
}

static int add_candidacy(struct judging *judging, const struct elections_event *event)
{
    struct elections_candidacy *candidacy = find_candidacy(judging, event->node, event->term, event->at_ms);
    if (!candidacy)
        return MSK_E_NOMEM;
    candidacy->asked = event->text;
    return 0;
}

static int add_tally(struct judging *judging, const struct elections_event *event, const char *outcome)
{
    struct elections_candidacy *candidacy = find_candidacy(judging, event->node, event->term, event->at_ms);
    if (!candidacy)
        return MSK_E_NOMEM;
    candidacy->outcome = outcome;
    candidacy->counted = event->numbers[3] > 0; /* no quorum is 0 */
    candidacy->granted = event->numbers[0];
    candidacy->denied = event->numbers[1];
    candidacy->abstained = event->numbers[2];
    candidacy->quorum = event->numbers[3];
    return 0;
}

/* A candidate that hears of a higher term, or of a leader, stands no longer. */
static void end_candidacy(struct judging *judging, size_t node)
{
    struct elections_group *group = judging->group;
    for (size_t i = group->candidacy_count; i-- > 0;)
        if (group->candidacies[i].node == node) {
            if (strcmp(group->candidacies[i].outcome, "open") == 0)
                group->candidacies[i].outcome = "superseded";
            return;
        }
}

/* ---- reigns */

/* The reign of `node` in `term`. One whose term nobody told yet is taken if it is the last one. */
static size_t find_reign(const struct elections_group *group, size_t node, uint64_t term)
{
    for (size_t i = group->reign_count; i-- > 0;) {
        const struct elections_reign *reign = &group->reigns[i];
        bool last = i + 1 == group->reign_count;
        bool fits = reign->term == term || (last && (term == ELECTIONS_UNKNOWN_TERM || reign->term == 0));
        if (reign->node == node && fits)
            return i;
    }
    return ELECTIONS_NONE;
}

static struct elections_reign *make_reign(struct judging *judging, size_t node, uint64_t term, int64_t at_ms)
{
    struct elections_group *group = judging->group;
    size_t found = find_reign(group, node, term);
    if (found == ELECTIONS_NONE) {
        struct elections_reign *list =
            elections_grow(group->reigns, group->reign_count, sizeof *list, ELECTIONS_LIST_MAX);
        if (!list)
            return NULL;
        group->reigns = list;
        found = group->reign_count++;
        list[found] = (struct elections_reign){
            .node = node, .from_ms = at_ms, .to_ms = at_ms, .heard_ms = at_ms, .by = ELECTIONS_NONE};
    }
    struct elections_reign *reign = &group->reigns[found];
    reign->term = reign->term ? reign->term : term;
    return reign;
}

static int begin_reign(struct judging *judging, const struct elections_event *event)
{
    struct elections_reign *reign = make_reign(judging, event->node, event->term, event->at_ms);
    if (!reign)
        return MSK_E_NOMEM;
    reign->told = true;
    judging->reigning[event->node] = (size_t)(reign - judging->group->reigns);
    return 0;
}

/* The node no longer leads, by its own word. */
static void end_reign(struct judging *judging, const struct elections_event *event)
{
    size_t *reigning = &judging->reigning[event->node];
    if (*reigning == ELECTIONS_NONE)
        return;
    struct elections_reign *reign = &judging->group->reigns[*reigning];
    if (event->kind != ELECTIONS_NODE_STARTED) {
        reign->ended = true;
        reign->to_ms = event->at_ms;
    }
    *reigning = ELECTIONS_NONE;
}

/* Somebody follows a leader, or hears from it. */
static int hear_leader(struct judging *judging, const struct elections_event *event)
{
    struct elections_reign *reign;
    if (event->peer == event->node)
        return event->kind == ELECTIONS_LEADER_CHANGED ? begin_reign(judging, event) : 0;
    if (event->kind == ELECTIONS_APPEND_RECEIVED) {
        size_t found = find_reign(judging->group, event->peer, event->term);
        if (found == ELECTIONS_NONE)
            return 0;
        reign = &judging->group->reigns[found];
    } else if (!(reign = make_reign(judging, event->peer, event->term, event->at_ms)))
        return MSK_E_NOMEM;
    reign->heard_ms = event->at_ms > reign->heard_ms ? event->at_ms : reign->heard_ms;
    return 0;
}

static int change_leader(struct judging *judging, const struct elections_event *event)
{
    if (event->peer != event->node) {
        end_reign(judging, event);
        end_candidacy(judging, event->node);
    }
    return event->peer == ELECTIONS_NONE ? 0 : hear_leader(judging, event);
}

static int change_role(struct judging *judging, const struct elections_event *event)
{
    bool leads = event->text && strcmp(event->text, "leader") == 0;
    if (leads)
        return begin_reign(judging, event);
    end_reign(judging, event);
    return 0;
}

/* ---- one event */

static int judge_event(struct judging *judging, const struct elections_event *event)
{
    size_t reigning = judging->reigning[event->node];
    if (reigning != ELECTIONS_NONE && event->kind != ELECTIONS_NODE_STARTED)
        judging->group->reigns[reigning].to_ms = event->at_ms;
    switch (event->kind) {
    case ELECTIONS_STARTED:
        return add_candidacy(judging, event);
    case ELECTIONS_VOTE_CAST:
    case ELECTIONS_VOTE_RECEIVED:
        return add_vote(judging, event);
    case ELECTIONS_WON:
        return add_tally(judging, event, "won") || begin_reign(judging, event) ? MSK_E_NOMEM : 0;
    case ELECTIONS_TIMEOUT:
        return add_tally(judging, event, "no_majority");
    case ELECTIONS_ROLE_CHANGED:
        return change_role(judging, event);
    case ELECTIONS_LEADER_CHANGED:
        return change_leader(judging, event);
    case ELECTIONS_APPEND_RECEIVED:
        return hear_leader(judging, event);
    case ELECTIONS_TERM_CHANGED:
        end_candidacy(judging, event->node);
        end_reign(judging, event);
        return 0;
    case ELECTIONS_NODE_STARTED:
    case ELECTIONS_NODE_STOPPING:
    case ELECTIONS_GROUP_LEFT:
    case ELECTIONS_GROUP_FAILED:
    case ELECTIONS_STEPPED_DOWN:
        end_reign(judging, event);
        return 0;
    default:
        return 0;
    }
}

/* ---- groups */

/* Whoever tells events of a group, votes or leads in it. Bonds alone make no member: tools have them too. */
static void find_members(const struct elections_log *log, struct elections_group *group, uint64_t declared)
{
    group->declared = declared;
    for (size_t i = 0; i < log->event_count; i++) {
        const struct elections_event *event = &log->events[i];
        bool names_member = event->kind == ELECTIONS_VOTE_CAST || event->kind == ELECTIONS_VOTE_RECEIVED ||
                            event->kind == ELECTIONS_LEADER_CHANGED;
        if (event->group != group->index)
            continue;
        if (group->from_ms < 0)
            group->from_ms = event->at_ms;
        group->to_ms = event->at_ms > group->to_ms ? event->at_ms : group->to_ms;
        group->is_member[event->node] = true;
        if (names_member && event->peer != ELECTIONS_NONE)
            group->is_member[event->peer] = true;
        if (event->kind == ELECTIONS_MEMBERS_MODE && !declared && event->numbers[0] > group->declared)
            group->declared = event->numbers[0];
    }
    for (size_t i = 0; i < log->node_count; i++)
        group->members += group->is_member[i];
}

/* Winners of whom only others tell. */
static void find_outcomes(struct elections_group *group)
{
    for (size_t i = 0; i < group->candidacy_count; i++) {
        struct elections_candidacy *candidacy = &group->candidacies[i];
        size_t reign = find_reign(group, candidacy->node, candidacy->term);
        if (reign != ELECTIONS_NONE && group->reigns[reign].term == candidacy->term)
            candidacy->outcome = "won";
    }
}

static int judge_group(struct elections_log *log, uint64_t members, struct elections_group *group)
{
    struct judging judging = {.log = log, .group = group};
    group->is_member = msk_calloc(log->node_count, sizeof *group->is_member);
    if (!group->is_member)
        return MSK_E_NOMEM;
    group->from_ms = -1;
    find_members(log, group, members);
    for (size_t i = 0; i < ELECTIONS_NODES_MAX; i++)
        judging.reigning[i] = ELECTIONS_NONE;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < log->event_count; i++)
        if (elections_concerns(group, &log->events[i]))
            rc = judge_event(&judging, &log->events[i]);
    find_outcomes(group);
    if (rc == 0)
        rc = elections_find_ends(log, group);
    return rc ? rc : elections_find_flags(log, group);
}

int elections_judge(struct elections_log *log, uint64_t members, struct elections_report *report)
{
    int rc = 0;
    *report = (struct elections_report){.groups = msk_calloc(log->group_count, sizeof *report->groups)};
    if (!report->groups && log->group_count)
        return MSK_E_NOMEM;
    for (size_t i = 0; rc == 0 && i < log->group_count; i++) {
        struct elections_group *group = &report->groups[report->count++];
        group->index = i;
        rc = judge_group(log, members, group);
        report->flag_count += group->flag_count;
    }
    return rc;
}

void elections_report_free(struct elections_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        struct elections_group *group = &report->groups[i];
        for (size_t j = 0; j < group->candidacy_count; j++)
            msk_free(group->candidacies[j].votes);
        msk_free(group->candidacies);
        msk_free(group->reigns);
        msk_free(group->flags);
        msk_free(group->is_member);
    }
    msk_free(report->groups);
    *report = (struct elections_report){0};
}
