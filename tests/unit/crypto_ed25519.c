/* Which bytes are points, and which signatures a strict verifier takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "crypto/ed25519.h"

/* Little-endian bytes of p + `offset`, with the sign bit if asked. */
static void y_near_p(int offset, bool sign, uint8_t out[32])
{
    memset(out, 0xff, 32);
    out[31] = 0x7f;
    out[0] = (uint8_t)(0xed + offset); /* p ends in 0xed, all its higher bits are ones */
    if (sign)
        out[31] |= 0x80;
}

/* Computed with big integers by Euler's criterion: one digit per y. */
static const char low_points[] = "1101111001100011101101011111111011010101101110001001101111101111"
                                 "0101001000010110000011110111000001001110000010011000100111000001";
static const char near_points[] = "01111011111011001000111011010101101111111101011011100011001111011101111001100011101";

static void small_y(void **state)
{
    (void)state;
    for (size_t y = 0; y < sizeof low_points - 1; y++) {
        uint8_t bytes[32] = {(uint8_t)y};
        assert_int_equal(msk_ed25519_is_point(bytes), low_points[y] == '1');
        bytes[31] = 0x80; /* the sign never matters */
        assert_int_equal(msk_ed25519_is_point(bytes), low_points[y] == '1');
    }
}

/* From p - 64 up to the largest y that fits, p + 18: above p it counts as y - p. */
static void y_around_p(void **state)
{
    (void)state;
    for (int i = 0; i < (int)sizeof near_points - 1; i++) {
        uint8_t bytes[32];
        y_near_p(i - 64, i % 2, bytes);
        assert_int_equal(msk_ed25519_is_point(bytes), near_points[i] == '1');
        if (i >= 64)
            assert_int_equal(msk_ed25519_is_point(bytes), low_points[i - 64] == '1');
    }
}

static void public_keys_are_points(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        uint8_t secret[MSK_SECRET_LEN] = {(uint8_t)i, 7};
        struct msk_digest id;
        assert_int_equal(msk_ed25519_public(secret, &id), 0);
        assert_true(msk_ed25519_is_point(id.bytes));
    }
}

/* With the key and R of order 1, and S = 0, every message would be signed; with others every eighth or so. */
static void keys_and_r_of_small_order_are_refused(void **state)
{
    (void)state;
    static const char *const small[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p, that is 0 */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", /* p + 1 */
    };
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        struct msk_digest key;
        assert_int_equal(msk_hex_decode(small[i], 64, key.bytes, 32, NULL), 0);
        assert_true(msk_ed25519_is_point(key.bytes));
        for (size_t j = 0; j < sizeof small / sizeof small[0]; j++) {
            uint8_t signature[MSK_SIGNATURE_LEN] = {0};
            assert_int_equal(msk_hex_decode(small[j], 64, signature, 32, NULL), 0);
            for (uint8_t message = 0; message < 16; message++)
                assert_int_equal(msk_ed25519_verify(&key, MSK_BYTES(&message, 1), signature), MSK_E_REFUSED);
        }
    }
}

struct signature {
    struct msk_digest peer;
    uint8_t bytes[MSK_SIGNATURE_LEN];
};

static struct signature sign(const char *message)
{
    struct signature out;
    uint8_t secret[MSK_SECRET_LEN] = {42};
    assert_int_equal(msk_ed25519_public(secret, &out.peer), 0);
    assert_int_equal(msk_ed25519_sign(secret, msk_bytes_of_text(message), out.bytes), 0);
    return out;
}

static void every_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct signature signature = sign("mosaik");
    assert_int_equal(msk_ed25519_verify(&signature.peer, msk_bytes_of_text("mosaik"), signature.bytes), 0);
    for (int bit = 0; bit < 8 * MSK_SIGNATURE_LEN; bit++) {
        struct signature changed = signature;
        changed.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(msk_ed25519_verify(&changed.peer, msk_bytes_of_text("mosaik"), changed.bytes), MSK_E_REFUSED);
    }
    for (int bit = 0; bit < 256; bit++) {
        struct msk_digest peer = signature.peer;
        peer.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(msk_ed25519_verify(&peer, msk_bytes_of_text("mosaik"), signature.bytes), MSK_E_REFUSED);
    }
}

static void an_s_beyond_the_order_is_refused(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    struct signature signature = sign("");
    unsigned carry = 0;
    for (int i = 0; i < 32; i++) {
        carry += signature.bytes[32 + i] + order[i];
        signature.bytes[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_int_equal(msk_ed25519_verify(&signature.peer, MSK_BYTES(NULL, 0), signature.bytes), MSK_E_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_y),
        cmocka_unit_test(y_around_p),
        cmocka_unit_test(public_keys_are_points),
        cmocka_unit_test(keys_and_r_of_small_order_are_refused),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(an_s_beyond_the_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
