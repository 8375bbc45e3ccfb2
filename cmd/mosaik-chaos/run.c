/* mosaik-chaos run: be the network between nodes, in the foreground, until a signal comes. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "chaos_cmd.h"
#include "cli/input.h"
#include "runtime/chaos.h"

struct options {
    uint64_t seed;
    const char *bridge, *control, *events, *verdicts, *replay, *capture, *keylog;
    uint32_t ready_fd;
    const json_t *nodes, *links, *schedule;
};

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "seed",
     .letter = 's',
     .type = &msk_value_u64,
     .offset = AT(seed),
     .help = "the same seed and the same datagrams give the same decisions; a random one is told at the start"},
    {.name = "bridge",
     .letter = 'b',
     .type = &msk_value_text,
     .placeholder = "IF,IF,...",
     .offset = AT(bridge),
     .help = "be a switch between these interfaces, which are then the nodes; takes CAP_NET_RAW"},
    {.name = "control",
     .letter = 'c',
     .type = &msk_value_file,
     .placeholder = "SOCKET",
     .environment = "MOSAIK_CHAOS_CONTROL",
     .offset = AT(control),
     .help = "socket at which the other commands reach this one"},
    {.name = "events",
     .letter = 'e',
     .type = &msk_value_file,
     .offset = AT(events),
     .help = "file to which each change is appended as a JSON line; - is standard output"},
    {.name = "verdicts",
     .type = &msk_value_file,
     .offset = AT(verdicts),
     .help = "new file that gets each decision as a JSON line"},
    {.name = "replay", .type = &msk_value_file, .offset = AT(replay), .help = "decide as such a file says"},
    {.name = "capture",
     .type = &msk_value_file,
     .offset = AT(capture),
     .help = "new file that gets each datagram as it arrived, with its verdict, for Wireshark (pcapng)"},
    {.name = "keylog",
     .type = &msk_value_file,
     .offset = AT(keylog),
     .help = "file to which nodes write their TLS secrets: with it, ends of connections are seen"},
    {.name = "ready-fd",
     .type = &msk_value_u32,
     .placeholder = "N",
     .offset = AT(ready_fd),
     .help = "write one line to this descriptor once all ports are open, and close it"},
    {.name = "nodes",
     .type = &msk_value_json,
     .config_only = true,
     .offset = AT(nodes),
     .help = "object: a name for each node, with \"listen\", the proxy's port for it, and \"node\", where it is"},
    {.name = "links",
     .type = &msk_value_json,
     .config_only = true,
     .offset = AT(links),
     .help = "list of objects with \"from\", \"to\" and rules"},
    {.name = "schedule",
     .type = &msk_value_json,
     .config_only = true,
     .offset = AT(schedule),
     .help = "list of objects with \"at\", a time span, and one action"},
    {.name = NULL},
};

/* What it takes to run. */
struct setup {
    struct msk_network network;
    struct msk_schedule schedule;
    struct msk_replay replay;
    uint64_t seed;
};

static int add_interfaces(const char *names, struct msk_network *network, struct msk_error *err)
{
    for (const char *at = names;; at++) {
        char name[MSK_NODE_NAME_MAX + 1];
        size_t len = strcspn(at, ",");
        if (len >= sizeof name)
            return msk_fail(err, MSK_E_INVALID, "--bridge: \"%.20s...\" is no name of an interface", at);
        memcpy(name, at, len);
        name[len] = 0;
        int rc = msk_network_add_node(network, name, err);
        if (rc)
            return msk_wrap(err, rc, "--bridge");
        at += len;
        if (!*at)
            break;
    }
    return network->node_count >= 2 ? 0 : msk_fail(err, MSK_E_INVALID, "--bridge: at least two interfaces are wanted");
}

