/* mosaik-inspect log: the durable log of a data directory, checked. */
#include "log.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/program.h"
#include "cli/schema_file.h"
#include "crypto/identity.h"
#include "inspect.h"

struct options {
    const char *directory, *group, *schema;
    uint64_t from, to;
    bool follow;
};

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "DIR",
     .type = &msk_value_directory,
     .offset = AT(directory),
     .positional = true,
     .required = true,
     .help = "the data directory of a node, which may be running"},
    {.name = "from",
     .type = &msk_value_u64,
     .placeholder = "N",
     .offset = AT(from),
     .fallback = "1",
     .help = "show entries from this index on"},
    {.name = "to",
     .type = &msk_value_u64,
     .placeholder = "N",
     .offset = AT(to),
     .help = "show entries up to this index; --follow then ends with it"},
    {.name = "follow",
     .letter = 'f',
     .type = &msk_value_flag,
     .offset = AT(follow),
     .help = "go on with what the node appends, until a signal; with --json one object a line"},
    {.name = "group",
     .letter = 'g',
     .type = &msk_value_text,
     .placeholder = "ALIAS|ID",
     .offset = AT(group),
     .help = "which group, where the directory has several"},
    LOG_SCHEMA_ROW(AT(schema)),
    {.name = NULL},
};

/* ---- which group */

static int fail_group(const char *text, const struct msk_view_group *groups, size_t count, struct msk_error *err)
{
    struct msk_builder list;
    msk_builder_init(&list, MSK_ERROR_TEXT_MAX / 2); /* the first ones, where there are many */
    for (size_t i = 0; i < count; i++) {
        char id[MSK_DIGEST_TEXT_SIZE];
        msk_builder_printf(&list, "%s%s", i ? ", " : "",
                           *groups[i].alias ? groups[i].alias : msk_digest_text(&groups[i].id, id));
    }
    struct msk_bytes shown = msk_builder_view(&list);
    int rc = text ? msk_fail(err, MSK_E_NOTFOUND, "no group \"%.64s\" is in it; it has: %.*s", text, (int)shown.len,
                             (const char *)shown.data)
                  : msk_fail(err, MSK_E_INVALID, "it has %zu groups: name one with --group: %.*s", count,
                             (int)shown.len, (const char *)shown.data);
    msk_builder_free(&list);
    return rc;
}

static bool is_meant(const struct msk_view_group *group, const char *text)
{
    struct msk_digest id;
    return strcmp(group->alias, text) == 0 ||
           (msk_digest_parse(msk_bytes_of_text(text), &id, NULL) == 0 && msk_digest_equal(&id, &group->id));
}

int log_choose_group(struct msk_view *view, const char *text, struct msk_view_group *out, struct msk_error *err)
{
    struct msk_view_group *groups;
    size_t count, chosen = 0;
    int rc = msk_view_groups(view, &groups, &count, err);
    if (rc)
        return rc;
    while (text && chosen < count && !is_meant(&groups[chosen], text))
        chosen++;
    if (count == 0)
        rc = msk_fail(err, MSK_E_NOTFOUND, "nothing is stored of any group");
    else if (chosen == count || (!text && count > 1))
        rc = fail_group(text, groups, count, err);
    else
        *out = groups[chosen];
    msk_free(groups);
    return rc;
}

/* ---- what its commands are */

int log_read_schema(const char *path, struct msk_schema **schema, const struct msk_type **type, struct msk_error *err)
{
    *schema = NULL;
    *type = NULL;
    int rc = path ? msk_schema_read(path, schema, err) : 0;
    if (rc)
        return msk_wrap(err, rc, "--schema");
    if (*schema && !(*schema)->command) {
        msk_schema_free(*schema);
        *schema = NULL;
        return msk_fail(err, MSK_E_INVALID, "--schema: it has no \"command\"");
    }
    *type = *schema ? (*schema)->command : NULL;
    return 0;
}

/* ---- one look at everything */

struct walk {
    struct log_show *show;
    struct log_follow *follow; /* NULL: this is all */
};

