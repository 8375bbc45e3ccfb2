/* describe.h: what can be said about a program from its option table: --help, completion scripts, the generated parts
 * of its manual page. */
#ifndef MSK_CLI_DESCRIBE_H
#define MSK_CLI_DESCRIBE_H

#include <stdio.h>

#include "cli/option.h"

enum msk_shell { MSK_SHELL_BASH, MSK_SHELL_ZSH };
extern const char *const msk_shell_names[]; /* ends with NULL */

/* --help of the program (`command` NULL) or of one command. */
void msk_describe_help(FILE *stream, const struct msk_program *program, const struct msk_command *command);

/* A script that completes commands, options, and values where they are files or choices. */
void msk_describe_completion(FILE *stream, const struct msk_program *program, enum msk_shell shell);

/* Sections SYNOPSIS, COMMANDS, OPTIONS and EXAMPLES of the manual page, in scdoc(5). */
void msk_describe_manual(FILE *stream, const struct msk_program *program);

/* " [STRING]", " FILE...": the positional arguments as a synopsis has them, each name between `before` and `after`. */
void msk_describe_arguments(FILE *stream, const struct msk_command *command, const char *before, const char *after);

#endif
