/* What the end of an attempt to bond means, in words: per code the likely cause (groups.md 2.4, 2.5), with what this
 * side can tell by itself. */
#include "base/text.h"
#include "bond.h"
#include "cli/validator_run.h"
#include "core/tickets.h"
#include "runtime/now.h"
#include "wire/close_code.h"
#include "wire/peer_entry.h"

#define CLOCK_SKEW_MS 5000 /* worth a word */
#define LISTED_MAX    8    /* groups or members that are named */

/* "7a14613ecf…, 0011223344… and 3 more" */
static void append_ids(struct msk_builder *out, const struct msk_digest *ids, size_t count)
{
    char id[MSK_DIGEST_SHORT_SIZE];
    for (size_t i = 0; i < count && i < LISTED_MAX; i++)
        msk_builder_printf(out, "%s%s…", i ? ", " : "", msk_digest_short(&ids[i], id));
    if (count > LISTED_MAX)
        msk_builder_printf(out, " and %zu more", count - LISTED_MAX);
}

/* True if the peer is in another network than ours, which is then said. */
static bool other_network(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    const struct msk_signed_peer_entry *peer = attempt->peer_entry;
    char theirs[MSK_DIGEST_SHORT_SIZE], ours[MSK_DIGEST_SHORT_SIZE];
    if (!peer || msk_digest_equal(&peer->entry.network, &attempt->setup.network_id))
        return false;
    msk_builder_printf(out,
                       "The peer is in another network: its network id is %s…, the one of --network is %s…. Compare "
                       "`mosaik-keygen network-id NAME` on both sides. ",
                       msk_digest_short(&peer->entry.network, theirs),
                       msk_digest_short(&attempt->setup.network_id, ours));
    return true;
}

static void different_network(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    if (!other_network(attempt, out))
        msk_builder_text(out, "The peer is in another network than the one of --network. Compare `mosaik-keygen "
                              "network-id NAME` on both sides.");
}

static void unknown_peer(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    if (other_network(attempt, out)) {
        msk_builder_text(out, "Nodes keep no entries of other networks, so it cannot get to know this one.");
        return;
    }
    msk_builder_text(out, "The peer did not keep the entry that it was just given, although its network is the same. "
                          "Its clock differs by more than a minute from the one here, or its catalog is full");
    if (attempt->options->target.secret_file)
        msk_builder_text(out, ", or it remembers an entry of this key that has run out: wait five minutes");
    msk_builder_text(out, ".");
    int64_t ahead_ms = attempt->peer_entry ? attempt->peer_entry->entry.version.updated_ms - msk_now().wall_ms : 0;
    if (ahead_ms > CLOCK_SKEW_MS)
        msk_builder_printf(out, " Its clock is at least %lld s ahead.", (long long)ahead_ms / 1000);
}

static void group_not_found(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    const struct msk_signed_peer_entry *peer = attempt->peer_entry;
    msk_builder_text(
        out, "The peer runs no group with this id. It is reachable and its key is right, so one of the inputs of the "
             "group id differs: the group key, heartbeat settings, machine, sync type, or the required tickets and "
             "their order. Compare `mosaik-keygen group-id --explain` on both sides. ");
    if (!peer)
        return;
    const struct msk_digest_seq *groups = &peer->entry.groups;
    if (msk_peer_entry_lists_group(&peer->entry, &attempt->setup.config.id)) {
        msk_builder_text(out, "Its entry does list this group, so it has just left it, or is about to join.");
    } else if (groups->count == 0) {
        msk_builder_text(out, "It lists no group at all.");
    } else {
        msk_builder_text(out, "Groups it does list: ");
        append_ids(out, groups->items, groups->count);
        msk_builder_printf(out, " (%zu)", groups->count);
    }
}

static void invalid_proof(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    msk_builder_printf(out,
                       "Both sides mean the same group id, but %s proof of the group key is wrong. The id is made from "
                       "the key, so the "
                       "keys can hardly differ; the proof also covers the peer ids and the TLS session. Either "
                       "somebody stands between "
                       "the two ends, or one side computes the proof otherwise: another version of the protocol?",
                       attempt->by_us ? "the peer's" : "our");
}

static int ask_program(void *context, const struct msk_validator *validator, const struct msk_ticket *ticket,
                       const struct msk_digest *peer, struct msk_ticket_opinion *out)
{
    (void)context;
    return msk_validator_run(validator, ticket, peer, msk_now().wall_ms, out);
}

/* Which rule an entry breaks; false: none, or it could not be found out. */
static bool broken_rule(const struct inspect_attempt *attempt, const struct msk_peer_entry *entry,
                        struct msk_builder *out)
{
    const struct msk_group_setup *setup = &attempt->setup;
    const struct msk_ticket_programs programs = {ask_program, NULL};
    struct msk_ticket_verdict verdict;
    if (msk_tickets_check(setup->validator_order, setup->validator_count, entry, msk_now().wall_ms, &programs,
                          &verdict) < 0 ||
        verdict.valid)
        return false;
    const char *file = ((const char *const *)attempt->options->group.require_ticket.items)[verdict.validator];
    msk_builder_printf(out, "The rule that is broken, of validator %zu (%s): %s. ", verdict.validator + 1, file,
                       verdict.reason);
    return true;
}

