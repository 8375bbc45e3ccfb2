/* mosaik-inspect bond: try to become a member, step by step, and leave at once.
 *
 * What the group notices is kept small. The entry given to a peer that wants one (401) has no addresses and lists no
 * group, so that nobody dials the inspector (W-33); it dates from 1970, so that it never takes the place of the entry
 * of a running node with the same key; and it is so old already that everybody forgets it within a minute. A bond that
 * comes about is left in the same instant, before the peer asks anything of it. */
#include "bond.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/input.h"
#include "cli/layout.h"
#include "core/bond.h"
#include "core/catalog.h"
#include "crypto/jwt.h"
#include "crypto/proof.h"
#include "inspect.h"
#include "runtime/now.h"
#include "wire/address.h"
#include "wire/close_code.h"
#include "wire/peer_entry.h"

#define ENTRY_LIFE_MS 60000 /* that peers keep our entry: longer than clocks may differ (wire.md 4.11) */
#define STEP_TEXT_MAX 512
#define WHY_MAX       8192

#define AT(member) offsetof(struct inspect_bond_options, member)

static const struct msk_option rows[] = {
    {.name = "ticket",
     .type = &msk_value_file,
     .repeatable = true,
     .offset = AT(tickets),
     .help = "file with a ticket to present"},
    {.name = NULL},
};

/* ---- steps */

/* Lines are printed as things happen: who waits sees for what. */
__attribute__((format(printf, 3, 4))) static void step(struct inspect_attempt *attempt, const char *name,
                                                       const char *format, ...)
{
    char text[STEP_TEXT_MAX];
    double at_ms = inspect_elapsed_ms(&attempt->contact);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(attempt->steps, json_pack("{s:s, s:f, s:s}", "step", name, "at_ms", at_ms, "text", text));
    if (attempt->run->out->json)
        return;
    fprintf(attempt->run->out->stream, "%7.1f ms  %s\n", at_ms, text);
    fflush(attempt->run->out->stream);
}

static void end_with_code(struct inspect_attempt *attempt, uint64_t code, bool by_us)
{
    attempt->result = INSPECT_REFUSED;
    attempt->has_code = true;
    attempt->by_us = by_us;
    attempt->code = code;
    attempt->name = msk_close_name(code);
}

static void end_without_code(struct inspect_attempt *attempt, enum inspect_result result, const char *name,
                             const char *why)
{
    attempt->result = result;
    attempt->has_code = false;
    attempt->name = name;
    attempt->obstacle = why;
}

/* ---- what we say */

static int read_ticket(const char *path, struct msk_arena *arena, struct msk_ticket_entry *out, struct msk_error *err)
{
    struct msk_builder text, memory;
    msk_builder_init(&text, MSK_JWT_TOKEN_MAX);
    msk_builder_init(&memory, MSK_JWT_TOKEN_MAX);
    int rc = msk_input_read(path, &text, NULL, err);
    if (rc == 0) {
        rc = msk_ticket_of_text(msk_builder_view(&text), &memory, &out->ticket, err);
        if (rc < 0)
            msk_wrap(err, rc, "%s", msk_input_name(path));
    }
    if (rc == 0) {
        struct msk_bytes *data = &out->ticket.data;
        out->id = msk_ticket_id(&out->ticket.class_id, *data);
        data->data = msk_arena_copy(arena, data->data, data->len);
        if (!data->data)
            rc = msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    }
    msk_builder_free(&memory);
    msk_builder_free(&text);
    return rc;
}

static int make_own_entry(struct inspect_attempt *attempt, struct msk_error *err)
{
    const struct msk_list *files = &attempt->options->tickets;
    struct msk_peer_entry *entry = &attempt->own.entry;
    if (files->count > INSPECT_TICKETS_MAX)
        return msk_fail(err, MSK_E_INVALID, "--ticket: given more than %d times", INSPECT_TICKETS_MAX);
    for (size_t i = 0; i < files->count; i++) {
        int rc =
            read_ticket(((const char *const *)files->items)[i], &attempt->contact.arena, &attempt->tickets[i], err);
        if (rc)
            return rc;
    }
    entry->protocol = msk_bytes_of_text(MSK_PROTOCOL_VERSION);
    entry->network = attempt->setup.network_id;
    entry->version.updated_ms = msk_now().wall_ms - MSK_PURGE_AFTER_MS + ENTRY_LIFE_MS;
    entry->address.peer_id = attempt->contact.id;
    entry->tickets = (struct msk_ticket_map){attempt->tickets, files->count};
    int rc = msk_peer_entry_sign(&attempt->own, attempt->contact.secret);
    return rc ? msk_fail(err, rc, "%s", msk_error_sentence(rc)) : 0;
}