static bool on_entry(void *context, const struct msk_view_entry *entry)
{
    const struct walk *walk = context;
    return walk->follow ? log_follow_entry(walk->follow, entry) : log_show_entry(walk->show, entry);
}

static void on_damage(void *context, const struct msk_view_damage *damage)
{
    const struct walk *walk = context;
    log_show_damage(walk->show, damage);
}

static int walk_log(struct walk *walk, struct msk_view *view, struct msk_error *err)
{
    const struct msk_view_visitor visitor = {on_entry, on_damage, walk};
    struct log_show *show = walk->show;
    log_show_head(show, view);
    int rc = msk_view_check_file(view, &visitor, err);
    if (rc == 0)
        rc = msk_view_state(view, &show->group.id, &visitor, &show->state, err);
    if (rc == 0)
        log_show_state(show, view);
    return rc ? rc : msk_view_scan(view, &show->group.id, &show->state, 0, &visitor, err);
}

static int judge(const struct log_show *show, const struct msk_view *view, const char *directory, struct msk_error *err)
{
    if (show->no_memory)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    if (show->faults == 0)
        return 0;
    if (msk_view_is_outdated(view))
        return msk_fail(err, MSK_E_REFUSED, "data directory %.200s: a node was started on it meanwhile: look again",
                        directory);
    return msk_fail(err, MSK_E_DAMAGED, "data directory %.100s: damaged, %" PRIu64 " faults; the first: %.200s",
                    directory, show->faults, show->first_fault);
}

static int show_log(const struct msk_run *run, struct msk_view *view, struct log_show *show)
{
    const struct options *options = run->options;
    struct log_follow follow = {0};
    struct walk walk = {.show = show, .follow = options->follow ? &follow : NULL};
    int rc = options->follow ? log_follow_init(&follow, show, run->err) : 0;
    if (rc == 0)
        rc = walk_log(&walk, view, run->err);
    if (rc == 0 && options->follow)
        rc = log_follow_run(&follow, view, options->directory, run->err);
    log_show_end(show);
    log_follow_free(&follow);
    return rc ? rc : judge(show, view, options->directory, run->err);
}

static int open_and_show(const struct msk_run *run, struct log_show *show)
{
    const struct options *options = run->options;
    struct msk_view *view;
    int rc = msk_view_open(options->directory, &view, run->err);
    if (rc)
        return rc;
    rc = log_choose_group(view, options->group, &show->group, run->err);
    if (rc)
        msk_wrap(run->err, rc, "data directory %.200s", options->directory);
    if (!show->type)
        show->type = log_command_type(&show->group);
    if (rc == 0)
        rc = show_log(run, view, show);
    msk_view_close(view);
    return rc;
}

static int run_log(struct msk_run *run)
{
    const struct options *options = run->options;
    struct log_show show = {.out = run->out,
                            .stream = run->out->json && options->follow,
                            .from = options->from,
                            .to = msk_arguments_source(run->arguments, "to") ? options->to : UINT64_MAX};
    struct msk_schema *schema;
    if (show.from > show.to)
        return msk_fail(run->err, MSK_E_INVALID, "--to: %" PRIu64 " is below --from %" PRIu64, show.to, show.from);
    int rc = log_read_schema(options->schema, &schema, &show.type, run->err);
    if (rc == 0)
        rc = open_and_show(run, &show);
    msk_schema_free(schema);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect log /var/lib/mosaik", NULL},
    {"mosaik-inspect log /var/lib/mosaik --json | jq '.entries[] | select(.committed | not)'",
     "What is not known to be committed"},
    {"mosaik-inspect log /var/lib/mosaik --follow --from 1000", "Beside the running node"},
    {NULL, NULL},
};

const struct msk_command inspect_log = {
    .name = "log",
    .summary = "Show the log that a node has stored, and check it",
    .details = "Prints term and vote of a group, and each entry with its term, its command (as JSON where its type is "
               "known, else as hex digits), and whether it is known to be committed. All of the log is checked, "
               "whatever is shown; what is damaged is told with its place, everything that can still be read is shown, "
               "and the status is then 5.\n\n"
               "Nothing in the directory is changed, and a node that runs on it is not disturbed.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_log,
};
