/* The report for people. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "elections.h"

#define SECONDS(ms) ((double)(ms) / 1000)
#define INDENT      "             " /* behind the time */

static void print_time(FILE *stream, int64_t at_ms)
{
    fprintf(stream, "%9.3f s  ", SECONDS(at_ms));
}

/* ---- one election */

static void print_vote(const struct elections_log *log, const struct elections_candidacy *candidacy,
                       const struct elections_vote *vote, FILE *stream)
{
    const char *verb = strcmp(vote->answer, "granted") == 0  ? "grants"
                       : strcmp(vote->answer, "denied") == 0 ? "denies"
                                                             : "abstains for";
    print_time(stream, vote->at_ms);
    fprintf(stream, "  %.*s %s %.*s", ELECTIONS_SHORT(log, vote->voter), verb, ELECTIONS_SHORT(log, candidacy->node));
    if (vote->reason)
        fprintf(stream, ": %s", vote->reason);
    if (!vote->cast)
        fprintf(stream, " (as the candidate tells)");
    else if (!vote->received && candidacy->asked)
        fprintf(stream, " (not counted: too late, or not received)");
    fputc('\n', stream);
}

static void print_candidacy(const struct elections_log *log, const struct elections_candidacy *candidacy, FILE *stream)
{
    print_time(stream, candidacy->at_ms);
    fprintf(stream, "%.*s stands", ELECTIONS_SHORT(log, candidacy->node));
    if (candidacy->asked)
        fprintf(stream, ", asks %s\n", *candidacy->asked ? candidacy->asked : "nobody");
    else
        fprintf(stream, ", as others tell\n");
    for (size_t i = 0; i < candidacy->vote_count; i++)
        print_vote(log, candidacy, &candidacy->votes[i], stream);
    if (strcmp(candidacy->outcome, "won") == 0 && !candidacy->counted)
        return;
    fputs(INDENT, stream);
    if (candidacy->counted)
        fprintf(stream, "%s: %" PRIu64 " granted, %" PRIu64 " denied, %" PRIu64 " abstained, quorum %" PRIu64 "\n",
                strcmp(candidacy->outcome, "won") == 0 ? "majority" : "no majority", candidacy->granted,
                candidacy->denied, candidacy->abstained, candidacy->quorum);
    else
        fprintf(stream, "%s\n",
                strcmp(candidacy->outcome, "superseded") == 0 ? "gives up: another term or leader came first"
                                                              : "no outcome told");
}

static void print_reign(const struct elections_log *log, const struct elections_reign *reign,
                        const struct msk_output *out)
{
    print_time(out->stream, reign->from_ms);
    fprintf(out->stream, "%s%.*s leads%s%s, for %.3f s; it %s\n", msk_style(out, MSK_STYLE_GREEN),
            ELECTIONS_SHORT(log, reign->node), reign->told ? "" : ", as others tell", msk_style(out, MSK_STYLE_PLAIN),
            SECONDS(reign->to_ms - reign->from_ms), reign->why);
}

/* ---- one term */

static uint64_t next_term(const struct elections_group *group, uint64_t term, bool first)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < group->candidacy_count; i++)
        if ((first || group->candidacies[i].term > term) && group->candidacies[i].term < next)
            next = group->candidacies[i].term;
    for (size_t i = 0; i < group->reign_count; i++)
        if ((first || group->reigns[i].term > term) && group->reigns[i].term < next)
            next = group->reigns[i].term;
    return next;
}

static void print_term(const struct elections_log *log, const struct elections_group *group, uint64_t term,
                       const struct msk_output *out)
{
    size_t leaders = 0;
    if (term == ELECTIONS_UNKNOWN_TERM)
        fprintf(out->stream, "\n%sterms that nobody tells%s\n", msk_style(out, MSK_STYLE_BOLD),
                msk_style(out, MSK_STYLE_PLAIN));
    else
        fprintf(out->stream, "\n%sterm %" PRIu64 "%s\n", msk_style(out, MSK_STYLE_BOLD), term,
                msk_style(out, MSK_STYLE_PLAIN));
    for (size_t i = 0; i < group->candidacy_count; i++)
        if (group->candidacies[i].term == term)
            print_candidacy(log, &group->candidacies[i], out->stream);
    for (size_t i = 0; i < group->reign_count; i++)
        if (group->reigns[i].term == term) {
            print_reign(log, &group->reigns[i], out);
            leaders++;
        }
    if (leaders == 0)
        fprintf(out->stream, INDENT "nobody leads\n");
}

/* ---- the whole */

static void print_flags(const struct elections_group *group, const struct msk_output *out)
{
    if (group->flag_count == 0) {
        fprintf(out->stream, "\nnothing that should not have happened\n");
        return;
    }
    fprintf(out->stream, "\n%sshould not have happened%s\n", msk_style(out, MSK_STYLE_RED),
            msk_style(out, MSK_STYLE_PLAIN));
    for (size_t i = 0; i < group->flag_count; i++) {
        print_time(out->stream, group->flags[i].at_ms);
        fprintf(out->stream, "%s: %s\n", group->flags[i].name, group->flags[i].text);
    }
}

static void print_group(const struct elections_log *log, const struct elections_group *group,
                        const struct msk_output *out)
{
    fprintf(out->stream, "%sgroup %.*s%s: %zu members seen, ", msk_style(out, MSK_STYLE_BOLD), ELECTIONS_ID_SHOWN,
            log->groups[group->index], msk_style(out, MSK_STYLE_PLAIN), group->members);
    if (group->declared)
        fprintf(out->stream, "%" PRIu64 " declared\n", group->declared);
    else
        fprintf(out->stream, "none declared\n");
    fprintf(out->stream, "%.3f s to the first leader, then %.3f s of %.3f s without one\n",
            SECONDS(group->first_wait_ms), SECONDS(group->leaderless_ms),
            SECONDS(group->to_ms - group->from_ms - group->first_wait_ms));
    uint64_t term = next_term(group, 0, true);
    if (term == UINT64_MAX)
        fprintf(out->stream, "\nnobody stood, nobody led\n");
    for (; term != UINT64_MAX; term = next_term(group, term, false))
        print_term(log, group, term, out);
    print_flags(group, out);
}

static void print_input(const struct elections_log *log, FILE *stream)
{
    char time[MSK_TIME_TEXT_SIZE];
    size_t events = log->event_count + log->other_count;
    fprintf(stream, "%zu events of %zu nodes", events, log->node_count);
    if (log->start_ms)
        fprintf(stream, ", times count from %s", msk_time_ms_text(log->start_ms, time));
    if (log->duplicate_count)
        fprintf(stream, ", %zu given twice", log->duplicate_count);
    fputc('\n', stream);
    for (size_t i = 0; i < log->node_count; i++)
        if (log->nodes[i].label)
            fprintf(stream, "  %.*s  %s\n", ELECTIONS_SHORT(log, i), log->nodes[i].label);
    for (size_t i = 0; i < log->note_count; i++)
        fprintf(stream, "note: %s\n", log->notes[i]);
}

void elections_print(const struct elections_log *log, const struct elections_report *report,
                     const struct msk_output *out)
{
    print_input(log, out->stream);
    for (size_t i = 0; i < report->count; i++) {
        fputc('\n', out->stream);
        print_group(log, &report->groups[i], out);
    }
    if (report->count == 0)
        fprintf(out->stream, "no event of any group\n");
}
