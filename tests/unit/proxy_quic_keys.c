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
#include "proxy/packets.h"
#include "proxy/quic_view.h"

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

/* The packet number is at packet[at]. */
static void protect_header(const struct sealer *sealer, uint8_t *packet, size_t at, size_t number_len)
{
    uint8_t key[32], mask[16], zeros[5] = {0};
    int len;
    bool chacha = strcmp(sealer->mask, "ChaCha20") == 0;
    const uint8_t *sample = packet + at + 4;
    derive(sealer, "quic hp", key, sealer->key_len);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, sealer->mask, NULL);
    assert_int_equal(EVP_EncryptInit_ex2(context, cipher, key, chacha ? sample : NULL, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, mask, &len, chacha ? zeros : sample, chacha ? 5 : 16), 1);
    packet[0] ^= mask[0] & (packet[0] & 0x80 ? 0x0f : 0x1f);
    for (size_t i = 0; i < number_len; i++)
        packet[at + i] ^= mask[1 + i];
    EVP_CIPHER_free(cipher);
    EVP_CIPHER_CTX_free(context);
}

/* Put a packet number and these frames behind the header of `at` bytes; returns the length of it all. */
static size_t seal_behind(const struct sealer *sealer, size_t at, uint64_t number, size_t number_len,
                          struct msk_bytes frames, uint8_t packet[512])
{
    uint8_t key[32], iv[12];
    size_t header_len = at + number_len;
    int len, last;
    for (size_t i = 0; i < number_len; i++)
        packet[at + i] = (uint8_t)(number >> 8 * (number_len - 1 - i));
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
    protect_header(sealer, packet, at, number_len);
    return header_len + frames.len + 16;
}

/* A 1-RTT packet with these frames; returns its length. */
static size_t seal(const struct sealer *sealer, uint64_t number, size_t number_len, struct msk_bytes frames,
                   uint8_t packet[512])
{
    packet[0] = (uint8_t)(0x40 | (number_len - 1));
    memcpy(packet + 1, CID, CID_LEN);
    return seal_behind(sealer, 1 + CID_LEN, number, number_len, frames, packet);
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

/* ---- Initial packets, with the secrets of RFC 9001 A.1 */

#define FIRST_CID "\x83\x94\xc8\xf0\x3e\x51\x57\x08"
#define REFUSAL   "\x02\0\0\0\0\x1c\x41\x78\x06\0"
#define HELLO     "\x06\0\x04hell"

static const struct sealer client_initial = {
    "SHA256", "AES-128-GCM", "AES-128-ECB", 32, 16, {0xc0, 0x0c, 0xf1, 0x51, 0xca, 0x5b, 0xe0, 0x75, 0xed, 0x0e, 0xbf,
                                                     0xb5, 0xc8, 0x03, 0x23, 0xc4, 0x2d, 0x6b, 0x7d, 0xb6, 0x78, 0x81,
                                                     0x28, 0x9a, 0xf4, 0x00, 0x8f, 0x1f, 0x6c, 0x35, 0x7a, 0xea}};
static const struct sealer server_initial = {
    "SHA256", "AES-128-GCM", "AES-128-ECB", 32, 16, {0x3c, 0x19, 0x98, 0x28, 0xfd, 0x13, 0x9e, 0xfd, 0x21, 0x6c, 0x15,
                                                     0x5a, 0xd8, 0x44, 0xcc, 0x81, 0xfb, 0x82, 0xfa, 0x8d, 0x74, 0x46,
                                                     0xfa, 0x7d, 0x78, 0xbe, 0x80, 0x3a, 0xcd, 0xda, 0x95, 0x1b}};

static size_t seal_initial(const struct sealer *sealer, const char *dcid, const char *scid, uint64_t number,
                           struct msk_bytes frames, uint8_t packet[512])
{
    size_t at = (size_t)snprintf((char *)packet, 512, "%c%c%c%c%c%c%s%c%s", 0xc0, 0, 0, 0, 1, (int)strlen(dcid), dcid,
                                 (int)strlen(scid), scid);
    packet[at++] = 0; /* no token */
    packet[at++] = (uint8_t)(1 + frames.len + 16);
    return seal_behind(sealer, at, number, 1, frames, packet);
}

enum { CLIENT, SERVER, NODES };

static void a_connection_that_is_refused_shows_without_keys(void **state)
{
    (void)state;
    struct msk_quic_view *view = msk_calloc(1, sizeof *view);
    uint8_t packet[512];
    assert_int_equal(msk_quic_view_init(view, NODES, 1), 0);
    size_t len = seal_initial(&client_initial, FIRST_CID, "clnt", 0, MSK_BYTES(HELLO, sizeof HELLO - 1), packet);
    struct msk_quic_sight sight = msk_quic_look(view, CLIENT, SERVER, MSK_BYTES(packet, len));
    assert_true(sight.begins && !sight.closes);
    len = seal_initial(&server_initial, "clnt", "server", 0, MSK_BYTES(HELLO, sizeof HELLO - 1), packet);
    assert_int_equal(msk_quic_look(view, SERVER, CLIENT, MSK_BYTES(packet, len)).kinds, MSK_PACKET_INITIAL);
    len = seal_initial(&server_initial, "clnt", "server", 1, MSK_BYTES(REFUSAL, sizeof REFUSAL - 1), packet);
    for (int again = 0; again < 2; again++) {
        sight = msk_quic_look(view, SERVER, CLIENT, MSK_BYTES(packet, len));
        assert_int_equal(sight.kinds, MSK_PACKET_INITIAL | MSK_PACKET_CLOSE);
        assert_int_equal(sight.closes, again == 0);
    }
    len = seal_initial(&client_initial, "server", "clnt", 2, MSK_BYTES(REFUSAL, sizeof REFUSAL - 1), packet);
    assert_true(msk_quic_look(view, CLIENT, SERVER, MSK_BYTES(packet, len)).closes);
    packet[len - 1] ^= 1; /* forged */
    assert_int_equal(msk_quic_look(view, CLIENT, SERVER, MSK_BYTES(packet, len)).kinds, MSK_PACKET_INITIAL);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = msk_memdup(packet, cut);
        assert_false(msk_quic_look(view, CLIENT, SERVER, MSK_BYTES(copy, cut)).closes);
        msk_free(copy);
    }
    msk_quic_view_free(view);
    msk_free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closes_are_found_with_every_cipher),
        cmocka_unit_test(packet_numbers_are_completed),
        cmocka_unit_test(secrets_may_come_late),
        cmocka_unit_test(other_lines_and_damaged_packets_are_passed_over),
        cmocka_unit_test(a_connection_that_is_refused_shows_without_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
