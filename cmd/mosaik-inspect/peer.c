/* mosaik-inspect peer: what a node says of itself, and how the connection to it came about. */
#include <inttypes.h>

#include "base/clock.h"
#include "contact.h"
#include "core/entry_json.h"
#include "inspect.h"
#include "wire/peer_entry.h"

#define LABEL_WIDTH 11

struct options {
    struct inspect_target target;
};

/* ---- the answer */

/* Times count from the first packet sent. A new reference, NULL without memory. */
static json_t *handshake_to_json(const struct msk_quic_conn *conn)
{
    struct msk_quic_conn_info info;
    struct msk_quic_conn_stats stats;
    msk_quic_conn_info(conn, &info);
    msk_quic_conn_stats(conn, &stats);
    return json_pack("{s:f, s:f, s:I, s:s, s:s}", "answered_ms", inspect_ms_of(info.answered_ns - info.started_ns),
                     "connected_ms", inspect_ms_of(info.connected_ns - info.started_ns), "rtt_us",
                     (json_int_t)stats.rtt_us, "cipher", info.cipher, "group", info.group);
}

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static double ms_of(const json_t *object, const char *member)
{
    return json_real_value(json_object_get(object, member));
}

/* One item a line; of a ticket its id and size. */
static void print_list(FILE *stream, const json_t *entry, const char *member)
{
    const json_t *list = json_object_get(entry, member), *item;
    size_t i;
    const char *label = member;
    json_array_foreach(list, i, item)
    {
        if (json_is_object(item))
            fprintf(stream, "%-*s%s (%" JSON_INTEGER_FORMAT " bytes)\n", LABEL_WIDTH, label, text_of(item, "id"),
                    json_integer_value(json_object_get(item, "bytes")));
        else
            fprintf(stream, "%-*s%s\n", LABEL_WIDTH, label, json_string_value(item));
        label = "";
    }
    if (json_array_size(list) == 0)
        fprintf(stream, "%-*s-\n", LABEL_WIDTH, label);
}

static void print_time(FILE *stream, const char *label, int64_t ms)
{
    char text[MSK_TIME_TEXT_SIZE];
    if (*msk_time_ms_text(ms, text))
        fprintf(stream, "%-*s%s\n", LABEL_WIDTH, label, text);
    else
        fprintf(stream, "%-*s%" PRIi64 " ms, beyond the calendar\n", LABEL_WIDTH, label, ms);
}

static void print_answer(const struct msk_run *run, const struct msk_entry_version *version, const json_t *entry,
                         const json_t *handshake)
{
    static const char *const lists[] = {"addresses", "groups", "streams", "functions", "tags", "tickets"};
    FILE *stream = run->out->stream;
    bool valid = json_is_true(json_object_get(entry, "signature_valid"));
    fprintf(stream, "%-*s%s\n", LABEL_WIDTH, "peer", text_of(entry, "peer_id"));
    fprintf(stream, "%-*s%s\n", LABEL_WIDTH, "network", text_of(entry, "network_id"));
    fprintf(stream, "%-*s%s\n", LABEL_WIDTH, "protocol", text_of(entry, "protocol"));
    print_time(stream, "started", version->started_ms);
    print_time(stream, "updated", version->updated_ms);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        print_list(stream, entry, lists[i]);
    fprintf(stream, "%-*s%s\n", LABEL_WIDTH, "signature", valid ? "valid" : "NOT VALID");
    fprintf(stream, "%-*sanswered after %.1f ms, done after %.1f ms, round trip %.1f ms\n", LABEL_WIDTH, "handshake",
            ms_of(handshake, "answered_ms"), ms_of(handshake, "connected_ms"),
            (double)json_integer_value(json_object_get(handshake, "rtt_us")) / 1000);
    fprintf(stream, "%-*s%s, %s\n", LABEL_WIDTH, "cipher", text_of(handshake, "cipher"), text_of(handshake, "group"));
}

/* Takes the reference. */
static int answer(const struct msk_run *run, const struct msk_signed_peer_entry *entry, bool valid, json_t *handshake)
{
    json_t *shown = msk_entry_to_json(entry, valid);
    json_t *whole = json_pack("{s:o, s:o}", "entry", shown, "handshake", handshake);
    if (run->out->json || !whole)
        return msk_output_figures(run->out, whole);
    print_answer(run, &entry->entry.version, shown, handshake);
    json_decref(whole);
    return 0;
}

/* ---- asking */

static int ask(struct msk_run *run, struct inspect_contact *contact)
{
    struct msk_signed_peer_entry entry;
    const struct inspect_obstacle *obstacle;
    int rc = inspect_dial(contact, MSK_ALPN_PING, MSK_FRAME_MAX_PING, &obstacle, run->err);
    if (rc)
        return obstacle ? inspect_fail(obstacle, run->err) : rc;
    json_t *handshake = handshake_to_json(msk_probe_conn(contact->probe));
    rc = inspect_ask_entry(contact, &entry, run->err);
    if (rc) {
        json_decref(handshake);
        return rc;
    }
    bool valid = msk_peer_entry_verify(&entry) == 0;
    rc = answer(run, &entry, valid, handshake);
    if (rc == 0 && !valid)
        rc = msk_fail(run->err, MSK_E_PROTOCOL, "the entry's signature is not the peer's");
    if (rc == 0 && !msk_digest_equal(&entry.entry.address.peer_id, &contact->peer.peer))
        rc = msk_fail(run->err, MSK_E_PROTOCOL, "the peer answered with the entry of another one");
    return rc;
}

static int run_peer(struct msk_run *run)
{
    const struct options *options = run->options;
    struct inspect_contact contact = {0};
    int rc = inspect_begin(&options->target, &contact, run->err);
    if (rc == 0)
        rc = ask(run, &contact);
    inspect_end(&contact);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect peer ed4928c6...@192.0.2.1:7000", NULL},
    {"mosaik-inspect peer --json ed4928c6...@192.0.2.1:7000 | jq -r '.entry.groups[]'", "Which groups does it list?"},
    {NULL, NULL},
};

const struct msk_command inspect_peer = {
    .name = "peer",
    .summary = "Tell what a node says of itself, and how the connection to it came about",
    .details = "Asks the node for its signed entry, as other nodes do to see whether it is there, and verifies it. The "
               "node learns nothing of who asks but the key, which nobody needs to know before.",
    .sets = {{.options = inspect_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_peer,
};
