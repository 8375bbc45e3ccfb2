/* diff.h: mosaik-inspect diff in its parts: diff.c (comparing), diff_member.c (a member asked over its control socket,
 * or read from its directory). */
#ifndef MOSAIK_INSPECT_DIFF_H
#define MOSAIK_INSPECT_DIFF_H

#include "core/rolling.h"
#include "log.h"
#include "runtime/client.h"

#define DIFF_MEMBERS_MAX   64
#define DIFF_ANSWER_MAX_MS 20000

struct diff_member {
    const char *name;     /* as given */
    struct msk_error err; /* why it cannot be compared at all, or what of it is damaged; code 0: neither */
    bool present;         /* it takes part */
    struct msk_digest group;
    uint64_t committed; /* entries up to here are known to be, and are whole */
    bool is_directory;

    struct msk_client *client; /* of a socket */
    const char *group_text;

    struct msk_view *view; /* of a directory: */
    struct msk_view_group view_group;
    struct msk_view_state state;
    struct msk_digest *ends; /* digests at the ends of blocks, and where the next one begins */
    int64_t *places;
    size_t block_count, block_capacity;
    struct msk_rolling rolling;
};

/* Look at the member `name`. What is wrong is in `member->err`; it then takes part as far as `present` and `committed`
 * say. */
void diff_member_open(struct diff_member *member, const char *name, const char *group);
void diff_member_close(struct diff_member *member);

/* The digest at an index that is committed here. MSK_E_NOTFOUND: it is too old to tell; what msk_client_call and
 * msk_view_scan return. */
int diff_member_digest(struct diff_member *member, uint64_t index, struct msk_digest *out, struct msk_error *err);
/* {"index","term","command" or "hex"}, null if it is too old to tell. NULL: no memory, or it cannot be reached. */
json_t *diff_member_entry(struct diff_member *member, uint64_t index, const struct msk_type *type);

#endif
