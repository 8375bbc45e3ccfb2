/* validator_run.h: ask a validator's program about one ticket and wait for its answer: for commands that do nothing
 * else meanwhile (runtime/validators.h does it in a node). */
#ifndef MSK_CLI_VALIDATOR_RUN_H
#define MSK_CLI_VALIDATOR_RUN_H

#include "crypto/validator.h"
#include "wire/ticket_text.h"

#define MSK_VALIDATOR_QUESTION_MAX (16u << 20) /* bytes of our line */
#define MSK_VALIDATOR_ANSWER_MAX   (64 * 1024) /* bytes of its line */

/* Starts the program of `validator`, which has one, asks once, and kills it. Whatever it does wrong is a refusal that
 * says so; its standard error is ours. 0 with an opinion, or MSK_E_NOMEM. */
int msk_validator_run(const struct msk_validator *validator, const struct msk_ticket *ticket,
                      const struct msk_digest *peer, int64_t wall_ms, struct msk_ticket_opinion *out);

#endif
