/* mosaik-inspect diff: whether members have committed the same, and where they begin to differ. */
#include "diff.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/program.h"
#include "inspect.h"

struct options {
    struct msk_list members;
    const char *group, *schema;
};

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "MEMBER",
     .type = &msk_value_file,
     .placeholder = "MEMBER",
     .offset = AT(members),
     .positional = true,
     .required = true,
     .repeatable = true,
     .help = "the control socket of a running node, or a data directory"},
    {.name = "group",
     .letter = 'g',
     .type = &msk_value_text,
     .placeholder = "ALIAS|ID",
     .offset = AT(group),
     .help = "which group, where members have several"},
    LOG_SCHEMA_ROW(AT(schema)),
    {.name = NULL},
};

/* What comparing came to. */
struct comparison {
    struct diff_member members[DIFF_MEMBERS_MAX];
    size_t count;
    const struct diff_member *ahead; /* the one that has committed most */
    uint64_t equal;                  /* all that have so much agree up to here, */
    uint64_t differs;                /* and no longer here; 0: they agree in all they have */
    const struct msk_type *type;
};

/* ---- finding the first difference */

/* Of a and b at `index`: 1, 0, or an error. */
static int agree(struct diff_member *a, struct diff_member *b, uint64_t index, struct msk_error *err)
{
    struct msk_digest one, two;
    int rc = diff_member_digest(a, index, &one, err);
    if (rc == 0)
        rc = diff_member_digest(b, index, &two, err);
    return rc ? rc : msk_digest_equal(&one, &two);
}

/* Between the two, at the end of a block where there is one: there digests are known, and found at once. */
static uint64_t middle_of(uint64_t low, uint64_t high)
{
    uint64_t middle = low + (high - low) / 2;
    if (high - low <= MSK_ROLLING_BLOCK)
        return middle;
    middle -= middle % MSK_ROLLING_BLOCK;
    return middle > low ? middle : low - low % MSK_ROLLING_BLOCK + MSK_ROLLING_BLOCK;
}

/* They agree up to `*equal`, and no longer at `*differs` (0: nowhere do they differ). Once members differ they do so at
 * all later indices: digests cover everything before. Where too much is too old to tell, the two are further apart. */
static int find_difference(struct diff_member *a, struct diff_member *b, uint64_t *equal, uint64_t *differs,
                           struct msk_error *err)
{
    uint64_t low = 0, high = a->committed < b->committed ? a->committed : b->committed;
    int same = high ? agree(a, b, high, err) : 1;
    if (same == MSK_E_NOTFOUND && high >= MSK_ROLLING_BLOCK) {
        high -= high % MSK_ROLLING_BLOCK;
        same = agree(a, b, high, err);
    }
    if (same < 0)
        return same;
    while (!same && high - low > 1) {
        uint64_t middle = middle_of(low, high);
        int here = agree(a, b, middle, err);
        if (here == MSK_E_NOTFOUND)
            break;
        if (here < 0)
            return here;
        if (here)
            low = middle;
        else
            high = middle;
    }
    *equal = same ? high : low;
    *differs = same ? 0 : high;
    return 0;
}

static void drop(struct diff_member *member, const struct msk_error *err)
{
    member->present = false;
    member->err = *err;
}

static struct diff_member *find_ahead(struct comparison *comparison)
{
    struct diff_member *ahead = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        struct diff_member *member = &comparison->members[i];
        if (member->present && (!ahead || member->committed > ahead->committed))
            ahead = member;
    }
    return ahead;
}

