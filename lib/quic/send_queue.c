#include "quic/send_queue.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

/* Small writes share a chunk; large ones are split so that memory goes as acknowledgements come. */
#define CHUNK_MIN 1024
#define CHUNK_MAX 65536

struct msk_send_chunk {
    struct msk_send_chunk *next;
    size_t len, capacity;
    uint8_t data[];
};

static void free_chunks(struct msk_send_chunk *chunk)
{
    while (chunk) {
        struct msk_send_chunk *next = chunk->next;
        msk_free(chunk);
        chunk = next;
    }
}

void msk_send_queue_free(struct msk_send_queue *queue)
{
    free_chunks(queue->first);
    *queue = (struct msk_send_queue){0};
}

/* Empty chunks with room for `len` bytes; NULL without memory. */
static struct msk_send_chunk *new_chunks(size_t len)
{
    struct msk_send_chunk *first = NULL, **link = &first;
    while (len > 0) {
        size_t capacity = len < CHUNK_MIN ? CHUNK_MIN : len > CHUNK_MAX ? CHUNK_MAX : len;
        struct msk_send_chunk *chunk = msk_realloc(NULL, sizeof *chunk + capacity);
        if (!chunk) {
            free_chunks(first);
            return NULL;
        }
        *chunk = (struct msk_send_chunk){.capacity = capacity};
        *link = chunk;
        link = &chunk->next;
        len -= capacity < len ? capacity : len;
    }
    return first;
}

static void copy_in(struct msk_send_queue *queue, struct msk_bytes part)
{
    while (part.len > 0) {
        struct msk_send_chunk *chunk = queue->last;
        msk_assert(chunk);
        if (chunk->len == chunk->capacity) {
            queue->last = chunk->next;
            continue;
        }
        size_t room = chunk->capacity - chunk->len;
        size_t len = part.len < room ? part.len : room;
        memcpy(chunk->data + chunk->len, part.data, len);
        chunk->len += len;
        part = MSK_BYTES(part.data + len, part.len - len);
    }
}

int msk_send_queue_append(struct msk_send_queue *queue, const struct msk_bytes *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    size_t spare = queue->last ? queue->last->capacity - queue->last->len : 0;
    if (len > spare) {
        struct msk_send_chunk *chunks = new_chunks(len - spare);
        if (!chunks)
            return MSK_E_NOMEM;
        if (queue->last)
            queue->last->next = chunks;
        else
            queue->first = queue->last = queue->unsent_chunk = chunks;
    }
    for (size_t i = 0; i < count; i++)
        copy_in(queue, parts[i]);
    queue->queued += len;
    queue->unsent += len;
    return 0;
}

size_t msk_send_queue_gather(const struct msk_send_queue *queue, ngtcp2_vec *out, size_t max)
{
    size_t count = 0, skip = queue->sent_in_unsent;
    for (struct msk_send_chunk *chunk = queue->unsent_chunk; chunk && count < max; chunk = chunk->next) {
        if (chunk->len > skip)
            out[count++] = (ngtcp2_vec){.base = chunk->data + skip, .len = chunk->len - skip};
        skip = 0;
    }
    return count;
}

void msk_send_queue_sent(struct msk_send_queue *queue, size_t len)
{
    msk_assert(len <= queue->unsent);
    queue->unsent -= len;
    queue->sent_in_unsent += len;
    while (queue->unsent_chunk->next && queue->sent_in_unsent >= queue->unsent_chunk->len) {
        queue->sent_in_unsent -= queue->unsent_chunk->len;
        queue->unsent_chunk = queue->unsent_chunk->next;
    }
}

void msk_send_queue_acked(struct msk_send_queue *queue, size_t len)
{
    msk_assert(len <= queue->queued - queue->unsent);
    queue->queued -= len;
    if (queue->queued == 0) {
        msk_send_queue_free(queue); /* an idle stream holds no memory */
        return;
    }
    queue->acked_in_first += len;
    while (queue->first != queue->unsent_chunk && queue->acked_in_first >= queue->first->len) {
        struct msk_send_chunk *chunk = queue->first;
        queue->acked_in_first -= chunk->len;
        queue->first = chunk->next;
        msk_free(chunk);
    }
}
