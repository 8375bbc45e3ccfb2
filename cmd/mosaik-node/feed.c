/* mosaik-node feed: commands into the group's log, answered once the leader has given them their places. */
#include "submit.h"

static int run_feed(struct msk_run *run)
{
    return node_submit(run, "feed", "assigned");
}

static const struct msk_example examples[] = {
    {"seq 1000 | jq -c '{Increment: .}' | mosaik-node feed - --control node.sock", "A thousand commands of a counter"},
    {"mosaik-node feed --hex 0005 --control node.sock", "A command as its bytes"},
    {NULL, NULL},
};

const struct msk_command node_feed = {
    .name = "feed",
    .summary = "Put commands into the group's log without waiting until they are committed",
    .details = "Answers when the leader has assigned their indices, at which they may still be lost should it fail. "
               "\"mosaik-node wait 'committed>=INDEX'\" waits for the rest.",
    .sets = NODE_SUBMIT_SETS,
    .size = sizeof(struct node_submit_options),
    .examples = examples,
    .answers = true,
    .run = run_feed,
};
