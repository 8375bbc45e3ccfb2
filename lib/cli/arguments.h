/* arguments.h: a command line, with environment and configuration file, turned into the command's structure. */
#ifndef MSK_CLI_ARGUMENTS_H
#define MSK_CLI_ARGUMENTS_H

#include <jansson.h>

#include "cli/option.h"

#define MSK_SETTINGS_MAX         96
#define MSK_ARGUMENTS_MEMORY     (4u << 20)
#define MSK_CONFIG_FILE_MAX      (1u << 20)
#define MSK_OPTION_NAME_TEXT_MAX 80

/* Where a value came from; the higher one wins. A file is named on the command line, an environment only inherited. */
enum msk_source { MSK_SOURCE_NONE, MSK_SOURCE_DEFAULT, MSK_SOURCE_ENVIRONMENT, MSK_SOURCE_FILE, MSK_SOURCE_ARGUMENT };

/* An option and the place of its value. */
struct msk_setting {
    const struct msk_option *option;
    void *target;
    enum msk_source source;
};

/* What every program understands. */
struct msk_builtin_options {
    bool help, version, json, man_options;
    unsigned completion; /* enum msk_shell, where the option was given */
    const char *config;
};

struct msk_arguments {
    const struct msk_program *program;
    const struct msk_command *command; /* NULL if --help or the like came first */
    struct msk_builtin_options builtin;
    void *values; /* the command's structure */
    struct msk_setting settings[MSK_SETTINGS_MAX];
    size_t setting_count;
    struct msk_arena arena; /* values and what they point to */
    json_t *config;         /* the configuration file */
};

/* Read argv[1] and on, then the file of --config, then the environment, then defaults. Stops early, successfully, at
 * --help, --version and --completion, leaving required options unchecked. What `values` points to lives until
 * msk_arguments_free, also to be called after a failure.
 * MSK_E_INVALID names the place, with advice on a second line; MSK_E_IO, MSK_E_NOMEM. */
int msk_arguments_parse(struct msk_arguments *arguments, const struct msk_program *program, int argc, char **argv,
                        struct msk_error *err);
void msk_arguments_free(struct msk_arguments *arguments);

/* Where the command's option of this name got its value from. */
enum msk_source msk_arguments_source(const struct msk_arguments *arguments, const char *name);

/* ---- for the modules that read or describe the same tables */

#define MSK_ALL_SETS_MAX (MSK_OPTION_SETS_MAX + 2)
/* All sets that a command takes, its own first; only the built-in ones for NULL. Returns how many. */
size_t msk_option_sets(const struct msk_command *command, const struct msk_option_set *sets[MSK_ALL_SETS_MAX]);

/* Parse `text` into a setting, adding to it if it is repeatable. `place` names where it stands. */
int msk_setting_set(struct msk_arguments *arguments, struct msk_setting *setting, const char *text,
                    enum msk_source source, const char *place, struct msk_error *err);

/* config.c: set from the file of --config what the command line left unset. Members are options with underscores for
 * hyphens. */
int msk_arguments_read_config(struct msk_arguments *arguments, struct msk_error *err);

/* What stands for the value in help: "FILE", "jwk|pem|hex". */
const char *msk_option_placeholder(const struct msk_option *option, char out[MSK_OPTION_NAME_TEXT_MAX]);

#endif
