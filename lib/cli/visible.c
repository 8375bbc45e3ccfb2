#include "cli/visible.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* Bytes of the printable character at the front of `in`, 0 if there is none: control characters of ASCII and of the
 * C1 range, incomplete and invalid UTF-8 are not printable. */
static size_t printable_len(struct msk_bytes in)
{
    uint8_t first = in.data[0];
    if (first < 0x80)
        return first >= 0x20 && first != 0x7f;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (len > in.len || !msk_utf8_valid(MSK_BYTES(in.data, len), NULL))
        return 0;
    return first == 0xc2 && in.data[1] < 0xa0 ? 0 : len;
}

/* Write the front of `in` visibly, at most 4 bytes and a zero; returns how many bytes of `in` that were. */
static size_t show_front(struct msk_bytes in, char out[5])
{
    size_t len = printable_len(in);
    if (len == 0) {
        snprintf(out, 5, "\\x%02x", in.data[0]);
        return 1;
    }
    memcpy(out, in.data, len);
    out[len] = 0;
    return len;
}

void msk_visible_append(struct msk_builder *out, struct msk_bytes in)
{
    char shown[5];
    for (size_t i = 0; i < in.len;) {
        i += show_front(MSK_BYTES(in.data + i, in.len - i), shown);
        msk_builder_text(out, shown);
    }
}

const char *msk_visible(const char *text, char out[MSK_VISIBLE_SIZE])
{
    size_t len = strlen(text), end = len, used = 1;
    if (len > MSK_VISIBLE_MAX)
        for (end = MSK_VISIBLE_MAX; end > MSK_VISIBLE_MAX - 3 && ((uint8_t)text[end] & 0xc0) == 0x80;)
            end--; /* do not cut through a character */
    out[0] = '"';
    for (size_t i = 0; i < end;) {
        i += show_front(MSK_BYTES(text + i, end - i), out + used);
        used += strlen(out + used);
    }
    snprintf(out + used, MSK_VISIBLE_SIZE - used, end < len ? "...\"" : "\"");
    return out;
}

const char *msk_visible_list(const char *const *names, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; names[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", names[i]);
    return out;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the usual table are enough: this one, the one before, and the one before that for swaps. */
size_t msk_name_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b), rows[3][MSK_NAME_MAX + 1];
    if (a_len > MSK_NAME_MAX || b_len > MSK_NAME_MAX)
        return MSK_NAME_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = min(min(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

void msk_suggest(struct msk_suggestion *suggestion, const char *candidate)
{
    size_t typed = strlen(suggestion->mistyped), tolerated = (typed + 1) / 3;
    size_t distance = msk_name_distance(suggestion->mistyped, candidate);
    bool begins = typed >= 3 && strncmp(suggestion->mistyped, candidate, typed) == 0;
    if (begins)
        distance = 1; /* an abbreviation */
    if (distance > tolerated || distance >= strlen(candidate) || (suggestion->best && distance >= suggestion->distance))
        return;
    suggestion->best = candidate;
    suggestion->distance = distance;
}
