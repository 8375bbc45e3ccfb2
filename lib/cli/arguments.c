#include "cli/arguments.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/describe.h"
#include "cli/visible.h"

static const struct msk_option builtin_options[] = {
    {.name = "config",
     .type = &msk_value_file,
     .offset = offsetof(struct msk_builtin_options, config),
     .help = "take options not given here from this JSON file"},
    {.name = "help",
     .letter = 'h',
     .type = &msk_value_flag,
     .offset = offsetof(struct msk_builtin_options, help),
     .help = "print this text"},
    {.name = "version",
     .letter = 'V',
     .type = &msk_value_flag,
     .offset = offsetof(struct msk_builtin_options, version),
     .help = "print the version"},
    {.name = "completion",
     .type = &msk_value_choice,
     .choices = msk_shell_names,
     .offset = offsetof(struct msk_builtin_options, completion),
     .help = "print a completion script for this shell"},
    {.name = "man-options",
     .type = &msk_value_flag,
     .offset = offsetof(struct msk_builtin_options, man_options),
     .hidden = true,
     .help = "print the manual's list of commands and options"},
    {.name = NULL},
};

static const struct msk_option json_option[] = {
    {.name = "json",
     .letter = 'j',
     .type = &msk_value_flag,
     .offset = offsetof(struct msk_builtin_options, json),
     .help = "print the answer as one JSON object"},
    {.name = NULL},
};

#define BUILTIN_TITLE "Options of every command"
static const struct msk_option_set builtin_set = {.title = BUILTIN_TITLE, .options = builtin_options};
static const struct msk_option_set json_set = {.title = BUILTIN_TITLE, .options = json_option};

size_t msk_option_sets(const struct msk_command *command, const struct msk_option_set *sets[MSK_ALL_SETS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; command && i < MSK_OPTION_SETS_MAX; i++)
        if (command->sets[i].options)
            sets[count++] = &command->sets[i];
    if (command && command->answers)
        sets[count++] = &json_set;
    sets[count++] = &builtin_set;
    return count;
}

/* ---- binding tables to places */

static void bind_set(struct msk_arguments *arguments, const struct msk_option_set *set, void *structure)
{
    for (const struct msk_option *option = set->options; option && option->name; option++) {
        msk_assert(arguments->setting_count < MSK_SETTINGS_MAX);
        arguments->settings[arguments->setting_count++] = (struct msk_setting){
            .option = option,
            .target = (char *)structure + set->offset + option->offset,
        };
    }
}

static void bind_command(struct msk_arguments *arguments, const struct msk_command *command)
{
    for (size_t i = 0; i < MSK_OPTION_SETS_MAX; i++)
        bind_set(arguments, &command->sets[i], arguments->values);
    if (command->answers)
        bind_set(arguments, &json_set, &arguments->builtin);
}

/* ---- one value */

/* Room for one more item; the list doubles, and what it leaves behind stays in the arena. */
static void *append_item(struct msk_arena *arena, struct msk_list *list, size_t size)
{
    bool full = (list->count & (list->count - 1)) == 0; /* 0 or a power of two */
    if (full) {
        void *items = msk_arena_alloc(arena, list->count ? 2 * list->count : 1, size);
        if (!items)
            return NULL;
        if (list->count)
            memcpy(items, list->items, list->count * size);
        list->items = items;
    }
    return (char *)list->items + list->count++ * size;
}

int msk_setting_set(struct msk_arguments *arguments, struct msk_setting *setting, const char *text,
                    enum msk_source source, const char *place, struct msk_error *err)
{
    const struct msk_option *option = setting->option;
    const struct msk_value_type *type = option->type;
    void *out = setting->target;
    if (option->repeatable) {
        struct msk_list *list = setting->target;
        if (list->count == MSK_LIST_MAX)
            return msk_fail(err, MSK_E_INVALID, "%s: given more than %d times", place, MSK_LIST_MAX);
        out = append_item(&arguments->arena, list, type->size);
        if (!out)
            return msk_fail(err, arguments->arena.error, "%s: %s", place, msk_error_sentence(arguments->arena.error));
    }
    setting->source = source;
    if (type == &msk_value_flag) {
        *(bool *)out = true;
        return 0;
    }
    int rc = type->parse(option, text, &arguments->arena, out, err);
    return rc < 0 ? msk_wrap(err, rc, "%s", place) : 0;
}