/* Everybody with the one that has most: where two others differ, one of them differs from it, too. */
static void compare(struct comparison *comparison)
{
    struct diff_member *ahead = find_ahead(comparison);
    comparison->ahead = ahead;
    comparison->equal = 0;
    for (size_t i = 0; ahead && i < comparison->count; i++) {
        struct diff_member *member = &comparison->members[i];
        struct msk_error err = {0};
        uint64_t equal, differs;
        if (!member->present || member == ahead)
            continue;
        if (find_difference(ahead, member, &equal, &differs, &err)) {
            drop(member, &err);
            continue;
        }
        bool first = differs && (!comparison->differs || differs < comparison->differs);
        if (first)
            comparison->differs = differs;
        if (first || (!comparison->differs && equal > comparison->equal))
            comparison->equal = equal;
    }
}

/* ---- telling it */

static size_t present_count(const struct comparison *comparison)
{
    size_t count = 0;
    for (size_t i = 0; i < comparison->count; i++)
        count += comparison->members[i].present;
    return count;
}

/* null where it has no such entry, or there is no difference. */
static json_t *entry_of(struct comparison *comparison, struct diff_member *member)
{
    bool shown = comparison->differs == comparison->equal + 1 && member->present;
    const struct msk_type *type = comparison->type ? comparison->type : log_command_type(&member->view_group);
    return shown && comparison->differs <= member->committed ? diff_member_entry(member, comparison->differs, type)
                                                             : json_null();
}

static json_t *member_json(struct comparison *comparison, struct diff_member *member)
{
    char group[MSK_DIGEST_TEXT_SIZE];
    json_t *json = json_pack("{s:s, s:b, s:b, s:s?}", "name", member->name, "compared", member->present, "damaged",
                             member->err.code == MSK_E_DAMAGED, "reason", member->err.code ? member->err.text : NULL);
    if (member->present) {
        json_object_set_new(json, "group_id", json_string(msk_digest_text(&member->group, group)));
        json_object_set_new(json, "committed", json_integer((json_int_t)member->committed));
        json_object_set_new(json, "behind",
                            json_integer((json_int_t)(comparison->ahead->committed - member->committed)));
        json_object_set_new(json, "entry", entry_of(comparison, member));
    }
    return json;
}

static json_t *comparison_json(struct comparison *comparison)
{
    json_t *members = json_array();
    for (size_t i = 0; i < comparison->count; i++)
        json_array_append_new(members, member_json(comparison, &comparison->members[i]));
    bool exact = comparison->differs == comparison->equal + 1;
    return json_pack(
        "{s:b, s:I, s:o, s:o, s:o}", "equal", comparison->differs == 0, "equal_to", (json_int_t)comparison->equal,
        "differs_at", exact ? json_integer((json_int_t)comparison->differs) : json_null(), "differs_by",
        comparison->differs ? json_integer((json_int_t)comparison->differs) : json_null(), "members", members);
}

static void print_member(struct comparison *comparison, struct diff_member *member, int width, FILE *to)
{
    if (!member->present) {
        fprintf(to, "%-*s  not compared: %s\n", width, member->name, member->err.text);
        return;
    }
    uint64_t behind = comparison->ahead->committed - member->committed;
    fprintf(to, "%-*s  committed up to %" PRIu64, width, member->name, member->committed);
    if (behind)
        fprintf(to, ", %" PRIu64 " behind", behind);
    if (member->err.code)
        fprintf(to, "; damaged behind that: %s", member->err.text);
    json_t *entry = entry_of(comparison, member);
    char *command =
        json_dumps(json_object_get(entry, "command") ?: json_object_get(entry, "hex"), JSON_COMPACT | JSON_ENCODE_ANY);
    if (json_is_object(entry))
        fprintf(to, "; entry %" PRIu64 ": term %" JSON_INTEGER_FORMAT ", %s", comparison->differs,
                json_integer_value(json_object_get(entry, "term")), command ? command : "");
    fputc('\n', to);
    free(command);
    json_decref(entry);
}

