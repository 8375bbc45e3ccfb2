/* mosaik-inspect catalog: all peers that a node knows, without becoming one of them. */
#include "base/clock.h"
#include "cli/layout.h"
#include "contact.h"
#include "core/entry_json.h"
#include "inspect.h"
#include "wire/peer_entry.h"

struct options {
    struct inspect_target target;
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

/* ---- asking */

static int run_catalog(struct msk_run *run)
{
    const struct options *options = run->options;
    struct inspect_contact contact = {0};
    struct msk_signed_peer_entry_seq entries;
    const struct inspect_obstacle *obstacle = NULL;
    int rc = inspect_begin(&options->target, &contact, run->err);
    if (rc == 0)
        rc = inspect_sync(&contact, NULL, &entries, &obstacle, run->err);
    if (obstacle)
        rc = inspect_fail(obstacle, run->err);
    if (rc == 0)
        rc = answer(run, &entries);
    inspect_end(&contact);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect catalog ed4928c6...@192.0.2.1:7000", NULL},
    {"mosaik-inspect catalog --json ed4928c6...@192.0.2.1:7000 | jq -r '.entries[] | "
     "\"\\(.peer_id)@\\(.addresses[])\"'",
     "Addresses to look into next"},
    {NULL, NULL},
};

const struct msk_command inspect_catalog = {
    .name = "catalog",
    .summary = "List the peers that a node knows, without joining anything",
    .details = "Exchanges catalogs with the node, as a newcomer does, but with an empty one of its own: neither the "
               "node nor anybody else gets a new entry. Every entry is verified with the key of the peer it describes. "
               "That of the node itself is among them.",
    .sets = {{.options = inspect_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_catalog,
};
