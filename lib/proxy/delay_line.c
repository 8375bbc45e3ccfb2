#include "proxy/delay_line.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

/* Four children a slot: half the levels of two, and the children share a cache line or two. */
#define CHILDREN       4
#define FIRST_CAPACITY 64

static bool before(const struct msk_delay_slot *a, const struct msk_delay_slot *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->sequence < b->sequence);
}

static int make_room(struct msk_delay_line *line)
{
    if (line->count < line->capacity)
        return 0;
    size_t capacity = line->capacity ? 2 * line->capacity : FIRST_CAPACITY;
    struct msk_delay_slot *slots = msk_realloc(line->slots, capacity * sizeof *slots);
    if (!slots)
        return MSK_E_NOMEM;
    line->slots = slots;
    line->capacity = capacity;
    return 0;
}

static size_t cost(size_t len)
{
    return sizeof(struct msk_parcel) + sizeof(struct msk_delay_slot) + len;
}

/* Let `slot` rise from the free place `at`. */
static void rise(struct msk_delay_line *line, size_t at, struct msk_delay_slot slot)
{
    while (at > 0) {
        size_t parent = (at - 1) / CHILDREN;
        if (!before(&slot, &line->slots[parent]))
            break;
        line->slots[at] = line->slots[parent];
        at = parent;
    }
    line->slots[at] = slot;
}

/* Let `slot` sink from the free place at the top. */
static void sink(struct msk_delay_line *line, struct msk_delay_slot slot)
{
    size_t at = 0;
    for (;;) {
        size_t child = at * CHILDREN + 1, least = child;
        if (child >= line->count)
            break;
        for (size_t i = child + 1; i < child + CHILDREN && i < line->count; i++)
            if (before(&line->slots[i], &line->slots[least]))
                least = i;
        if (!before(&line->slots[least], &slot))
            break;
        line->slots[at] = line->slots[least];
        at = least;
    }
    line->slots[at] = slot;
}

int msk_delay_line_put(struct msk_delay_line *line, uint64_t due_ns, uint32_t from, uint32_t to,
                       struct msk_bytes datagram)
{
    if (line->count == MSK_DELAY_LINE_MAX || cost(datagram.len) > MSK_DELAY_LINE_BYTES_MAX - line->bytes)
        return MSK_E_LIMIT;
    int rc = make_room(line);
    if (rc)
        return rc;
    struct msk_parcel *parcel = msk_realloc(NULL, sizeof *parcel + datagram.len);
    if (!parcel)
        return MSK_E_NOMEM;
    *parcel = (struct msk_parcel){.from = from, .to = to, .len = (uint32_t)datagram.len};
    if (datagram.len > 0)
        memcpy(parcel->data, datagram.data, datagram.len);
    line->bytes += cost(datagram.len);
    rise(line, line->count++,
         (struct msk_delay_slot){.due_ns = due_ns, .sequence = line->next_sequence++, .parcel = parcel});
    return 0;
}

uint64_t msk_delay_line_next(const struct msk_delay_line *line)
{
    return line->count ? line->slots[0].due_ns : MSK_NEVER;
}

struct msk_parcel *msk_delay_line_take(struct msk_delay_line *line, uint64_t now_ns)
{
    if (line->count == 0 || line->slots[0].due_ns > now_ns)
        return NULL;
    struct msk_parcel *parcel = line->slots[0].parcel;
    line->bytes -= cost(parcel->len);
    line->count--;
    if (line->count > 0)
        sink(line, line->slots[line->count]);
    return parcel;
}

void msk_delay_line_free(struct msk_delay_line *line)
{
    for (size_t i = 0; i < line->count; i++)
        msk_free(line->slots[i].parcel);
    msk_free(line->slots);
    *line = (struct msk_delay_line){0};
}
