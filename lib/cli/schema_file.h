/* schema_file.h: schemas from files (wire/schema.h). */
#ifndef MSK_CLI_SCHEMA_FILE_H
#define MSK_CLI_SCHEMA_FILE_H

#include "wire/schema.h"

/* `path` may be "-" for standard input. MSK_E_INVALID names line and column of what is not JSON, and the member of what
 * is no schema; MSK_E_IO, MSK_E_NOMEM. `*out` is the caller's: msk_schema_free. */
int msk_schema_read(const char *path, struct msk_schema **out, struct msk_error *err);

#endif