static int exported_secret(const struct inspect_attempt *attempt, struct msk_digest *out)
{
    const struct msk_bytes label = MSK_BYTES(attempt->setup.config.id.bytes, MSK_DIGEST_LEN);
    return msk_probe_export(attempt->contact.probe, label, out->bytes);
}

static int send_value(struct inspect_attempt *attempt, const struct msk_type *type, const void *value,
                      struct msk_error *err)
{
    struct msk_builder frame;
    msk_builder_init(&frame, MSK_GROUP_HANDSHAKE_MAX);
    int rc = msk_encode(type, value, &frame);
    rc = rc ? msk_fail(err, rc, "%s", msk_error_sentence(rc))
            : msk_probe_send(attempt->contact.probe, msk_builder_view(&frame), err);
    msk_builder_free(&frame);
    return rc;
}

/* groups.md 2.2 */
static int send_start(struct inspect_attempt *attempt, struct msk_error *err)
{
    const struct msk_group_config *config = &attempt->setup.config;
    char group[MSK_DIGEST_SHORT_SIZE];
    struct msk_digest exported;
    struct msk_handshake_start start = {.network_id = attempt->setup.network_id, .group_id = config->id};
    int rc = exported_secret(attempt, &exported);
    if (rc)
        return msk_fail(err, rc, "%s", msk_error_sentence(rc));
    start.proof = msk_bond_proof(&config->key, &exported, &attempt->contact.id);
    rc = send_value(attempt, MSK_TYPE(handshake_start), &start, err);
    if (rc == 0)
        step(attempt, "handshake_sent", "handshake sent for group %s…", msk_digest_short(&config->id, group));
    return rc;
}

/* ---- how it ends */

static int not_dialled(struct inspect_attempt *attempt, int rc, const struct inspect_obstacle *obstacle,
                       const struct msk_error *err)
{
    if (!obstacle)
        return rc;
    end_without_code(attempt, rc == MSK_E_TIMEOUT ? INSPECT_TIMED_OUT : INSPECT_UNREACHABLE, obstacle->name,
                     obstacle->why);
    step(attempt, obstacle->name, "no connection: %s", err->text);
    return 0;
}

/* The peer must know us before it talks about groups. */
static bool must_introduce(const struct inspect_attempt *attempt)
{
    return attempt->has_code && attempt->code == MSK_CLOSE_UNKNOWN_PEER && !attempt->by_us && !attempt->introduced;
}

static void closed(struct inspect_attempt *attempt, const struct msk_error *err)
{
    const struct msk_link_close *end = msk_probe_end(attempt->contact.probe);
    if (end->stream_ended) {
        end_with_code(attempt, MSK_CLOSE_UNEXPECTED_CLOSE, true);
        msk_probe_hang_up(attempt->contact.probe, attempt->code);
        step(attempt, "refused", "the peer ended its stream: %s", err->text);
    } else if (end->by == MSK_CLOSED_TRANSPORT) {
        end_without_code(attempt, INSPECT_UNREACHABLE, "connection_lost",
                         "The peer was there and is gone: it crashed or was stopped, or the way to it broke.");
        step(attempt, attempt->name, "connection lost: %s", err->text);
    } else {
        end_with_code(attempt, end->code, end->by == MSK_CLOSED_LOCAL);
        step(attempt, "refused", "%s: %llu %s%s", attempt->by_us ? "given up" : "refused",
             (unsigned long long)end->code, attempt->name,
             must_introduce(attempt) ? ", as to any newcomer: it has to be told about this key first" : "");
    }
}

static void give_up(struct inspect_attempt *attempt, uint64_t code, const char *what)
{
    msk_probe_hang_up(attempt->contact.probe, code);
    end_with_code(attempt, code, true);
    step(attempt, "refused", "%s: closed with %llu %s", what, (unsigned long long)code, attempt->name);
}

/* No HandshakeEnd came. Negative: a failure of our own. */
static int no_answer(struct inspect_attempt *attempt, int rc, const struct msk_error *err)
{
    switch (rc) {
    case MSK_E_CLOSED:
        closed(attempt, err);
        return 0;
    case MSK_E_PROTOCOL: /* closed already */
        end_with_code(attempt, MSK_CLOSE_PROTOCOL_VIOLATION, true);
        step(attempt, "refused", "%s", err->text);
        return 0;
    case MSK_E_TIMEOUT:
        msk_probe_hang_up(attempt->contact.probe, MSK_CLOSE_TIMEOUT);
        end_without_code(attempt, INSPECT_TIMED_OUT, "no_answer",
                         "The connection stands, so the node runs, but it does not answer the handshake, which takes "
                         "members a few milliseconds: it is overloaded, or hangs. Its log and its status tell more.");
        step(attempt, "no_answer", "no answer to the handshake");
        return 0;
    default:
        return rc;
    }
}

