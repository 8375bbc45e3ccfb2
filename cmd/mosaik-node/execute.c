/* mosaik-node execute: commands into the group's log, answered once they are committed. */
#include "submit.h"

static int run_execute(struct msk_run *run)
{
    return node_submit(run, "execute", "committed");
}

static const struct msk_example examples[] = {
    {"mosaik-node execute '{\"Increment\":5}' '{\"Decrement\":2}' --control node.sock", "Of a counter"},
    {"mosaik-node execute '{\"Set\":[\"colour\",\"green\"]}' --json --control node.sock | jq .index", "Of a kv"},
    {"jq -cR . notes.txt | mosaik-node execute - --control node.sock", "Lines of a file, for lines"},
    {NULL, NULL},
};

const struct msk_command node_execute = {
    .name = "execute",
    .summary = "Put commands into the group's log and wait until they are committed",
    .details = "Any member takes commands and forwards them to the leader. Ends with 1 where they were not committed: "
               "lost (another command took the place), unknown (sent, but no answer came in time: look before "
               "repeating), offline (no leader: nothing was sent).",
    .sets = NODE_SUBMIT_SETS,
    .size = sizeof(struct node_submit_options),
    .examples = examples,
    .answers = true,
    .run = run_execute,
};
