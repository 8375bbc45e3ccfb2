#include "runtime/disk.h"

#include <string.h>

#include "base/alloc.h"
#include "base/map.h"

/* The newest hard state of one group. */
struct state {
    struct msk_store_record record;
    bool waiting; /* not yet part of a transaction */
};

/* Changes of logs, in order; they own their data. */
struct changes {
    struct msk_store_change *items;
    size_t count, capacity, bytes;
};

/* Wanted entries, in order. */
struct reads {
    struct msk_disk_read *items;
    size_t count, capacity;
};

/* One that is under way, or over. */
struct reading {
    struct msk_disk_read what;
    struct msk_builder entries;
    uint64_t count;
    struct msk_error err;
    int rc;
};

struct msk_disk {
    uv_loop_t *loop;
    struct msk_store *store;
    struct msk_disk_owner owner;
    struct msk_map states; /* by group */
    uint64_t put_sequence; /* of the newest record put */
    size_t waiting_count;  /* of states */
    struct changes waiting;
    struct reads reads;

    /* What is under way; a thread of the pool has it. */
    uv_work_t work;
    enum { JOB_WRITE, JOB_READ } job;
    uv_sem_t done; /* posted by the thread */
    bool running, failed;
    bool over; /* the thread is done, and `done` was waited for */

    /* The transaction. */
    bool untold; /* written, or being so, and not reported */
    struct msk_store_record *batch;
    size_t batch_count, batch_capacity;
    struct changes batch_changes;
    uint64_t batch_sequence;
    struct msk_error batch_err;
    int batch_rc;

    struct reading reading;
};

static void clear_changes(struct changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        msk_free(changes->items[i].data);
    changes->count = changes->bytes = 0;
}

static bool is_anything_waiting(const struct msk_disk *disk)
{
    return disk->waiting_count > 0 || disk->waiting.count > 0;
}

static struct state *state_of(struct msk_disk *disk, const struct msk_digest *group)
{
    struct state *state = msk_map_get(&disk->states, group->bytes, MSK_DIGEST_LEN);
    if (state)
        return state;
    state = msk_calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->record.group = *group;
    if (msk_map_put(&disk->states, group->bytes, MSK_DIGEST_LEN, state)) {
        msk_free(state);
        return NULL;
    }
    return state;
}

/* Room for all groups at once: then gathering a batch cannot fail. */
static int reserve_batch(struct msk_disk *disk)
{
    if (disk->states.count <= disk->batch_capacity)
        return 0;
    size_t capacity = disk->states.count * 2;
    struct msk_store_record *batch = msk_realloc(disk->batch, capacity * sizeof *batch);
    if (!batch)
        return MSK_E_NOMEM;
    disk->batch = batch;
    disk->batch_capacity = capacity;
    return 0;
}

static int read_store(struct msk_disk *disk, struct msk_error *err)
{
    struct msk_store_record *records;
    size_t count;
    int rc = msk_store_load(disk->store, &records, &count, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct state *state = state_of(disk, &records[i].group);
        if (state)
            state->record = records[i];
        else
            rc = msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    }
    msk_free(records);
    return rc;
}

static void free_all(struct msk_disk *disk)
{
    size_t position = 0;
    for (struct state *state; (state = msk_map_next(&disk->states, &position));)
        msk_free(state);
    msk_map_free(&disk->states);
    clear_changes(&disk->waiting);
    clear_changes(&disk->batch_changes);
    msk_free(disk->waiting.items);
    msk_free(disk->batch_changes.items);
    msk_free(disk->reads.items);
    uv_sem_destroy(&disk->done);
    msk_free(disk->batch);
    msk_free(disk);
}

int msk_disk_new(uv_loop_t *loop, struct msk_store *store, const struct msk_disk_owner *owner, struct msk_disk **out,
                 struct msk_error *err)
{
    struct msk_disk *disk = msk_calloc(1, sizeof *disk);
    if (!disk)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    disk->loop = loop;
    disk->store = store;
    disk->owner = *owner;
    if (uv_sem_init(&disk->done, 0)) {
        msk_free(disk);
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    }
    int rc = read_store(disk, err);
    if (rc) {
        free_all(disk);
        return rc;
    }
    *out = disk;
    return 0;
}

const struct msk_hard_state *msk_disk_hard(const struct msk_disk *disk, const struct msk_digest *group)
{
    const struct state *state = msk_map_get(&disk->states, group->bytes, MSK_DIGEST_LEN);
    return state ? &state->record.hard : NULL;
}

int msk_disk_put(struct msk_disk *disk, const struct msk_digest *group, const struct msk_hard_state *hard,
                 uint64_t sequence)
{
    struct state *state = state_of(disk, group);
    if (!state)
        return MSK_E_NOMEM;
    state->record.hard = *hard;
    disk->waiting_count += !state->waiting;
    state->waiting = true;
    disk->put_sequence = sequence;
    return 0;
}

