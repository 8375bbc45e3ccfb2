/* mosaik-inspect catalog: all peers that a node knows, without becoming one of them. */
#include "base/clock.h"
#include "cli/layout.h"
#include "contact.h"
#include "core/entry_json.h"
#include "inspect.h"
#include "runtime/watcher.h"
#include "wire/peer_entry.h"

struct options {
    struct inspect_target target;
    bool watch;
    uint64_t for_ms;
};

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "watch",
     .letter = 'w',
     .type = &msk_value_flag,
     .offset = AT(watch),
     .help = "go on with what the network announces, one JSON object a line, until a signal"},
    {.name = "for", .type = &msk_value_duration_ms, .offset = AT(for_ms), .help = "with --watch: end after this time"},
    {.name = NULL},
};

/* ---- the answer */

static json_t *entries_to_json(const struct msk_signed_peer_entry_seq *entries, size_t *invalid)
{
    json_t *list = json_array();
    *invalid = 0;
    for (size_t i = 0; i < entries->count; i++) {
        bool valid = msk_peer_entry_verify(&entries->items[i]) == 0;
        *invalid += !valid;
        if (json_array_append_new(list, msk_entry_to_json(&entries->items[i], valid)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Texts of a list, cut after `max` bytes each, separated by spaces. */
static void append_list(struct msk_table *table, const json_t *list, int max)
{
    struct msk_builder joined;
    size_t i;
    const json_t *item;
    msk_builder_init(&joined, MSK_TABLE_MEMORY);
    json_array_foreach(list, i, item) msk_builder_printf(&joined, "%s%.*s", i ? " " : "", max, json_string_value(item));
    msk_table_cell(table, "%s", joined.len ? (const char *)joined.data : "-");
    msk_builder_free(&joined);
}

static void append_entry(struct msk_table *table, const struct msk_entry_version *version, const json_t *entry)
{
    const int id_len = MSK_DIGEST_SHORT_SIZE - 1;
    char updated[MSK_TIME_TEXT_SIZE];
    msk_table_cell(table, "%.*s", id_len, json_string_value(json_object_get(entry, "peer_id")));
    append_list(table, json_object_get(entry, "addresses"), MSK_LAYOUT_WIDTH);
    msk_table_cell(table, "%s", *msk_time_ms_text(version->updated_ms, updated) ? updated : "-");
    append_list(table, json_object_get(entry, "groups"), id_len);
    msk_table_cell(table, "%zu", json_array_size(json_object_get(entry, "tickets")));
    msk_table_cell(table, "%s", json_is_true(json_object_get(entry, "signature_valid")) ? "valid" : "NOT VALID");
}

static int print_entries(const struct msk_run *run, const struct msk_signed_peer_entry_seq *entries, const json_t *list)
{
    static const struct msk_column columns[] = {{"PEER", false},   {"ADDRESSES", false}, {"UPDATED", false},
                                                {"GROUPS", false}, {"TICKETS", true},    {"SIGNATURE", false}};
    struct msk_table table;
    size_t i;
    const json_t *entry;
    msk_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(list, i, entry) append_entry(&table, &entries->items[i].entry.version, entry);
    return msk_table_print(&table, run->out);
}

static int answer(const struct msk_run *run, const struct msk_signed_peer_entry_seq *entries)
{
    size_t invalid;
    json_t *list = entries_to_json(entries, &invalid);
    int rc = !list            ? MSK_E_NOMEM
             : run->out->json ? msk_output_json(run->out, json_pack("{s:O}", "entries", list))
                              : print_entries(run, entries, list);
    json_decref(list);
    if (rc == 0 && invalid)
        rc = msk_fail(run->err, MSK_E_PROTOCOL,
                      "%zu of %zu entries are not signed by the peer they describe\n"
                      "other nodes end the exchange with 400 ProtocolViolation because of that",
                      invalid, entries->count);
    return rc;
}

/* ---- watching */

struct watch {
    const struct msk_run *run;
    const struct msk_digest *node, *network;
    uint64_t seq;
};

static void print_change(void *context, struct msk_now now, const struct msk_event *event,
                         const struct msk_signed_peer_entry *entry)
{
    struct watch *watch = context;
    const struct msk_event_frame frame = {
        .now = now, .node = watch->node, .network = watch->network, .seq = ++watch->seq};
    json_t *json = msk_event_to_json(event, &frame);
    if (json && (!entry || json_object_set_new(json, "entry", msk_entry_to_json(entry, true)) == 0)) {
        json_dumpf(json, watch->run->out->stream, JSON_COMPACT);
        fputc('\n', watch->run->out->stream);
        fflush(watch->run->out->stream);
    }
    json_decref(json);
}

/* The network is the one the peer says to be in. */
static int follow(const struct msk_run *run, const struct inspect_contact *contact,
                  const struct msk_signed_peer_entry_seq *entries)
{
    const struct options *options = run->options;
    const struct msk_signed_peer_entry *own = inspect_own_entry_of(&contact->peer.peer, entries);
    if (!own)
        return msk_fail(run->err, MSK_E_PROTOCOL,
                        "the node's catalog does not hold the node itself, so its network is not known");
    struct watch watch = {.run = run, .node = &contact->id, .network = &own->entry.network};
    const struct msk_watcher_config config = {.secret = contact->secret,
                                              .network_id = own->entry.network,
                                              .peer = contact->peer,
                                              .known = entries,
                                              .tell = print_change,
                                              .context = &watch};
    return msk_watch(&config, options->for_ms ? options->for_ms : MSK_NEVER, run->err);
}

/* ---- asking */

static int run_catalog(struct msk_run *run)
{
    const struct options *options = run->options;
    struct inspect_contact contact = {0};
    struct msk_signed_peer_entry_seq entries;
    const struct inspect_obstacle *obstacle = NULL;
    if (options->for_ms && !options->watch)
        return msk_fail(run->err, MSK_E_INVALID, "--for: it goes with --watch only");
    int rc = inspect_begin(&options->target, &contact, run->err);
    if (rc == 0)
        rc = inspect_sync(&contact, NULL, &entries, &obstacle, run->err);
    if (obstacle)
        rc = inspect_fail(obstacle, run->err);
    if (rc == 0)
        rc = options->watch ? follow(run, &contact, &entries) : answer(run, &entries);
    inspect_end(&contact);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect catalog ed4928c6...@192.0.2.1:7000", NULL},
    {"mosaik-inspect catalog --json ed4928c6...@192.0.2.1:7000 | jq -r '.entries[] | "
     "\"\\(.peer_id)@\\(.addresses[])\"'",
     "Addresses to look into next"},
    {"mosaik-inspect catalog --watch ed4928c6...@192.0.2.1:7000 | jq -r '\"\\(.ts) \\(.text)\"'",
     "Who comes, changes and goes, in words"},
    {NULL, NULL},
};

const struct msk_command inspect_catalog = {
    .name = "catalog",
    .summary = "List the peers that a node knows, without joining anything",
    .details =
        "Exchanges catalogs with the node, as a newcomer does, but with an empty one of its own: neither the "
        "node nor anybody else gets a new entry. Every entry is verified with the key of the peer it describes. "
        "That of the node itself is among them. With --watch the command then joins the network's gossip as a silent "
        "neighbour, which announces nothing of itself, and prints each peer that appears (entry_added, with its "
        "entry), changes (entry_updated), departs or grows too old (entry_removed), and each announcement that it "
        "refuses, with the reason.",
    .sets = {{.options = inspect_target_rows, .offset = offsetof(struct options, target)}, {.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_catalog,
};
