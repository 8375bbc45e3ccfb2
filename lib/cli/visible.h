/* visible.h: text from outside as it may be shown on a terminal or in a log: bounded, on one line, without control
 * characters; and the nearest of some names to a mistyped one. */
#ifndef MSK_CLI_VISIBLE_H
#define MSK_CLI_VISIBLE_H

#include <stddef.h>

#include "base/bytes.h"

#define MSK_VISIBLE_MAX  60 /* bytes of the original that are shown */
#define MSK_VISIBLE_SIZE (4 * MSK_VISIBLE_MAX + 8)

/* `text` in quotes, cut with "..." after MSK_VISIBLE_MAX bytes, what is no printable character as \xNN. Returns `out`.
 */
const char *msk_visible(const char *text, char out[MSK_VISIBLE_SIZE]);

/* Append `in`, what is no printable character as \xNN. */
void msk_visible_append(struct msk_builder *out, struct msk_bytes in);

/* "a, b, c" of a list that ends with NULL, cut at `size`. Returns `out`. */
const char *msk_visible_list(const char *const *names, char *out, size_t size);

#define MSK_NAME_MAX 64

/* How many single-character edits (insert, delete, replace, swap neighbours) turn one name into the other; names longer
 * than MSK_NAME_MAX count as MSK_NAME_MAX edits apart. */
size_t msk_name_distance(const char *a, const char *b);

/* The nearest candidate so far to a mistyped name: `best` stays NULL while none is near enough to be meant. */
struct msk_suggestion {
    const char *mistyped;
    const char *best;
    size_t distance;
};
void msk_suggest(struct msk_suggestion *suggestion, const char *candidate);

#endif
