/* mosaik-node run: be a member, in the foreground, until a signal comes. */
#include <string.h>

#include "base/alloc.h"
#include "cli/secret.h"
#include "groups.h"
#include "node_cmd.h"
#include "runtime/runtime.h"

struct options {
    struct node_group_options group;
    const char *secret_file;
    struct msk_list listen, advertise; /* of struct msk_socket_addr */
    struct msk_list bootstrap;         /* of struct msk_peer_address */
    struct msk_list tickets;           /* of const char * */
    const char *data_dir, *control, *events, *frames, *qlog_dir, *keylog;
    struct msk_socket_addr metrics;
    uint32_t ready_fd;
    bool no_gossip;
    const json_t *groups;
};

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "secret-file",
     .letter = 's',
     .type = &msk_value_file,
     .required = true,
     .offset = AT(secret_file),
     .help = "file with the node's secret, 64 hex digits"},
    {.name = "listen",
     .letter = 'l',
     .type = &msk_value_address,
     .repeatable = true,
     .fallback = "127.0.0.1:0",
     .offset = AT(listen),
     .help = "address to listen at, once for each IP version; port 0 lets the system choose"},
    {.name = "advertise",
     .type = &msk_value_address,
     .repeatable = true,
     .offset = AT(advertise),
     .help = "address under which others reach the node, if not where it listens"},
    {.name = "bootstrap",
     .letter = 'b',
     .type = &msk_value_peer_address,
     .repeatable = true,
     .offset = AT(bootstrap),
     .help = "a peer that knows others"},
    {.name = "no-gossip",
     .type = &msk_value_flag,
     .offset = AT(no_gossip),
     .help = "do not join the network's gossip: be known by catalog syncs and bonds only"},
    {.name = "ticket",
     .type = &msk_value_file,
     .repeatable = true,
     .offset = AT(tickets),
     .help = "file with a ticket to present; read again when it changes, and at SIGHUP"},
    {.name = "data-dir",
     .letter = 'd',
     .type = &msk_value_directory,
     .offset = AT(data_dir),
     .help = "directory where log, term and vote survive a crash; without it all is in memory"},
    {.name = "control",
     .letter = 'c',
     .type = &msk_value_file,
     .placeholder = "SOCKET",
     .environment = "MOSAIK_CONTROL",
     .offset = AT(control),
     .help = "socket at which the other commands reach this node"},
    {.name = "events",
     .letter = 'e',
     .type = &msk_value_file,
     .offset = AT(events),
     .help = "file to which events are appended as JSON lines; - is standard output"},
    {.name = "frames",
     .type = &msk_value_file,
     .offset = AT(frames),
     .help = "file to which every frame, in and out, is appended decoded as a JSON line; - is standard output"},
    {.name = "metrics",
     .type = &msk_value_address,
     .offset = AT(metrics),
     .help = "address to serve figures at for Prometheus, under /metrics; port 0 lets the system choose"},
    {.name = "ready-fd",
     .type = &msk_value_u32,
     .placeholder = "N",
     .offset = AT(ready_fd),
     .help = "write one line to this descriptor once the node listens, and close it"},
    {.name = "qlog-dir",
     .type = &msk_value_directory,
     .offset = AT(qlog_dir),
     .help = "directory for a qlog of every connection"},
    {.name = "keylog",
     .type = &msk_value_file,
     .offset = AT(keylog),
     .help = "file for TLS secrets: who has it can read the connections"},
    {.name = "groups",
     .type = &msk_value_json,
     .config_only = true,
     .offset = AT(groups),
     .help = "list of objects, one a group, whose members are the group options and \"as\""},
    {.name = NULL},
};

/* ---- groups */

struct group_list {
    struct node_group *groups[NODE_GROUPS_MAX];
    const struct msk_group_config *configs[NODE_GROUPS_MAX];
    size_t count;
};

static void free_groups(struct group_list *list)
{
    for (size_t i = 0; list && i < list->count; i++)
        node_group_free(list->groups[i]);
    msk_free(list);
}

static int add_group(struct group_list *list, int rc)
{
    if (rc == 0) {
        list->configs[list->count] = &list->groups[list->count]->setup.config;
        list->count++;
    }
    return rc;
}

