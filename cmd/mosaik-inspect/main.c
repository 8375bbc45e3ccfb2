/* mosaik-inspect: looks into what mosaik nodes say to each other, and tells what it means. */
#include "inspect.h"

static const struct msk_command *const commands[] = {
    &inspect_peer, &inspect_catalog,   &inspect_bond, &inspect_code, &inspect_decode,
    &inspect_diff, &inspect_elections, &inspect_log,  &inspect_top,  NULL};

static const struct msk_example examples[] = {
    {"mosaik-inspect code 30404", "Why was the connection closed?"},
    {"mosaik-inspect decode bond_message 0503020301", "What does this message say?"},
    {NULL, NULL},
};

static const struct msk_program program = {
    .name = "mosaik-inspect",
    .summary = "Look into what mosaik nodes say to each other, and tell what it means",
    .commands = commands,
    .examples = examples,
};

int main(int argc, char **argv)
{
    return msk_program_main(&program, argc, argv);
}
