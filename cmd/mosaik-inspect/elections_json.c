/* The report for programs. */
#include <string.h>

#include "base/clock.h"
#include "elections.h"

/* Both take the reference of `item`; NULL, standing for memory that ran out, makes the whole NULL. */
static json_t *append(json_t *list, json_t *item)
{
    if (list && item && json_array_append_new(list, item) == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *put(json_t *object, const char *member, json_t *item)
{
    if (object && json_object_set_new(object, member, item) == 0)
        return object;
    if (!object)
        json_decref(item);
    json_decref(object);
    return NULL;
}

static json_t *node_json(const struct elections_log *log, size_t node)
{
    return node == ELECTIONS_NONE ? json_null() : json_string(log->nodes[node].id);
}

static json_t *term_json(uint64_t term)
{
    return term == ELECTIONS_UNKNOWN_TERM ? json_null() : json_integer((json_int_t)term);
}

static json_t *vote_json(const struct elections_log *log, const struct elections_vote *vote)
{
    json_t *json = json_pack("{s:o, s:s, s:s?, s:I, s:b, s:b}", "voter", node_json(log, vote->voter), "answer",
                             vote->answer, "reason", vote->reason, "at_ms", (json_int_t)vote->at_ms, "cast", vote->cast,
                             "received", vote->received);
    return put(json, "row", vote->row ? json_integer((json_int_t)vote->row) : json_null());
}

static json_t *candidacy_json(const struct elections_log *log, const struct elections_candidacy *candidacy)
{
    json_t *votes = json_array();
    for (size_t i = 0; i < candidacy->vote_count; i++)
        votes = append(votes, vote_json(log, &candidacy->votes[i]));
    json_t *json = json_pack("{s:o, s:I, s:s, s:o}", "node", node_json(log, candidacy->node), "at_ms",
                             (json_int_t)candidacy->at_ms, "outcome", candidacy->outcome, "votes", votes);
    json_t *tally = candidacy->counted
                        ? json_pack("{s:I, s:I, s:I, s:I}", "granted", (json_int_t)candidacy->granted, "denied",
                                    (json_int_t)candidacy->denied, "abstained", (json_int_t)candidacy->abstained,
                                    "quorum", (json_int_t)candidacy->quorum)
                        : json_null();
    return put(json, "tally", tally);
}

static json_t *reign_json(const struct elections_log *log, const struct elections_reign *reign)
{
    return json_pack("{s:o, s:o, s:b, s:I, s:I, s:I, s:s, s:s, s:o}", "node", node_json(log, reign->node), "term",
                     term_json(reign->term), "told", reign->told, "from_ms", (json_int_t)reign->from_ms, "to_ms",
                     (json_int_t)reign->to_ms, "heard_ms", (json_int_t)reign->heard_ms, "end",
                     elections_end_name(reign->end), "why", reign->why, "successor", node_json(log, reign->by));
}

static json_t *flag_json(const struct elections_flag *flag)
{
    return json_pack("{s:s, s:o, s:I, s:s}", "flag", flag->name, "term", term_json(flag->term), "at_ms",
                     (json_int_t)flag->at_ms, "text", flag->text);
}

/* Candidates and leaders of one term: an object in the list of terms. */
static json_t *find_term(json_t *terms, uint64_t term)
{
    size_t i;
    json_t *item;
    json_array_foreach(terms, i, item)
    {
        json_int_t number = json_integer_value(json_object_get(item, "term"));
        if ((uint64_t)number == term)
            return item;
        if ((uint64_t)number > term)
            break;
    }
    item = json_pack("{s:o, s:[], s:[]}", "term", term_json(term), "candidates", "leaders");
    return item && json_array_insert_new(terms, i, item) == 0 ? item : NULL;
}

static json_t *terms_json(const struct elections_log *log, const struct elections_group *group)
{
    json_t *terms = json_array();
    int failed = terms == NULL;
    for (size_t i = 0; !failed && i < group->candidacy_count; i++)
        failed = json_array_append_new(json_object_get(find_term(terms, group->candidacies[i].term), "candidates"),
                                       candidacy_json(log, &group->candidacies[i]));
    for (size_t i = 0; !failed && i < group->reign_count; i++)
        failed = json_array_append_new(json_object_get(find_term(terms, group->reigns[i].term), "leaders"),
                                       reign_json(log, &group->reigns[i]));
    if (!failed)
        return terms;
    json_decref(terms);
    return NULL;
}

static json_t *group_json(const struct elections_log *log, const struct elections_group *group)
{
    json_t *flags = json_array(), *members = json_array();
    for (size_t i = 0; i < group->flag_count; i++)
        flags = append(flags, flag_json(&group->flags[i]));
    for (size_t i = 0; i < log->node_count; i++)
        if (group->is_member[i])
            members = append(members, node_json(log, i));
    json_t *declared = group->declared ? json_integer((json_int_t)group->declared) : json_null();
    return json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "group", log->groups[group->index], "members",
                     members, "declared", declared, "from_ms", (json_int_t)group->from_ms, "to_ms",
                     (json_int_t)group->to_ms, "first_leader_ms", (json_int_t)group->first_wait_ms, "leaderless_ms",
                     (json_int_t)group->leaderless_ms, "terms", terms_json(log, group), "flags", flags);
}

static json_t *run_json(const struct elections_log *log, const struct elections_run *run)
{
    return json_pack("{s:o, s:s, s:I, s:I, s:b, s:I}", "node", node_json(log, run->node), "file", run->file, "events",
                     (json_int_t)run->event_count, "clock_correction_ms", (json_int_t)run->correction_ms,
                     "clock_unknown", run->is_loose, "missing", (json_int_t)run->missing);
}

json_t *elections_to_json(const struct elections_log *log, const struct elections_report *report)
{
    json_t *runs = json_array(), *groups = json_array(), *notes = json_array();
    char time[MSK_TIME_TEXT_SIZE];
    for (size_t i = 0; i < log->run_count; i++)
        runs = append(runs, run_json(log, &log->runs[i]));
    for (size_t i = 0; i < report->count; i++)
        groups = append(groups, group_json(log, &report->groups[i]));
    for (size_t i = 0; i < log->note_count; i++)
        notes = append(notes, json_string(log->notes[i]));
    return json_pack("{s:s?, s:o, s:o, s:o, s:I}", "start",
                     log->start_ms ? msk_time_ms_text(log->start_ms, time) : NULL, "runs", runs, "groups", groups,
                     "notes", notes, "duplicates", (json_int_t)log->duplicate_count);
}
