/* validator.h: what a group demands of its members' tickets, of whichever class (wire.md 5.2): JWTs, or what a program
 * of the user makes of tickets of a class of its own. */
#ifndef MSK_CRYPTO_VALIDATOR_H
#define MSK_CRYPTO_VALIDATOR_H

#include "crypto/jwt_validator.h"

#define MSK_VALIDATOR_WORDS_MAX          64 /* of a command */
#define MSK_VALIDATOR_TIMEOUT_DEFAULT_MS 2000
#define MSK_VALIDATOR_TIMEOUT_MAX_MS     60000

/* Owns everything in it; zero-initialised is empty. */
struct msk_validator {
    struct msk_digest class_id; /* of the tickets it looks at */
    struct msk_digest signature;
    char **command; /* the program and its arguments, ended by NULL; NULL: `jwt` says what is demanded */
    uint64_t timeout_ms;
    struct msk_jwt_validator jwt;
};

/* Read a validator file (cli.md; mosaik-formats(5)): its "class" is "jwt" or "exec". Strict, and with errors as
 * msk_jwt_validator_parse. On failure `out` is empty. */
int msk_validator_parse(struct msk_bytes text, struct msk_validator *out, struct msk_error *err);
void msk_validator_free(struct msk_validator *validator); /* wipes the keys */

#endif
