#include "runtime/lines.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define KEPT_MAX      4096 /* a buffer that grew beyond this is given back once it is written */
#define GAP_NOTE_SIZE 128

void msk_lines_init(struct msk_lines *lines, size_t max, bool json)
{
    *lines = (struct msk_lines){.json = json};
    msk_builder_init(&lines->gathering, max);
    msk_builder_init(&lines->writing, max);
}

void msk_lines_free(struct msk_lines *lines)
{
    msk_builder_free(&lines->gathering);
    msk_builder_free(&lines->writing);
}

static bool append(struct msk_lines *lines, struct msk_bytes line)
{
    uint8_t *place = msk_builder_reserve(&lines->gathering, line.len + 1);
    lines->gathering.error = 0; /* what was gathered before is whole */
    if (!place)
        return false;
    memcpy(place, line.data, line.len);
    place[line.len] = '\n';
    return true;
}

bool msk_lines_push(struct msk_lines *lines, struct msk_bytes line)
{
    if (lines->dropped == 0 && append(lines, line))
        return true;
    lines->dropped++;
    return false;
}

static void tell_gap(struct msk_lines *lines)
{
    char note[GAP_NOTE_SIZE];
    unsigned long long dropped = lines->dropped;
    int len = lines->json
                  ? snprintf(note, sizeof note, "{\"v\":1,\"event\":\"lines_dropped\",\"dropped\":%llu}", dropped)
                  : snprintf(note, sizeof note, "(%llu lines dropped: the reader was too slow)", dropped);
    if (append(lines, MSK_BYTES(note, (size_t)len)))
        lines->dropped = 0;
}

struct msk_bytes msk_lines_next(struct msk_lines *lines)
{
    msk_assert(lines->writing.len == 0);
    struct msk_builder empty = lines->writing;
    lines->writing = lines->gathering;
    lines->gathering = empty;
    if (lines->dropped > 0)
        tell_gap(lines);
    return msk_builder_view(&lines->writing);
}

void msk_lines_written(struct msk_lines *lines)
{
    if (lines->writing.capacity > KEPT_MAX)
        msk_builder_free(&lines->writing);
    else
        msk_builder_reset(&lines->writing);
}

bool msk_lines_empty(const struct msk_lines *lines)
{
    return lines->gathering.len == 0 && lines->writing.len == 0;
}
