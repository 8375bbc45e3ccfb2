#include "proxy/quic_keys.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "proxy/quic_view.h"

#define TAG            16
#define NONCE          12
#define SAMPLE         16
#define KEY_MAX        32
#define SECRET_MAX     48
#define RANDOM_HEX     64
#define INITIAL_SECRET 32
#define FRAMES_MAX     16 /* of a packet that are looked at */

/* One direction of one connection. */
struct msk_quic_secret {
    EVP_CIPHER_CTX *mask, *open;
    uint8_t iv[NONCE];
    bool chacha;
    uint64_t next_number;
};

/* ---- deriving (RFC 8446 7.1, RFC 9001 5.1); no output is longer than one block of the hash */

static bool expand(const EVP_MD *md, struct msk_bytes secret, const char *label, uint8_t *out, size_t len)
{
    uint8_t info[64] = {0, (uint8_t)len}, block[EVP_MAX_MD_SIZE];
    struct msk_bytes text = msk_bytes_of_text(label);
    info[2] = (uint8_t)text.len;
    memcpy(info + 3, text.data, text.len);
    info[4 + text.len] = 1; /* behind the empty context */
    if (!HMAC(md, secret.data, (int)secret.len, info, 5 + text.len, block, NULL))
        return false;
    memcpy(out, block, len);
    msk_wipe(block, sizeof block);
    return true;
}

static void free_secret(struct msk_quic_secret *secret)
{
    if (!secret)
        return;
    EVP_CIPHER_CTX_free(secret->mask);
    EVP_CIPHER_CTX_free(secret->open);
    msk_free(secret);
}

struct suite {
    const EVP_MD *md;
    const EVP_CIPHER *aead, *mask;
    size_t key_len;
    bool chacha;
};

static struct msk_quic_secret *new_secret(const struct suite *suite, struct msk_bytes from)
{
    uint8_t key[KEY_MAX], mask_key[KEY_MAX];
    struct msk_quic_secret *secret = msk_calloc(1, sizeof *secret);
    if (!secret)
        return NULL;
    secret->chacha = suite->chacha;
    secret->mask = EVP_CIPHER_CTX_new();
    secret->open = EVP_CIPHER_CTX_new();
    bool made = secret->mask && secret->open && expand(suite->md, from, "tls13 quic key", key, suite->key_len) &&
                expand(suite->md, from, "tls13 quic iv", secret->iv, NONCE) &&
                expand(suite->md, from, "tls13 quic hp", mask_key, suite->key_len) &&
                EVP_EncryptInit_ex(secret->mask, suite->mask, NULL, mask_key, NULL) == 1 &&
                EVP_CIPHER_CTX_set_padding(secret->mask, 0) == 1 &&
                EVP_DecryptInit_ex(secret->open, suite->aead, NULL, key, NULL) == 1;
    msk_wipe(key, sizeof key);
    msk_wipe(mask_key, sizeof mask_key);
    if (made)
        return secret;
    free_secret(secret);
    return NULL;
}

static void keep(struct msk_quic_keys *keys, struct msk_quic_secret *secret)
{
    struct msk_quic_secret **place = &keys->secrets[keys->next % MSK_QUIC_SECRETS_MAX];
    if (!secret)
        return;
    if (*place)
        msk_map_free(&keys->by_cid); /* may point to it */
    free_secret(*place);
    *place = secret;
    keys->next++;
}

/* "CLIENT_TRAFFIC_SECRET_0 <random> <secret>": the secret's length tells the cipher, but for two of them. */
void msk_quic_keys_add(struct msk_quic_keys *keys, struct msk_bytes line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 "; /* as long as SERVER_... */
    const size_t at = sizeof label - 1 + RANDOM_HEX + 1;
    uint8_t secret[SECRET_MAX];
    if (line.len <= at || (memcmp(line.data, "CLIENT_", 7) != 0 && memcmp(line.data, "SERVER_", 7) != 0) ||
        memcmp(line.data + 7, label + 7, sizeof label - 8) != 0)
        return;
    size_t len = (line.len - at) / 2;
    if ((len != 32 && len != 48) || msk_hex_decode((const char *)line.data + at, line.len - at, secret, len, NULL))
        return;
    const struct suite short_suites[] = {{EVP_sha256(), EVP_aes_128_gcm(), EVP_aes_128_ecb(), 16, false},
                                         {EVP_sha256(), EVP_chacha20_poly1305(), EVP_chacha20(), 32, true}};
    const struct suite long_suite = {EVP_sha384(), EVP_aes_256_gcm(), EVP_aes_256_ecb(), 32, false};
    if (len == 48) {
        keep(keys, new_secret(&long_suite, MSK_BYTES(secret, len)));
    } else {
        keep(keys, new_secret(&short_suites[0], MSK_BYTES(secret, len)));
        keep(keys, new_secret(&short_suites[1], MSK_BYTES(secret, len)));
    }
    msk_wipe(secret, sizeof secret);
}

