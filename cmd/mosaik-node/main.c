/* mosaik-node: a member of mosaik groups, and the commands that talk to a running one. */
#include "node_cmd.h"

static const struct msk_command *const commands[] = {
    &node_run,   &node_status, &node_execute,    &node_feed,          &node_query,
    &node_wait,  &node_watch,  &node_bonds,      &node_catalog,       &node_join,
    &node_leave, &node_stop,   &node_ticket_add, &node_ticket_remove, NULL,
};

static const struct msk_example examples[] = {
    {"mosaik-node run --secret-file node.key --network testnet --group-key-file group.key --control node.sock",
     "Be a member until a signal comes"},
    {"mosaik-node status --control node.sock", "See how it is"},
    {"mosaik-node wait leader 'bonds>=2' --timeout 20s --control node.sock", "Wait for the group to be complete"},
    {NULL, NULL},
};

static const struct msk_program program = {
    .name = "mosaik-node",
    .summary = "A member of mosaik groups, and the commands that talk to a running one",
    .commands = commands,
    .examples = examples,
};

int main(int argc, char **argv)
{
    return msk_program_main(&program, argc, argv);
}
