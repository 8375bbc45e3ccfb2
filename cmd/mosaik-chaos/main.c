/* mosaik-chaos: a network that loses, delays and partitions at will, and the commands that talk to a running one. */
#include "chaos_cmd.h"

static const struct msk_command *const commands[] = {
    &chaos_run,    &chaos_set,  &chaos_partition, &chaos_heal,  &chaos_pause,
    &chaos_resume, &chaos_node, &chaos_stats,     &chaos_links, NULL,
};

static const struct msk_example examples[] = {
    {"mosaik-chaos run --config cluster.json --control chaos.sock --seed 7", "Be the network of a cluster"},
    {"mosaik-chaos set a '*' drop=0.2 delay=50ms --control chaos.sock", "Make what a sends slow and lossy"},
    {"mosaik-chaos partition a / b c --control chaos.sock", "Cut a off"},
    {NULL, NULL},
};

static const struct msk_program program = {
    .name = "mosaik-chaos",
    .summary = "A network that loses, delays and partitions at will, and the commands that talk to a running one",
    .commands = commands,
    .examples = examples,
};

int main(int argc, char **argv)
{
    return msk_program_main(&program, argc, argv);
}
