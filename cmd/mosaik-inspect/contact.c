#include "contact.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/secret.h"
#include "runtime/now.h"
#include "wire/close_code.h"
#include "wire/peer_entry.h"
#include "wire/type_build.h"

#define NS_PER_MS        1000000
#define DIAL_MAX_MS      9000 /* QUIC gives a handshake up after 10 s: our own limit, which we tell about, comes first */
#define SEEN_MAX         160  /* bytes of what was seen, before the advice */
#define DECODED_PER_BYTE 16   /* memory a decoded catalog may take for each byte received */
#define DECODED_MAX      ((size_t)DECODED_PER_BYTE * MSK_FRAME_MAX_CATALOG)

/* QUIC's codes for TLS alerts (RFC 9001 4.8). */
#define ALERT_BAD_CERTIFICATE         0x12a
#define ALERT_NO_APPLICATION_PROTOCOL 0x178

#define AT(member) offsetof(struct inspect_target, member)

const struct msk_option inspect_target_rows[] = {
    {.name = "peer",
     .type = &msk_value_peer_address,
     .positional = true,
     .required = true,
     .offset = AT(peer),
     .help = "the node to look into"},
    {.name = "secret-file",
     .letter = 's',
     .type = &msk_value_file,
     .offset = AT(secret_file),
     .help = "file with the node secret to appear as, 64 hex digits; without it a key is made for this once"},
    {.name = "timeout",
     .letter = 't',
     .type = &msk_value_duration_ms,
     .fallback = "5s",
     .offset = AT(timeout_ms),
     .help = "how long to try, all steps together"},
    {.name = NULL},
};

int inspect_begin(const struct inspect_target *target, struct inspect_contact *contact, struct msk_error *err)
{
    msk_arena_init(&contact->arena, DECODED_MAX);
    contact->peer = target->peer;
    contact->timeout_ms = target->timeout_ms;
    int rc = target->secret_file ? msk_secret_read(target->secret_file, contact->secret, err)
                                 : msk_secret_random(contact->secret, sizeof contact->secret, err);
    if (rc == 0)
        rc = msk_probe_new(contact->secret, &contact->probe, err);
    if (rc)
        return rc;
    contact->id = *msk_probe_peer_id(contact->probe);
    contact->started_ns = msk_now_ns();
    return 0;
}

void inspect_end(struct inspect_contact *contact)
{
    msk_probe_free(contact->probe);
    msk_arena_free(&contact->arena);
    msk_wipe(contact->secret, sizeof contact->secret);
}

double inspect_ms_of(uint64_t ns)
{
    uint64_t us = (ns + 500) / 1000;
    return (double)us / 1000;
}

double inspect_elapsed_ms(const struct inspect_contact *contact)
{
    return inspect_ms_of(msk_now_ns() - contact->started_ns);
}

static uint64_t left_ms(const struct inspect_contact *contact)
{
    uint64_t elapsed_ms = (msk_now_ns() - contact->started_ns) / NS_PER_MS;
    return elapsed_ms < contact->timeout_ms ? contact->timeout_ms - elapsed_ms : 0;
}

/* ---- dialling */

static const struct inspect_obstacle no_answer = {
    "no_answer", "Nothing came back. The address is wrong, the host is down, a firewall drops UDP, or the node hangs."};
static const struct inspect_obstacle unreachable = {
    "unreachable",
    "No program listens at this address, or there is no way to it: the node is not running, or it listens elsewhere. "
    "Its address is in the first line that \"mosaik-node run\" prints."};
static const struct inspect_obstacle wrong_key = {
    "wrong_key",
    "A node answers at this address, but with another key: the peer id is wrong, or the node that had it has been "
    "replaced. If that key is meant, dial it by its own id."};
static const struct inspect_obstacle no_protocol = {
    "no_protocol",
    "Somebody speaks QUIC there, but not this protocol of mosaik: another program, or a node that does not serve it."};
static const struct inspect_obstacle handshake_failed = {
    "handshake_failed", "Somebody answers there, but no connection comes about: is it a mosaik node, and does it have "
                        "room for one more?"};

