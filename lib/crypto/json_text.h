/* json_text.h: JSON as the reference reads and writes it in tickets, where every byte counts (wire.md 5.3 to 5.5).
 *
 * Signatures and group ids cover JSON text, so its reading and writing must agree with the reference's exactly: whole
 * numbers of 64 bits without sign, a second member of the same name, the shortest text of a fraction. jansson, which
 * serves everywhere else, has no such numbers and does not tell of duplicates. */
#ifndef MSK_CRYPTO_JSON_TEXT_H
#define MSK_CRYPTO_JSON_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#define MSK_JSON_DEPTH_MAX 127 /* of nested lists and objects, as in the reference */

enum msk_json_kind {
    MSK_JSON_NULL,
    MSK_JSON_BOOL,
    MSK_JSON_UNSIGNED, /* every whole number from 0 to 2^64 - 1 without fraction and exponent */
    MSK_JSON_NEGATIVE, /* likewise down to -2^63 */
    MSK_JSON_FRACTION, /* all other numbers */
    MSK_JSON_TEXT,
    MSK_JSON_LIST,
    MSK_JSON_OBJECT
};

struct msk_json_member;

struct msk_json {
    enum msk_json_kind kind;
    union {
        bool truth;
        uint64_t number;
        int64_t negative;
        double fraction;
        struct msk_bytes text;
        struct {
            const struct msk_json *items;
            size_t count;
        } list;
        struct {
            const struct msk_json_member *members; /* ascending by name; of equal names the last one's value */
            size_t count;
        } object;
    };
};

struct msk_json_member {
    struct msk_bytes name;
    struct msk_json value;
    size_t times; /* how often the text gave it */
};

/* Read one value and nothing behind it but white space, into `arena`. MSK_E_INVALID with the offset and the reason,
 * MSK_E_LIMIT, MSK_E_NOMEM. */
int msk_json_parse(struct msk_bytes text, struct msk_arena *arena, struct msk_json *out, struct msk_error *err);

/* NULL: not an object, or no such member. */
const struct msk_json_member *msk_json_find(const struct msk_json *object, const char *name);

/* Append compact text: no spaces, members ascending, non-ASCII as UTF-8. Equal values have equal text. */
void msk_json_write(const struct msk_json *json, struct msk_builder *out);

/* Append text as a JSON string, with its quotes. */
void msk_json_write_text(struct msk_bytes text, struct msk_builder *out);

#endif
