/* directory.h: the files of a data directory: who may use it, and how its database comes into being whole. */
#ifndef MSK_STORE_DIRECTORY_H
#define MSK_STORE_DIRECTORY_H

#include <stdbool.h>

#include "base/error.h"

#define MSK_DATABASE_NAME "mosaik.db"
#define MSK_LOCK_NAME     "lock"
#define MSK_FILE_PATH_MAX 4096

/* "DIRECTORY/NAME SUFFIX" into `out`. MSK_E_INVALID: too long. */
int msk_directory_path(const char *directory, const char *name, const char *suffix, char out[MSK_FILE_PATH_MAX],
                       struct msk_error *err);

/* Create the directory (0700) unless it is there, and lock it for this process. `*lock_fd` is the caller's; closing it
 * unlocks. MSK_E_REFUSED names the process that has it; MSK_E_IO. */
int msk_directory_lock(const char *directory, int *lock_fd, struct msk_error *err);

/* What is there of a database. MSK_E_DAMAGED: an empty file, or a write-ahead log without its database. */
int msk_directory_has_database(const char *directory, bool *exists, struct msk_error *err);

/* Put the finished database at `path` into its place, and make both durable. */
int msk_directory_adopt(const char *directory, const char *path, struct msk_error *err);

#endif
