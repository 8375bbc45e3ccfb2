/* bytes.h: views of bytes, and builders: growing buffers that know their maximum. */
#ifndef MSK_BASE_BYTES_H
#define MSK_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view; owns nothing. */
struct msk_bytes {
    const uint8_t *data;
    size_t len;
};

#define MSK_BYTES(pointer, length) ((struct msk_bytes){(const uint8_t *)(pointer), (length)})

struct msk_bytes msk_bytes_of_text(const char *text);
bool msk_bytes_equal(struct msk_bytes a, struct msk_bytes b);
struct msk_bytes msk_bytes_trim_end(struct msk_bytes text); /* without the ASCII white space behind it */

/* A growing buffer of at most `max` bytes. The first failure sticks: later appends do nothing, so that only the end
 * needs a check. `error` is 0, MSK_E_NOMEM or MSK_E_LIMIT. There is always a zero byte after data[len]. */
struct msk_builder {
    uint8_t *data;
    size_t len, capacity, max;
    int error;
};

void msk_builder_init(struct msk_builder *builder, size_t max);
void msk_builder_free(struct msk_builder *builder);  /* back to empty, same max */
void msk_builder_reset(struct msk_builder *builder); /* len = 0, memory kept, error cleared */

/* Room for `len` more bytes; returns where to write them (counted already), or NULL after setting error. */
uint8_t *msk_builder_reserve(struct msk_builder *builder, size_t len);
void msk_builder_append(struct msk_builder *builder, const void *data, size_t len);
void msk_builder_byte(struct msk_builder *builder, uint8_t byte);
void msk_builder_text(struct msk_builder *builder, const char *text);
void msk_builder_printf(struct msk_builder *builder, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first `len` bytes, moving the rest down. */
void msk_builder_consume(struct msk_builder *builder, size_t len);

/* What was built; valid until the builder changes. */
struct msk_bytes msk_builder_view(const struct msk_builder *builder);

/* The memory itself, now the caller's (msk_free), with its length; the builder is empty again. NULL after an error. */
uint8_t *msk_builder_take(struct msk_builder *builder, size_t *len);

#endif