const char *msk_option_placeholder(const struct msk_option *option, char out[MSK_OPTION_NAME_TEXT_MAX])
{
    size_t used = 0;
    out[0] = 0;
    if (option->placeholder || option->type != &msk_value_choice) {
        const char *text = option->placeholder ? option->placeholder : option->type->placeholder;
        snprintf(out, MSK_OPTION_NAME_TEXT_MAX, "%s", text ? text : "");
        return out;
    }
    for (size_t i = 0; option->choices[i] && used < MSK_OPTION_NAME_TEXT_MAX; i++)
        used += (size_t)snprintf(out + used, MSK_OPTION_NAME_TEXT_MAX - used, "%s%s", i ? "|" : "", option->choices[i]);
    return out;
}

/* ---- the command line */

struct reader {
    struct msk_arguments *arguments;
    int argc, next;
    char **argv;
    bool only_positional; /* after "--" */
    struct msk_error *err;
};

static struct msk_setting *find_named(struct msk_arguments *arguments, const char *name, size_t len)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        const struct msk_option *option = arguments->settings[i].option;
        if (!option->positional && !option->config_only && strlen(option->name) == len &&
            memcmp(option->name, name, len) == 0)
            return &arguments->settings[i];
    }
    return NULL;
}

static int unknown_option(struct reader *reader, const char *text, size_t len)
{
    char name[MSK_NAME_MAX + 1], shown[MSK_VISIBLE_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)len, text);
    struct msk_suggestion near = {.mistyped = name};
    const struct msk_arguments *arguments = reader->arguments;
    for (size_t i = 0; i < arguments->setting_count; i++) {
        const struct msk_option *option = arguments->settings[i].option;
        if (!option->positional && !option->config_only && !option->hidden)
            msk_suggest(&near, option->name);
    }
    snprintf(name, sizeof name, "--%.*s", (int)len, text);
    msk_visible(name, shown);
    if (near.best)
        return msk_fail(reader->err, MSK_E_INVALID, "%s: no such option\ndid you mean --%s?", shown, near.best);
    if (!arguments->command)
        return msk_fail(reader->err, MSK_E_INVALID, "%s: no such option before a command\ngive it after the command",
                        shown);
    return msk_fail(reader->err, MSK_E_INVALID, "%s: no such option", shown);
}

/* The value that an option without "=" takes from the next argument. */
static int take_value(struct reader *reader, const struct msk_option *option, const char *place, const char **value)
{
    char placeholder[MSK_OPTION_NAME_TEXT_MAX];
    if (reader->next == reader->argc)
        return msk_fail(reader->err, MSK_E_INVALID, "%s: its value is missing: %s", place,
                        msk_option_placeholder(option, placeholder));
    *value = reader->argv[reader->next++];
    return 0;
}

/* "--name", "--name=value", "--name value" */
static int read_long(struct reader *reader, const char *argument)
{
    const char *name = argument + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    struct msk_setting *setting = find_named(reader->arguments, name, len);
    if (!setting)
        return unknown_option(reader, name, len);
    char place[MSK_OPTION_NAME_TEXT_MAX];
    snprintf(place, sizeof place, "--%s", setting->option->name);
    if (setting->option->type == &msk_value_flag) {
        if (value)
            return msk_fail(reader->err, MSK_E_INVALID, "%s: takes no value", place);
    } else if (!value) {
        int rc = take_value(reader, setting->option, place, &value);
        if (rc < 0)
            return rc;
    }
    return msk_setting_set(reader->arguments, setting, value, MSK_SOURCE_ARGUMENT, place, reader->err);
}

