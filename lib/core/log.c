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

struct msk_log_run {
    uint64_t first, term;
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
    msk_rolling_init(&log->rolling);
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
    msk_free(log->runs);
    msk_free(log->ends);
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

/* Where the entry, which is in memory, begins, and all that follows it in its block. */
static struct msk_bytes from_entry(const struct msk_log *log, uint64_t index)
{
    const struct msk_log_block *block = log->blocks[(index - 1 - log->gone) / MSK_LOG_BLOCK];
    uint32_t start = block->starts[(index - 1) % MSK_LOG_BLOCK];
    return MSK_BYTES(block->data + start, block->len - start);
}

bool msk_log_get(const struct msk_log *log, uint64_t index, struct msk_log_entry *out)
{
    return index > log->gone && index <= log->count && msk_log_read_entry(from_entry(log, index), out) > 0;
}

bool msk_log_term_at(const struct msk_log *log, uint64_t index, uint64_t *term)
{
    size_t low = 0, high = log->run_count;
    *term = 0;
    if (index == 0 || index > log->count)
        return index == 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (log->runs[middle].first <= index)
            low = middle;
        else
            high = middle;
    }
    *term = log->runs[low].term;
    return true;
}

uint64_t msk_log_encoded(const struct msk_log *log, uint64_t first, uint64_t last, struct msk_bytes *out)
{
    uint64_t block_end = (first - 1) / MSK_LOG_BLOCK * MSK_LOG_BLOCK + MSK_LOG_BLOCK;
    msk_assert(first > log->gone && first <= last && last <= log->count);
    *out = from_entry(log, first);
    if (last > block_end)
        last = block_end;
    if (last < block_end && last < log->count)
        out->len = (size_t)(from_entry(log, last + 1).data - out->data);
    return last - first + 1;
}

/* ---- the rolling digest */

/* Up to `index`, which lies in `block`, or at its end; the ends of the blocks before it are known. */
static void roll_to(struct msk_log *log, size_t block, uint64_t index)
{
    struct msk_rolling *rolling = &log->rolling;
    uint64_t start = (uint64_t)block * MSK_LOG_BLOCK;
    if (block == 0 && rolling->count > index)
        msk_rolling_init(rolling);
    else if (block > 0 && (rolling->count > index || rolling->count < start))
        msk_rolling_resume(rolling, start, &log->ends[block - 1]);
    while (rolling->count < index) {
        struct msk_bytes encoded;
        uint64_t count = msk_log_encoded(log, rolling->count + 1, index, &encoded);
        msk_rolling_add(rolling, encoded, count);
    }
}

static void end_block(struct msk_log *log)
{
    roll_to(log, log->ended, (uint64_t)(log->ended + 1) * MSK_LOG_BLOCK);
    log->ends[log->ended++] = log->rolling.end;
}

bool msk_log_has_digest(const struct msk_log *log, uint64_t index)
{
    return index <= log->count && (index >= log->gone || (index > 0 && index % MSK_LOG_BLOCK == 0));
}

struct msk_digest msk_log_digest(struct msk_log *log, uint64_t index)
{
    size_t block = index / MSK_LOG_BLOCK;
    msk_assert(msk_log_has_digest(log, index));
    while (log->ended < block)
        end_block(log);
    if (index > 0 && index % MSK_LOG_BLOCK == 0)
        return log->ends[block - 1];
    roll_to(log, block, index);
    return msk_rolling_digest(&log->rolling);
}

/* ---- what leaves memory */

static bool is_beyond_window(const struct msk_log *log)
{
    return log->count - log->gone >= MSK_LOG_WINDOW_ENTRIES + MSK_LOG_BLOCK || log->bytes > MSK_LOG_WINDOW_BYTES;
}

/* Its digest stays: what is behind it is still hashed from index 1. */
static void let_first_block_go(struct msk_log *log)
{
    struct msk_log_block *block = log->blocks[0];
    (void)msk_log_digest(log, log->gone + MSK_LOG_BLOCK);
    log->gone += MSK_LOG_BLOCK;
    log->bytes -= block->len;
    msk_free(block->data);
    msk_free(block);
    log->block_count--;
    memmove(log->blocks, log->blocks + 1, log->block_count * sizeof(struct msk_log_block *));
}

/* Full blocks only, and never the last one. */
static void let_go(struct msk_log *log)
{
    while (log->block_count > 1 && log->gone + MSK_LOG_BLOCK < log->spare && is_beyond_window(log))
        let_first_block_go(log);
}