void msk_quic_keys_free(struct msk_quic_keys *keys)
{
    for (size_t i = 0; i < MSK_QUIC_SECRETS_MAX; i++)
        free_secret(keys->secrets[i]);
    msk_map_free(&keys->by_cid);
    *keys = (struct msk_quic_keys){0};
}

/* ---- opening */

/* RFC 9001 5.4 */
static bool make_mask(const struct msk_quic_secret *secret, const uint8_t *sample, uint8_t mask[SAMPLE])
{
    static const uint8_t zeros[5];
    int len;
    if (!secret->chacha)
        return EVP_EncryptUpdate(secret->mask, mask, &len, sample, SAMPLE) == 1;
    return EVP_EncryptInit_ex(secret->mask, NULL, NULL, NULL, sample) == 1 &&
           EVP_EncryptUpdate(secret->mask, mask, &len, zeros, sizeof zeros) == 1;
}

/* The number nearest to the one expected that ends in these bits (RFC 9000 A.3). */
static uint64_t whole_number(uint64_t expected, uint64_t truncated, unsigned bits)
{
    uint64_t window = 1ull << bits, candidate = (expected & ~(window - 1)) | truncated;
    if (candidate + window / 2 <= expected)
        return candidate + window;
    return candidate > expected + window / 2 && candidate >= window ? candidate - window : candidate;
}

/* The header up to the packet number is packet.data[0..at). Decrypts with this secret; returns the length, or 0 if it
 * is not the one. */
