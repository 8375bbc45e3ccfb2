#include "crypto/blake3.h"

#include <string.h>

#include "base/assert.h"

/* Domain flags of the specification. */
enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

#define BLOCKS_PER_CHUNK (MSK_BLAKE3_CHUNK_LEN / MSK_BLAKE3_BLOCK_LEN)

static const uint32_t initial_value[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* The order of message words in each of the seven rounds: every row is the one above it, permuted once more. */
static const uint8_t schedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13}};

/* What one compression takes besides its 64-byte block: a node of the hash tree before it is hashed. */
struct node {
    uint32_t chaining_value[8];
    uint8_t block[MSK_BLAKE3_BLOCK_LEN];
    uint64_t counter;
    uint32_t block_len, flags;
};

static uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_le32(uint8_t *p, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(word >> 8 * i);
}

static inline uint32_t rotate_right(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static inline void mix(uint32_t *v, int a, int b, int c, int d, uint32_t x, uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate_right(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = rotate_right(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 7);
}

/* One round: the four columns of the 4 x 4 state, then its four diagonals. */
static inline void round_of(uint32_t *v, const uint32_t *m, const uint8_t *s)
{
    mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}

/* Replaces the chaining value by that of the block; the eight words are also the root's digest. */
static void compress(uint32_t chaining_value[8], const uint8_t *block, uint32_t block_len, uint64_t counter,
                     uint32_t flags)
{
    uint32_t message[16], v[16];
    for (int i = 0; i < 16; i++)
        message[i] = load_le32(block + 4 * i);
    memcpy(v, chaining_value, 32);
    memcpy(v + 8, initial_value, 16);
    v[12] = (uint32_t)counter;
    v[13] = (uint32_t)(counter >> 32);
    v[14] = block_len;
    v[15] = flags;
#pragma GCC unroll 7
    for (int i = 0; i < 7; i++)
        round_of(v, message, schedule[i]);
    for (int i = 0; i < 8; i++)
        chaining_value[i] = v[i] ^ v[i + 8];
}

static uint32_t start_flag(const struct msk_blake3 *hash)
{
    return hash->blocks_compressed == 0 ? CHUNK_START : 0;
}

static void begin_chunk(struct msk_blake3 *hash, uint64_t index)
{
    memcpy(hash->chaining_value, initial_value, sizeof initial_value);
    hash->chunk_index = index;
    hash->block_len = hash->blocks_compressed = 0;
}

void msk_blake3_init(struct msk_blake3 *hash)
{
    hash->depth = 0;
    begin_chunk(hash, 0);
}

static void parent_block(const uint32_t left[8], const uint32_t right[8], uint8_t block[MSK_BLAKE3_BLOCK_LEN])
{
    for (int i = 0; i < 8; i++) {
        store_le32(block + 4 * i, left[i]);
        store_le32(block + 32 + 4 * i, right[i]);
    }
}

/* A chunk is done: it completes one subtree for every zero bit at the low end of the number of chunks so far. */
static void push_chunk(struct msk_blake3 *hash)
{
    uint32_t right[8];
    memcpy(right, hash->chaining_value, sizeof right);
    for (uint64_t count = hash->chunk_index + 1; count % 2 == 0; count /= 2) {
        uint8_t block[MSK_BLAKE3_BLOCK_LEN];
        parent_block(hash->stack[--hash->depth], right, block);
        memcpy(right, initial_value, sizeof right);
        compress(right, block, sizeof block, 0, PARENT);
    }
    msk_assert(hash->depth < MSK_BLAKE3_DEPTH_MAX);
    memcpy(hash->stack[hash->depth++], right, sizeof right);
}

/* The block is full and more follows: it is not the last of the input. */
static void flush_block(struct msk_blake3 *hash, const uint8_t *block)
{
    bool last_of_chunk = hash->blocks_compressed == BLOCKS_PER_CHUNK - 1;
    compress(hash->chaining_value, block, MSK_BLAKE3_BLOCK_LEN, hash->chunk_index,
             start_flag(hash) | (last_of_chunk ? CHUNK_END : 0));
    hash->blocks_compressed++;
    hash->block_len = 0;
    if (last_of_chunk) {
        push_chunk(hash);
        begin_chunk(hash, hash->chunk_index + 1);
    }
}

void msk_blake3_update(struct msk_blake3 *hash, struct msk_bytes in)
{
    while (in.len > 0) {
        if (hash->block_len == MSK_BLAKE3_BLOCK_LEN)
            flush_block(hash, hash->block);
        if (hash->block_len == 0 && in.len > MSK_BLAKE3_BLOCK_LEN) {
            flush_block(hash, in.data);
            in = MSK_BYTES(in.data + MSK_BLAKE3_BLOCK_LEN, in.len - MSK_BLAKE3_BLOCK_LEN);
            continue;
        }
        size_t room = MSK_BLAKE3_BLOCK_LEN - (size_t)hash->block_len, take = in.len < room ? in.len : room;
        memcpy(hash->block + hash->block_len, in.data, take);
        hash->block_len += (uint8_t)take;
        in = MSK_BYTES(in.data + take, in.len - take);
    }
}

struct msk_digest msk_blake3_finish(const struct msk_blake3 *hash)
{
    struct node node = {
        .counter = hash->chunk_index, .block_len = hash->block_len, .flags = start_flag(hash) | CHUNK_END};
    memcpy(node.chaining_value, hash->chaining_value, sizeof node.chaining_value);
    memcpy(node.block, hash->block, hash->block_len);
    for (size_t depth = hash->depth; depth > 0; depth--) {
        compress(node.chaining_value, node.block, node.block_len, node.counter, node.flags);
        parent_block(hash->stack[depth - 1], node.chaining_value, node.block);
        memcpy(node.chaining_value, initial_value, sizeof initial_value);
        node.counter = 0;
        node.block_len = MSK_BLAKE3_BLOCK_LEN;
        node.flags = PARENT;
    }
    compress(node.chaining_value, node.block, node.block_len, node.counter, node.flags | ROOT);
    struct msk_digest digest;
    for (int i = 0; i < 8; i++)
        store_le32(digest.bytes + 4 * i, node.chaining_value[i]);
    return digest;
}

struct msk_digest msk_blake3(struct msk_bytes in)
{
    struct msk_blake3 hash;
    msk_blake3_init(&hash);
    msk_blake3_update(&hash, in);
    return msk_blake3_finish(&hash);
}