/* "-a", "-ab" of flags, "-oVALUE", "-o VALUE" */
static int read_short(struct reader *reader, const char *argument)
{
    for (const char *letter = argument + 1; *letter; letter++) {
        struct msk_setting *setting = NULL;
        for (size_t i = 0; i < reader->arguments->setting_count; i++)
            if (reader->arguments->settings[i].option->letter == *letter)
                setting = &reader->arguments->settings[i];
        char place[MSK_VISIBLE_SIZE];
        if (!setting)
            return msk_fail(reader->err, MSK_E_INVALID, "%s: no such option\nput -- before arguments that begin with -",
                            msk_visible((char[]){'-', *letter, 0}, place));
        snprintf(place, sizeof place, "-%c", *letter);
        const char *value = NULL;
        bool flag = setting->option->type == &msk_value_flag;
        if (!flag && letter[1])
            value = letter + 1;
        else if (!flag) {
            int rc = take_value(reader, setting->option, place, &value);
            if (rc < 0)
                return rc;
        }
        int rc = msk_setting_set(reader->arguments, setting, value, MSK_SOURCE_ARGUMENT, place, reader->err);
        if (rc < 0 || value)
            return rc;
    }
    return 0;
}

/* How many arguments from argv[next] on are this command's name; 0: it is another one. */
static int command_words(const struct reader *reader, int next, const char *name)
{
    const char *space = strchr(name, ' '), *word = reader->argv[next];
    if (!space)
        return strcmp(word, name) == 0;
    bool first = strlen(word) == (size_t)(space - name) && memcmp(word, name, strlen(word)) == 0;
    return first && next + 1 < reader->argc && strcmp(reader->argv[next + 1], space + 1) == 0 ? 2 : 0;
}

/* "ticket" begins "ticket add" and "ticket remove". */
static bool begins_command(const char *word, const char *name)
{
    size_t len = strlen(word);
    return strncmp(word, name, len) == 0 && name[len] == ' ';
}

static int unknown_command(struct reader *reader, const char *word)
{
    const struct msk_command *const *commands = reader->arguments->program->commands;
    char shown[MSK_VISIBLE_SIZE], all[MSK_ERROR_TEXT_MAX / 2] = "";
    struct msk_suggestion near = {.mistyped = word};
    bool is_first_word = false;
    size_t used = 0;
    for (size_t i = 0; commands[i]; i++) {
        msk_suggest(&near, commands[i]->name);
        is_first_word |= begins_command(word, commands[i]->name);
    }
    for (size_t i = 0; commands[i] && used < sizeof all; i++)
        if (!is_first_word || begins_command(word, commands[i]->name))
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", commands[i]->name);
    msk_visible(word, shown);
    if (near.best && !is_first_word)
        return msk_fail(reader->err, MSK_E_INVALID, "%s: no such command\ndid you mean %s?", shown, near.best);
    return msk_fail(reader->err, MSK_E_INVALID, "%s: no such command\ncommands are: %s", shown, all);
}

