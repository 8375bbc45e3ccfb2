#include "core/log.h"

#include "base/alloc.h"
#include "base/assert.h"

int msk_cursor_compare(struct msk_cursor a, struct msk_cursor b)
{
    if (a.term != b.term)
        return a.term < b.term ? -1 : 1;
    return a.index < b.index ? -1 : a.index > b.index;
}

void msk_log_init(struct msk_log *log)
{
    *log = (struct msk_log){0};
}

void msk_log_free(struct msk_log *log)
{
    log->kept = 0;
    msk_log_truncate(log, 1);
    msk_free(log->entries);
    msk_log_init(log);
}

struct msk_cursor msk_log_last(const struct msk_log *log)
{
    if (log->count == 0)
        return (struct msk_cursor){0};
    return (struct msk_cursor){log->entries[log->count - 1].term, log->count};
}

const struct msk_log_entry *msk_log_get(const struct msk_log *log, uint64_t index)
{
    return index >= 1 && index <= log->count ? &log->entries[index - 1] : NULL;
}

bool msk_log_term_at(const struct msk_log *log, uint64_t index, uint64_t *term)
{
    const struct msk_log_entry *entry = msk_log_get(log, index);
    *term = entry ? entry->term : 0;
    return entry || index == 0;
}

static int grow(struct msk_log *log)
{
    size_t capacity = log->capacity ? log->capacity * 2 : 16;
    struct msk_log_entry *entries = msk_realloc(log->entries, capacity * sizeof *entries);
    if (!entries)
        return MSK_E_NOMEM;
    log->entries = entries;
    log->capacity = capacity;
    return 0;
}

int msk_log_append(struct msk_log *log, uint64_t term, struct msk_bytes command)
{
    if (log->count == MSK_LOG_ENTRIES_MAX || command.len > MSK_LOG_BYTES_MAX - log->bytes)
        return MSK_E_LIMIT;
    if (log->count == log->capacity && grow(log) < 0)
        return MSK_E_NOMEM;
    uint8_t *copy = msk_memdup(command.data, command.len);
    if (!copy)
        return MSK_E_NOMEM;
    log->entries[log->count++] = (struct msk_log_entry){term, MSK_BYTES(copy, command.len)};
    log->bytes += command.len;
    return 0;
}

void msk_log_truncate(struct msk_log *log, uint64_t index)
{
    msk_assert(index > log->kept);
    while (log->count >= index) {
        struct msk_bytes command = log->entries[--log->count].command;
        log->bytes -= command.len;
        msk_free((void *)command.data);
    }
}

void msk_log_keep(struct msk_log *log, uint64_t index)
{
    msk_assert(index <= log->count);
    if (index > log->kept)
        log->kept = index;
}
