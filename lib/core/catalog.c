#include "core/catalog.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/own_entry.h"

const char *msk_entry_source_name(enum msk_entry_source source)
{
    static const char *const names[] = {
#define X(name, text) text,
        MSK_ENTRY_SOURCE_MAP(X)
#undef X
    };
    msk_assert((size_t)source < sizeof names / sizeof names[0]);
    return names[source];
}

const char *msk_catalog_outcome_text(enum msk_catalog_outcome outcome)
{
    static const char *const texts[] = {
#define X(name, text) text,
        MSK_CATALOG_OUTCOME_MAP(X)
#undef X
    };
    msk_assert((size_t)outcome < sizeof texts / sizeof texts[0]);
    return texts[outcome];
}

void msk_catalog_init(struct msk_catalog *catalog, const struct msk_digest *self, const struct msk_digest *network_id,
                      uint64_t purge_after_ms)
{
    *catalog = (struct msk_catalog){.self = *self,
                                    .network_id = *network_id,
                                    .purge_after_ms = (int64_t)(purge_after_ms ? purge_after_ms : MSK_PURGE_AFTER_MS)};
}

void msk_catalog_free(struct msk_catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++)
        msk_signed_peer_entry_free(catalog->records[i].entry);
    msk_free(catalog->records);
    catalog->records = NULL;
    catalog->count = catalog->capacity = catalog->bytes = 0;
}

static const struct msk_digest *peer_of(const struct msk_signed_peer_entry *entry)
{
    return &entry->entry.address.peer_id;
}

/* Where the peer's record is, or belongs; `*found` tells which. */
static size_t position_of(const struct msk_catalog *catalog, const struct msk_digest *peer_id, bool *found)
{
    size_t low = 0, high = catalog->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = msk_digest_compare(peer_of(catalog->records[middle].entry), peer_id);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

static struct msk_catalog_record *find(const struct msk_catalog *catalog, const struct msk_digest *peer_id)
{
    bool found;
    size_t at = position_of(catalog, peer_id, &found);
    return found ? &catalog->records[at] : NULL;
}

static bool is_stale(const struct msk_catalog *catalog, const struct msk_signed_peer_entry *entry, int64_t wall_ms)
{
    return entry->entry.version.updated_ms < wall_ms - catalog->purge_after_ms;
}

static void take_out(struct msk_catalog *catalog, size_t at)
{
    struct msk_catalog_record *record = &catalog->records[at];
    catalog->bytes -= record->size;
    msk_signed_peer_entry_free(record->entry);
    catalog->count--;
    memmove(record, record + 1, (catalog->count - at) * sizeof *record);
}

/* ---- acceptance */

enum msk_catalog_outcome msk_catalog_judge(const struct msk_catalog *catalog, struct msk_now now,
                                           const struct msk_signed_peer_entry *entry)
{
    const struct msk_entry_version *version = &entry->entry.version;
    if (msk_digest_equal(peer_of(entry), &catalog->self))
        return MSK_CATALOG_OWN;
    if (!msk_digest_equal(&entry->entry.network, &catalog->network_id))
        return MSK_CATALOG_OTHER_NETWORK;
    if (is_stale(catalog, entry, now.wall_ms))
        return MSK_CATALOG_STALE;
    if (version->updated_ms > now.wall_ms + MSK_CLOCK_DRIFT_MAX_MS)
        return MSK_CATALOG_FUTURE;
    const struct msk_catalog_record *known = find(catalog, peer_of(entry));
    if (!known)
        return MSK_CATALOG_ADDED;
    if (msk_entry_version_compare(version, &known->entry->entry.version) <= 0)
        return MSK_CATALOG_NOT_NEWER;
    return MSK_CATALOG_UPDATED;
}

static int encoded_size(const struct msk_signed_peer_entry *entry, size_t *size)
{
    struct msk_builder encoded;
    msk_builder_init(&encoded, MSK_CATALOG_ENTRY_MAX);
    int error = msk_encode(MSK_TYPE(signed_peer_entry), entry, &encoded);
    *size = encoded.len;
    msk_builder_free(&encoded);
    return error;
}

/* The record that may be given up for a peer of this standing: the least, and among those the oldest. */
static size_t least_below(const struct msk_catalog *catalog, enum msk_standing standing)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct msk_catalog_record *record = &catalog->records[i];
        if (record->standing >= standing)
            continue;
        const struct msk_catalog_record *best = least == SIZE_MAX ? NULL : &catalog->records[least];
        if (!best || record->standing < best->standing ||
            (record->standing == best->standing &&
             record->entry->entry.version.updated_ms < best->entry->entry.version.updated_ms))
            least = i;
    }
    return least;
}

static bool fits(const struct msk_catalog *catalog, size_t size)
{
    return catalog->count < MSK_CATALOG_ENTRIES_MAX && catalog->bytes + size <= MSK_CATALOG_BYTES_MAX;
}

/* Give up at most one other peer for this one. */
static bool make_room(struct msk_catalog *catalog, size_t size, enum msk_standing standing, struct msk_digest *evicted)
{
    if (fits(catalog, size))
        return true;
    size_t victim = least_below(catalog, standing);
    if (victim == SIZE_MAX || catalog->bytes - catalog->records[victim].size + size > MSK_CATALOG_BYTES_MAX)
        return false;
    *evicted = *peer_of(catalog->records[victim].entry);
    take_out(catalog, victim);
    return true;
}

static bool reserve(struct msk_catalog *catalog)
{
    if (catalog->count < catalog->capacity)
        return true;
    size_t capacity = catalog->capacity ? catalog->capacity * 2 : 16;
    struct msk_catalog_record *records = msk_realloc(catalog->records, capacity * sizeof *records);
    if (!records)
        return false;
    catalog->records = records;
    catalog->capacity = capacity;
    return true;
}

