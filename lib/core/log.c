#include "core/log.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define ENTRY_HEAD_MAX 20 /* two varints */
#define BLOCK_DATA_MIN 1024

struct msk_log_block {
    uint8_t *data;
    uint32_t len, capacity;
    uint32_t starts[MSK_LOG_BLOCK]; /* of each entry in `data` */
};

int msk_cursor_compare(struct msk_cursor a, struct msk_cursor b)
{
    if (a.term != b.term)
        return a.term < b.term ? -1 : 1;
    return a.index < b.index ? -1 : a.index > b.index;
}

void msk_log_init(struct msk_log *log)
{
    *log = (struct msk_log){0};
    msk_blake3_init(&log->hash);
}

static void free_last_block(struct msk_log *log)
{
    struct msk_log_block *block = log->blocks[--log->block_count];
    msk_free(block->data);
    msk_free(block);
}

void msk_log_free(struct msk_log *log)
{
    while (log->block_count > 0)
        free_last_block(log);
    msk_free(log->blocks);
    msk_log_init(log);
}

/* ---- varints (wire.md 2): here because every command passes through them */

static size_t put_varint(uint8_t *at, uint64_t value)
{
    size_t len = 0;
    for (; value > 0x7f; value >>= 7)
        at[len++] = (uint8_t)(value | 0x80);
    at[len++] = (uint8_t)value;
    return len;
}

/* How many bytes it took; 0: there is no varint. */
static size_t get_varint(const uint8_t *at, size_t left, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < left && i < 10; i++) {
        *value |= (uint64_t)(at[i] & 0x7f) << 7 * i;
        if (!(at[i] & 0x80))
            return i == 9 && at[i] > 1 ? 0 : i + 1;
    }
    return 0;
}

size_t msk_log_read_entry(struct msk_bytes encoded, struct msk_log_entry *out)
{
    uint64_t len;
    size_t a = get_varint(encoded.data, encoded.len, &out->term);
    size_t b = a ? get_varint(encoded.data + a, encoded.len - a, &len) : 0;
    if (!b || len > encoded.len - a - b)
        return 0;
    out->command = MSK_BYTES(encoded.data + a + b, (size_t)len);
    return a + b + (size_t)len;
}

/* ---- looking */

struct msk_cursor msk_log_last(const struct msk_log *log)
{
    return (struct msk_cursor){log->last_term, log->count};
}

/* Where the entry begins, and all that follows it in its block. */
static struct msk_bytes from_entry(const struct msk_log *log, uint64_t index)
{
    const struct msk_log_block *block = log->blocks[(index - 1) / MSK_LOG_BLOCK];
    uint32_t start = block->starts[(index - 1) % MSK_LOG_BLOCK];
    return MSK_BYTES(block->data + start, block->len - start);
}

bool msk_log_get(const struct msk_log *log, uint64_t index, struct msk_log_entry *out)
{
    return index >= 1 && index <= log->count && msk_log_read_entry(from_entry(log, index), out) > 0;
}

bool msk_log_term_at(const struct msk_log *log, uint64_t index, uint64_t *term)
{
    *term = 0;
    if (index == 0 || index > log->count)
        return index == 0;
    struct msk_bytes entry = from_entry(log, index);
    return get_varint(entry.data, entry.len, term) > 0;
}

uint64_t msk_log_encoded(const struct msk_log *log, uint64_t first, uint64_t last, struct msk_bytes *out)
{
    uint64_t block_end = (first - 1) / MSK_LOG_BLOCK * MSK_LOG_BLOCK + MSK_LOG_BLOCK;
    msk_assert(first >= 1 && first <= last && last <= log->count);
    *out = from_entry(log, first);
    if (last > block_end)
        last = block_end;
    if (last < block_end && last < log->count)
        out->len = (size_t)(from_entry(log, last + 1).data - out->data);
    return last - first + 1;
}

/* ---- appending */

static int add_block(struct msk_log *log)
{
    if (log->block_count == log->block_capacity) {
        size_t capacity = log->block_capacity ? log->block_capacity * 2 : 4;
        struct msk_log_block **blocks = msk_realloc(log->blocks, capacity * sizeof(struct msk_log_block *));
        if (!blocks)
            return MSK_E_NOMEM;
        log->blocks = blocks;
        log->block_capacity = capacity;
    }
    struct msk_log_block *block = msk_calloc(1, sizeof *block);
    if (!block)
        return MSK_E_NOMEM;
    log->blocks[log->block_count++] = block;
    return 0;
}

