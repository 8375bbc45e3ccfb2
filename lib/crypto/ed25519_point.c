/* Which 32 bytes are points of edwards25519: -x^2 + y^2 = 1 + d x^2 y^2 over the field of p = 2^255 - 19.
 *
 * The bytes hold y, little-endian, and the sign of x in the top bit. They are a point when x^2 = (y^2 - 1) / (d y^2 +
 * 1) has a root; as the sign never makes or breaks that, it is ignored. libsodium knows only points of the main
 * subgroup, and refusing here is what tells "no peer id" from "bad signature". Nothing secret passes through this
 * file. */
#include <string.h>

#include "crypto/ed25519.h"

/* A field element: the sum of limb[i] * 2^(51 i), limbs a little above 51 bits at most. */
struct element {
    uint64_t limb[5];
};

#define LIMB_MASK ((UINT64_C(1) << 51) - 1)

static const struct element one = {{1}};
static const struct element edwards_d = {
    {0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};

static struct element load(const uint8_t bytes[32])
{
    uint64_t word[4];
    for (int i = 0; i < 4; i++) {
        word[i] = 0;
        for (int j = 7; j >= 0; j--)
            word[i] = word[i] << 8 | bytes[8 * i + j];
    }
    return (struct element){{word[0] & LIMB_MASK, (word[0] >> 51 | word[1] << 13) & LIMB_MASK,
                             (word[1] >> 38 | word[2] << 26) & LIMB_MASK, (word[2] >> 25 | word[3] << 39) & LIMB_MASK,
                             word[3] >> 12 & LIMB_MASK}};
}

/* Push what is above 51 bits of each limb into the next one; what leaves the top comes back times 19. */
static struct element carry(struct element a)
{
    uint64_t over = 0;
    for (int i = 0; i < 5; i++) {
        a.limb[i] += over;
        over = a.limb[i] >> 51;
        a.limb[i] &= LIMB_MASK;
    }
    a.limb[0] += 19 * over;
    return a;
}

/* The one representation below p, as bytes. */
static void store(struct element a, uint8_t bytes[32])
{
    a = carry(carry(a));
    uint64_t over = 19; /* a + 19 reaches 2^255 exactly when a >= p */
    for (int i = 0; i < 5; i++)
        over = (a.limb[i] + over) >> 51;
    a.limb[0] += 19 * over;
    for (int i = 0; i < 4; i++) {
        a.limb[i + 1] += a.limb[i] >> 51;
        a.limb[i] &= LIMB_MASK;
    }
    a.limb[4] &= LIMB_MASK;
    for (int bit = 0; bit < 256; bit += 8) {
        int i = bit / 51, shift = bit % 51;
        uint64_t byte = a.limb[i] >> shift;
        if (shift > 43 && i < 4)
            byte |= a.limb[i + 1] << (51 - shift);
        bytes[bit / 8] = (uint8_t)byte;
    }
}

static struct element add(struct element a, struct element b)
{
    for (int i = 0; i < 5; i++)
        a.limb[i] += b.limb[i];
    return carry(a);
}

static struct element subtract(struct element a, struct element b)
{
    /* 2p is added limb by limb, so that nothing goes below zero. */
    static const struct element twice_p = {
        {0xfffffffffffda, 0xffffffffffffe, 0xffffffffffffe, 0xffffffffffffe, 0xffffffffffffe}};
    for (int i = 0; i < 5; i++)
        a.limb[i] += twice_p.limb[i] - b.limb[i];
    return carry(a);
}

/* What reaches 2^255 comes back times 19. Written out: a loop over it takes twice as long. */
static struct element multiply(struct element a, struct element b)
{
#define M(i, j) (unsigned __int128)a.limb[i] * b.limb[j]
#define R(i, j) (unsigned __int128)a.limb[i] * (19 * b.limb[j])
    unsigned __int128 sum[5] = {
        M(0, 0) + R(1, 4) + R(2, 3) + R(3, 2) + R(4, 1), M(0, 1) + M(1, 0) + R(2, 4) + R(3, 3) + R(4, 2),
        M(0, 2) + M(1, 1) + M(2, 0) + R(3, 4) + R(4, 3), M(0, 3) + M(1, 2) + M(2, 1) + M(3, 0) + R(4, 4),
        M(0, 4) + M(1, 3) + M(2, 2) + M(3, 1) + M(4, 0)};
#undef M
#undef R
    struct element out;
    unsigned __int128 over = 0;
    for (int i = 0; i < 5; i++) {
        sum[i] += over;
        out.limb[i] = (uint64_t)sum[i] & LIMB_MASK;
        over = sum[i] >> 51;
    }
    out.limb[0] += 19 * (uint64_t)over;
    out.limb[1] += out.limb[0] >> 51;
    out.limb[0] &= LIMB_MASK;
    return out;
}

static struct element square_times(struct element a, int times)
{
    while (times-- > 0)
        a = multiply(a, a);
    return a;
}

/* a^((p-1)/2): 1 for squares, 0 for zero, p-1 otherwise (Euler). */
static struct element euler(struct element a)
{
    /* Powers of the form a^(2^n - 1), each from two earlier ones: n = sum of their n. */
    static const struct {
        uint8_t left, right, right_n;
    } chain[] = {{0, 0, 1},  {1, 1, 2},  {2, 0, 1},  {3, 3, 5},   {4, 4, 10},
                 {5, 5, 20}, {6, 4, 10}, {7, 7, 50}, {8, 8, 100}, {9, 7, 50}}; /* 2 4 5 10 20 40 50 100 200 250 */
    enum { STEPS = sizeof chain / sizeof chain[0] };
    struct element power[STEPS + 1] = {a};
    for (int i = 0; i < STEPS; i++)
        power[i + 1] = multiply(square_times(power[chain[i].left], chain[i].right_n), power[chain[i].right]);
    struct element root = multiply(square_times(power[STEPS], 2), a); /* a^(2^252 - 3) = a^((p-5)/8) */
    return multiply(square_times(root, 2), multiply(a, a));
}

bool msk_ed25519_is_point(const uint8_t bytes[32])
{
    struct element y = load(bytes), y2 = multiply(y, y);
    struct element numerator = subtract(y2, one), denominator = add(multiply(edwards_d, y2), one);
    /* n/d is a square exactly when n*d is, and d is never zero: -1/d of the curve is not a square. */
    uint8_t result[32];
    store(euler(multiply(numerator, denominator)), result);
    static const uint8_t zero[31];
    return result[0] <= 1 && memcmp(result + 1, zero, sizeof zero) == 0;
}
