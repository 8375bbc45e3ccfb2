/* What should not have happened in a group, as far as events tell (groups.md 7). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "elections.h"

/* What a node is to another one. */
enum relation { NEVER_BONDED, BONDED, BOND_LOST, DEPARTED };

#define CANCELLED 102

/* An index that a node has committed, and the term of the entry there. */
struct commit {
    uint64_t index, term;
    size_t node;
    int64_t at_ms;
};

/* What is known while the events of one group pass by. Matrices: [node * nodes + peer]. */
struct watch {
    struct elections_log *log;
    struct elections_group *group;
    size_t nodes;
    uint8_t *relations;  /* enum relation */
    uint64_t *acked;     /* up to which index the peer has acknowledged to the node in its present reign */
    bool *tells_acks;    /* per node */
    uint64_t *committed; /* per node, in its present run */
    uint64_t *doubted;   /* per node: the term in which a commit of it was flagged */
    struct commit *commits;
    size_t commit_count;
};

static int add_flag(struct watch *watch, const char *name, uint64_t term, int64_t at_ms, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static int add_flag(struct watch *watch, const char *name, uint64_t term, int64_t at_ms, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int rc = elections_flag(watch->log, watch->group, name, term, at_ms, format, arguments);
    va_end(arguments);
    return rc;
}

/* ---- votes and leaders */

static int flag_two_leaders(struct watch *watch, uint64_t term, int64_t at_ms, size_t a, size_t b)
{
    size_t first = a < b ? a : b, second = a < b ? b : a;
    return a == b ? 0
                  : add_flag(watch, "two_leaders", term, at_ms, "%.*s and %.*s both led term %" PRIu64,
                             ELECTIONS_SHORT(watch->log, first), ELECTIONS_SHORT(watch->log, second), term);
}

static int check_report(struct watch *watch, const struct elections_event *event)
{
    for (size_t i = 0; event->text && i < watch->nodes; i++)
        if (strcmp(watch->log->nodes[i].id, event->text) == 0)
            return flag_two_leaders(watch, event->term, event->at_ms, i, event->peer);
    return add_flag(watch, "two_leaders", event->term, event->at_ms, "%.*s and another one both led term %" PRIu64,
                    ELECTIONS_SHORT(watch->log, event->peer), event->term);
}

static int check_reigns(struct watch *watch)
{
    const struct elections_group *group = watch->group;
    int failed = 0;
    for (size_t i = 0; i < group->reign_count; i++)
        for (size_t j = 0; j < i; j++)
            if (group->reigns[i].term && group->reigns[i].term == group->reigns[j].term)
                failed |= flag_two_leaders(watch, group->reigns[i].term, group->reigns[i].from_ms,
                                           group->reigns[j].node, group->reigns[i].node);
    return failed;
}

static const struct elections_vote *vote_of(const struct elections_candidacy *candidacy, size_t voter)
{
    for (size_t i = 0; i < candidacy->vote_count; i++)
        if (candidacy->votes[i].voter == voter)
            return &candidacy->votes[i];
    return NULL;
}

/* A vote for another candidate than the one already voted for. An abstention lets a candidate lead just as a grant does
 * (groups.md 7, W-7). */
static int check_vote(struct watch *watch, const struct elections_candidacy *candidacy,
                      const struct elections_candidacy *earlier, const struct elections_vote *vote)
{
    const struct elections_vote *other = vote_of(earlier, vote->voter);
    bool stood = earlier->node == vote->voter;
    bool granted = strcmp(vote->answer, "granted") == 0, other_denied = other && strcmp(other->answer, "denied") == 0;
    if (strcmp(vote->answer, "denied") == 0 || (!other && !stood) || other_denied)
        return 0;
    bool other_granted = stood || strcmp(other->answer, "granted") == 0;
    const char *name = granted && other_granted ? "double_vote" : "double_abstention";
    if (stood && !granted)
        return 0; /* a candidate whose log is behind says so */
    return add_flag(watch, name, candidacy->term, vote->at_ms, "%.*s %s to %.*s in term %" PRIu64 " and %s to %.*s",
                    ELECTIONS_SHORT(watch->log, vote->voter), stood ? "gave its vote" : other->answer,
                    ELECTIONS_SHORT(watch->log, earlier->node), candidacy->term, vote->answer,
                    ELECTIONS_SHORT(watch->log, candidacy->node));
}

static int check_votes(struct watch *watch)
{
    const struct elections_group *group = watch->group;
    int failed = 0;
    for (size_t i = 0; i < group->candidacy_count; i++) {
        const struct elections_candidacy *one = &group->candidacies[i];
        for (size_t j = 0; j < group->candidacy_count; j++) {
            const struct elections_candidacy *other = &group->candidacies[j];
            bool stood_only = j > i; /* its own votes are compared when it is the later one */
            if (i == j || one->term != other->term)
                continue;
            for (size_t k = 0; k < one->vote_count; k++)
                if (!stood_only || (one->votes[k].voter == other->node && other->asked))
                    failed |= check_vote(watch, one, other, &one->votes[k]);
        }
    }
    return failed;
}

/* ---- majorities */

static uint8_t *relation(const struct watch *watch, size_t node, size_t peer)
{
    return &watch->relations[node * watch->nodes + peer];
}

static size_t count_relations(const struct watch *watch, size_t node, enum relation wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < watch->nodes; i++)
        count += *relation(watch, node, i) == wanted;
    return count;
}