static int reserve(struct msk_log_block *block, size_t len)
{
    size_t capacity = block->capacity ? block->capacity : BLOCK_DATA_MIN;
    while (capacity - block->len < len)
        capacity *= 2;
    if (capacity == block->capacity)
        return 0;
    uint8_t *data = msk_realloc(block->data, capacity);
    if (!data)
        return MSK_E_NOMEM;
    block->data = data;
    block->capacity = (uint32_t)capacity;
    return 0;
}

/* A full block grows no more. Without memory it keeps its spare room. */
static void fit(struct msk_log_block *block)
{
    uint8_t *data = msk_realloc(block->data, block->len);
    if (!data)
        return;
    block->data = data;
    block->capacity = block->len;
}

/* The block of the next entry, with room for `len` more bytes; NULL without memory. */
static struct msk_log_block *next_block(struct msk_log *log, size_t len)
{
    if (log->count == log->block_count * MSK_LOG_BLOCK && add_block(log) < 0)
        return NULL;
    struct msk_log_block *block = log->blocks[log->block_count - 1];
    return reserve(block, len) == 0 ? block : NULL;
}

int msk_log_append(struct msk_log *log, uint64_t term, struct msk_bytes command)
{
    if (log->count == MSK_LOG_ENTRIES_MAX || command.len > MSK_LOG_BYTES_MAX - ENTRY_HEAD_MAX ||
        command.len + ENTRY_HEAD_MAX > MSK_LOG_BYTES_MAX - log->bytes)
        return MSK_E_LIMIT;
    struct msk_log_block *block = next_block(log, command.len + ENTRY_HEAD_MAX);
    if (!block)
        return MSK_E_NOMEM;
    uint8_t *start = block->data + block->len, *at = start;
    at += put_varint(at, term);
    at += put_varint(at, command.len);
    if (command.len)
        memcpy(at, command.data, command.len);
    size_t len = (size_t)(at - start) + command.len;
    block->starts[log->count++ % MSK_LOG_BLOCK] = block->len;
    block->len += (uint32_t)len;
    log->bytes += len;
    log->last_term = term;
    if (log->count % MSK_LOG_BLOCK == 0)
        fit(block);
    return 0;
}

int msk_log_append_encoded(struct msk_log *log, struct msk_bytes encoded, uint64_t count)
{
    for (; count > 0; count--) {
        struct msk_log_entry entry;
        size_t len = msk_log_read_entry(encoded, &entry);
        int result = len ? msk_log_append(log, entry.term, entry.command) : MSK_E_DAMAGED;
        if (result < 0)
            return result;
        encoded = MSK_BYTES(encoded.data + len, encoded.len - len);
    }
    return encoded.len ? MSK_E_DAMAGED : 0;
}

/* ---- cutting */

void msk_log_truncate(struct msk_log *log, uint64_t index)
{
    msk_assert(index > log->kept);
    if (index > log->count)
        return;
    while (log->block_count > 0 && index <= (log->block_count - 1) * MSK_LOG_BLOCK + 1) {
        log->bytes -= log->blocks[log->block_count - 1]->len;
        free_last_block(log);
    }
    log->count = index - 1;
    if (log->count % MSK_LOG_BLOCK > 0) {
        struct msk_log_block *block = log->blocks[log->block_count - 1];
        log->bytes -= block->len - block->starts[log->count % MSK_LOG_BLOCK];
        block->len = block->starts[log->count % MSK_LOG_BLOCK];
    }
    (void)msk_log_term_at(log, log->count, &log->last_term);
    if (log->hashed > log->count) {
        msk_blake3_init(&log->hash);
        log->hashed = 0;
    }
}

void msk_log_keep(struct msk_log *log, uint64_t index)
{
    msk_assert(index <= log->count);
    if (index > log->kept)
        log->kept = index;
}

/* ---- the rolling digest */

struct msk_digest msk_log_digest(struct msk_log *log, uint64_t index)
{
    msk_assert(index <= log->count);
    if (index < log->hashed) {
        msk_blake3_init(&log->hash);
        log->hashed = 0;
    }
    while (log->hashed < index) {
        struct msk_bytes encoded;
        log->hashed += msk_log_encoded(log, log->hashed + 1, index, &encoded);
        msk_blake3_update(&log->hash, encoded);
    }
    return msk_blake3_finish(&log->hash);
}