/* Where the newest snapshot of that group waits: an older one is of no use. */
static struct msk_store_change *waiting_snapshot(struct msk_disk *disk, const struct msk_digest *group)
{
    for (size_t i = disk->waiting.count; i-- > 0;) {
        struct msk_store_change *change = &disk->waiting.items[i];
        if (change->kind == MSK_STORE_SNAPSHOT && msk_digest_equal(&change->group, group))
            return change;
    }
    return NULL;
}

static bool make_room(struct changes *changes)
{
    if (changes->count < changes->capacity)
        return true;
    size_t capacity = changes->capacity ? changes->capacity * 2 : 16;
    struct msk_store_change *items = msk_realloc(changes->items, capacity * sizeof *items);
    if (!items)
        return false;
    changes->items = items;
    changes->capacity = capacity;
    return true;
}

static void drop(struct changes *changes, struct msk_store_change *change)
{
    struct msk_store_change *next = change + 1;
    changes->bytes -= change->len;
    msk_free(change->data);
    memmove(change, next, (size_t)(changes->items + changes->count - next) * sizeof *change);
    changes->count--;
}

int msk_disk_change(struct msk_disk *disk, const struct msk_store_change *change, uint64_t sequence)
{
    struct changes *waiting = &disk->waiting;
    int rc = change->len > MSK_DISK_WAITING_MAX - waiting->bytes ? MSK_E_LIMIT : 0;
    if (rc == 0 && !make_room(waiting))
        rc = MSK_E_NOMEM;
    if (rc) {
        disk->failed = true; /* a log with a gap must not reach the store */
        msk_free(change->data);
        return rc;
    }
    struct msk_store_change *older = change->kind == MSK_STORE_SNAPSHOT ? waiting_snapshot(disk, &change->group) : NULL;
    if (older)
        drop(waiting, older);
    waiting->items[waiting->count++] = *change;
    waiting->bytes += change->len;
    disk->put_sequence = sequence;
    return 0;
}

static void gather_batch(struct msk_disk *disk)
{
    size_t position = 0;
    disk->batch_count = 0;
    for (struct state *state; (state = msk_map_next(&disk->states, &position));) {
        if (!state->waiting)
            continue;
        state->waiting = false;
        disk->batch[disk->batch_count++] = state->record;
    }
    disk->waiting_count = 0;
    struct changes spare = disk->batch_changes;
    disk->batch_changes = disk->waiting;
    disk->waiting = spare;
    disk->batch_sequence = disk->put_sequence;
}

static void write_batch(struct msk_disk *disk)
{
    const struct msk_store_batch batch = {
        .records = disk->batch,
        .record_count = disk->batch_count,
        .changes = disk->batch_changes.items,
        .change_count = disk->batch_changes.count,
    };
    disk->batch_rc = msk_store_write(disk->store, &batch, &disk->batch_err);
}

static void read_entries(struct msk_disk *disk)
{
    struct reading *reading = &disk->reading;
    const struct msk_disk_read *what = &reading->what;
    reading->rc = msk_store_read_entries(disk->store, &what->group, what->first, what->count, what->bytes_max,
                                         &reading->entries, &reading->count, &reading->err);
}

/* In a thread of the pool. */
static void on_work(uv_work_t *work)
{
    struct msk_disk *disk = work->data;
    if (disk->job == JOB_WRITE)
        write_batch(disk);
    else
        read_entries(disk);
    uv_sem_post(&disk->done);
}

static void await_thread(struct msk_disk *disk)
{
    if (!disk->over)
        uv_sem_wait(&disk->done);
    disk->over = true;
}

static void fail(struct msk_disk *disk, const struct msk_error *err)
{
    disk->failed = true;
    disk->owner.failed(disk->owner.context, err);
}

/* Tell what the transaction came to. */
static void tell_batch(struct msk_disk *disk)
{
    disk->untold = false;
    clear_changes(&disk->batch_changes);
    if (disk->batch_rc)
        fail(disk, &disk->batch_err);
    else
        disk->owner.stored(disk->owner.context, disk->batch_sequence);
}

static void tell_reading(struct msk_disk *disk, struct reading *reading)
{
    bool failed = reading->rc < 0;
    disk->owner.read(disk->owner.context, &reading->what, failed ? 0 : (size_t)reading->count,
                     failed ? MSK_BYTES("", 0) : msk_builder_view(&reading->entries), failed ? &reading->err : NULL);
    msk_builder_free(&reading->entries);
}

/* Tell what it came to, and begin with what waits; whoever is told may have begun with it already. */
static void finish_job(struct msk_disk *disk)
{
    bool was_reading = disk->job == JOB_READ;
    struct reading reading = disk->reading;
    disk->running = false;
    if (disk->untold)
        tell_batch(disk);
    if (was_reading)
        tell_reading(disk, &reading);
    msk_disk_flush(disk);
}

static void on_work_over(uv_work_t *work, int status)
{
    (void)status;
    struct msk_disk *disk = work->data;
    await_thread(disk);
    finish_job(disk);
}

