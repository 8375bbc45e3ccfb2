/* jwt_options.h: what commands that deal with tickets share: algorithms and key formats as options, files with keys and
 * validators, and keys in JSON answers. */
#ifndef MSK_CLI_JWT_OPTIONS_H
#define MSK_CLI_JWT_OPTIONS_H

#include <jansson.h>

#include "cli/option.h"
#include "crypto/validator.h"

extern const struct msk_value_type msk_value_jwt_alg; /* const struct msk_jwt_alg * */

/* For `choices`; both end with NULL. Formats are in the order of enum msk_jwt_format. */
extern const char *const msk_jwt_alg_names[], *const msk_jwt_format_names[];

/* The signing key in a file, "-" being standard input, in any form; `alg` as in msk_jwt_secret_parse. Warns as
 * msk_key_file_read does. MSK_E_INVALID names the file; MSK_E_IO, MSK_E_NOMEM. The caller wipes `out`. */
int msk_jwt_secret_read(const char *path, const struct msk_jwt_alg *alg, struct msk_jwt_secret *out,
                        struct msk_error *err);

#define MSK_VALIDATOR_FILE_MAX (1u << 20)

/* A validator file (cli.md "What defines a group"), "-" being standard input. Warns if others may read a secret in it:
 * with an HS key one can make tickets. Errors as above; empty `out` on failure, else msk_validator_free. */
int msk_validator_read(const char *path, struct msk_validator *out, struct msk_error *err);

/* A written key as it stands in an answer: an object for a JWK, a text otherwise. A new reference, or NULL when memory
 * is out. */
json_t *msk_jwt_key_to_json(struct msk_bytes text, enum msk_jwt_format format);

#endif