/* What the configuration file says beyond options. */
static int read_config(const struct options *options, struct setup *setup, struct msk_error *err)
{
    int rc = options->nodes ? msk_config_nodes(options->nodes, &setup->network, err) : 0;
    if (rc == 0)
        rc = msk_network_link(&setup->network, setup->seed, err);
    if (rc == 0)
        rc = msk_config_links(options->links, &setup->network, err);
    return rc ? rc : msk_config_schedule(options->schedule, &setup->network, &setup->schedule, err);
}

static int make_network(const struct msk_run *run, struct setup *setup)
{
    const struct options *options = run->options;
    const char *path = run->arguments->builtin.config;
    if (!options->bridge == !options->nodes)
        return msk_fail(run->err, MSK_E_INVALID, "%s",
                        options->bridge ? "--bridge and \"nodes\" exclude each other"
                                        : "no nodes: give --config FILE with \"nodes\", or --bridge IF,IF,...");
    int rc = options->bridge ? add_interfaces(options->bridge, &setup->network, run->err) : 0;
    if (rc)
        return rc;
    rc = read_config(options, setup, run->err);
    return rc && path ? msk_wrap(run->err, rc, "%s", msk_input_name(path)) : rc;
}

static int read_replay(const char *path, struct setup *setup, struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_REPLAY_FILE_MAX);
    int rc = msk_input_read(path, &text, NULL, err);
    if (rc == 0) {
        rc = msk_replay_parse(msk_builder_view(&text), &setup->network, &setup->replay, err);
        rc = rc ? msk_wrap(err, rc, "%s", msk_input_name(path)) : 0;
    }
    msk_builder_free(&text);
    return rc;
}

static int choose_seed(const struct msk_run *run, struct setup *setup)
{
    const struct options *options = run->options;
    setup->seed = options->seed;
    if (msk_arguments_source(run->arguments, "seed") != MSK_SOURCE_NONE)
        return 0;
    if (getrandom(&setup->seed, sizeof setup->seed, 0) != sizeof setup->seed)
        return msk_fail(run->err, MSK_E_INTERNAL, "no random numbers: %s", strerror(errno));
    return 0;
}

static int run_setup(struct msk_run *run, struct setup *setup)
{
    const struct options *options = run->options;
    int rc = choose_seed(run, setup);
    if (rc == 0)
        rc = make_network(run, setup);
    if (rc == 0 && options->replay)
        rc = read_replay(options->replay, setup, run->err);
    if (rc)
        return rc;
    const struct msk_chaos_config config = {
        .network = &setup->network,
        .schedule = &setup->schedule,
        .replay = &setup->replay,
        .seed = setup->seed,
        .bridge = options->bridge != NULL,
        .control_path = options->control,
        .events_path = options->events,
        .verdicts_path = options->verdicts,
        .capture_path = options->capture,
        .keylog_path = options->keylog,
        .ready_fd = msk_arguments_source(run->arguments, "ready-fd") == MSK_SOURCE_NONE ? -1 : (int)options->ready_fd,
    };
    return msk_chaos_run(&config, run->err);
}

static int run_run(struct msk_run *run)
{
    struct setup setup = {0};
    msk_network_init(&setup.network);
    int rc = run_setup(run, &setup);
    msk_replay_free(&setup.replay);
    msk_schedule_free(&setup.schedule);
    msk_network_free(&setup.network);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-chaos run --config cluster.json --seed 7 --control chaos.sock --events -", NULL},
    {"mosaik-chaos run --config cluster.json --seed 7 --verdicts first.ndjson --capture first.pcapng",
     "Keep what was decided, and what there was to decide about"},
    {"mosaik-chaos run --bridge veth-a,veth-b,veth-c --control chaos.sock",
     "For nodes that cannot be told what to advertise"},
    {NULL, NULL},
};

const struct msk_command chaos_run = {
    .name = "run",
    .summary = "Be the network between nodes, in the foreground, until SIGINT or SIGTERM",
    .details = "The first line on standard output is the event chaos_started, with the seed and the proxy's address of "
               "each node, which that node has to --advertise.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .run = run_run,
};
