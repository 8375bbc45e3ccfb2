#include "runtime/disk.h"

#include "base/alloc.h"
#include "base/map.h"

/* The newest hard state of one group. */
struct state {
    struct msk_store_record record;
    bool waiting; /* not yet part of a transaction */
};

struct msk_disk {
    uv_loop_t *loop;
    struct msk_store *store;
    struct msk_disk_owner owner;
    struct msk_map states; /* by group */
    uint64_t put_sequence; /* of the newest record put */
    size_t waiting_count;

    /* The transaction under way; a thread of the pool reads it. */
    uv_work_t work;
    bool running, failed;
    struct msk_store_record *batch;
    size_t batch_count, batch_capacity;
    uint64_t batch_sequence;
    struct msk_error batch_err;
    int batch_rc;
};

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
    if (disk->running || disk->states.count <= disk->batch_capacity)
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
    disk->batch_sequence = disk->put_sequence;
}

/* In a thread of the pool, if the store is durable. */
static void write_batch(uv_work_t *work)
{
    struct msk_disk *disk = work->data;
    disk->batch_rc = msk_store_write(disk->store, disk->batch, disk->batch_count, &disk->batch_err);
}

static void fail(struct msk_disk *disk, const struct msk_error *err)
{
    disk->failed = true;
    disk->owner.failed(disk->owner.context, err);
}

static void on_batch_written(uv_work_t *work, int status)
{
    (void)status;
    struct msk_disk *disk = work->data;
    disk->running = false;
    if (disk->batch_rc) {
        fail(disk, &disk->batch_err);
        return;
    }
    disk->owner.stored(disk->owner.context, disk->batch_sequence);
    msk_disk_flush(disk);
}

void msk_disk_flush(struct msk_disk *disk)
{
    if (disk->waiting_count == 0 || disk->running || disk->failed)
        return;
    if (reserve_batch(disk)) {
        fail(disk, &(struct msk_error){.code = MSK_E_NOMEM, .text = "out of memory"});
        return;
    }
    gather_batch(disk);
    disk->work.data = disk;
    disk->running = true;
    if (msk_store_is_durable(disk->store)) {
        uv_queue_work(disk->loop, &disk->work, write_batch, on_batch_written);
    } else {
        write_batch(&disk->work);
        on_batch_written(&disk->work, 0);
    }
}

bool msk_disk_idle(const struct msk_disk *disk)
{
    return disk->failed || (!disk->running && disk->waiting_count == 0);
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

void msk_disk_free(struct msk_disk *disk)
{
    if (!disk)
        return;
    disk->owner = (struct msk_disk_owner){.stored = ignore_stored, .failed = ignore_failed};
    msk_disk_flush(disk);
    while (!msk_disk_idle(disk))
        uv_run(disk->loop, UV_RUN_ONCE);
    msk_store_close(disk->store);
    free_all(disk);
}