static void not_allowed(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    msk_builder_text(out, "The group requires tickets, and the peer does not accept those of this key. ");
    if (!broken_rule(attempt, &attempt->own.entry, out)) {
        msk_builder_text(out, "By the validators and the clock here they are good. The peer's clock differs, or it "
                              "goes by an older entry of this key, without the ticket.");
        return;
    }
    if (attempt->options->tickets.count == 0)
        msk_builder_text(out, "Give one with --ticket. ");
    if (!attempt->options->target.secret_file)
        msk_builder_text(out, "Tickets are mostly made out to one peer id, and the key here was made for this once: "
                              "use --secret-file. ");
    msk_builder_text(out, "`mosaik-ticket verify` checks a ticket without a connection.");
}

static void timeout(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    (void)attempt;
    msk_builder_text(out, "The peer waits two seconds for the handshake, and it did not come: packets get lost on the "
                          "way, or one of the two ends is overloaded. Try again; `mosaik-inspect peer` measures the "
                          "round trip.");
}

static void already_bonded(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    (void)attempt;
    msk_builder_text(out, "The peer has a bond with this peer id already: a node with the same secret runs, and is a "
                          "member. So its settings are right. To try from here, leave out --secret-file.");
}

static void cancelled(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    (void)attempt;
    msk_builder_text(out, "The peer shuts down, or has just left the group. Try again when it is back.");
}

static void by_the_book(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    const struct msk_close *close = msk_close_find(attempt->code);
    if (!close)
        msk_builder_text(out, "No code of mosaik: the peer speaks another version of the protocol, or another one.");
    else
        msk_builder_printf(out, "%s %s", close->meaning, close->remedy);
}

static const struct cause {
    uint64_t code;
    bool wants_peer_entry;
    void (*explain)(const struct inspect_attempt *attempt, struct msk_builder *out);
} causes[] = {
    {MSK_CLOSE_DIFFERENT_NETWORK, true, different_network},
    {MSK_CLOSE_CANCELLED, false, cancelled},
    {MSK_CLOSE_UNKNOWN_PEER, true, unknown_peer},
    {MSK_CLOSE_NOT_ALLOWED, false, not_allowed},
    {MSK_CLOSE_GROUP_NOT_FOUND, true, group_not_found},
    {MSK_CLOSE_INVALID_PROOF, false, invalid_proof},
    {MSK_CLOSE_TIMEOUT, false, timeout},
    {MSK_CLOSE_ALREADY_BONDED, false, already_bonded},
};

/* NULL: nothing more is known than what the code means. */
static const struct cause *find_cause(uint64_t code)
{
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (causes[i].code == code)
            return &causes[i];
    return NULL;
}

bool inspect_wants_peer_entry(const struct inspect_attempt *attempt)
{
    if (attempt->result == INSPECT_BONDED)
        return attempt->setup.validator_count > 0;
    const struct cause *cause = attempt->has_code ? find_cause(attempt->code) : NULL;
    return cause && cause->wants_peer_entry;
}

/* The peer took our tickets; whether a node with these settings would take the peer's is another question. */
static void judge_peer(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    struct msk_builder rule;
    msk_builder_init(&rule, out->max);
    if (attempt->peer_entry && broken_rule(attempt, &attempt->peer_entry->entry, &rule)) {
        msk_builder_text(out, "But it would refuse the peer, with 30403 NotAllowed, as the peer's own entry has no "
                              "ticket that passes. ");
        msk_builder_append(out, rule.data, rule.len);
    }
    msk_builder_free(&rule);
}

static void bonded(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    size_t count = json_array_size(attempt->members);
    msk_builder_text(out, "All that defines the group is the same on both sides: a node with these settings becomes a "
                          "member. ");
    judge_peer(attempt, out);
    if (count == 0)
        msk_builder_text(out, "The peer has no other bonds.");
    else
        msk_builder_text(out, "The peer is bonded with ");
    for (size_t i = 0; i < count && i < LISTED_MAX; i++)
        msk_builder_printf(out, "%s%.10s…", i ? ", " : "", json_string_value(json_array_get(attempt->members, i)));
    if (count > LISTED_MAX)
        msk_builder_printf(out, " and %zu more", count - LISTED_MAX);
    if (count > 0)
        msk_builder_text(out, ".");
}

void inspect_explain(const struct inspect_attempt *attempt, struct msk_builder *out)
{
    const struct cause *cause = attempt->has_code ? find_cause(attempt->code) : NULL;
    if (attempt->result == INSPECT_BONDED)
        bonded(attempt, out);
    else if (!attempt->has_code)
        msk_builder_text(out, attempt->obstacle);
    else if (cause)
        cause->explain(attempt, out);
    else
        by_the_book(attempt, out);
}
