/* bond.h: one attempt to bond: its steps (bond.c), and what is made of how it ended (bond_why.c). */
#ifndef MOSAIK_INSPECT_BOND_H
#define MOSAIK_INSPECT_BOND_H

#include "cli/group_options.h"
#include "cli/program.h"
#include "contact.h"

#define INSPECT_TICKETS_MAX 16

struct inspect_bond_options {
    struct inspect_target target;
    struct msk_list tickets; /* of const char *: files */
    struct msk_group_options group;
};

enum inspect_result { INSPECT_BONDED, INSPECT_REFUSED, INSPECT_UNREACHABLE, INSPECT_TIMED_OUT };

struct inspect_attempt {
    struct msk_run *run;
    const struct inspect_bond_options *options;
    struct inspect_contact contact;
    struct msk_group_setup setup;
    struct msk_ticket_entry tickets[INSPECT_TICKETS_MAX];
    struct msk_signed_peer_entry own;               /* what the peer is told of us */
    bool introduced;                                /* it has been told */
    const struct msk_signed_peer_entry *peer_entry; /* what the peer said of itself; NULL: not asked */
    json_t *steps, *members;                        /* members: whom the peer is bonded with */

    enum inspect_result result;
    bool has_code, by_us; /* it ended with an application code, which we sent */
    uint64_t code;
    const char *name;     /* of the code, or of what stood in the way; NULL: bonded */
    const char *obstacle; /* no code: the likely cause in words */
};

/* Append the likely cause and what to do about it, in sentences (groups.md 2.4, 2.5). */
void inspect_explain(const struct inspect_attempt *attempt, struct msk_builder *out);

/* Whether an explanation of how it ended is better with the peer's own entry at hand. */
bool inspect_wants_peer_entry(const struct inspect_attempt *attempt);

#endif
