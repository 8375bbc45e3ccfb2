/* lines.h: lines that wait for a slow reader: bounded, and a gap is told in its place. */
#ifndef MSK_RUNTIME_LINES_H
#define MSK_RUNTIME_LINES_H

#include "base/bytes.h"

/* Two buffers: one is being written by the system, the other gathers what comes meanwhile. */
struct msk_lines {
    struct msk_builder gathering, writing;
    uint64_t dropped; /* since the gathering buffer was full; from then on until it is written, all are */
    bool json;        /* a gap is told as {"v":1,"event":"lines_dropped","dropped":N}, else as a sentence */
};

/* Each of the two buffers holds at most `max` bytes. */
void msk_lines_init(struct msk_lines *lines, size_t max, bool json);
void msk_lines_free(struct msk_lines *lines);

/* Append a line, given without its end. False: it was dropped, having found no room or no memory. */
bool msk_lines_push(struct msk_lines *lines, struct msk_bytes line);

/* What to write next, empty if there is nothing; valid until msk_lines_written, which must come before the next call.
 */
struct msk_bytes msk_lines_next(struct msk_lines *lines);
void msk_lines_written(struct msk_lines *lines);

/* Nothing gathered, nothing being written. */
bool msk_lines_empty(const struct msk_lines *lines);

#endif