static void begin(struct msk_disk *disk, int job)
{
    disk->job = job;
    disk->work.data = disk;
    disk->running = true;
    disk->over = false;
    uv_queue_work(disk->loop, &disk->work, on_work, on_work_over);
}

static void begin_reading(struct msk_disk *disk)
{
    struct reads *reads = &disk->reads;
    disk->reading = (struct reading){.what = reads->items[0]};
    msk_builder_init(&disk->reading.entries, MSK_LOG_BYTES_MAX);
    reads->count--;
    memmove(reads->items, reads->items + 1, reads->count * sizeof *reads->items);
    begin(disk, JOB_READ);
}

static void begin_writing(struct msk_disk *disk)
{
    if (reserve_batch(disk)) {
        fail(disk, &(struct msk_error){.code = MSK_E_NOMEM, .text = "out of memory"});
        return;
    }
    gather_batch(disk);
    disk->untold = true;
    if (msk_store_is_durable(disk->store)) {
        begin(disk, JOB_WRITE);
    } else {
        write_batch(disk);
        tell_batch(disk);
    }
}

/* In turns, so that neither waits for more than one of the other. */
void msk_disk_flush(struct msk_disk *disk)
{
    bool is_turn_of_reads = disk->job == JOB_WRITE || !is_anything_waiting(disk);
    while (!disk->running && !disk->failed && (is_anything_waiting(disk) || disk->reads.count > 0)) {
        if (disk->reads.count > 0 && is_turn_of_reads)
            begin_reading(disk);
        else
            begin_writing(disk);
    }
}

int msk_disk_read(struct msk_disk *disk, const struct msk_disk_read *read)
{
    struct reads *reads = &disk->reads;
    if (reads->count == MSK_DISK_READS_MAX)
        return MSK_E_LIMIT;
    if (reads->count == reads->capacity) {
        size_t capacity = reads->capacity ? reads->capacity * 2 : 4;
        struct msk_disk_read *items = msk_realloc(reads->items, capacity * sizeof *items);
        if (!items)
            return MSK_E_NOMEM;
        reads->items = items;
        reads->capacity = capacity;
    }
    reads->items[reads->count++] = *read;
    return 0;
}

/* Nothing under way and nothing waiting to be written, so that the store may be read. What this writes is told at the
 * end of what runs, or at once. */
static int settle(struct msk_disk *disk, struct msk_error *err)
{
    if (disk->running)
        await_thread(disk);
    if (disk->failed || (disk->untold && disk->batch_rc))
        return msk_fail(err, MSK_E_IO, "an earlier write failed");
    if (!is_anything_waiting(disk))
        return 0;
    if (reserve_batch(disk))
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    clear_changes(&disk->batch_changes);
    gather_batch(disk);
    write_batch(disk);
    disk->untold = true;
    int rc = disk->batch_rc;
    if (rc)
        msk_fail(err, rc, "%s", disk->batch_err.text);
    if (!disk->running)
        tell_batch(disk);
    return rc;
}

int msk_disk_load_log(struct msk_disk *disk, const struct msk_digest *group, struct msk_store_log *out,
                      struct msk_error *err)
{
    *out = (struct msk_store_log){0};
    int rc = settle(disk, err);
    return rc ? rc : msk_store_load_log(disk->store, group, out, err);
}

int msk_disk_load_entries(struct msk_disk *disk, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                          struct msk_error *err)
{
    int rc = settle(disk, err);
    return rc ? rc : msk_store_load_entries(disk->store, group, last, log, err);
}

int msk_disk_name_group(struct msk_disk *disk, const struct msk_digest *group, const char *alias, const char *machine,
                        struct msk_error *err)
{
    int rc = settle(disk, err);
    return rc ? rc : msk_store_name_group(disk->store, group, alias, machine, err);
}

bool msk_disk_is_durable(const struct msk_disk *disk)
{
    return msk_store_is_durable(disk->store);
}

bool msk_disk_idle(const struct msk_disk *disk)
{
    return !disk->running && (disk->failed || (!is_anything_waiting(disk) && disk->reads.count == 0));
}

static void ignore_stored(void *context, uint64_t sequence)
{
    (void)context;
    (void)sequence;
}

static void ignore_failed(void *context, const struct msk_error *err)
{
    (void)context;
    (void)err;
}

static void ignore_read(void *context, const struct msk_disk_read *read, size_t count, struct msk_bytes entries,
                        const struct msk_error *err)
{
    (void)context;
    (void)read;
    (void)count;
    (void)entries;
    (void)err;
}

void msk_disk_free(struct msk_disk *disk)
{
    if (!disk)
        return;
    disk->owner = (struct msk_disk_owner){.stored = ignore_stored, .failed = ignore_failed, .read = ignore_read};
    disk->reads.count = 0;
    msk_disk_flush(disk);
    while (!msk_disk_idle(disk))
        uv_run(disk->loop, UV_RUN_ONCE);
    msk_store_close(disk->store);
    free_all(disk);
}
