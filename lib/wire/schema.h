/* schema.h: the postcard types of another program's commands, queries and results, from a JSON description
 * (mosaik-formats(5) "Schemas"): what --schema reads.
 *
 * A type is a name ("u32", "string", one of "types") or an object of one member: {"option": T}, {"seq": T}, {"set": T},
 * {"map": [K, V]}, {"array": [T, N]}, {"tuple": [T, ...]}, {"struct": [{"name": T}, ...]},
 * {"enum": ["Unit", {"Case": T}, ...]}, {"encoded": T}. Members and cases are lists, since their order is the wire's.
 */
#ifndef MSK_WIRE_SCHEMA_H
#define MSK_WIRE_SCHEMA_H

#include "wire/type.h"

#define MSK_SCHEMA_FILE_MAX   (1u << 20)
#define MSK_SCHEMA_TYPES_MAX  1024
#define MSK_SCHEMA_MEMORY_MAX (16u << 20)

/* Types as type.h uses them; each NULL where the schema does not tell. */
struct msk_schema {
    const struct msk_type *command, *query, *result;
    json_t *source; /* the JSON they were made from */
    struct msk_arena arena;
};

/* Read a schema; keeps a reference of `json`. Every type in it is looked at, used or not.
 * MSK_E_INVALID names the place: `types.Order.struct[2].side: no type "Sied"`. MSK_E_NOMEM. `*out` is the caller's. */
int msk_schema_new(json_t *json, struct msk_schema **out, struct msk_error *err);
void msk_schema_free(struct msk_schema *schema); /* and all types of it; NULL is fine */

#endif
