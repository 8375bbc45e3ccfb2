#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

struct msk_bytes msk_bytes_of_text(const char *text)
{
    return MSK_BYTES(text, strlen(text));
}

bool msk_bytes_equal(struct msk_bytes a, struct msk_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct msk_bytes msk_bytes_trim_end(struct msk_bytes text)
{
    while (text.len > 0 && is_space(text.data[text.len - 1]))
        text.len--;
    return text;
}

void msk_builder_init(struct msk_builder *builder, size_t max)
{
    msk_assert(max < SIZE_MAX / 2);
    *builder = (struct msk_builder){.max = max};
}

void msk_builder_free(struct msk_builder *builder)
{
    msk_free(builder->data);
    msk_builder_init(builder, builder->max);
}

void msk_builder_reset(struct msk_builder *builder)
{
    builder->len = 0;
    builder->error = 0;
}

static bool grow(struct msk_builder *builder, size_t needed)
{
    if (needed > builder->max) {
        builder->error = MSK_E_LIMIT;
        return false;
    }
    if (needed < builder->capacity)
        return true;
    size_t capacity = builder->capacity ? builder->capacity : 64;
    while (capacity <= needed)
        capacity *= 2;
    uint8_t *data = msk_realloc(builder->data, capacity);
    if (!data) {
        builder->error = MSK_E_NOMEM;
        return false;
    }
    builder->data = data;
    builder->capacity = capacity;
    return true;
}

uint8_t *msk_builder_reserve(struct msk_builder *builder, size_t len)
{
    if (builder->error)
        return NULL;
    if (len > builder->max - builder->len) {
        builder->error = MSK_E_LIMIT;
        return NULL;
    }
    if (!grow(builder, builder->len + len))
        return NULL;
    uint8_t *place = builder->data + builder->len;
    builder->len += len;
    builder->data[builder->len] = 0;
    return place;
}

void msk_builder_append(struct msk_builder *builder, const void *data, size_t len)
{
    uint8_t *place = msk_builder_reserve(builder, len);
    if (place && len)
        memcpy(place, data, len);
}

void msk_builder_byte(struct msk_builder *builder, uint8_t byte)
{
    uint8_t *place = msk_builder_reserve(builder, 1);
    if (place)
        *place = byte;
}

void msk_builder_text(struct msk_builder *builder, const char *text)
{
    msk_builder_append(builder, text, strlen(text));
}

void msk_builder_printf(struct msk_builder *builder, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    msk_assert(needed >= 0);
    uint8_t *place = msk_builder_reserve(builder, (size_t)needed);
    if (!place)
        return;
    va_start(args, format);
    vsnprintf((char *)place, (size_t)needed + 1, format, args); /* the zero lands after len, where room always is */
    va_end(args);
}

void msk_builder_consume(struct msk_builder *builder, size_t len)
{
    msk_assert(len <= builder->len);
    if (len == 0)
        return;
    builder->len -= len;
    memmove(builder->data, builder->data + len, builder->len + 1);
}

struct msk_bytes msk_builder_view(const struct msk_builder *builder)
{
    return MSK_BYTES(builder->data, builder->len);
}

uint8_t *msk_builder_take(struct msk_builder *builder, size_t *len)
{
    uint8_t *data = NULL;
    *len = 0;
    if (!builder->error && grow(builder, builder->len)) {
        data = builder->data;
        data[builder->len] = 0;
        *len = builder->len;
        builder->data = NULL;
    }
    msk_builder_free(builder);
    return data;
}
