#include "wire/peer_entry.h"

#include "base/alloc.h"
#include "crypto/blake3.h"

#define ENTRY_MAX (16u << 20) /* encoded: no frame carries more */

int msk_peer_entry_digest(const struct msk_peer_entry *entry, struct msk_digest *out)
{
    struct msk_builder bytes;
    msk_builder_init(&bytes, ENTRY_MAX);
    int rc = msk_encode(MSK_TYPE(peer_entry), entry, &bytes);
    if (rc == 0)
        *out = msk_blake3(msk_builder_view(&bytes));
    msk_builder_free(&bytes);
    return rc;
}

int msk_peer_entry_sign(struct msk_signed_peer_entry *out, const uint8_t secret[MSK_SECRET_LEN])
{
    struct msk_digest signer, digest;
    int rc = msk_ed25519_public(secret, &signer);
    if (rc == 0 && !msk_digest_equal(&signer, &out->entry.address.peer_id))
        rc = MSK_E_INVALID;
    if (rc == 0)
        rc = msk_peer_entry_digest(&out->entry, &digest);
    if (rc == 0)
        rc = msk_ed25519_sign(secret, MSK_BYTES(digest.bytes, MSK_DIGEST_LEN), out->signature);
    return rc;
}

int msk_peer_entry_verify(const struct msk_signed_peer_entry *entry)
{
    struct msk_digest digest;
    int rc = msk_peer_entry_digest(&entry->entry, &digest);
    if (rc == 0)
        rc = msk_ed25519_verify(&entry->entry.address.peer_id, MSK_BYTES(digest.bytes, MSK_DIGEST_LEN),
                                entry->signature);
    return rc;
}

int msk_entry_version_compare(const struct msk_entry_version *a, const struct msk_entry_version *b)
{
    return msk_compare(MSK_TYPE(entry_version), a, b);
}

bool msk_peer_entry_lists_group(const struct msk_peer_entry *entry, const struct msk_digest *group_id)
{
    for (size_t i = 0; i < entry->groups.count; i++)
        if (msk_digest_equal(&entry->groups.items[i], group_id))
            return true;
    return false;
}

/* The entry first, so that its address is the block's. */
struct owned_entry {
    struct msk_signed_peer_entry entry;
    struct msk_arena arena;
};

struct msk_signed_peer_entry *msk_signed_peer_entry_copy(const struct msk_signed_peer_entry *entry)
{
    struct owned_entry *owned = msk_calloc(1, sizeof *owned);
    if (!owned)
        return NULL;
    msk_arena_init(&owned->arena, MSK_DECODED_MAX);
    if (msk_copy(MSK_TYPE(signed_peer_entry), entry, &owned->arena, &owned->entry) == 0)
        return &owned->entry;
    msk_signed_peer_entry_free(&owned->entry);
    return NULL;
}

void msk_signed_peer_entry_free(struct msk_signed_peer_entry *entry)
{
    struct owned_entry *owned = (struct owned_entry *)entry;
    if (!owned)
        return;
    msk_arena_free(&owned->arena);
    msk_free(owned);
}
