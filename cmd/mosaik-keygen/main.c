/* mosaik-keygen: makes the secrets of nodes, groups and ticket issuers, and tells the ids that follow from them. */
#include "keygen.h"

static const struct msk_command *const commands[] = {
    &keygen_secret,   &keygen_peer_id, &keygen_network_id,    &keygen_group_key,
    &keygen_group_id, &keygen_issuer,  &keygen_issuer_public, NULL,
};

static const struct msk_example examples[] = {
    {"mosaik-keygen secret --output node.key", "Make a node's secret"},
    {"mosaik-keygen peer-id <node.key", "and tell its peer id"},
    {"mosaik-keygen group-id --group-key-file group.key --explain", "Show how a group's id comes about"},
    {NULL, NULL},
};

static const struct msk_program program = {
    .name = "mosaik-keygen",
    .summary = "Make the secrets of nodes, groups and ticket issuers, and tell the ids that follow from them",
    .commands = commands,
    .examples = examples,
};

int main(int argc, char **argv)
{
    return msk_program_main(&program, argc, argv);
}
