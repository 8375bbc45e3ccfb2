/* mosaik-inspect elections: what happened in the elections of groups, from the event streams of their members. */
#include "elections.h"

#include <errno.h>
#include <string.h>

#include "cli/input.h"
#include "cli/program.h"
#include "inspect.h"

struct options {
    struct msk_list files;
    uint32_t members;
    const char *svg;
};

static const struct msk_option rows[] = {
    {.name = "FILE",
     .type = &msk_value_file,
     .offset = offsetof(struct options, files),
     .positional = true,
     .required = true,
     .repeatable = true,
     .help = "events of a node, one JSON object a line"},
    {.name = "members",
     .letter = 'm',
     .type = &msk_value_u32,
     .placeholder = "N",
     .offset = offsetof(struct options, members),
     .help = "size of the group that majorities are counted of, where its events do not declare it"},
    {.name = "svg",
     .type = &msk_value_file,
     .placeholder = "FILE",
     .offset = offsetof(struct options, svg),
     .help = "also draw the timeline: a lane for each node"},
    {.name = NULL},
};

static int read_files(const struct msk_list *files, struct elections_log *log, struct msk_error *err)
{
    const char *const *paths = files->items;
    for (size_t i = 0; i < files->count; i++) {
        int rc = elections_read(log, paths[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

static int write_drawing(const char *path, const struct elections_log *log, const struct elections_report *report,
                         struct msk_error *err)
{
    FILE *stream = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!stream)
        return msk_input_fail(path, err);
    int rc = elections_draw(log, report, stream);
    bool failed = stream == stdout ? fflush(stream) != 0 : fclose(stream) != 0;
    if (rc == 0 && failed)
        return msk_input_fail(path, err);
    return rc ? msk_fail(err, rc, "%s: %s", path, msk_error_sentence(rc)) : 0;
}

static int answer(const struct msk_run *run, const struct elections_log *log, const struct elections_report *report)
{
    const struct options *options = run->options;
    int rc = options->svg ? write_drawing(options->svg, log, report, run->err) : 0;
    if (rc == 0 && run->out->json)
        rc = msk_output_json(run->out, elections_to_json(log, report));
    else if (rc == 0 && !(options->svg && strcmp(options->svg, "-") == 0))
        elections_print(log, report, run->out);
    return rc ? rc : report->flag_count > 0;
}

static int run_elections(struct msk_run *run)
{
    const struct options *options = run->options;
    struct elections_log log = {0};
    struct elections_report report = {0};
    msk_arena_init(&log.arena, ELECTIONS_MEMORY_MAX);
    int rc = read_files(&options->files, &log, run->err);
    if (rc == 0) {
        rc = elections_align(&log);
        if (rc == 0)
            rc = elections_judge(&log, options->members, &report);
        if (rc)
            msk_fail(run->err, rc, "%s", msk_error_sentence(rc));
    }
    if (rc == 0)
        rc = answer(run, &log, &report);
    elections_report_free(&report);
    elections_log_free(&log);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect elections ada.events bob.events cy.events", NULL},
    {"mosaik-inspect elections --members 5 --svg elections.svg *.events", "Also draw it"},
    {"mosaik-inspect elections --json *.events | jq '.groups[].flags'", "Did anything go wrong?"},
    {NULL, NULL},
};

const struct msk_command inspect_elections = {
    .name = "elections",
    .summary = "Tell who stood, voted, won and led, from the event streams of several nodes",
    .details =
        "Reads what \"mosaik-node run --events\" or \"mosaik-node watch\" wrote, of as many members as there are, "
        "and puts it on one clock: clocks that differ are corrected as far as votes show it. For each term: who "
        "stood, every vote with its reason, who led and why no longer; and how long there was no leader.\n\n"
        "Flags two leaders in a term, a vote given twice, a leader or a commit without a majority, a committed "
        "entry that differs or vanished; the status is then 1.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_elections,
};