static enum msk_catalog_outcome add(struct msk_catalog *catalog, const struct msk_catalog_record *record,
                                    struct msk_digest *evicted)
{
    if (!reserve(catalog))
        return MSK_CATALOG_NOMEM;
    if (!make_room(catalog, record->size, record->standing, evicted))
        return MSK_CATALOG_FULL;
    bool found;
    size_t at = position_of(catalog, peer_of(record->entry), &found);
    memmove(&catalog->records[at + 1], &catalog->records[at], (catalog->count - at) * sizeof *record);
    catalog->records[at] = *record;
    catalog->count++;
    catalog->bytes += record->size;
    return MSK_CATALOG_ADDED;
}

static enum msk_catalog_outcome replace(struct msk_catalog *catalog, const struct msk_catalog_record *record)
{
    struct msk_catalog_record *known = find(catalog, peer_of(record->entry));
    size_t bytes = catalog->bytes - known->size + record->size;
    if (bytes > MSK_CATALOG_BYTES_MAX)
        return MSK_CATALOG_FULL;
    msk_signed_peer_entry_free(known->entry);
    enum msk_standing standing = known->standing > record->standing ? known->standing : record->standing;
    *known = *record;
    known->standing = standing;
    catalog->bytes = bytes;
    return MSK_CATALOG_UPDATED;
}

enum msk_catalog_outcome msk_catalog_offer(struct msk_catalog *catalog, struct msk_now now,
                                           const struct msk_signed_peer_entry *entry, enum msk_entry_source source,
                                           enum msk_standing standing, struct msk_digest *evicted)
{
    struct msk_digest nobody;
    evicted = evicted ? evicted : &nobody;
    memset(evicted, 0, sizeof *evicted);
    enum msk_catalog_outcome outcome = msk_catalog_judge(catalog, now, entry);
    if (outcome != MSK_CATALOG_ADDED && outcome != MSK_CATALOG_UPDATED)
        return outcome;
    struct msk_catalog_record record = {.standing = standing, .source = source};
    int error = encoded_size(entry, &record.size);
    if (error < 0)
        return error == MSK_E_LIMIT ? MSK_CATALOG_TOO_BIG : MSK_CATALOG_NOMEM;
    record.entry = msk_signed_peer_entry_copy(entry);
    if (!record.entry)
        return MSK_CATALOG_NOMEM;
    bool known = outcome == MSK_CATALOG_UPDATED;
    outcome = known ? replace(catalog, &record) : add(catalog, &record, evicted);
    if (outcome != MSK_CATALOG_ADDED && outcome != MSK_CATALOG_UPDATED)
        msk_signed_peer_entry_free(record.entry);
    return outcome;
}

/* ---- looking, forgetting */

const struct msk_signed_peer_entry *msk_catalog_find(const struct msk_catalog *catalog, int64_t wall_ms,
                                                     const struct msk_digest *peer_id)
{
    const struct msk_catalog_record *record = find(catalog, peer_id);
    return record && !is_stale(catalog, record->entry, wall_ms) ? record->entry : NULL;
}

void msk_catalog_set_standing(struct msk_catalog *catalog, const struct msk_digest *peer_id, enum msk_standing standing)
{
    struct msk_catalog_record *record = find(catalog, peer_id);
    if (record)
        record->standing = standing;
}

bool msk_catalog_remove(struct msk_catalog *catalog, const struct msk_digest *peer_id)
{
    bool found;
    size_t at = position_of(catalog, peer_id, &found);
    if (found)
        take_out(catalog, at);
    return found;
}

bool msk_catalog_purge_one(struct msk_catalog *catalog, int64_t wall_ms, struct msk_digest *purged)
{
    for (size_t i = catalog->count; i > 0; i--) {
        if (!is_stale(catalog, catalog->records[i - 1].entry, wall_ms))
            continue;
        *purged = *peer_of(catalog->records[i - 1].entry);
        take_out(catalog, i - 1);
        return true;
    }
    return false;
}

int64_t msk_catalog_next_purge(const struct msk_catalog *catalog)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < catalog->count; i++) {
        int64_t stale_ms = catalog->records[i].entry->entry.version.updated_ms + catalog->purge_after_ms + 1;
        if (stale_ms < next)
            next = stale_ms;
    }
    return next;
}

/* Shallow copies, `own` in its place. */
static size_t collect(const struct msk_catalog *catalog, int64_t wall_ms, const struct msk_signed_peer_entry *own,
                      struct msk_signed_peer_entry *out)
{
    size_t count = 0;
    bool own_written = false;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct msk_signed_peer_entry *entry = catalog->records[i].entry;
        if (is_stale(catalog, entry, wall_ms))
            continue;
        if (!own_written && msk_digest_compare(peer_of(own), peer_of(entry)) < 0) {
            out[count++] = *own;
            own_written = true;
        }
        out[count++] = *entry;
    }
    if (!own_written)
        out[count++] = *own;
    return count;
}

int msk_catalog_snapshot(const struct msk_catalog *catalog, int64_t wall_ms, const struct msk_signed_peer_entry *own,
                         struct msk_builder *out)
{
    struct msk_catalog_snapshot snapshot;
    snapshot.entries.items = msk_calloc(catalog->count + 1, sizeof *snapshot.entries.items);
    if (!snapshot.entries.items)
        return MSK_E_NOMEM;
    snapshot.entries.count = collect(catalog, wall_ms, own, snapshot.entries.items);
    int error = msk_encode(MSK_TYPE(catalog_snapshot), &snapshot, out);
    msk_free(snapshot.entries.items);
    return error;
}
