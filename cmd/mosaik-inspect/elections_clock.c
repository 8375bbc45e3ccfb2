/* One clock for the events of all nodes, and one order.
 *
 * Clocks of machines differ. What bounds the difference are pairs of events one of which caused the other: a vote is
 * cast after the candidate asked for it, and received after it was cast. Each pair says that one clock is at least or
 * at most so far ahead of another. Within these bounds wall clocks are believed. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "elections.h"

#define FAR                 (INT64_MAX / 8) /* no bound */
#define CORRECTION_NOTED_MS 20              /* smaller ones are of no interest */

/* bounds[i * runs + j]: offset i - offset j is at most that. */
struct bounds {
    int64_t *most;
    size_t runs;
};

static int64_t *bound(const struct bounds *bounds, size_t i, size_t j)
{
    return &bounds->most[i * bounds->runs + j];
}

/* ---- pairs of events */

/* What is looked for: an event of this kind and term, of `node` about `peer`. */
struct key {
    enum elections_kind kind;
    size_t group, node, peer;
    uint64_t term;
};

struct milestone {
    struct key key;
    size_t event;
};

static int compare_size(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const struct key *a, const struct key *b)
{
    int order = compare_size(a->kind, b->kind);
    order = order ? order : compare_size(a->group, b->group);
    order = order ? order : (a->term > b->term) - (a->term < b->term);
    order = order ? order : compare_size(a->node, b->node);
    return order ? order : compare_size(a->peer, b->peer);
}

static int compare_milestones(const void *left, const void *right)
{
    const struct milestone *a = left, *b = right;
    int order = compare_keys(&a->key, &b->key);
    return order ? order : compare_size(a->event, b->event);
}

/* The events that others answer to. */
static size_t collect_milestones(const struct elections_log *log, struct milestone *out)
{
    size_t count = 0;
    for (size_t i = 0; i < log->event_count; i++) {
        const struct elections_event *event = &log->events[i];
        bool about_peer = event->kind == ELECTIONS_VOTE_CAST || event->kind == ELECTIONS_BOND_FORMED;
        if (about_peer || event->kind == ELECTIONS_STARTED || event->kind == ELECTIONS_WON)
            out[count++] = (struct milestone){.key = {.kind = event->kind,
                                                      .group = event->group,
                                                      .node = event->node,
                                                      .peer = about_peer ? event->peer : ELECTIONS_NONE,
                                                      .term = event->term},
                                              .event = i};
    }
    qsort(out, count, sizeof *out, compare_milestones);
    return count;
}

