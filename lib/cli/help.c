#include <string.h>

#include "base/assert.h"
#include "cli/arguments.h"
#include "cli/describe.h"
#include "cli/layout.h"

#define HELP_COLUMN   30 /* where the explanations begin */
#define HELP_TEXT_MAX 512

void msk_describe_arguments(FILE *stream, const struct msk_command *command, const char *before, const char *after)
{
    char placeholder[MSK_OPTION_NAME_TEXT_MAX];
    for (const struct msk_option_set *set = command->sets; set < command->sets + MSK_OPTION_SETS_MAX; set++)
        for (const struct msk_option *option = set->options; option && option->name; option++) {
            if (!option->positional)
                continue;
            fprintf(stream, " %s%s%s%s%s%s", option->required ? "" : "[", before,
                    msk_option_placeholder(option, placeholder), after, option->repeatable ? "..." : "",
                    option->required ? "" : "]");
        }
}

/* "  -o, --output FILE": returns its width. */
static size_t print_name(FILE *stream, const struct msk_option *option)
{
    char placeholder[MSK_OPTION_NAME_TEXT_MAX], text[2 * MSK_OPTION_NAME_TEXT_MAX];
    msk_option_placeholder(option, placeholder);
    if (option->positional)
        snprintf(text, sizeof text, "  %s", placeholder);
    else if (option->letter)
        snprintf(text, sizeof text, "  -%c, --%s %s", option->letter, option->name, placeholder);
    else
        snprintf(text, sizeof text, "      --%s %s", option->name, placeholder);
    fputs(text, stream);
    return msk_text_width(text);
}

static void print_option(FILE *stream, const struct msk_option *option)
{
    char text[HELP_TEXT_MAX];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", option->help);
    if (option->repeatable)
        used += (size_t)snprintf(text + used, sizeof text - used, " (repeatable)");
    if (option->environment)
        used += (size_t)snprintf(text + used, sizeof text - used, " (or %s in the environment)", option->environment);
    if (option->fallback)
        used += (size_t)snprintf(text + used, sizeof text - used, " (default: %s)", option->fallback);
    msk_assert(used < sizeof text);
    size_t column = print_name(stream, option);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', stream);
        column = 0;
    }
    fprintf(stream, "%*s", (int)(HELP_COLUMN - column), "");
    msk_wrap_text(stream, text, HELP_COLUMN, HELP_COLUMN);
}

/* The positional arguments of a set, or its options, below their heading unless that stands already. */
static void print_part(FILE *stream, const struct msk_option_set *set, bool positional, const char **heading)
{
    const char *wanted = positional ? "Arguments" : set->title ? set->title : "Options";
    for (const struct msk_option *option = set->options; option && option->name; option++) {
        if (option->hidden || option->config_only || option->positional != positional)
            continue;
        if (!*heading || strcmp(*heading, wanted) != 0)
            fprintf(stream, "\n%s:\n", wanted);
        *heading = wanted;
        print_option(stream, option);
    }
}

static void print_sets(FILE *stream, const struct msk_command *command)
{
    const struct msk_option_set *sets[MSK_ALL_SETS_MAX];
    size_t count = msk_option_sets(command, sets);
    const char *heading = NULL;
    for (size_t i = 0; i < count; i++)
        print_part(stream, sets[i], true, &heading);
    for (size_t i = 0; i < count; i++)
        print_part(stream, sets[i], false, &heading);
}

static void print_examples(FILE *stream, const struct msk_example *example)
{
    fputs("\nExamples:\n", stream);
    for (; example->command; example++) {
        if (example->purpose)
            fprintf(stream, "  # %s\n", example->purpose);
        fprintf(stream, "  %s\n", example->command);
    }
}

static void print_program(FILE *stream, const struct msk_program *program)
{
    fprintf(stream, "Usage: %s COMMAND [options]\n\n%s.\n\nCommands:\n", program->name, program->summary);
    for (const struct msk_command *const *command = program->commands; *command; command++) {
        size_t column = 2 + strlen((*command)->name), indent = 18;
        fprintf(stream, "  %s%*s", (*command)->name, (int)(column < indent ? indent - column : 1), "");
        msk_wrap_text(stream, (*command)->summary, column < indent ? indent : column + 1, indent);
    }
    fprintf(stream, "\n\"%s COMMAND --help\" tells the options of a command.\n", program->name);
}

static void print_command(FILE *stream, const struct msk_program *program, const struct msk_command *command)
{
    fprintf(stream, "Usage: %s %s [options]", program->name, command->name);
    msk_describe_arguments(stream, command, "", "");
    fprintf(stream, "\n\n%s.\n", command->summary);
    if (command->details) {
        fputc('\n', stream);
        msk_wrap_text(stream, command->details, 0, 0);
    }
}

void msk_describe_help(FILE *stream, const struct msk_program *program, const struct msk_command *command)
{
    if (command)
        print_command(stream, program, command);
    else
        print_program(stream, program);
    print_sets(stream, command);
    print_examples(stream, command && command->examples ? command->examples : program->examples);
}