static int add_listed_groups(const json_t *listed, struct group_list *list, struct msk_error *err)
{
    size_t i;
    const json_t *object;
    if (!json_is_array(listed) || json_array_size(listed) >= NODE_GROUPS_MAX)
        return msk_fail(err, MSK_E_INVALID, "\"groups\": a list of less than %d objects is wanted", NODE_GROUPS_MAX);
    json_array_foreach(listed, i, object)
    {
        char place[32];
        snprintf(place, sizeof place, "\"groups\"[%zu]", i);
        int rc = add_group(list, node_group_of_json(object, place, &list->groups[list->count], err));
        if (rc)
            return rc;
    }
    return 0;
}

/* The group of the command line comes first; where the file lists some, it may be missing. */
static int make_groups(const struct options *options, struct group_list *list, struct msk_error *err)
{
    const struct msk_group_options *group = &options->group.group;
    bool has_key = group->group_key || group->group_key_file || group->group_key_from_validator;
    int rc = 0;
    if (has_key || !options->groups)
        rc = add_group(list, node_group_make(&options->group, &list->groups[0], err));
    return rc || !options->groups ? rc : add_listed_groups(options->groups, list, err);
}

/* ---- the rest of the configuration */

static int run_node(struct msk_run *run, const struct group_list *groups)
{
    const struct options *options = run->options;
    bool metrics = msk_arguments_source(run->arguments, "metrics") != MSK_SOURCE_NONE;
    uint8_t secret[MSK_SECRET_LEN];
    struct msk_runtime_config config = {
        .secret = secret,
        .network_id = msk_digest_of_string(options->group.group.network),
        .listen = options->listen.items,
        .listen_count = options->listen.count,
        .advertise = options->advertise.items,
        .advertise_count = options->advertise.count,
        .bootstrap = options->bootstrap.items,
        .bootstrap_count = options->bootstrap.count,
        .groups = groups->configs,
        .group_count = groups->count,
        .ticket_paths = options->tickets.items,
        .ticket_path_count = options->tickets.count,
        .data_directory = options->data_dir,
        .control_path = options->control,
        .events_path = options->events,
        .frames_path = options->frames,
        .metrics = metrics ? &options->metrics : NULL,
        .qlog_directory = options->qlog_dir,
        .keylog_path = options->keylog,
        .without_gossip = options->no_gossip,
        .ready_fd = msk_arguments_source(run->arguments, "ready-fd") == MSK_SOURCE_NONE ? -1 : (int)options->ready_fd,
    };
    int rc = msk_secret_read(options->secret_file, secret, run->err);
    if (rc == 0)
        rc = msk_runtime_run(&config, run->err);
    msk_wipe(secret, sizeof secret);
    return rc;
}

static int run_run(struct msk_run *run)
{
    const struct options *options = run->options;
    if (!options->group.group.network)
        return msk_fail(run->err, MSK_E_INVALID, "--network NAME: missing: the network's name or id");
    struct group_list *groups = msk_calloc(1, sizeof *groups);
    if (!groups)
        return msk_fail(run->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = make_groups(options, groups, run->err);
    if (rc == 0)
        rc = run_node(run, groups);
    free_groups(groups);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-node run -s node.key --network testnet -k group.key -c node.sock -d /var/lib/mosaik", NULL},
    {"mosaik-node run -s node.key --network testnet -k group.key --bootstrap PEERID@192.0.2.1:7000 --listen "
     "0.0.0.0:7000",
     "Reach others through a peer that is known"},
    {"mosaik-node run -s node.key --config node.json --events -", "Several groups; events on standard output"},
    {NULL, NULL},
};

const struct msk_command node_run = {
    .name = "run",
    .summary = "Be a member, in the foreground, until SIGINT or SIGTERM",
    .details =
        "The first line on standard output is the event node_started, with peer_id, address, group_id and control. "
        "The first signal departs cleanly: the peers see a departure, not a time-out; a second one ends the node "
        "at once. SIGHUP reads ticket files again.",
    .sets = {{.options = rows},
             {.options = node_alias_rows, .offset = offsetof(struct options, group)},
             MSK_GROUP_OPTION_SETS(offsetof(struct options, group.group))},
    .size = sizeof(struct options),
    .examples = examples,
    .run = run_run,
};
