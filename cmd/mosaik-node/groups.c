#include "groups.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/visible.h"

#define ARGUMENTS_MAX     256
#define ARGUMENTS_TEXT    (256u << 10)
#define MEMBER_OPTION_MAX 64

const struct msk_option node_alias_rows[] = {
    {.name = "as",
     .type = &msk_value_text,
     .placeholder = "ALIAS",
     .offset = offsetof(struct node_group_options, alias),
     .help = "what the group is called in commands and events of this node"},
    {.name = NULL},
};

/* ---- one group from its options */

static int set_alias(const char *alias, struct msk_group_config *config, struct msk_error *err)
{
    size_t len = strlen(alias);
    if (len == 0 || len > MSK_ALIAS_MAX)
        return msk_fail(err, MSK_E_INVALID, "--as: an alias has 1 to %d bytes", MSK_ALIAS_MAX);
    if (!msk_utf8_valid(msk_bytes_of_text(alias), NULL))
        return msk_fail(err, MSK_E_INVALID, "--as: not UTF-8");
    memcpy(config->alias, alias, len + 1);
    return 0;
}

int node_group_make(const struct node_group_options *options, struct node_group **out, struct msk_error *err)
{
    struct node_group *group = msk_calloc(1, sizeof *group);
    if (!group)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = msk_group_setup_make(&options->group, &group->setup, err);
    if (rc == 0)
        rc = msk_group_setup_check(&group->setup, err);
    if (rc == 0 && options->alias)
        rc = set_alias(options->alias, &group->setup.config, err);
    if (rc) {
        node_group_free(group);
        return rc;
    }
    *out = group;
    return 0;
}

void node_group_free(struct node_group *group)
{
    if (!group)
        return;
    msk_group_setup_free(&group->setup);
    if (group->arguments)
        msk_arguments_free(group->arguments);
    msk_free(group->arguments);
    msk_free(group);
}

/* ---- one group from an object: read as a command line of its own, so that the same table and the same checks apply */

static int run_nothing(struct msk_run *run)
{
    (void)run;
    return 0;
}

static const struct msk_command group_command = {
    .name = "group",
    .sets = {{.options = node_alias_rows}, MSK_GROUP_OPTION_SETS(offsetof(struct node_group_options, group))},
    .size = sizeof(struct node_group_options),
    .run = run_nothing,
};
static const struct msk_command *const group_commands[] = {&group_command, NULL};
static const struct msk_program group_program = {.name = "groups", .commands = group_commands};

struct words {
    char *argv[ARGUMENTS_MAX];
    size_t offsets[ARGUMENTS_MAX]; /* of each in the text, which may move while it grows */
    size_t count;
    struct msk_builder text;
};

static bool is_option(const struct msk_option *rows, const char *name)
{
    for (; rows->name; rows++)
        if (strcmp(rows->name, name) == 0)
            return true;
    return false;
}

/* "--name=value" */
static int add_word(struct words *words, const char *name, const json_t *value, struct msk_error *err)
{
    if (words->count == ARGUMENTS_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d values", ARGUMENTS_MAX);
    words->offsets[words->count++] = words->text.len;
    if (json_is_string(value))
        msk_builder_printf(&words->text, "--%s=%s", name, json_string_value(value));
    else if (json_is_integer(value))
        msk_builder_printf(&words->text, "--%s=%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
    else
        return msk_fail(err, MSK_E_INVALID, "%s: a text or a whole number is wanted", name);
    msk_builder_byte(&words->text, 0);
    if (words->text.error)
        return msk_fail(err, words->text.error, "%s", msk_error_sentence(words->text.error));
    return 0;
}

static int add_member(struct words *words, const char *member, const json_t *value, struct msk_error *err)
{
    char name[MEMBER_OPTION_MAX], shown[MSK_VISIBLE_SIZE];
    size_t len = 0, i;
    const json_t *item;
    for (; member[len] && len + 1 < sizeof name; len++)
        name[len] = member[len] == '_' ? '-' : member[len];
    name[len] = 0;
    bool known = is_option(msk_group_identity_rows, name) || is_option(msk_group_member_rows, name) ||
                 is_option(node_alias_rows, name);
    if (!known || strcmp(name, "network") == 0)
        return msk_fail(err, MSK_E_INVALID, "%s: no option of a group has this name", msk_visible(member, shown));
    if (!json_is_array(value))
        return add_word(words, name, value, err);
    json_array_foreach(value, i, item)
    {
        int rc = add_word(words, name, item, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int collect_words(const json_t *object, struct words *words, struct msk_error *err)
{
    const char *member;
    json_t *value;
    int rc = 0;
    msk_builder_text(&words->text, "group"); /* the command; the program's name is not looked at */
    msk_builder_byte(&words->text, 0);
    words->count = 2;
    json_object_foreach((json_t *)object, member, value)
    {
        rc = add_member(words, member, value, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < words->count; i++)
        words->argv[i] = (char *)words->text.data + words->offsets[i];
    return 0;
}

static int read_group(struct words *words, struct node_group **out, struct msk_error *err)
{
    struct msk_arguments *arguments = msk_calloc(1, sizeof *arguments);
    if (!arguments)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = msk_arguments_parse(arguments, &group_program, (int)words->count, words->argv, err);
    if (rc == 0)
        rc = node_group_make(arguments->values, out, err);
    if (rc) {
        msk_arguments_free(arguments);
        msk_free(arguments);
        return rc;
    }
    (*out)->arguments = arguments;
    return 0;
}

int node_group_of_json(const json_t *object, const char *place, struct node_group **out, struct msk_error *err)
{
    if (!json_is_object(object))
        return msk_fail(err, MSK_E_INVALID, "%s: an object is wanted", place);
    struct words *words = msk_calloc(1, sizeof *words);
    if (!words)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    msk_builder_init(&words->text, ARGUMENTS_TEXT);
    int rc = collect_words(object, words, err);
    if (rc == 0)
        rc = read_group(words, out, err);
    if (words->text.data)
        msk_wipe(words->text.data, words->text.capacity); /* it may hold a group key */
    msk_builder_free(&words->text);
    msk_free(words);
    return rc ? msk_wrap(err, rc, "%s", place) : 0;
}
