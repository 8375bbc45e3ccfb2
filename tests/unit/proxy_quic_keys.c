/* Secrets of a key log: packets sealed here, by OpenSSL's own key derivation, are opened there, and closes found in
 * them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "base/alloc.h"
#include "proxy/quic_keys.h"

#define CID     "cidcidci"
#define CID_LEN 8

struct sealer {
    const char *digest, *aead, *mask;
    size_t secret_len, key_len;
    uint8_t secret[48];
};

static const struct sealer sealers[] = {
    {"SHA256", "AES-128-GCM", "AES-128-ECB", 32, 16, {1, 2, 3}},
    {"SHA384", "AES-256-GCM", "AES-256-ECB", 48, 32, {4, 5, 6}},
    {"SHA256", "ChaCha20-Poly1305", "ChaCha20", 32, 32, {7, 8, 9}},
};
#define SEALERS (sizeof sealers / sizeof sealers[0])

static void derive(const struct sealer *sealer, const char *label, uint8_t *out, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)sealer->digest, 0),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)sealer->secret, sealer->secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (void *)"tls13 ", 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label, strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    assert_int_equal(EVP_KDF_derive(context, out, len, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void protect_header(const struct sealer *sealer, uint8_t *packet, size_t number_len)
{
    uint8_t key[32], mask[16], zeros[5] = {0};
    int len;
    bool chacha = strcmp(sealer->mask, "ChaCha20") == 0;
    const uint8_t *sample = packet + 1 + CID_LEN + 4;
    derive(sealer, "quic hp", key, sealer->key_len);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, sealer->mask, NULL);
    assert_int_equal(EVP_EncryptInit_ex2(context, cipher, key, chacha ? sample : NULL, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, mask, &len, chacha ? zeros : sample, chacha ? 5 : 16), 1);
    packet[0] ^= mask[0] & 0x1f;
    for (size_t i = 0; i < number_len; i++)
        packet[1 + CID_LEN + i] ^= mask[1 + i];
    EVP_CIPHER_free(cipher);
    EVP_CIPHER_CTX_free(context);
}

/* A 1-RTT packet with these frames; returns its length. */
static size_t seal(const struct sealer *sealer, uint64_t number, size_t number_len, struct msk_bytes frames,
                   uint8_t packet[512])
{
    uint8_t key[32], iv[12];
    size_t header_len = 1 + CID_LEN + number_len;
    int len, last;
    packet[0] = (uint8_t)(0x40 | (number_len - 1));
    memcpy(packet + 1, CID, CID_LEN);
    for (size_t i = 0; i < number_len; i++)
        packet[1 + CID_LEN + i] = (uint8_t)(number >> 8 * (number_len - 1 - i));
    derive(sealer, "quic key", key, sealer->key_len);
    derive(sealer, "quic iv", iv, sizeof iv);
    for (unsigned i = 0; i < 8; i++)
        iv[11 - i] ^= (uint8_t)(number >> 8 * i);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, sealer->aead, NULL);
    assert_int_equal(EVP_EncryptInit_ex2(context, cipher, key, iv, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, NULL, &len, packet, (int)header_len), 1);
    assert_int_equal(EVP_EncryptUpdate(context, packet + header_len, &len, frames.data, (int)frames.len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, packet + header_len + len, &last), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, packet + header_len + frames.len), 1);
    EVP_CIPHER_free(cipher);
    EVP_CIPHER_CTX_free(context);
    protect_header(sealer, packet, number_len);
    return header_len + frames.len + 16;
}

