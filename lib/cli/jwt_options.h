/* jwt_options.h: ticket algorithms and key formats as options, and keys in JSON answers. */
#ifndef MSK_CLI_JWT_OPTIONS_H
#define MSK_CLI_JWT_OPTIONS_H

#include <jansson.h>

#include "cli/option.h"
#include "crypto/jwt_key.h"

extern const struct msk_value_type msk_value_jwt_alg; /* const struct msk_jwt_alg * */

/* For `choices`; both end with NULL. Formats are in the order of enum msk_jwt_format. */
extern const char *const msk_jwt_alg_names[], *const msk_jwt_format_names[];

/* A written key as it stands in an answer: an object for a JWK, a text otherwise. A new reference, or NULL when memory
 * is out. */
json_t *msk_jwt_key_to_json(struct msk_bytes text, enum msk_jwt_format format);

#endif
