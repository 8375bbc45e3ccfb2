#include "crypto/proof.h"

#include "base/alloc.h"
#include "crypto/identity.h"

struct msk_digest msk_bond_proof(const struct msk_digest *group_key, const struct msk_digest *exported,
                                 const struct msk_digest *author)
{
    struct msk_digest session = msk_digest_derive_digest(group_key, exported);
    struct msk_digest proof = msk_digest_derive_digest(&session, author);
    msk_wipe(&session, sizeof session);
    return proof;
}

bool msk_bond_proof_holds(const struct msk_digest *proof, const struct msk_digest *group_key,
                          const struct msk_digest *exported, const struct msk_digest *author)
{
    struct msk_digest expected = msk_bond_proof(group_key, exported, author);
    return msk_digest_equal_secret(proof, &expected);
}