/* How many members a majority is counted of at this node: the declared ones or, if none are, those it knows. */
static uint64_t member_count(const struct watch *watch, size_t node)
{
    return watch->group->declared ? watch->group->declared
                                  : 1 + count_relations(watch, node, BONDED) + count_relations(watch, node, BOND_LOST);
}

static const char *kind_of_count(const struct watch *watch)
{
    return watch->group->declared ? "declared" : "known";
}

static int check_winner(struct watch *watch, const struct elections_event *won)
{
    uint64_t members = member_count(watch, won->node), support = won->numbers[0] + won->numbers[2];
    if (won->numbers[3] == 0 || support > members / 2)
        return 0;
    return add_flag(watch, "minority_leader", won->term, won->at_ms,
                    "%.*s leads term %" PRIu64 " with the support of %" PRIu64 " of %" PRIu64 " %s members",
                    ELECTIONS_SHORT(watch->log, won->node), won->term, support, members, kind_of_count(watch));
}

/* Of a winner that does not tell its tally, the votes that others tell of. */
static int check_untold_winners(struct watch *watch)
{
    const struct elections_group *group = watch->group;
    int failed = 0;
    for (size_t i = 0; i < group->candidacy_count; i++) {
        const struct elections_candidacy *candidacy = &group->candidacies[i];
        uint64_t support = 1;
        bool complete = group->declared && candidacy->vote_count + 1 >= group->declared;
        for (size_t j = 0; j < candidacy->vote_count; j++)
            support += strcmp(candidacy->votes[j].answer, "denied") != 0;
        if (complete && !candidacy->counted && strcmp(candidacy->outcome, "won") == 0 && support <= group->declared / 2)
            failed |=
                add_flag(watch, "minority_leader", candidacy->term, candidacy->at_ms,
                         "%.*s leads term %" PRIu64 " with the support of %" PRIu64 " of %" PRIu64 " declared members",
                         ELECTIONS_SHORT(watch->log, candidacy->node), candidacy->term, support, group->declared);
    }
    return failed;
}

/* ---- commits */

static bool leads(const struct watch *watch, const struct elections_event *event, uint64_t *term)
{
    const struct elections_group *group = watch->group;
    for (size_t i = group->reign_count; i-- > 0;) {
        const struct elections_reign *reign = &group->reigns[i];
        *term = reign->term;
        if (reign->node == event->node && reign->told && event->at_ms >= reign->from_ms && event->at_ms <= reign->to_ms)
            return true;
    }
    return false;
}

/* A leader's commit: those who can have the entry are those who acknowledged it or, where that is not told, those
 * bonded. */
static int check_commit_majority(struct watch *watch, const struct elections_event *commit)
{
    uint64_t members = member_count(watch, commit->node), holders = 1, index = commit->numbers[1], term;
    if (!leads(watch, commit, &term) || watch->doubted[commit->node] == term)
        return 0;
    for (size_t i = 0; watch->tells_acks[commit->node] && i < watch->nodes; i++)
        holders += watch->acked[commit->node * watch->nodes + i] >= index;
    if (!watch->tells_acks[commit->node])
        holders += count_relations(watch, commit->node, BONDED);
    if (holders > members / 2)
        return 0;
    watch->doubted[commit->node] = term;
    return add_flag(watch, "minority_commit", term, commit->at_ms,
                    "%.*s committed index %" PRIu64 " in term %" PRIu64 ", which %" PRIu64 " of %" PRIu64
                    " %s members can have had",
                    ELECTIONS_SHORT(watch->log, commit->node), index, term, holders, members, kind_of_count(watch));
}

static int check_commit(struct watch *watch, const struct elections_event *event)
{
    uint64_t *committed = &watch->committed[event->node], index = event->numbers[1];
    int failed = 0;
    if (index < *committed)
        failed |= add_flag(watch, "committed_vanished", event->term, event->at_ms,
                           "%.*s had committed %" PRIu64 ", now only %" PRIu64,
                           ELECTIONS_SHORT(watch->log, event->node), *committed, index);
    *committed = index;
    if (event->term == ELECTIONS_UNKNOWN_TERM)
        return failed;
    struct commit *list = elections_grow(watch->commits, watch->commit_count, sizeof *list, ELECTIONS_EVENTS_MAX);
    if (!list)
        return MSK_E_NOMEM;
    watch->commits = list;
    list[watch->commit_count++] =
        (struct commit){.index = index, .term = event->term, .node = event->node, .at_ms = event->at_ms};
    return failed | check_commit_majority(watch, event);
}

static int check_truncation(struct watch *watch, const struct elections_event *event)
{
    uint64_t from = event->numbers[0], committed = event->numbers[1];
    if (from == 0 || from > committed)
        return 0;
    return add_flag(watch, "committed_vanished", event->term, event->at_ms,
                    "%.*s cut its log from %" PRIu64 " on, and had committed %" PRIu64,
                    ELECTIONS_SHORT(watch->log, event->node), from, committed);
}

