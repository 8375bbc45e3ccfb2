/* shorten.h: cut what is long in a decoded value, so that people can read it and it costs little to print. */
#ifndef MSK_WIRE_SHORTEN_H
#define MSK_WIRE_SHORTEN_H

#include "wire/type.h"

#define MSK_CUTS_MAX 32 /* noted of one value; further ones are made all the same */

/* Keep of every list (sequence, set, map) at most the first `items_max` items, of every text and byte vector the first
 * `bytes_max` bytes. The value is changed, what it points to is not. Appends to `cuts` one {"path": "a.b[3].c",
 * "count": items or bytes there were} for each cut, in their order. False: memory ran out, and notes are missing. */
bool msk_shorten(const struct msk_type *type, void *value, size_t items_max, size_t bytes_max, json_t *cuts);

#endif
