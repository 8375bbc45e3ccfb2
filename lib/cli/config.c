#include <string.h>

#include "cli/arguments.h"
#include "cli/input.h"
#include "cli/visible.h"

/* "max_missed_heartbeats" names --max-missed-heartbeats. */
static bool names_option(const char *member, const char *option)
{
    size_t i = 0;
    for (; member[i] && option[i]; i++)
        if (member[i] != (option[i] == '-' ? '_' : option[i]))
            return false;
    return member[i] == option[i];
}

static bool is_configurable(const struct msk_arguments *arguments, const struct msk_setting *setting)
{
    const char *target = setting->target, *builtin = (const char *)&arguments->builtin;
    bool is_builtin = target >= builtin && target < builtin + sizeof arguments->builtin;
    return !setting->option->positional && !setting->option->hidden && !is_builtin;
}

static int unknown_member(const struct msk_arguments *arguments, const char *member, struct msk_error *err)
{
    char shown[MSK_VISIBLE_SIZE];
    struct msk_suggestion near = {.mistyped = member};
    for (size_t i = 0; i < arguments->setting_count; i++)
        if (is_configurable(arguments, &arguments->settings[i]))
            msk_suggest(&near, arguments->settings[i].option->name);
    msk_visible(member, shown);
    if (!near.best)
        return msk_fail(err, MSK_E_INVALID, "%s: no option of %s %s has this name", shown, arguments->program->name,
                        arguments->command->name);
    char underscored[MSK_OPTION_NAME_TEXT_MAX];
    size_t i = 0;
    for (; near.best[i] && i + 1 < sizeof underscored; i++)
        underscored[i] = near.best[i] == '-' ? '_' : near.best[i];
    underscored[i] = 0;
    return msk_fail(err, MSK_E_INVALID, "%s: no such option\ndid you mean \"%s\"?", shown, underscored);
}

static int wrong_type(const struct msk_option *option, struct msk_error *err)
{
    const char *expected = option->type == &msk_value_flag   ? "true or false"
                           : option->type->number            ? "a whole number"
                           : option->type == &msk_value_json ? "an object or a list"
                                                             : "a text";
    return msk_fail(err, MSK_E_INVALID, "wrong type: expected %s%s", expected,
                    option->repeatable ? ", or a list of them" : "");
}

/* Set from one JSON value that is no list. */
static int set_value(struct msk_arguments *arguments, struct msk_setting *setting, json_t *value, const char *place,
                     struct msk_error *err)
{
    const struct msk_option *option = setting->option;
    if (option->type == &msk_value_json) {
        *(json_t **)setting->target = value;
        setting->source = MSK_SOURCE_FILE;
        return 0;
    }
    if (option->type == &msk_value_flag && json_is_boolean(value)) {
        *(bool *)setting->target = json_is_true(value);
        setting->source = MSK_SOURCE_FILE;
        return 0;
    }
    if (option->type != &msk_value_flag && json_is_string(value))
        return msk_setting_set(arguments, setting, json_string_value(value), MSK_SOURCE_FILE, place, err);
    if (option->type->number && json_is_integer(value)) {
        char digits[32];
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return msk_setting_set(arguments, setting, digits, MSK_SOURCE_FILE, place, err);
    }
    int rc = wrong_type(option, err);
    return msk_wrap(err, rc, "%s", place);
}

static int set_member(struct msk_arguments *arguments, struct msk_setting *setting, const char *member, json_t *value,
                      struct msk_error *err)
{
    char place[MSK_VISIBLE_SIZE + 24];
    snprintf(place, sizeof place, "\"%s\"", member);
    if (!setting->option->repeatable || !json_is_array(value))
        return set_value(arguments, setting, value, place, err);
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        snprintf(place, sizeof place, "\"%s\"[%zu]", member, i);
        int rc = set_value(arguments, setting, item, place, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static struct msk_setting *find_member(struct msk_arguments *arguments, const char *member)
{
    for (size_t i = 0; i < arguments->setting_count; i++)
        if (is_configurable(arguments, &arguments->settings[i]) &&
            names_option(member, arguments->settings[i].option->name))
            return &arguments->settings[i];
    return NULL;
}

int msk_arguments_read_config(struct msk_arguments *arguments, struct msk_error *err)
{
    const char *path = arguments->builtin.config, *member;
    int rc = msk_input_read_json(path, MSK_CONFIG_FILE_MAX, &arguments->config, err);
    if (rc < 0)
        return rc;
    if (!json_is_object(arguments->config))
        return msk_fail(err, MSK_E_INVALID, "%s: a configuration is a JSON object", msk_input_name(path));
    json_t *value;
    json_object_foreach(arguments->config, member, value)
    {
        struct msk_setting *setting = find_member(arguments, member);
        if (!setting)
            rc = unknown_member(arguments, member, err);
        else if (setting->source == MSK_SOURCE_NONE)
            rc = set_member(arguments, setting, member, value, err);
        if (rc < 0)
            return msk_wrap(err, rc, "%s", msk_input_name(path));
    }
    return 0;
}