static const struct inspect_obstacle *obstacle_of(int rc, const struct msk_link_close *end)
{
    if (rc == MSK_E_TIMEOUT)
        return &no_answer;
    switch (end ? end->code : 0) {
    case 0:
        return &unreachable;
    case ALERT_BAD_CERTIFICATE:
        return &wrong_key;
    case ALERT_NO_APPLICATION_PROTOCOL:
        return &no_protocol;
    default:
        return &handshake_failed;
    }
}

int inspect_dial(struct inspect_contact *contact, enum msk_alpn alpn, size_t frame_max,
                 const struct inspect_obstacle **obstacle, struct msk_error *err)
{
    uint64_t left = left_ms(contact), limit_ms = left < DIAL_MAX_MS ? left : DIAL_MAX_MS;
    int rc = msk_probe_dial(contact->probe, &contact->peer, alpn, frame_max, limit_ms, err);
    *obstacle = rc ? obstacle_of(rc, msk_probe_end(contact->probe)) : NULL;
    return rc;
}

int inspect_fail(const struct inspect_obstacle *obstacle, struct msk_error *err)
{
    struct msk_error seen = *err;
    return msk_fail(err, seen.code, "%.*s\n%s", SEEN_MAX, seen.text, obstacle->why);
}

/* ---- exchanges */

int inspect_receive(struct inspect_contact *contact, const struct msk_type *type, void *out, struct msk_error *err)
{
    struct msk_bytes frame;
    int rc = msk_probe_receive(contact->probe, left_ms(contact), &frame, err);
    if (rc)
        return rc;
    rc = msk_decode(type, frame, &contact->arena, out, err);
    if (rc == 0 || rc == MSK_E_NOMEM)
        return rc;
    msk_probe_hang_up(contact->probe, MSK_CLOSE_PROTOCOL_VIOLATION);
    return msk_wrap(err, MSK_E_PROTOCOL, "the answer cannot be decoded");
}

/* Whoever answers waits for this (wire.md D.1, 1): nothing comes between answer and close. */
static int exchange(struct inspect_contact *contact, struct msk_bytes question, const struct msk_type *answer_type,
                    void *answer, struct msk_error *err)
{
    int rc = msk_probe_send(contact->probe, question, err);
    if (rc == 0)
        rc = inspect_receive(contact, answer_type, answer, err);
    if (rc == 0)
        msk_probe_hang_up(contact->probe, MSK_CLOSE_SUCCESS);
    return rc;
}

/* As signed entries travel, but a bad signature is a finding here and no reason to see nothing at all. */
static struct msk_type unverified_entry(void)
{
    struct msk_type type = msk_type_signed_peer_entry;
    type.check = NULL;
    return type;
}

int inspect_ask_entry(struct inspect_contact *contact, struct msk_signed_peer_entry *out, struct msk_error *err)
{
    const struct msk_type type = unverified_entry();
    return exchange(contact, MSK_BYTES("", 0), &type, out, err);
}

int inspect_sync(struct inspect_contact *contact, const struct msk_signed_peer_entry *own,
                 struct msk_signed_peer_entry_seq *out, const struct inspect_obstacle **obstacle, struct msk_error *err)
{
    const struct msk_type entry = unverified_entry();
    const struct msk_type *entries = msk_type_seq(&contact->arena, &entry);
    const struct msk_catalog_snapshot question = {{(struct msk_signed_peer_entry *)own, own != NULL}};
    struct msk_builder encoded;
    if (!entries)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    msk_builder_init(&encoded, MSK_FRAME_MAX_CATALOG);
    int rc = msk_encode(MSK_TYPE(catalog_snapshot), &question, &encoded);
    if (rc)
        msk_fail(err, rc, "%s", msk_error_sentence(rc));
    if (rc == 0)
        rc = inspect_dial(contact, MSK_ALPN_SYNC, MSK_FRAME_MAX_CATALOG, obstacle, err);
    if (rc == 0)
        rc = exchange(contact, msk_builder_view(&encoded), entries, out, err);
    msk_builder_free(&encoded);
    return rc;
}

const struct msk_signed_peer_entry *inspect_own_entry_of(const struct msk_digest *peer,
                                                         const struct msk_signed_peer_entry_seq *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        if (msk_digest_equal(&entries->items[i].entry.address.peer_id, peer) &&
            msk_peer_entry_verify(&entries->items[i]) == 0)
            return &entries->items[i];
    return NULL;
}
