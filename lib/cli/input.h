/* input.h: files and standard input, read whole and bounded, with errors that name the file. */
#ifndef MSK_CLI_INPUT_H
#define MSK_CLI_INPUT_H

#include <jansson.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"

/* Append the file `path`, or standard input for "-", to `out`, whose maximum is the limit. `mode` (may be NULL) becomes
 * the permissions of a regular file, 0 for anything else.
 * MSK_E_IO: it cannot be opened or read; MSK_E_INVALID: it is larger than the limit; MSK_E_NOMEM. */
int msk_input_read(const char *path, struct msk_builder *out, mode_t *mode, struct msk_error *err);

/* The same, as JSON; a member given twice is an error. A new reference in `*out`. MSK_E_INVALID names line and column.
 */
int msk_input_read_json(const char *path, size_t max, json_t **out, struct msk_error *err);

/* Fail with "NAME: line L, column C: ... is no hex digit" for the byte at `offset`. Returns MSK_E_INVALID. */
int msk_input_bad_digit(const char *name, struct msk_bytes text, size_t offset, struct msk_error *err);

/* How a file is called in error texts: its name, or "standard input". */
const char *msk_input_name(const char *path);

/* Fail with errno's sentence: "PATH: No such file or directory". Returns MSK_E_IO. */
int msk_input_fail(const char *path, struct msk_error *err);

#endif
