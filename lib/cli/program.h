/* program.h: the main function of every program: parse, do what was asked, report, end with the right status. */
#ifndef MSK_CLI_PROGRAM_H
#define MSK_CLI_PROGRAM_H

#include "cli/arguments.h"
#include "cli/output.h"

/* What a command gets. */
struct msk_run {
    const struct msk_arguments *arguments;
    const void *options; /* the command's structure */
    const struct msk_output *out;
    struct msk_error *err;
};

/* Run the program; returns the exit status (cli.md "All programs"). */
int msk_program_main(const struct msk_program *program, int argc, char **argv);

#endif