/* ---- bonded */

static void note_members(struct inspect_attempt *attempt, const struct msk_signed_peer_entry_seq *bonds)
{
    char id[MSK_DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < bonds->count; i++)
        json_array_append_new(attempt->members,
                              json_string(msk_digest_text(&bonds->items[i].entry.address.peer_id, id)));
}

/* groups.md 2.10: the peer is to see a member that leaves, not one that is lost. */
static int depart(struct inspect_attempt *attempt, struct msk_error *err)
{
    const struct msk_bond_message departure = {.kind = MSK_BOND_DEPARTURE};
    int rc = send_value(attempt, MSK_TYPE(bond_message), &departure, err);
    msk_probe_hang_up(attempt->contact.probe, MSK_CLOSE_CANCELLED);
    if (rc && rc != MSK_E_CLOSED)
        return rc;
    step(attempt, "departed", "departed again, so that the group does not count on this key");
    return 0;
}

static int take_end(struct inspect_attempt *attempt, const struct msk_handshake_end *end, struct msk_error *err)
{
    const struct inspect_contact *contact = &attempt->contact;
    struct msk_digest exported;
    int rc = exported_secret(attempt, &exported);
    if (rc == MSK_E_CLOSED) { /* it changed its mind right after its answer */
        closed(attempt, err);
        return 0;
    }
    if (rc)
        return msk_fail(err, rc, "%s", msk_error_sentence(rc));
    if (!msk_bond_proof_holds(&end->proof, &attempt->setup.config.key, &exported, &contact->peer.peer)) {
        give_up(attempt, MSK_CLOSE_INVALID_PROOF, "the peer's proof of the group key is wrong");
        return 0;
    }
    attempt->result = INSPECT_BONDED;
    attempt->has_code = false;
    attempt->name = NULL;
    note_members(attempt, &end->bonds);
    step(attempt, "bonded", "bonded: the peer has proved the group key, too");
    return depart(attempt, err);
}

/* ---- the attempt */

/* One connection, from the dial to the answer (groups.md 2.3). 0 with a result, or a failure of our own. */
static int greet(struct inspect_attempt *attempt, struct msk_error *err)
{
    struct inspect_contact *contact = &attempt->contact;
    const struct inspect_obstacle *obstacle;
    struct msk_handshake_end end;
    char text[MSK_SOCKET_TEXT_SIZE], peer[MSK_DIGEST_SHORT_SIZE];
    step(attempt, "dial", "dial %s", msk_socket_addr_text(&contact->peer.address, text));
    int rc = inspect_dial(contact, MSK_ALPN_GROUPS, MSK_GROUP_HANDSHAKE_MAX, &obstacle, err);
    if (rc)
        return not_dialled(attempt, rc, obstacle, err);
    step(attempt, "connected", "TLS 1.3 done, the peer is %s…", msk_digest_short(&contact->peer.peer, peer));
    rc = send_start(attempt, err);
    if (rc == 0)
        rc = inspect_receive(contact, MSK_TYPE(handshake_end), &end, err);
    return rc ? no_answer(attempt, rc, err) : take_end(attempt, &end, err);
}

/* A catalog sync (wire.md 4.5), as every member does after 401. */
static int introduce(struct inspect_attempt *attempt, struct msk_error *err)
{
    struct inspect_contact *contact = &attempt->contact;
    const struct inspect_obstacle *obstacle;
    struct msk_signed_peer_entry_seq entries;
    int rc = inspect_sync(contact, &attempt->own, &entries, &obstacle, err);
    if (obstacle)
        return not_dialled(attempt, rc, obstacle, err);
    if (rc)
        return no_answer(attempt, rc, err);
    attempt->introduced = true;
    attempt->peer_entry = inspect_own_entry_of(&contact->peer.peer, &entries);
    step(attempt, "synced", "introduced by an exchange of catalogs; the peer told of %zu peers", entries.count);
    return 0;
}

/* What the peer lists helps to explain how it ended; without an answer the explanation is only shorter. */
static void ask_peer(struct inspect_attempt *attempt)
{
    struct inspect_contact *contact = &attempt->contact;
    const struct inspect_obstacle *obstacle;
    struct msk_error err;
    struct msk_signed_peer_entry *entry = msk_arena_alloc(&contact->arena, 1, sizeof *entry);
    if (!entry || inspect_dial(contact, MSK_ALPN_PING, MSK_FRAME_MAX_PING, &obstacle, &err) ||
        inspect_ask_entry(contact, entry, &err) || msk_peer_entry_verify(entry))
        return;
    attempt->peer_entry = entry;
    step(attempt, "asked", "asked the peer for its entry");
}