static int read_command(struct reader *reader)
{
    struct msk_arguments *arguments = reader->arguments;
    int at = reader->next - 1;
    for (const struct msk_command *const *command = arguments->program->commands; *command; command++) {
        int words = command_words(reader, at, (*command)->name);
        if (!words)
            continue;
        reader->next = at + words;
        arguments->command = *command;
        arguments->values = msk_arena_alloc(&arguments->arena, 1, (*command)->size ? (*command)->size : 1);
        if (!arguments->values)
            return msk_fail(reader->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
        bind_command(arguments, *command);
        return 0;
    }
    return unknown_command(reader, reader->argv[at]);
}

static int read_positional(struct reader *reader, const char *argument)
{
    struct msk_arguments *arguments = reader->arguments;
    for (size_t i = 0; i < arguments->setting_count; i++) {
        struct msk_setting *setting = &arguments->settings[i];
        const struct msk_option *option = setting->option;
        if (!option->positional || (setting->source == MSK_SOURCE_ARGUMENT && !option->repeatable))
            continue;
        char place[MSK_OPTION_NAME_TEXT_MAX];
        return msk_setting_set(arguments, setting, argument, MSK_SOURCE_ARGUMENT, msk_option_placeholder(option, place),
                               reader->err);
    }
    char shown[MSK_VISIBLE_SIZE];
    return msk_fail(reader->err, MSK_E_INVALID, "%s: one argument too many for %s", msk_visible(argument, shown),
                    arguments->command->name);
}

static int read_argument(struct reader *reader)
{
    const char *argument = reader->argv[reader->next++];
    bool option = !reader->only_positional && argument[0] == '-' && argument[1];
    if (option && strcmp(argument, "--") == 0) {
        reader->only_positional = true;
        return 0;
    }
    if (option)
        return argument[1] == '-' ? read_long(reader, argument) : read_short(reader, argument);
    return reader->arguments->command ? read_positional(reader, argument) : read_command(reader);
}

/* ---- what the command line left open */

static int read_environment(struct msk_arguments *arguments, struct msk_error *err)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        struct msk_setting *setting = &arguments->settings[i];
        const char *variable = setting->option->environment;
        const char *text = variable && setting->source == MSK_SOURCE_NONE ? getenv(variable) : NULL;
        if (!text || !*text)
            continue;
        int rc = msk_setting_set(arguments, setting, text, MSK_SOURCE_ENVIRONMENT, variable, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int missing(const struct msk_option *option, struct msk_error *err)
{
    char placeholder[MSK_OPTION_NAME_TEXT_MAX];
    msk_option_placeholder(option, placeholder);
    if (option->positional)
        return msk_fail(err, MSK_E_INVALID, "%s: missing: %s", placeholder, option->help);
    return msk_fail(err, MSK_E_INVALID, "--%s %s: missing: %s", option->name, placeholder, option->help);
}

static int fill_defaults(struct msk_arguments *arguments, struct msk_error *err)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        struct msk_setting *setting = &arguments->settings[i];
        const struct msk_option *option = setting->option;
        if (setting->source != MSK_SOURCE_NONE)
            continue;
        if (option->required)
            return missing(option, err);
        if (!option->fallback)
            continue;
        int rc = msk_setting_set(arguments, setting, option->fallback, MSK_SOURCE_DEFAULT, option->name, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What is done instead of a command needs nothing more. */
static bool is_complete(const struct msk_arguments *arguments)
{
    const struct msk_builtin_options *builtin = &arguments->builtin;
    return builtin->help || builtin->version || builtin->man_options ||
           msk_arguments_source(arguments, "completion") != MSK_SOURCE_NONE;
}

int msk_arguments_parse(struct msk_arguments *arguments, const struct msk_program *program, int argc, char **argv,
                        struct msk_error *err)
{
    *arguments = (struct msk_arguments){.program = program};
    msk_arena_init(&arguments->arena, MSK_ARGUMENTS_MEMORY);
    bind_set(arguments, &builtin_set, &arguments->builtin);
    struct reader reader = {.arguments = arguments, .argc = argc, .next = 1, .argv = argv, .err = err};
    int rc = 0;
    while (rc == 0 && reader.next < argc && !is_complete(arguments))
        rc = read_argument(&reader);
    if (rc < 0 || is_complete(arguments))
        return rc;
    if (!arguments->command)
        return msk_fail(err, MSK_E_INVALID, "no command given");
    if (arguments->builtin.config)
        rc = msk_arguments_read_config(arguments, err);
    if (rc == 0)
        rc = read_environment(arguments, err);
    return rc < 0 ? rc : fill_defaults(arguments, err);
}

void msk_arguments_free(struct msk_arguments *arguments)
{
    json_decref(arguments->config);
    arguments->config = NULL;
    msk_arena_free(&arguments->arena);
}

enum msk_source msk_arguments_source(const struct msk_arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->setting_count; i++)
        if (strcmp(arguments->settings[i].option->name, name) == 0)
            return arguments->settings[i].source;
    msk_assert(!"an option of this command");
    return MSK_SOURCE_NONE;
}
