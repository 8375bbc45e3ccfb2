/* mosaik-keygen network-id: the id of a network's name. */
#include "keygen.h"

struct options {
    struct msk_digest network;
};

static const struct msk_option rows[] = {
    {.name = "name",
     .type = &msk_value_name_digest,
     .positional = true,
     .required = true,
     .offset = offsetof(struct options, network),
     .help = "the network's name; 64 hex digits stand for themselves"},
    {.name = NULL},
};

static int run_network_id(struct msk_run *run)
{
    const struct options *options = run->options;
    return keygen_print_digest(run, "network_id", &options->network);
}

static const struct msk_example examples[] = {
    {"mosaik-keygen network-id testnet", NULL},
    {"mosaik-keygen network-id testnet --json", NULL},
    {NULL, NULL},
};

const struct msk_command keygen_network_id = {
    .name = "network-id",
    .summary = "Tell the id of a network's name",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_network_id,
};
