/* peer_entry.h: a peer's own description of itself: signed, verified, compared, kept (wire.md 4.1 to 4.3). */
#ifndef MSK_WIRE_PEER_ENTRY_H
#define MSK_WIRE_PEER_ENTRY_H

#include "crypto/ed25519.h"
#include "wire/messages.h"

#define MSK_PROTOCOL_VERSION      "0.4.2" /* what we put into our own entry */
#define MSK_PEER_ENTRY_GOSSIP_MAX 4056    /* a bigger signed entry cannot be announced (wire.md 6) */

/* The signed message: H of the canonical encoding. 0, MSK_E_NOMEM or MSK_E_INVALID. */
int msk_peer_entry_digest(const struct msk_peer_entry *entry, struct msk_digest *out);

/* Sign `out->entry` into `out->signature`; its peer id must be the secret's. MSK_E_NOMEM, MSK_E_CRYPTO, MSK_E_INVALID.
 */
int msk_peer_entry_sign(struct msk_signed_peer_entry *out, const uint8_t secret[MSK_SECRET_LEN]);

/* Whether the entry was signed by its own peer id; decoding does this already. 0, MSK_E_REFUSED, MSK_E_NOMEM. */
int msk_peer_entry_verify(const struct msk_signed_peer_entry *entry);

/* Negative, zero, positive: started first, then updated. Only greater is newer (wire.md 4.3). */
int msk_entry_version_compare(const struct msk_entry_version *a, const struct msk_entry_version *b);

bool msk_peer_entry_lists_group(const struct msk_peer_entry *entry, const struct msk_digest *group_id);

/* A deep copy in one owned block; NULL without memory. */
struct msk_signed_peer_entry *msk_signed_peer_entry_copy(const struct msk_signed_peer_entry *entry);
void msk_signed_peer_entry_free(struct msk_signed_peer_entry *entry); /* one made by the above; NULL is fine */

#endif