static void add(struct msk_quic_keys *keys, const struct sealer *sealer, const char *label)
{
    char line[256];
    size_t at = (size_t)snprintf(line, sizeof line, "%s ", label);
    for (size_t i = 0; i < 32; i++)
        at += (size_t)snprintf(line + at, sizeof line - at, "ab");
    line[at++] = ' ';
    for (size_t i = 0; i < sealer->secret_len; i++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%02x", sealer->secret[i]);
    msk_quic_keys_add(keys, MSK_BYTES(line, at));
}

static bool finds_close(struct msk_quic_keys *keys, const struct sealer *sealer, uint64_t number, size_t number_len,
                        const char *frames, size_t len)
{
    uint8_t packet[512];
    size_t packet_len = seal(sealer, number, number_len, MSK_BYTES(frames, len), packet);
    return msk_quic_keys_close(keys, 1u << 4 | 1u << CID_LEN | 1u << 20, MSK_BYTES(packet, packet_len));
}

#define CLOSE          \
    "\x1d\x40\x66\x05" \
    "later"
#define ACK_AND_CLOSE "\0\0\1\x02\x09\0\1\x03\1\2\x1c\0\0\0"
#define ACK_AND_DATA  "\x02\x09\0\0\x03\x08\0data"

static void closes_are_found_with_every_cipher(void **state)
{
    (void)state;
    struct msk_quic_keys keys = {0};
    for (size_t i = 0; i < SEALERS; i++)
        add(&keys, &sealers[i], i == 1 ? "SERVER_TRAFFIC_SECRET_0" : "CLIENT_TRAFFIC_SECRET_0");
    for (size_t i = 0; i < SEALERS; i++) {
        msk_map_free(&keys.by_cid); /* another connection, but for its id */
        assert_true(finds_close(&keys, &sealers[i], 3, 1, CLOSE, sizeof CLOSE - 1));
        assert_true(finds_close(&keys, &sealers[i], 4, 4, ACK_AND_CLOSE, sizeof ACK_AND_CLOSE - 1));
        assert_false(finds_close(&keys, &sealers[i], 5, 2, ACK_AND_DATA, sizeof ACK_AND_DATA - 1));
        assert_int_equal(keys.by_cid.count, 1);
    }
    msk_quic_keys_free(&keys);
}

/* Only their low bytes travel. */
static void packet_numbers_are_completed(void **state)
{
    (void)state;
    struct msk_quic_keys keys = {0};
    add(&keys, &sealers[0], "CLIENT_TRAFFIC_SECRET_0");
    static const uint64_t numbers[] = {0, 100, 200, 300, 260, 420, 700, 40000, 39000, 70000};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_true(finds_close(&keys, &sealers[0], numbers[i], numbers[i] > 600 ? 3 : 1, CLOSE, sizeof CLOSE - 1));
    msk_quic_keys_free(&keys);
}

static const struct sealer *late;
static bool give_late(void *context)
{
    if (!late)
        return false;
    add(context, late, "SERVER_TRAFFIC_SECRET_0");
    late = NULL;
    return true;
}

static void secrets_may_come_late(void **state)
{
    (void)state;
    struct msk_quic_keys keys = {.more = give_late, .context = &keys};
    add(&keys, &sealers[0], "CLIENT_TRAFFIC_SECRET_0");
    assert_false(finds_close(&keys, &sealers[1], 0, 1, CLOSE, sizeof CLOSE - 1));
    late = &sealers[1];
    assert_true(finds_close(&keys, &sealers[1], 0, 1, CLOSE, sizeof CLOSE - 1));
    for (size_t i = 0; i < MSK_QUIC_SECRETS_MAX; i++) /* until it is forgotten */
        add(&keys, &sealers[0], "CLIENT_TRAFFIC_SECRET_0");
    assert_false(finds_close(&keys, &sealers[1], 1, 1, CLOSE, sizeof CLOSE - 1));
    msk_quic_keys_free(&keys);
}

static void other_lines_and_damaged_packets_are_passed_over(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "# a comment",
        "CLIENT_TRAFFIC_SECRET_0 ab cd",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET abababababababababababababababababababababababababababababababab "
        "0102030000000000000000000000000000000000000000000000000000000000",
        "CLIENT_TRAFFIC_SECRET_0 abababababababababababababababababababababababababababababababab "
        "01020300000000000000000000000000000000000000000000000000000000zz",
    };
    struct msk_quic_keys keys = {0};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        msk_quic_keys_add(&keys, msk_bytes_of_text(lines[i]));
    assert_int_equal(keys.next, 0);
    add(&keys, &sealers[0], "CLIENT_TRAFFIC_SECRET_0");
    uint8_t packet[512];
    size_t len = seal(&sealers[0], 0, 1, MSK_BYTES(CLOSE, sizeof CLOSE - 1), packet);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = msk_memdup(packet, cut);
        assert_false(msk_quic_keys_close(&keys, 1u << CID_LEN, MSK_BYTES(copy, cut)));
        msk_free(copy);
    }
    for (size_t at = 0; at < len; at++) {
        packet[at] ^= 0x10;
        assert_false(msk_quic_keys_close(&keys, 1u << CID_LEN, MSK_BYTES(packet, len)));
        packet[at] ^= 0x10;
    }
    assert_true(msk_quic_keys_close(&keys, 1u << CID_LEN, MSK_BYTES(packet, len)));
    msk_quic_keys_free(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closes_are_found_with_every_cipher),
        cmocka_unit_test(packet_numbers_are_completed),
        cmocka_unit_test(secrets_may_come_late),
        cmocka_unit_test(other_lines_and_damaged_packets_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
