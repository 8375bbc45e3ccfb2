/* ticket_files.h: the tickets a node presents that lie in files: read at the start and again when told to (cli.md
 * SIGHUP). */
#ifndef MSK_RUNTIME_TICKET_FILES_H
#define MSK_RUNTIME_TICKET_FILES_H

#include "core/node.h"

#define MSK_TICKET_FILES_MAX 64

struct msk_ticket_files {
    size_t count;
    struct msk_ticket_file {
        const char *path;
        bool present; /* read once, and presented since */
        struct msk_digest id;
    } files[MSK_TICKET_FILES_MAX];
};

/* The paths stay the caller's. MSK_E_INVALID: too many. */
int msk_ticket_files_init(struct msk_ticket_files *tickets, const char *const *paths, size_t count,
                          struct msk_error *err);

/* Read a file anew; where it holds another ticket than before, the node presents that one in place of the old.
 * MSK_E_IO, MSK_E_INVALID (empty, too long, not one word of ASCII), MSK_E_NOMEM: the text names the file, and what the
 * node presents has not changed. */
int msk_ticket_file_read(struct msk_ticket_files *tickets, size_t index, struct msk_node *node, struct msk_now now,
                         struct msk_actions *out, struct msk_error *err);

/* Present the JWT `text`, white space behind it aside (wire.md 5.3). Its id goes into `*id`. MSK_E_INVALID,
 * MSK_E_NOMEM. */
int msk_ticket_present(struct msk_node *node, struct msk_now now, struct msk_bytes text, struct msk_digest *id,
                       struct msk_actions *out, struct msk_error *err);

#endif
