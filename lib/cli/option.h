/* option.h: the table of a program's commands and options, from which parsing, --help, the manual's option lists and
 * shell completion are all made. */
#ifndef MSK_CLI_OPTION_H
#define MSK_CLI_OPTION_H

#include "cli/value.h"

/* One option, or one positional argument. Its value goes into the command's structure at `offset`: an object of
 * type->size bytes or, if repeatable, a struct msk_list of them. */
struct msk_option {
    const char *name; /* "max-missed-heartbeats"; in configuration files with underscores */
    char letter;      /* short form, 0: none */
    const struct msk_value_type *type;
    const char *placeholder; /* in help; NULL: the type's */
    const char *help;        /* a phrase, without full stop */
    size_t offset;
    const char *fallback;       /* the default as it would be typed, NULL: none */
    const char *environment;    /* variable that gives it where neither command line nor file do */
    const char *const *choices; /* msk_value_choice: all values; others: what completion offers; ends with NULL */
    bool positional;            /* by place instead of by name; given in this order, optional ones last */
    bool required, repeatable;
    bool config_only; /* in configuration files only */
    bool hidden;      /* for the build, not for people */
};

/* Items of a repeatable option, in order. */
struct msk_list {
    void *items;
    size_t count;
};
#define MSK_LIST_MAX 4096

/* What several commands share is a set of its own, whose structure is a member of each command's. */
struct msk_option_set {
    const char *title;                /* heading in help, of a phrase: "Group options"; NULL: "Options" */
    const struct msk_option *options; /* the last one has no name */
    size_t offset;                    /* of the set's structure in the command's */
};
#define MSK_OPTION_SETS_MAX 4

struct msk_example {
    const char *command, *purpose; /* the purpose without full stop; may be NULL */
};

struct msk_run;

struct msk_command {
    const char *name;    /* "group-id", or of two words: "ticket add" */
    const char *summary; /* one line, imperative, without full stop */
    const char *details; /* further paragraphs, separated by an empty line; NULL: none */
    struct msk_option_set sets[MSK_OPTION_SETS_MAX];
    size_t size;                        /* of the structure that options are stored in */
    const struct msk_example *examples; /* the last one has a NULL command */
    bool answers;                       /* prints one answer: takes --json */
    /* Do it. 0, a positive exit status (1: the answer is no), or a negative MSK_E_* with the reason in run->err. */
    int (*run)(struct msk_run *run);
};

struct msk_program {
    const char *name, *summary;
    const struct msk_command *const *commands; /* ends with NULL */
    const struct msk_example *examples;
};

#endif