void msk_log_spare(struct msk_log *log, uint64_t index)
{
    if (index > log->spare)
        log->spare = index;
    let_go(log);
}

/* ---- appending */

/* Room for one more block. */
static int reserve_block(struct msk_log *log)
{
    if (log->block_count < log->block_capacity)
        return 0;
    size_t capacity = log->block_capacity ? log->block_capacity * 2 : 4;
    struct msk_log_block **blocks = msk_realloc(log->blocks, capacity * sizeof(struct msk_log_block *));
    if (!blocks)
        return MSK_E_NOMEM;
    log->blocks = blocks;
    log->block_capacity = capacity;
    return 0;
}

/* Room for its digest, beside those of the blocks that are gone. */
static int reserve_end(struct msk_log *log)
{
    if (log->gone / MSK_LOG_BLOCK + log->block_count < log->end_capacity)
        return 0;
    size_t capacity = log->end_capacity ? log->end_capacity * 2 : 4;
    struct msk_digest *ends = msk_realloc(log->ends, capacity * sizeof *ends);
    if (!ends)
        return MSK_E_NOMEM;
    log->ends = ends;
    log->end_capacity = capacity;
    return 0;
}

static int add_block(struct msk_log *log)
{
    if (reserve_block(log) || reserve_end(log))
        return MSK_E_NOMEM;
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
    if (log->count - log->gone == log->block_count * MSK_LOG_BLOCK && add_block(log) < 0)
        return NULL;
    struct msk_log_block *block = log->blocks[log->block_count - 1];
    return reserve(block, len) == 0 ? block : NULL;
}

/* Room for one more run. */
static int reserve_run(struct msk_log *log)
{
    if (log->run_count < log->run_capacity)
        return 0;
    size_t capacity = log->run_capacity ? log->run_capacity * 2 : 4;
    if (capacity > MSK_LOG_TERMS_MAX)
        return MSK_E_LIMIT;
    struct msk_log_run *runs = msk_realloc(log->runs, capacity * sizeof *runs);
    if (!runs)
        return MSK_E_NOMEM;
    log->runs = runs;
    log->run_capacity = capacity;
    return 0;
}

static bool is_full(const struct msk_log *log, size_t command_len)
{
    return log->count - log->gone == MSK_LOG_ENTRIES_MAX || command_len > MSK_LOG_BYTES_MAX - ENTRY_HEAD_MAX ||
           command_len + ENTRY_HEAD_MAX > MSK_LOG_BYTES_MAX - log->bytes;
}

int msk_log_append(struct msk_log *log, uint64_t term, struct msk_bytes command)
{
    if (is_full(log, command.len))
        return MSK_E_LIMIT;
    bool new_run = log->run_count == 0 || term != log->last_term;
    int result = new_run ? reserve_run(log) : 0;
    struct msk_log_block *block = result == 0 ? next_block(log, command.len + ENTRY_HEAD_MAX) : NULL;
    if (!block)
        return result ? result : MSK_E_NOMEM;
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
    if (new_run)
        log->runs[log->run_count++] = (struct msk_log_run){log->count, term};
    if (log->count % MSK_LOG_BLOCK == 0) {
        fit(block);
        let_go(log);
    }
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
    msk_assert(index > log->kept && (index > log->gone || index == 1));
    if (index > log->count)
        return;
    if (index == 1) {
        msk_log_free(log);
        return;
    }
    while (log->block_count > 0 && index <= log->gone + (log->block_count - 1) * MSK_LOG_BLOCK + 1) {
        log->bytes -= log->blocks[log->block_count - 1]->len;
        free_last_block(log);
    }
    log->count = index - 1;
    if (log->count % MSK_LOG_BLOCK > 0) {
        struct msk_log_block *block = log->blocks[log->block_count - 1];
        log->bytes -= block->len - block->starts[log->count % MSK_LOG_BLOCK];
        block->len = block->starts[log->count % MSK_LOG_BLOCK];
    }
    while (log->runs[log->run_count - 1].first > log->count)
        log->run_count--;
    log->last_term = log->runs[log->run_count - 1].term;
    if (log->ended > log->count / MSK_LOG_BLOCK)
        log->ended = log->count / MSK_LOG_BLOCK;
    if (log->rolling.count > log->count)
        msk_rolling_init(&log->rolling);
}

void msk_log_keep(struct msk_log *log, uint64_t index)
{
    msk_assert(index <= log->count);
    if (index > log->kept)
        log->kept = index;
}