static void print_comparison(struct comparison *comparison, FILE *to)
{
    int width = 0;
    for (size_t i = 0; i < comparison->count; i++)
        if ((int)strlen(comparison->members[i].name) > width)
            width = (int)strlen(comparison->members[i].name);
    for (size_t i = 0; i < comparison->count; i++)
        print_member(comparison, &comparison->members[i], width, to);
    if (present_count(comparison) < 2)
        fputs("there is nothing to compare with\n", to);
    else if (comparison->differs == 0)
        fprintf(to, "equal up to %" PRIu64 "\n", comparison->equal);
    else if (comparison->differs == comparison->equal + 1)
        fprintf(to, "they differ from entry %" PRIu64 " on\n", comparison->differs);
    else
        fprintf(to,
                "equal up to %" PRIu64 ", they differ at %" PRIu64
                ": what is between has left memory, their data directories tell more\n",
                comparison->equal, comparison->differs);
}

/* The gravest first. */
static int judge(const struct comparison *comparison, struct msk_error *err)
{
    const struct diff_member *damaged = NULL, *absent = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct diff_member *member = &comparison->members[i];
        if (member->err.code == MSK_E_DAMAGED)
            damaged = damaged ? damaged : member;
        else if (!member->present)
            absent = absent ? absent : member;
    }
    const struct diff_member *bad = damaged ? damaged : absent;
    if (comparison->differs)
        return 1;
    if (!bad)
        return 0;
    return msk_fail(err, bad->err.code, "%.100s: %.200s", bad->name, bad->err.text);
}

/* ---- the command */

/* Members of different groups have nothing in common. */
static int check_groups(const struct comparison *comparison, struct msk_error *err)
{
    const struct diff_member *first = NULL;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct diff_member *member = &comparison->members[i];
        if (member->present && first && !msk_digest_equal(&member->group, &first->group))
            return msk_fail(err, MSK_E_INVALID, "%.100s and %.100s are of different groups", first->name, member->name);
        first = first || !member->present ? first : member;
    }
    return 0;
}

static int compare_members(const struct msk_run *run, struct comparison *comparison)
{
    int rc = check_groups(comparison, run->err);
    if (rc)
        return rc;
    compare(comparison);
    if (run->out->json)
        rc = msk_output_json(run->out, comparison_json(comparison));
    else
        print_comparison(comparison, run->out->stream);
    return rc ? rc : judge(comparison, run->err);
}

static int run_diff(struct msk_run *run)
{
    const struct options *options = run->options;
    const char *const *names = options->members.items;
    struct msk_schema *schema;
    if (options->members.count < 2 || options->members.count > DIFF_MEMBERS_MAX)
        return msk_fail(run->err, MSK_E_INVALID, "MEMBER: 2 to %d of them are wanted", DIFF_MEMBERS_MAX);
    struct comparison *comparison = msk_calloc(1, sizeof *comparison);
    if (!comparison)
        return msk_fail(run->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = log_read_schema(options->schema, &schema, &comparison->type, run->err);
    for (; rc == 0 && comparison->count < options->members.count; comparison->count++)
        diff_member_open(&comparison->members[comparison->count], names[comparison->count], options->group);
    if (rc == 0)
        rc = compare_members(run, comparison);
    for (size_t i = 0; i < comparison->count; i++)
        diff_member_close(&comparison->members[i]);
    msk_free(comparison);
    msk_schema_free(schema);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect diff /run/mosaik/*.sock", NULL},
    {"mosaik-inspect diff ada.sock backup/bob.data", "A running member and a copy of another one's directory"},
    {NULL, NULL},
};

const struct msk_command inspect_diff = {
    .name = "diff",
    .summary = "Compare what members have committed, and show the first entry that differs",
    .details =
        "Asks each member for the digest of its committed entries, and finds by halves where they begin to differ. "
        "Members may be running, or data directories; one that has committed less is compared as far as it is. "
        "The status is 0 if they are equal as far as each has committed, 1 if they differ, 3 if a member cannot be "
        "reached, 5 if a directory is damaged; the others are compared nevertheless.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_diff,
};
