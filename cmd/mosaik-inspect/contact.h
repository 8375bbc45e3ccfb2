/* contact.h: the peer that is looked into: the options that name it, and the exchanges of discovery with it (wire.md
 * 4.5, 4.6). */
#ifndef MOSAIK_INSPECT_CONTACT_H
#define MOSAIK_INSPECT_CONTACT_H

#include "cli/option.h"
#include "crypto/ed25519.h"
#include "runtime/probe.h"

struct inspect_target {
    struct msk_peer_address peer;
    const char *secret_file; /* NULL: a key for this once */
    uint64_t timeout_ms;     /* of the whole command */
};
extern const struct msk_option inspect_target_rows[];

/* Zero-initialise. */
struct inspect_contact {
    struct msk_peer_address peer;
    uint8_t secret[MSK_SECRET_LEN];
    struct msk_digest id; /* the peer id of the secret */
    uint64_t started_ns, timeout_ms;
    struct msk_probe *probe;
    struct msk_arena arena; /* what was decoded */
};

/* Read or make the secret; the time begins. MSK_E_INVALID, MSK_E_IO, MSK_E_NOMEM, MSK_E_CRYPTO. Call inspect_end in any
 * case. */
int inspect_begin(const struct inspect_target *target, struct inspect_contact *contact, struct msk_error *err);
void inspect_end(struct inspect_contact *contact);

/* A span in milliseconds, to the microsecond: what is printed of times. */
double inspect_ms_of(uint64_t ns);

/* Milliseconds since the beginning; of the time-out, what is left. */
double inspect_elapsed_ms(const struct inspect_contact *contact);

/* Why no connection came about. */
struct inspect_obstacle {
    const char *name; /* "no_answer", "unreachable", "wrong_key", "no_protocol", "handshake_failed" */
    const char *why;  /* the likely cause, for people */
};

/* Open a link. MSK_E_TIMEOUT or MSK_E_UNREACHABLE with what was seen, and then `*obstacle`, otherwise NULL. */
int inspect_dial(struct inspect_contact *contact, enum msk_alpn alpn, size_t frame_max,
                 const struct inspect_obstacle **obstacle, struct msk_error *err);

/* Put the likely cause on a second line of `err`; returns its code. */
int inspect_fail(const struct inspect_obstacle *obstacle, struct msk_error *err);

/* The next frame, decoded. MSK_E_TIMEOUT, MSK_E_CLOSED (see msk_probe_end), MSK_E_NOMEM, MSK_E_PROTOCOL: it cannot be
 * decoded; the link is then closed with 400. */
int inspect_receive(struct inspect_contact *contact, const struct msk_type *type, void *out, struct msk_error *err);

/* The peer's own entry, on an open ping link, which is then closed. Its signature is not verified yet. */
int inspect_ask_entry(struct inspect_contact *contact, struct msk_signed_peer_entry *out, struct msk_error *err);

/* Exchange catalogs: `own` (NULL: nothing at all) against all the peer knows; signatures are not verified yet. Dials,
 * and closes again. Errors as inspect_dial and inspect_receive. */
int inspect_sync(struct inspect_contact *contact, const struct msk_signed_peer_entry *own,
                 struct msk_signed_peer_entry_seq *out, const struct inspect_obstacle **obstacle,
                 struct msk_error *err);

/* The peer's entry among those; NULL: none that it signed. */
const struct msk_signed_peer_entry *inspect_own_entry_of(const struct msk_digest *peer,
                                                         const struct msk_signed_peer_entry_seq *entries);

#endif