static size_t open_packet(struct msk_quic_secret *secret, size_t at, struct msk_bytes packet,
                          uint8_t plain[MSK_QUIC_PLAIN_MAX])
{
    uint8_t mask[SAMPLE], header[MSK_QUIC_HEADER_MAX + 4], nonce[NONCE], tag[TAG];
    int len, last;
    if (at > MSK_QUIC_HEADER_MAX || packet.len < at + 4 + SAMPLE || packet.len > MSK_QUIC_PLAIN_MAX ||
        !make_mask(secret, packet.data + at + 4, mask))
        return 0;
    uint8_t masked = packet.data[0] & 0x80 ? 0x0f : 0x1f, reserved = packet.data[0] & 0x80 ? 0x0c : 0x18;
    memcpy(header, packet.data, at + 4);
    header[0] ^= mask[0] & masked;
    if (header[0] & reserved) /* mostly, this tells a wrong secret */
        return 0;
    size_t number_len = (header[0] & 3u) + 1u, header_len = at + number_len;
    uint64_t number = 0;
    for (size_t i = 0; i < number_len; i++)
        number = number << 8 | (header[at + i] ^= mask[1 + i]);
    number = whole_number(secret->next_number, number, 8 * (unsigned)number_len);
    memcpy(nonce, secret->iv, NONCE);
    for (unsigned i = 0; i < 8; i++)
        nonce[NONCE - 1 - i] ^= (uint8_t)(number >> 8 * i);
    size_t cipher_len = packet.len - header_len - TAG;
    memcpy(tag, packet.data + packet.len - TAG, TAG);
    if (EVP_DecryptInit_ex(secret->open, NULL, NULL, NULL, nonce) != 1 ||
        EVP_DecryptUpdate(secret->open, NULL, &len, header, (int)header_len) != 1 ||
        EVP_DecryptUpdate(secret->open, plain, &len, packet.data + header_len, (int)cipher_len) != 1 ||
        EVP_CIPHER_CTX_ctrl(secret->open, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1 ||
        EVP_DecryptFinal_ex(secret->open, plain + len, &last) != 1)
        return 0;
    if (number >= secret->next_number)
        secret->next_number = number + 1;
    return cipher_len;
}

/* By the secret known for this id, or whichever fits. */
static size_t open_any(struct msk_quic_keys *keys, size_t cid_len, struct msk_bytes packet,
                       uint8_t plain[MSK_QUIC_PLAIN_MAX])
{
    if (packet.len < 1 + cid_len)
        return 0;
    struct msk_quic_secret *known = msk_map_get(&keys->by_cid, packet.data + 1, cid_len);
    if (known)
        return open_packet(known, 1 + cid_len, packet, plain);
    for (size_t i = 0; i < MSK_QUIC_SECRETS_MAX && i < keys->next; i++) {
        struct msk_quic_secret *secret = keys->secrets[(keys->next - 1 - i) % MSK_QUIC_SECRETS_MAX];
        size_t len = open_packet(secret, 1 + cid_len, packet, plain);
        if (len == 0)
            continue;
        if (keys->by_cid.count == MSK_QUIC_KEYED_CIDS_MAX)
            msk_map_free(&keys->by_cid);
        msk_map_put(&keys->by_cid, packet.data + 1, cid_len, secret); /* without memory: found anew */
        return len;
    }
    return 0;
}

/* ---- frames (RFC 9000 19) */

static uint64_t take_varint(struct msk_bytes *in)
{
    if (in->len == 0)
        return 0;
    size_t len = (size_t)1 << (in->data[0] >> 6);
    uint64_t value = in->data[0] & 0x3f;
    if (len > in->len)
        len = in->len;
    for (size_t i = 1; i < len; i++)
        value = value << 8 | in->data[i];
    *in = MSK_BYTES(in->data + len, in->len - len);
    return value;
}

static void skip_ack(struct msk_bytes *in, bool counts)
{
    take_varint(in); /* largest */
    take_varint(in); /* delay */
    uint64_t ranges = take_varint(in);
    take_varint(in); /* first range */
    for (uint64_t i = 0; i < ranges && in->len > 0; i++) {
        take_varint(in);
        take_varint(in);
    }
    for (int i = 0; counts && i < 3; i++)
        take_varint(in);
}

/* A close stands first, or behind acknowledgements, padding and pings: nobody sends data with it. */
static bool has_close(struct msk_bytes frames)
{
    for (int i = 0; i < FRAMES_MAX && frames.len > 0; i++) {
        while (frames.len > 0 && frames.data[0] <= 1)
            frames = MSK_BYTES(frames.data + 1, frames.len - 1);
        uint64_t type = take_varint(&frames);
        if (type == 0x1c || type == 0x1d)
            return true;
        if (type != 2 && type != 3)
            return false;
        skip_ack(&frames, type == 3);
    }
    return false;
}

bool msk_quic_keys_close(struct msk_quic_keys *keys, uint32_t cid_lens, struct msk_bytes packet)
{
    uint8_t plain[MSK_QUIC_PLAIN_MAX];
    for (int attempt = 0; attempt < 2; attempt++) {
        for (size_t cid_len = 1; cid_len <= MSK_QUIC_CID_MAX; cid_len++) {
            size_t len = cid_lens >> cid_len & 1 ? open_any(keys, cid_len, packet, plain) : 0;
            if (len > 0)
                return has_close(MSK_BYTES(plain, len));
        }
        if (!keys->more || !keys->more(keys->context))
            return false;
    }
    return false;
}

/* ---- Initial packets */

/* RFC 9001 5.2: their secrets follow from the id that the client chose for the server. */
static struct msk_quic_secret *initial_secret(struct msk_bytes first_cid, bool of_client)
{
    static const uint8_t salt[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                   0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
    const struct suite suite = {EVP_sha256(), EVP_aes_128_gcm(), EVP_aes_128_ecb(), 16, false};
    uint8_t common[EVP_MAX_MD_SIZE], secret[INITIAL_SECRET];
    unsigned len;
    if (!HMAC(EVP_sha256(), salt, sizeof salt, first_cid.data, first_cid.len, common, &len) ||
        !expand(suite.md, MSK_BYTES(common, len), of_client ? "tls13 client in" : "tls13 server in", secret,
                sizeof secret))
        return NULL;
    return new_secret(&suite, MSK_BYTES(secret, sizeof secret));
}

bool msk_quic_initial_close(struct msk_bytes first_cid, bool of_client, size_t number_at, struct msk_bytes packet)
{
    uint8_t plain[MSK_QUIC_PLAIN_MAX];
    struct msk_quic_secret *secret = initial_secret(first_cid, of_client);
    size_t len = secret ? open_packet(secret, number_at, packet, plain) : 0;
    free_secret(secret);
    return has_close(MSK_BYTES(plain, len));
}