/* The first milestone not before the key. */
static size_t search(const struct milestone *milestones, size_t count, const struct key *key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(&milestones[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What must have happened before `event` elsewhere. */
static bool cause_of(const struct elections_event *event, struct key *key)
{
    *key = (struct key){.group = event->group, .node = event->peer, .peer = ELECTIONS_NONE, .term = event->term};
    if (event->peer == ELECTIONS_NONE || event->peer == event->node)
        return false;
    switch (event->kind) {
    case ELECTIONS_VOTE_CAST:
        key->kind = ELECTIONS_STARTED;
        return true;
    case ELECTIONS_VOTE_RECEIVED:
        key->kind = ELECTIONS_VOTE_CAST;
        key->peer = event->node;
        return true;
    case ELECTIONS_LEADER_CHANGED:
        key->kind = ELECTIONS_WON;
        return event->term != ELECTIONS_UNKNOWN_TERM;
    default:
        return false;
    }
}

static void link_causes(struct elections_log *log, const struct milestone *milestones, size_t count)
{
    struct key key;
    for (size_t i = 0; i < log->event_count; i++) {
        if (!cause_of(&log->events[i], &key))
            continue;
        size_t at = search(milestones, count, &key);
        if (at < count && compare_keys(&milestones[at].key, &key) == 0)
            log->events[i].after = milestones[at].event;
    }
}

static void bound_by_causes(const struct elections_log *log, const struct bounds *bounds)
{
    for (size_t i = 0; i < log->event_count; i++) {
        const struct elections_event *later = &log->events[i];
        if (later->after == ELECTIONS_NONE)
            continue;
        const struct elections_event *earlier = &log->events[later->after];
        int64_t *most = bound(bounds, earlier->run, later->run);
        if (earlier->run != later->run && later->local_ms - earlier->local_ms < *most)
            *most = later->local_ms - earlier->local_ms;
    }
}

/* ---- offsets */

/* What the bounds of i and k, and of k and j, say about i and j. Bounds that contradict each other would sink without
 * end. */
static void tighten(const struct bounds *bounds, size_t i, size_t k, size_t j)
{
    int64_t first = *bound(bounds, i, k), second = *bound(bounds, k, j), *most = bound(bounds, i, j);
    if (first < FAR && second < FAR && first + second < *most)
        *most = first + second > -FAR ? first + second : -FAR;
}

/* Draw all conclusions from the bounds. False if they contradict each other. */
static bool close_bounds(const struct bounds *bounds)
{
    bool possible = true;
    for (size_t k = 0; k < bounds->runs; k++)
        for (size_t i = 0; i < bounds->runs; i++)
            for (size_t j = 0; j < bounds->runs; j++)
                tighten(bounds, i, k, j);
    for (size_t i = 0; i < bounds->runs; i++)
        possible &= *bound(bounds, i, i) >= 0;
    return possible;
}

/* A run whose stream has no wall clock: a bond is formed on both sides at about the same time. */
static bool guess_from_bonds(const struct elections_log *log, const struct milestone *milestones, size_t count,
                             size_t run, const bool *known, int64_t *guess)
{
    for (size_t i = 0; i < log->event_count; i++) {
        const struct elections_event *mine = &log->events[i];
        if (mine->run != run || mine->kind != ELECTIONS_BOND_FORMED || !mine->text)
            continue;
        struct key key = {.kind = ELECTIONS_BOND_FORMED, .group = mine->group, .node = mine->peer, .peer = mine->node};
        for (size_t at = search(milestones, count, &key); at < count && compare_keys(&milestones[at].key, &key) == 0;
             at++) {
            const struct elections_event *theirs = &log->events[milestones[at].event];
            if (known[theirs->run] && theirs->text && strcmp(mine->text, theirs->text) == 0) {
                *guess = theirs->local_ms + log->runs[theirs->run].offset_ms - mine->local_ms;
                return true;
            }
        }
    }
    return false;
}

/* The offsets of `run` that agree with those known. */
static void interval_of(const struct elections_log *log, const struct bounds *bounds, size_t run, const bool *known,
                        int64_t *low, int64_t *high)
{
    *low = -FAR;
    *high = FAR;
    for (size_t i = 0; i < log->run_count; i++) {
        if (!known[i])
            continue;
        int64_t offset = log->runs[i].offset_ms;
        if (*bound(bounds, run, i) < FAR && offset + *bound(bounds, run, i) < *high)
            *high = offset + *bound(bounds, run, i);
        if (*bound(bounds, i, run) < FAR && offset - *bound(bounds, i, run) > *low)
            *low = offset - *bound(bounds, i, run);
    }
}

/* The offset nearest to what the clock itself says. */
static int64_t choose_offset(int64_t low, int64_t high, bool has_guess, int64_t guess)
{
    bool bounded = low > -FAR && high < FAR;
    if (has_guess && guess >= low && guess <= high)
        return guess;
    if (bounded)
        return low + (high - low) / 2;
    return low > -FAR ? low : high < FAR ? high : guess;
}

/* The next run to be placed: one that known ones say most about; without any, one with a wall clock. */
static size_t next_run(const struct elections_log *log, const struct bounds *bounds, const bool *known)
{
    size_t best = ELECTIONS_NONE;
    int64_t best_width = 0, low, high;
    for (size_t i = 0; i < log->run_count; i++) {
        if (known[i])
            continue;
        interval_of(log, bounds, i, known, &low, &high);
        int64_t width = high - low + (log->runs[i].has_wall ? 0 : 1);
        if (best == ELECTIONS_NONE || width < best_width) {
            best = i;
            best_width = width;
        }
    }
    return best;
}

static int place_runs(struct elections_log *log, const struct bounds *bounds, const struct milestone *milestones,
                      size_t count)
{
    bool *known = msk_calloc(log->run_count, sizeof *known);
    size_t next;
    int rc = known ? 0 : MSK_E_NOMEM;
    for (size_t placed = 0; rc == 0 && (next = next_run(log, bounds, known)) != ELECTIONS_NONE; placed++) {
        struct elections_run *run = &log->runs[next];
        int64_t low, high, guess = run->has_mono ? run->anchor_ms : 0;
        bool has_guess = run->has_wall;
        interval_of(log, bounds, next, known, &low, &high);
        if (!has_guess)
            has_guess = guess_from_bonds(log, milestones, count, next, known, &guess);
        run->is_loose = !has_guess && low == -FAR && high == FAR && placed > 0;
        run->offset_ms = choose_offset(low, high, has_guess, guess);
        run->correction_ms = run->has_wall ? run->offset_ms - guess : 0;
        known[next] = true;
        if (run->is_loose)
            rc = elections_note(log, "%s: no wall clock, and no event that others answer: when it happened is a guess",
                                run->file);
        else if (llabs(run->correction_ms) >= CORRECTION_NOTED_MS)
            rc = elections_note(log, "%s: the clock of %.*s is %lld ms %s, which is corrected", run->file,
                                ELECTIONS_SHORT(log, run->node), llabs(run->correction_ms),
                                run->correction_ms > 0 ? "behind" : "ahead");
    }
    msk_free(known);
    return rc;
}

static int find_offsets(struct elections_log *log, const struct milestone *milestones, size_t count)
{
    struct bounds bounds = {.runs = log->run_count}, first;
    size_t cells = bounds.runs * bounds.runs;
    bounds.most = msk_calloc(cells, sizeof *bounds.most);
    first = bounds;
    if (!bounds.most)
        return MSK_E_NOMEM;
    for (size_t i = 0; i < cells; i++)
        bounds.most[i] = i % (bounds.runs + 1) ? FAR : 0;
    bound_by_causes(log, &bounds);
    first.most = msk_memdup(bounds.most, cells * sizeof *bounds.most);
    int rc = first.most ? 0 : MSK_E_NOMEM;
    if (rc == 0 && !close_bounds(&bounds)) {
        memcpy(bounds.most, first.most, cells * sizeof *bounds.most);
        rc = elections_note(log, "the clocks contradict each other: times are as near as can be");
    }
    if (rc == 0)
        rc = place_runs(log, &bounds, milestones, count);
    msk_free(bounds.most);
    msk_free(first.most);
    return rc;
}

/* ---- one order */

/* Runs are queues; of their heads the earliest goes next, unless its cause is still in another queue. */
struct merge {
    struct elections_log *log;
    size_t *heads;  /* per run: its first event not yet taken, ELECTIONS_NONE: none */
    size_t *next;   /* per event: the next one of its run */
    size_t *places; /* per event: where it went, ELECTIONS_NONE: not yet */
};

static size_t earliest(const struct merge *merge, bool wait_for_causes)
{
    const struct elections_log *log = merge->log;
    size_t best = ELECTIONS_NONE;
    for (size_t run = 0; run < log->run_count; run++) {
        size_t head = merge->heads[run];
        if (head == ELECTIONS_NONE)
            continue;
        const struct elections_event *event = &log->events[head];
        bool waits = event->after != ELECTIONS_NONE && merge->places[event->after] == ELECTIONS_NONE;
        if (!(waits && wait_for_causes) &&
            (best == ELECTIONS_NONE || event->at_ms < log->events[merge->heads[best]].at_ms))
            best = run;
    }
    return best;
}

static void queue_events(struct merge *merge)
{
    const struct elections_log *log = merge->log;
    for (size_t i = 0; i < log->run_count; i++)
        merge->heads[i] = ELECTIONS_NONE;
    for (size_t i = log->event_count; i-- > 0;) {
        merge->next[i] = merge->heads[log->events[i].run];
        merge->heads[log->events[i].run] = i;
        merge->places[i] = ELECTIONS_NONE;
    }
}

static void take_events(struct merge *merge, struct elections_event *out)
{
    struct elections_log *log = merge->log;
    for (size_t count = 0; count < log->event_count; count++) {
        size_t run = earliest(merge, true);
        if (run == ELECTIONS_NONE) /* causes in a circle: clocks that contradict each other */
            run = earliest(merge, false);
        size_t event = merge->heads[run];
        merge->heads[run] = merge->next[event];
        merge->places[event] = count;
        out[count] = log->events[event];
    }
    for (size_t i = 0; i < log->event_count; i++)
        if (out[i].after != ELECTIONS_NONE)
            out[i].after = merge->places[out[i].after];
}

static int order_events(struct elections_log *log)
{
    struct merge merge = {.log = log};
    merge.heads = msk_calloc(log->run_count, sizeof *merge.heads);
    merge.next = msk_calloc(log->event_count, sizeof *merge.next);
    merge.places = msk_calloc(log->event_count, sizeof *merge.places);
    struct elections_event *ordered = msk_calloc(log->event_count, sizeof *ordered);
    int rc = merge.heads && merge.next && merge.places && ordered ? 0 : MSK_E_NOMEM;
    if (rc == 0) {
        queue_events(&merge);
        take_events(&merge, ordered);
        msk_free(log->events);
        log->events = ordered;
        ordered = NULL;
    }
    msk_free(ordered);
    msk_free(merge.heads);
    msk_free(merge.next);
    msk_free(merge.places);
    return rc;
}

/* ---- events given twice: files that overlap */

static int compare_events(const void *left, const void *right, void *events)
{
    size_t i = *(const size_t *)left, j = *(const size_t *)right;
    const struct elections_event *a = (struct elections_event *)events + i, *b = (struct elections_event *)events + j;
    int order = compare_size(a->node, b->node);
    order = order ? order : (a->seq > b->seq) - (a->seq < b->seq);
    order = order ? order : (a->local_ms > b->local_ms) - (a->local_ms < b->local_ms);
    order = order ? order : compare_size(a->kind, b->kind);
    return order ? order : compare_size(i, j);
}

static bool is_same(const struct elections_event *a, const struct elections_event *b)
{
    return a->seq && a->seq == b->seq && a->node == b->node && a->local_ms == b->local_ms && a->kind == b->kind &&
           a->term == b->term && a->peer == b->peer;
}

static int drop_duplicates(struct elections_log *log)
{
    size_t *order = msk_calloc(log->event_count, sizeof *order), kept = 0;
    bool *dropped = msk_calloc(log->event_count, sizeof *dropped);
    if (order && dropped) {
        for (size_t i = 0; i < log->event_count; i++)
            order[i] = i;
        qsort_r(order, log->event_count, sizeof *order, compare_events, log->events);
        for (size_t i = 1; i < log->event_count; i++)
            dropped[order[i]] = is_same(&log->events[order[i - 1]], &log->events[order[i]]);
        for (size_t i = 0; i < log->event_count; i++)
            if (!dropped[i])
                log->events[kept++] = log->events[i];
        log->duplicate_count += log->event_count - kept;
        log->event_count = kept;
    }
    int rc = order && dropped ? 0 : MSK_E_NOMEM;
    msk_free(order);
    msk_free(dropped);
    return rc;
}

/* Times count from the first event. */
static void count_from_start(struct elections_log *log)
{
    int64_t start_ms = INT64_MAX;
    bool has_wall = false;
    for (size_t i = 0; i < log->run_count; i++)
        has_wall |= log->runs[i].has_wall;
    for (size_t i = 0; i < log->event_count; i++) {
        struct elections_event *event = &log->events[i];
        event->at_ms = event->local_ms + log->runs[event->run].offset_ms;
        start_ms = event->at_ms < start_ms ? event->at_ms : start_ms;
    }
    for (size_t i = 0; i < log->event_count; i++)
        log->events[i].at_ms -= start_ms;
    log->base_ms = start_ms;
    log->start_ms = has_wall ? start_ms : 0;
}

int elections_align(struct elections_log *log)
{
    if (log->event_count == 0)
        return 0;
    int rc = drop_duplicates(log);
    struct milestone *milestones = rc ? NULL : msk_calloc(log->event_count, sizeof *milestones);
    if (!milestones)
        return MSK_E_NOMEM;
    size_t count = collect_milestones(log, milestones);
    link_causes(log, milestones, count);
    rc = find_offsets(log, milestones, count);
    msk_free(milestones);
    if (rc)
        return rc;
    count_from_start(log);
    return order_events(log);
}