static int try_bond(struct inspect_attempt *attempt, struct msk_error *err)
{
    int rc = greet(attempt, err);
    if (rc == 0 && must_introduce(attempt)) {
        rc = introduce(attempt, err);
        if (rc == 0 && attempt->introduced)
            rc = greet(attempt, err);
    }
    if (rc == 0 && inspect_wants_peer_entry(attempt) && !attempt->peer_entry)
        ask_peer(attempt);
    return rc;
}

/* ---- the answer */

static const struct {
    const char *name;
    int status;
} results[] = {[INSPECT_BONDED] = {"bonded", 0},
               [INSPECT_REFUSED] = {"refused", 1},
               [INSPECT_UNREACHABLE] = {"unreachable", 3},
               [INSPECT_TIMED_OUT] = {"timed_out", 4}};

static int print_json(const struct inspect_attempt *attempt, const char *why)
{
    char group[MSK_DIGEST_TEXT_SIZE], peer[MSK_DIGEST_TEXT_SIZE];
    json_t *code = attempt->has_code ? json_integer((json_int_t)attempt->code) : json_null();
    return msk_output_figures(attempt->run->out,
                              json_pack("{s:s, s:o, s:s?, s:s, s:O, s:s, s:s, s:O}", "result",
                                        results[attempt->result].name, "code", code, "name", attempt->name, "why", why,
                                        "steps", attempt->steps, "group_id",
                                        msk_digest_text(&attempt->setup.config.id, group), "peer_id",
                                        msk_digest_text(&attempt->contact.id, peer), "members", attempt->members));
}

static int answer(const struct inspect_attempt *attempt)
{
    struct msk_builder why;
    msk_builder_init(&why, WHY_MAX);
    inspect_explain(attempt, &why);
    int rc = why.error;
    if (rc == 0 && attempt->run->out->json) {
        rc = print_json(attempt, (const char *)why.data);
    } else if (rc == 0) {
        fprintf(attempt->run->out->stream, "\n");
        msk_wrap_text(attempt->run->out->stream, (const char *)why.data, 0, 0);
    }
    msk_builder_free(&why);
    return rc ? rc : results[attempt->result].status;
}

static int run_attempt(struct inspect_attempt *attempt)
{
    struct msk_error *err = attempt->run->err;
    struct msk_error unfit;
    if (!attempt->options->group.network)
        return msk_fail(err, MSK_E_INVALID, "--network NAME: missing: the network's name or id");
    int rc = msk_group_setup_make(&attempt->options->group, &attempt->setup, err);
    if (rc == 0 && msk_group_setup_check(&attempt->setup, &unfit) < 0)
        msk_warn("no node can run with these settings: %s", unfit.text);
    if (rc == 0)
        rc = inspect_begin(&attempt->options->target, &attempt->contact, err);
    if (rc == 0)
        rc = make_own_entry(attempt, err);
    if (rc == 0)
        rc = try_bond(attempt, err);
    return rc ? rc : answer(attempt);
}

static int run_bond(struct msk_run *run)
{
    struct inspect_attempt *attempt = msk_calloc(1, sizeof *attempt);
    if (!attempt)
        return msk_fail(run->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    attempt->run = run;
    attempt->options = run->options;
    attempt->steps = json_array();
    attempt->members = json_array();
    int rc = attempt->steps && attempt->members ? run_attempt(attempt) : MSK_E_NOMEM;
    json_decref(attempt->steps);
    json_decref(attempt->members);
    inspect_end(&attempt->contact);
    msk_group_setup_free(&attempt->setup);
    msk_free(attempt);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect bond ed4928c6...@192.0.2.1:7000 --network testnet -k group.key", NULL},
    {"mosaik-inspect bond ed4928c6...@192.0.2.1:7000 --network testnet -k group.key -s node.key "
     "--require-ticket validator.json --ticket my.jwt --json | jq -r .why",
     "As a member that is not running, with its ticket"},
    {NULL, NULL},
};

const struct msk_command inspect_bond = {
    .name = "bond",
    .summary = "Try to bond with a node, and tell each step and why it ends as it does",
    .details =
        "Does what a member does to bond: connect, prove the group key, and, if the node does not know this one yet, "
        "exchange catalogs first. A bond that comes about is left at once. Status 0: bonded; 1: refused; 3: the node "
        "cannot be reached; 4: it does not answer in time.\n\n"
        "Give the secret of a member only while that member does not run.",
    .sets = {{.options = inspect_target_rows, .offset = AT(target)},
             {.title = "Tickets", .options = rows},
             MSK_GROUP_OPTION_SETS(AT(group))},
    .size = sizeof(struct inspect_bond_options),
    .examples = examples,
    .answers = true,
    .run = run_bond,
};
