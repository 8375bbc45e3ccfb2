/* mosaik-ticket: makes tickets, checks and shows them. */
#include "ticket.h"

static const struct msk_command *const commands[] = {
    &ticket_mint, &ticket_verify, &ticket_show, &ticket_id, &ticket_signature, NULL,
};

static const struct msk_example examples[] = {
    {"mosaik-keygen issuer ES256 --output issuer.jwk", "Make a key that signs tickets"},
    {"mosaik-ticket mint --key issuer.jwk --peer PEERID --expires-in 30d >member.jwt", "Sign one for a peer"},
    {"mosaik-ticket verify --validator validator.json --peer PEERID <member.jwt", "See whether a group would take it"},
    {NULL, NULL},
};

static const struct msk_program program = {
    .name = "mosaik-ticket",
    .summary = "Make the tickets that groups require of their members, check and show them",
    .commands = commands,
    .examples = examples,
};

int main(int argc, char **argv)
{
    return msk_program_main(&program, argc, argv);
}
