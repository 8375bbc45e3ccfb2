/* node_disk.h: the disk of a place in node_places.h: records on their way, what is stored, and what a start finds. */
#ifndef MSK_TESTS_NODE_DISK_H
#define MSK_TESTS_NODE_DISK_H

#include "node_places.h"

/* A record begins its way to the disk; they arrive in order. */
static inline void net_write(struct net *net, struct net_place *place, struct msk_action *record)
{
    size_t at = place->record_count++;
    assert_true(at < NET_RECORDS_MAX);
    place->record_due_ms[at] = net->now_ms + net->disk_ms + place->disk_stall_ms;
    if (at > 0 && place->record_due_ms[at] < place->record_due_ms[at - 1])
        place->record_due_ms[at] = place->record_due_ms[at - 1];
    place->records[at] = *record;
    if (record->kind == MSK_ACTION_APPEND)
        record->append.data = NULL;
    if (record->kind == MSK_ACTION_SNAPSHOT)
        record->snapshot.data = NULL;
}

/* `data` becomes the place's; NULL: there is none any more. */
static inline void net_keep_snapshot(struct net_place *place, struct msk_cursor at, uint8_t *data, size_t len)
{
    msk_free(place->disk_snapshot);
    place->disk_snapshot = data;
    place->disk_snapshot_len = len;
    place->disk_snapshot_at = at;
}

static inline void net_store(struct net_place *place, struct msk_action *record)
{
    if (record->kind == MSK_ACTION_PERSIST) {
        place->disk = record->persist.hard;
        place->on_disk = record->persist.sequence;
        return;
    }
    if (record->kind == MSK_ACTION_SNAPSHOT) {
        net_keep_snapshot(place, record->snapshot.at, record->snapshot.data, record->snapshot.len);
        place->on_disk = record->snapshot.sequence;
        return;
    }
    struct msk_bytes entries = MSK_BYTES(record->append.data, record->append.len);
    assert_true(record->append.first <= place->disk_log.count + 1);
    if (record->append.first == 1 && record->append.committed.index == 0)
        net_keep_snapshot(place, (struct msk_cursor){0}, NULL, 0);
    msk_log_truncate(&place->disk_log, record->append.first);
    assert_int_equal(msk_log_append_encoded(&place->disk_log, entries, record->append.count), 0);
    place->disk_committed = record->append.committed;
    place->on_disk = record->append.sequence;
    msk_free(record->append.data);
}

/* Some of what was on its way to the disk is there, without anybody having been told. */
static inline void net_write_unnoticed(struct net *net, int number, size_t count)
{
    struct net_place *place = &net->places[number];
    count = count < place->record_count ? count : place->record_count;
    for (size_t i = 0; i < count; i++)
        net_store(place, &place->records[i]);
    place->record_count -= count;
    memmove(place->records, place->records + count, place->record_count * sizeof place->records[0]);
}

static inline int net_load(void *context, struct msk_log *log, struct msk_error *err)
{
    const struct net_place *place = context;
    (void)err;
    for (uint64_t index = 1; index <= place->disk_log.count;) {
        struct msk_bytes part;
        uint64_t count = msk_log_encoded(&place->disk_log, index, place->disk_log.count, &part);
        assert_int_equal(msk_log_append_encoded(log, part, count), 0);
        index += count;
    }
    return 0;
}

#endif
