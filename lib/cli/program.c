#include "cli/program.h"

#include <string.h>

#include "cli/describe.h"

/* What --help and its like print; false if a command is to be run. */
static bool describe(const struct msk_arguments *arguments)
{
    const struct msk_program *program = arguments->program;
    const struct msk_builtin_options *builtin = &arguments->builtin;
    if (builtin->help)
        msk_describe_help(stdout, program, arguments->command);
    else if (builtin->version)
        printf("%s %s\n", program->name, MSK_VERSION);
    else if (builtin->man_options)
        msk_describe_manual(stdout, program);
    else if (msk_arguments_source(arguments, "completion") != MSK_SOURCE_NONE)
        msk_describe_completion(stdout, program, builtin->completion);
    else
        return false;
    return true;
}

/* Where the parser has no better advice, --help has. */
static void add_advice(const struct msk_arguments *arguments, struct msk_error *err)
{
    size_t len = strlen(err->text);
    if (err->code != MSK_E_INVALID || strchr(err->text, '\n'))
        return;
    snprintf(err->text + len, sizeof err->text - len, "\nsee \"%s%s%s --help\"", arguments->program->name,
             arguments->command ? " " : "", arguments->command ? arguments->command->name : "");
}

static int run_command(const struct msk_arguments *arguments)
{
    struct msk_error err = {0};
    struct msk_output out = msk_output_standard(arguments->builtin.json);
    struct msk_run run = {.arguments = arguments, .options = arguments->values, .out = &out, .err = &err};
    int rc = arguments->command->run(&run);
    if (rc >= 0)
        return rc;
    err.code = rc;
    return msk_report(&err);
}

int msk_program_main(const struct msk_program *program, int argc, char **argv)
{
    struct msk_arguments arguments;
    struct msk_error err = {0};
    msk_output_prepare();
    int status = 0, rc = msk_arguments_parse(&arguments, program, argc, argv, &err);
    if (rc < 0) {
        err.code = rc;
        add_advice(&arguments, &err);
        status = msk_report(&err);
    } else if (!describe(&arguments))
        status = run_command(&arguments);
    msk_arguments_free(&arguments);
    return msk_output_finish(status);
}
