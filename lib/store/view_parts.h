/* view_parts.h: what the parts of a view share: view.c (opening, whose it is), view_check.c (what it says). */
#ifndef MSK_STORE_VIEW_PARTS_H
#define MSK_STORE_VIEW_PARTS_H

#include "store/directory.h"
#include "store/sqlite_parts.h"
#include "store/view.h"

/* How to read without disturbing anybody. */
enum msk_view_way {
    MSK_VIEW_BESIDE, /* as SQLite does beside a writer, by its shared memory */
    MSK_VIEW_ALONE,  /* the write-ahead log without that: nobody has the database open */
    MSK_VIEW_STILL   /* there is no write-ahead log: the file alone says everything */
};

struct msk_view {
    char directory[MSK_FILE_PATH_MAX];
    enum msk_view_way way;
    sqlite3 *db;
    bool is_short; /* the file has lost its end: what is left is read nevertheless */
    bool has_names, has_identity;
    struct msk_store_identity identity;
};

/* Tell the visitor. `first` and `last` as in struct msk_view_damage. */
void msk_view_tell(const struct msk_view_visitor *visitor, uint64_t first, uint64_t last, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether a failed step means damage, so that reading goes on elsewhere. */
bool msk_view_is_damage(int sqlite_rc);

#endif
