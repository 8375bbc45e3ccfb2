/* frame.h: messages on a stream: a 4-byte big-endian length, then that many bytes (wire.md 3.1). */
#ifndef MSK_WIRE_FRAME_H
#define MSK_WIRE_FRAME_H

#include "wire/type.h"

#define MSK_FRAME_HEADER_LEN 4

/* Our limits (wire.md 3.1): the reference has none. */
#define MSK_FRAME_MAX_BOND      (16u << 20)
#define MSK_FRAME_MAX_CATALOG   (16u << 20)
#define MSK_FRAME_MAX_HANDSHAKE (64u << 10)
#define MSK_FRAME_MAX_PING      (64u << 10)
#define MSK_FRAME_MAX_GOSSIP    4096u

/* Memory grows with the bytes that arrived, never with the length announced. */
struct msk_frame_reader {
    struct msk_builder buffer;
    size_t consumed; /* of the buffer: frames already given out */
    size_t max_len;
    size_t total; /* bytes of the stream before the buffer, for error texts */
};

void msk_frame_reader_init(struct msk_frame_reader *reader, size_t max_len);
void msk_frame_reader_free(struct msk_frame_reader *reader);

/* Frames whose length has not been read yet may have at most `max_len` bytes from now on. */
void msk_frame_reader_limit(struct msk_frame_reader *reader, size_t max_len);

/* Take in what arrived. MSK_E_NOMEM, or MSK_E_LIMIT when the caller let more than one frame of the greatest length pile
 * up without taking frames out. */
int msk_frame_reader_feed(struct msk_frame_reader *reader, struct msk_bytes in);

/* The next whole frame's payload: 1, valid until the next feed; 0: none yet; MSK_E_LIMIT: an announced length above the
 * limit, with its place in `err` (the stream cannot be read on). */
int msk_frame_reader_next(struct msk_frame_reader *reader, struct msk_bytes *frame, struct msk_error *err);

/* The stream ended: 0 at the end of a frame, MSK_E_PROTOCOL inside one. */
int msk_frame_reader_end(const struct msk_frame_reader *reader, struct msk_error *err);

/* Append a frame: its length and `payload`, or the encoding of a value, of at most `max_len` bytes. 0, MSK_E_LIMIT,
 * MSK_E_NOMEM, or msk_encode's errors; nothing is appended on failure. */
int msk_frame_append(struct msk_builder *out, struct msk_bytes payload, size_t max_len);
int msk_frame_append_value(struct msk_builder *out, const struct msk_type *type, const void *value, size_t max_len);

#endif
