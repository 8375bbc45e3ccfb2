/* output.h: answers on standard output, warnings and failures on standard error (cli.md "All programs"). */
#ifndef MSK_CLI_OUTPUT_H
#define MSK_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

struct msk_output {
    FILE *stream;
    bool json;   /* one JSON object instead of text */
    bool colour; /* a terminal, and NO_COLOR is not set */
};

/* Standard output, as it should be written to now. */
struct msk_output msk_output_standard(bool json);

enum msk_style { MSK_STYLE_PLAIN, MSK_STYLE_BOLD, MSK_STYLE_RED, MSK_STYLE_GREEN, MSK_STYLE_YELLOW };

/* The escape sequence that begins a style (PLAIN ends all), or "" without colour. */
const char *msk_style(const struct msk_output *out, enum msk_style style);

/* Write one JSON object on one line and release it. NULL stands for memory that ran out while building it. 0 or
 * MSK_E_NOMEM. */
int msk_output_json(const struct msk_output *out, json_t *object);

/* The same for figures that were measured: 1.9, not the 1.8999999999999999 that a double keeps of it. */
int msk_output_figures(const struct msk_output *out, json_t *object);

/* "program: warning: ..." on standard error, on one line. */
void msk_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "program: what: why", and on a second line the advice that stands behind a line feed in err->text. Returns the exit
 * status (cli.md). */
int msk_report(const struct msk_error *err);

/* Make sure that descriptors 0, 1 and 2 are open, so that no file gets their numbers, and that a reader who goes away
 * shows as an error instead of a signal. Call first in main. */
void msk_output_prepare(void);

/* Write out what is buffered. `status`, or that of the failure, which is reported; a reader who went away (head(1)) has
 * seen enough and is no failure. */
int msk_output_finish(int status);

#endif
