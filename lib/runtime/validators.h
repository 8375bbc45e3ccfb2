/* validators.h: programs of the user that check tickets (crypto/validator.h), each started when it is first needed;
 * their lines are in mosaik-formats(5).
 *
 * Whatever a program does wrong, nobody is let in by it. While it is down, and for as long as it does not answer,
 * tickets of its class are refused, with the reason. */
#ifndef MSK_RUNTIME_VALIDATORS_H
#define MSK_RUNTIME_VALIDATORS_H

#include "core/node.h"
#include "runtime/child.h"

#define MSK_VALIDATOR_PROGRAMS_MAX 1024

struct msk_validators_host {
    struct msk_children *children;
    struct msk_node *node;
    struct msk_actions *actions;
    /* Something was added to `actions`. */
    void (*turn)(void *context);
    void *context;
};

struct msk_validator_program;

struct msk_validators {
    struct msk_validators_host host;
    struct msk_validator_program **programs;
    size_t count;
};

/* Ask on behalf of MSK_ACTION_VALIDATE, whose validator outlives this; msk_node_validated is called in any case, maybe
 * before this returns. */
void msk_validators_ask(struct msk_validators *validators, const struct msk_action *action);

void msk_validators_free(struct msk_validators *validators); /* zero-initialised is fine */

#endif