static int compare_commits(const void *left, const void *right)
{
    const struct commit *a = left, *b = right;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return (a->term > b->term) - (a->term < b->term);
}

/* Entries of different terms are different entries. */
static int check_commits_agree(struct watch *watch)
{
    int failed = 0;
    if (watch->commit_count)
        qsort(watch->commits, watch->commit_count, sizeof *watch->commits, compare_commits);
    for (size_t i = 1; i < watch->commit_count; i++) {
        const struct commit *a = &watch->commits[i - 1], *b = &watch->commits[i];
        if (a->index == b->index && a->term != b->term)
            failed |= add_flag(
                watch, "committed_differs", b->term, a->at_ms > b->at_ms ? a->at_ms : b->at_ms,
                "index %" PRIu64 ": %.*s committed an entry of term %" PRIu64 ", %.*s one of term %" PRIu64, a->index,
                ELECTIONS_SHORT(watch->log, a->node), a->term, ELECTIONS_SHORT(watch->log, b->node), b->term);
    }
    return failed;
}

/* ---- one event */

static void forget(struct watch *watch, size_t node)
{
    watch->committed[node] = 0;
    for (size_t i = 0; i < watch->nodes; i++)
        if (*relation(watch, node, i) == BONDED)
            *relation(watch, node, i) = BOND_LOST;
}

static void begin_acks(struct watch *watch, size_t node)
{
    memset(&watch->acked[node * watch->nodes], 0, watch->nodes * sizeof *watch->acked);
}

static int watch_event(struct watch *watch, const struct elections_event *event)
{
    switch (event->kind) {
    case ELECTIONS_NODE_STARTED:
        forget(watch, event->node);
        return 0;
    case ELECTIONS_BOND_FORMED:
        *relation(watch, event->node, event->peer) = BONDED;
        return 0;
    case ELECTIONS_BOND_CLOSED:
        *relation(watch, event->node, event->peer) = event->numbers[0] == CANCELLED ? DEPARTED : BOND_LOST;
        return 0;
    case ELECTIONS_WON:
        begin_acks(watch, event->node);
        return check_winner(watch, event);
    case ELECTIONS_APPEND_ACKED:
        watch->tells_acks[event->node] = true;
        watch->acked[event->node * watch->nodes + event->peer] = event->numbers[0];
        return 0;
    case ELECTIONS_COMMIT:
        return check_commit(watch, event);
    case ELECTIONS_TWO_LEADERS:
        return check_report(watch, event);
    case ELECTIONS_LOG_TRUNCATED:
        return check_truncation(watch, event);
    case ELECTIONS_FORK_SUSPECTED:
        return add_flag(watch, "fork_suspected", event->term, event->at_ms, "%.*s: %s",
                        ELECTIONS_SHORT(watch->log, event->node), event->text ? event->text : "no details told");
    case ELECTIONS_FORK_DETECTED:
        return add_flag(watch, "committed_differs", event->term, event->at_ms, "%.*s: %s",
                        ELECTIONS_SHORT(watch->log, event->node), event->text ? event->text : "no details told");
    default:
        return 0;
    }
}

static int watch_events(struct watch *watch)
{
    int failed = check_reigns(watch);
    for (size_t i = 0; !failed && i < watch->log->event_count; i++)
        if (elections_concerns(watch->group, &watch->log->events[i]))
            failed = watch_event(watch, &watch->log->events[i]);
    return failed ? failed : check_votes(watch) | check_untold_winners(watch) | check_commits_agree(watch);
}

static int compare_flags(const void *left, const void *right)
{
    const struct elections_flag *a = left, *b = right;
    return (a->at_ms > b->at_ms) - (a->at_ms < b->at_ms);
}

int elections_find_flags(struct elections_log *log, struct elections_group *group)
{
    size_t nodes = log->node_count;
    struct watch watch = {
        .log = log,
        .group = group,
        .nodes = nodes,
        .relations = msk_calloc(nodes * nodes, sizeof *watch.relations),
        .acked = msk_calloc(nodes * nodes, sizeof *watch.acked),
        .tells_acks = msk_calloc(nodes, sizeof *watch.tells_acks),
        .committed = msk_calloc(nodes, sizeof *watch.committed),
        .doubted = msk_calloc(nodes, sizeof *watch.doubted),
    };
    bool ready = watch.relations && watch.acked && watch.tells_acks && watch.committed && watch.doubted;
    int rc = ready && watch_events(&watch) == 0 ? 0 : MSK_E_NOMEM; /* nothing else can fail */
    rc = rc ? rc : elections_find_forks(log, group);
    if (group->flag_count)
        qsort(group->flags, group->flag_count, sizeof *group->flags, compare_flags);
    msk_free(watch.relations);
    msk_free(watch.acked);
    msk_free(watch.tells_acks);
    msk_free(watch.committed);
    msk_free(watch.doubted);
    msk_free(watch.commits);
    return rc;
}
