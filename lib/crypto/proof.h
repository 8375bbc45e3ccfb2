/* proof.h: how the two ends of a bond prove that they hold the group key (wire.md 3.4, groups.md 2.2). */
#ifndef MSK_CRYPTO_PROOF_H
#define MSK_CRYPTO_PROOF_H

#include "base/bytes.h"
#include "base/digest.h"

/* Labels for the TLS exporter; the context is the ALPN of the link, the length MSK_DIGEST_LEN. The proof's label is the
 * group id as 32 raw bytes, zeros included. */
#define MSK_BOND_ID_LABEL "mosaik.group.bond.id"

/* derive(derive(key, exported), author): `author` is the peer id of the side that sends it. */
struct msk_digest msk_bond_proof(const struct msk_digest *group_key, const struct msk_digest *exported,
                                 const struct msk_digest *author);

/* Whether `proof` is the author's, compared in constant time. */
bool msk_bond_proof_holds(const struct msk_digest *proof, const struct msk_digest *group_key,
                          const struct msk_digest *exported, const struct msk_digest *author);

#endif
