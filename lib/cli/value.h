/* value.h: what the text of an option may mean: the types of values, from text to a C object. */
#ifndef MSK_CLI_VALUE_H
#define MSK_CLI_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "core/node.h" /* struct msk_peer_address */

struct msk_option;

enum msk_completion { MSK_COMPLETE_NOTHING, MSK_COMPLETE_FILE, MSK_COMPLETE_DIRECTORY };

/* A type of value. Other modules may define further ones; those below are everybody's. */
struct msk_value_type {
    const char *placeholder; /* in help: "SPAN" */
    size_t size;             /* of the C object */
    bool number;             /* a configuration file may give it as a JSON integer, too */
    enum msk_completion completion;
    /* Fill `out` from `text`; what it points to comes from `arena`. 0, MSK_E_INVALID with the reason alone (the place
     * is the caller's to add), MSK_E_NOMEM or MSK_E_LIMIT. */
    int (*parse)(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                 struct msk_error *err);
};

extern const struct msk_value_type msk_value_flag;        /* bool; takes no text */
extern const struct msk_value_type msk_value_text;        /* const char * */
extern const struct msk_value_type msk_value_file;        /* const char *, the name of a file, "-" for standard input */
extern const struct msk_value_type msk_value_directory;   /* const char * */
extern const struct msk_value_type msk_value_u32;         /* uint32_t, decimal */
extern const struct msk_value_type msk_value_u64;         /* uint64_t, decimal */
extern const struct msk_value_type msk_value_duration_ms; /* uint64_t */
extern const struct msk_value_type msk_value_time_s;      /* int64_t since 1970: RFC 3339, or Unix seconds */
extern const struct msk_value_type msk_value_name_digest; /* struct msk_digest, by the text rule of wire.md 1.1 */
extern const struct msk_value_type msk_value_peer_id;     /* struct msk_digest, a point of the curve */
extern const struct msk_value_type
    msk_value_peer_address;                           /* struct msk_peer_address: PEERID@IP:PORT, PEERID@[IPV6]:PORT */
extern const struct msk_value_type msk_value_address; /* struct msk_socket_addr: IP:PORT, [IPV6]:PORT */
extern const struct msk_value_type msk_value_choice;  /* unsigned, the index in the option's `choices` */
extern const struct msk_value_type msk_value_json;    /* const json_t *, in configuration files only; borrowed */

#endif
