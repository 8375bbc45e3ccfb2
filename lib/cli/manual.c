#include <ctype.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/describe.h"

/* Text in which scdoc shall find no markup. */
static void print_plain(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (strchr("*_\\#[]<>~`", *text))
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void print_name(FILE *stream, const struct msk_option *option)
{
    char placeholder[MSK_OPTION_NAME_TEXT_MAX];
    msk_option_placeholder(option, placeholder);
    if (!option->positional && option->letter)
        fprintf(stream, "*-%c*, ", option->letter);
    if (!option->positional)
        fprintf(stream, "*--%s*", option->name);
    if (*placeholder) {
        fputs(option->positional ? "_" : " _", stream);
        print_plain(stream, placeholder);
        fputc('_', stream);
    }
    fputc('\n', stream);
}

static void print_option(FILE *stream, const struct msk_option *option)
{
    print_name(stream, option);
    fprintf(stream, "\t%c", toupper((unsigned char)option->help[0]));
    print_plain(stream, option->help + 1);
    fputc('.', stream);
    if (option->repeatable)
        fputs(" May be given several times.", stream);
    if (option->environment) {
        fputs(" Where it is not given, ", stream);
        print_plain(stream, option->environment);
        fputs(" in the environment.", stream);
    }
    if (option->fallback) {
        fputs(" Default: ", stream);
        print_plain(stream, option->fallback);
        fputc('.', stream);
    }
    fputs("\n\n", stream);
}

static void print_set(FILE *stream, const struct msk_option_set *set, bool positional)
{
    for (const struct msk_option *option = set->options; option && option->name; option++)
        if (option->positional == positional && !option->hidden && !option->config_only)
            print_option(stream, option);
}

/* The first command that has this set: there its options are listed, elsewhere only referred to. */
static const struct msk_command *home_of(const struct msk_program *program, const struct msk_option *options)
{
    for (const struct msk_command *const *command = program->commands; *command; command++)
        for (size_t i = 0; i < MSK_OPTION_SETS_MAX; i++)
            if ((*command)->sets[i].options == options)
                return *command;
    return NULL;
}

static void print_command(FILE *stream, const struct msk_program *program, const struct msk_command *command)
{
    fputs("## ", stream);
    print_plain(stream, command->name);
    msk_describe_arguments(stream, command, "", "");
    fputs("\n\n", stream);
    print_plain(stream, command->summary);
    fputs(".\n\n", stream);
    if (command->details) {
        print_plain(stream, command->details);
        fputs("\n\n", stream);
    }
    for (size_t i = 0; i < MSK_OPTION_SETS_MAX; i++)
        print_set(stream, &command->sets[i], true);
    for (size_t i = 0; i < MSK_OPTION_SETS_MAX; i++) {
        const struct msk_option_set *set = &command->sets[i];
        const struct msk_command *home = set->options ? home_of(program, set->options) : NULL;
        if (home == command)
            print_set(stream, set, false);
        else if (home)
            fprintf(stream, "%s: as listed under *%s*.\n\n", set->title ? set->title : "Further options", home->name);
    }
}

static void print_synopsis(FILE *stream, const struct msk_program *program)
{
    fputs("# SYNOPSIS\n\n", stream);
    for (const struct msk_command *const *command = program->commands; *command; command++) {
        fprintf(stream, "*%s %s* [options]", program->name, (*command)->name);
        msk_describe_arguments(stream, *command, "_", "_");
        fputs("++\n", stream);
    }
    fprintf(stream, "*%s* *--help*|*--version*\n\n", program->name);
}

static void print_examples(FILE *stream, const struct msk_example *example)
{
    for (; example && example->command; example++) {
        if (example->purpose) {
            print_plain(stream, example->purpose);
            fputs(":\n\n", stream);
        }
        fprintf(stream, "```\n%s\n```\n\n", example->command);
    }
}

/* The sets that belong to no command: --json only where some command answers. */
static void print_builtin_sets(FILE *stream, const struct msk_program *program)
{
    const struct msk_command *const *command = program->commands;
    while (*command && !(*command)->answers)
        command++;
    const struct msk_option_set *sets[MSK_ALL_SETS_MAX];
    size_t count = msk_option_sets(*command, sets);
    for (size_t i = 0; i < count; i++)
        if (!home_of(program, sets[i]->options))
            print_set(stream, sets[i], false);
}

void msk_describe_manual(FILE *stream, const struct msk_program *program)
{
    print_synopsis(stream, program);
    fputs("# COMMANDS\n\n", stream);
    for (const struct msk_command *const *command = program->commands; *command; command++)
        print_command(stream, program, *command);
    fputs("# OPTIONS OF EVERY COMMAND\n\n", stream);
    print_builtin_sets(stream, program);
    fputs("# EXAMPLES\n\n", stream);
    print_examples(stream, program->examples);
    for (const struct msk_command *const *command = program->commands; *command; command++)
        print_examples(stream, (*command)->examples);
}
