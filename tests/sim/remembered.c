/* The linker puts these in front of the functions of crypto/ed25519.h that every message and entry passes: same
 * answers, but each question is worked out once. Most of a simulated life would be spent there otherwise. */
#include <string.h>

#include "crypto/ed25519.h"
#include "crypto/identity.h"
#include "wire/messages.h"

#define SLOTS 4096

bool __real_msk_ed25519_is_point(const uint8_t bytes[32]);
bool __wrap_msk_ed25519_is_point(const uint8_t bytes[32]);
int __real_msk_ed25519_verify(const struct msk_digest *peer_id, struct msk_bytes message,
                              const uint8_t signature[MSK_SIGNATURE_LEN]);
int __wrap_msk_ed25519_verify(const struct msk_digest *peer_id, struct msk_bytes message,
                              const uint8_t signature[MSK_SIGNATURE_LEN]);

static size_t slot_of(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word % SLOTS;
}

bool __wrap_msk_ed25519_is_point(const uint8_t bytes[32])
{
    static struct {
        bool known, answer;
        uint8_t bytes[32];
    } slots[SLOTS];
    size_t at = slot_of(bytes);
    if (!slots[at].known || memcmp(slots[at].bytes, bytes, 32) != 0) {
        slots[at].known = true;
        memcpy(slots[at].bytes, bytes, 32);
        slots[at].answer = __real_msk_ed25519_is_point(bytes);
    }
    return slots[at].answer;
}

int __wrap_msk_ed25519_verify(const struct msk_digest *peer_id, struct msk_bytes message,
                              const uint8_t signature[MSK_SIGNATURE_LEN])
{
    static struct {
        bool known;
        int answer;
        struct msk_digest peer, message;
        uint8_t signature[MSK_SIGNATURE_LEN];
    } slots[SLOTS];
    size_t at = slot_of(signature);
    struct msk_digest digest = msk_digest_of_parts(&message, 1);
    if (!slots[at].known || !msk_digest_equal(&slots[at].peer, peer_id) ||
        !msk_digest_equal(&slots[at].message, &digest) || memcmp(slots[at].signature, signature, MSK_SIGNATURE_LEN)) {
        slots[at].known = true;
        slots[at].peer = *peer_id;
        slots[at].message = digest;
        memcpy(slots[at].signature, signature, MSK_SIGNATURE_LEN);
        slots[at].answer = __real_msk_ed25519_verify(peer_id, message, signature);
    }
    return slots[at].answer;
}
