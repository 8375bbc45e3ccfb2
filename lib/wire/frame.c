#include "wire/frame.h"

#include <string.h>

void msk_frame_reader_init(struct msk_frame_reader *reader, size_t max_len)
{
    *reader = (struct msk_frame_reader){.max_len = max_len};
    msk_builder_init(&reader->buffer, SIZE_MAX / 4); /* bounded in msk_frame_reader_feed */
}

void msk_frame_reader_free(struct msk_frame_reader *reader)
{
    msk_builder_free(&reader->buffer);
    reader->consumed = 0;
}

void msk_frame_reader_limit(struct msk_frame_reader *reader, size_t max_len)
{
    reader->max_len = max_len;
}

static struct msk_bytes unread(const struct msk_frame_reader *reader)
{
    if (reader->consumed == reader->buffer.len)
        return (struct msk_bytes){0}; /* there may be no buffer at all */
    return MSK_BYTES(reader->buffer.data + reader->consumed, reader->buffer.len - reader->consumed);
}

int msk_frame_reader_feed(struct msk_frame_reader *reader, struct msk_bytes in)
{
    msk_builder_consume(&reader->buffer, reader->consumed);
    reader->total += reader->consumed;
    reader->consumed = 0;
    if (reader->buffer.len > MSK_FRAME_HEADER_LEN + reader->max_len)
        return MSK_E_LIMIT;
    msk_builder_append(&reader->buffer, in.data, in.len);
    int rc = reader->buffer.error;
    reader->buffer.error = 0;
    return rc;
}

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int msk_frame_reader_next(struct msk_frame_reader *reader, struct msk_bytes *frame, struct msk_error *err)
{
    struct msk_bytes rest = unread(reader);
    if (rest.len < MSK_FRAME_HEADER_LEN)
        return 0;
    uint32_t len = load_be32(rest.data);
    if (len > reader->max_len)
        return msk_fail(err, MSK_E_LIMIT, "frame at offset %zu announces %u bytes, at most %zu are taken",
                        reader->total + reader->consumed, len, reader->max_len);
    if (rest.len - MSK_FRAME_HEADER_LEN < len)
        return 0;
    *frame = MSK_BYTES(rest.data + MSK_FRAME_HEADER_LEN, len);
    reader->consumed += MSK_FRAME_HEADER_LEN + (size_t)len;
    return 1;
}

int msk_frame_reader_end(const struct msk_frame_reader *reader, struct msk_error *err)
{
    struct msk_bytes rest = unread(reader);
    if (rest.len == 0)
        return 0;
    return msk_fail(err, MSK_E_PROTOCOL, "the stream ends %zu bytes into a frame", rest.len);
}

static void put_be32(uint8_t *p, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(number >> (24 - 8 * i));
}

/* Fill in the length of the frame that begins at `start`; on failure take all of it back. */
static int finish_frame(struct msk_builder *out, size_t start, int rc, size_t max_len)
{
    size_t len = out->len - start - (rc == 0 ? MSK_FRAME_HEADER_LEN : 0);
    if (rc == 0 && (len > max_len || len > UINT32_MAX))
        rc = MSK_E_LIMIT;
    if (rc == 0)
        put_be32(out->data + start, (uint32_t)len);
    else
        out->len = start;
    return rc;
}

int msk_frame_append(struct msk_builder *out, struct msk_bytes payload, size_t max_len)
{
    size_t start = out->len;
    if (payload.len > max_len)
        return MSK_E_LIMIT;
    msk_builder_reserve(out, MSK_FRAME_HEADER_LEN);
    msk_builder_append(out, payload.data, payload.len);
    return finish_frame(out, start, out->error, max_len);
}

int msk_frame_append_value(struct msk_builder *out, const struct msk_type *type, const void *value, size_t max_len)
{
    size_t start = out->len;
    msk_builder_reserve(out, MSK_FRAME_HEADER_LEN);
    return finish_frame(out, start, msk_encode(type, value, out), max_len);
}
