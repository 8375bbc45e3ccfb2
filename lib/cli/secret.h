/* secret.h: key files: read with errors that name the place, written so that nobody else can read them. */
#ifndef MSK_CLI_SECRET_H
#define MSK_CLI_SECRET_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "crypto/ed25519.h"

#define MSK_KEY_FILE_MAX 16384 /* PEM and JWK fit several times */

/* Append a key file, "-" being standard input, to `out` (initialised with MSK_KEY_FILE_MAX), without white space at the
 * end. Warns if others may read the file. MSK_E_IO, MSK_E_NOMEM, MSK_E_INVALID: empty or too long; nothing is in `out`
 * then. The caller ends with msk_key_file_free. */
int msk_key_file_read(const char *path, struct msk_builder *out, struct msk_error *err);
void msk_key_file_free(struct msk_builder *text); /* wipes */

/* The secret of a node: 64 hex digits of either case. MSK_E_INVALID names line and column of what is wrong. */
int msk_secret_read(const char *path, uint8_t secret[MSK_SECRET_LEN], struct msk_error *err);

/* The key of a group: 64 hex digits, or another text, which is hashed (wire.md 1.1). What is almost 64 hex digits is an
 * error, being a damaged key rather than a text. Warns about texts, which can be guessed. */
int msk_group_key_read(const char *path, struct msk_digest *key, struct msk_error *err);

/* The same from text that is at hand: whatever it is, it stands for a key; warns if it can be guessed. */
struct msk_digest msk_group_key_of_text(const char *text);

/* `len` bytes from the system's random generator. MSK_E_IO. */
int msk_secret_random(void *out, size_t len, struct msk_error *err);

/* Write a key file with mode 0600. An existing file is MSK_E_EXISTS without `force`; with it the file is replaced at
 * once or, on failure, not at all. MSK_E_IO, MSK_E_REFUSED: not a regular file. */
int msk_secret_write(const char *path, struct msk_bytes text, bool force, struct msk_error *err);

/* Warn if standard output is a file that others may read. */
void msk_secret_warn_output(void);

#endif
