/* recorder.h: a file that gets everything, unlike an outlet: gathered and written in pieces. */
#ifndef MSK_RUNTIME_RECORDER_H
#define MSK_RUNTIME_RECORDER_H

#include "base/bytes.h"
#include "base/error.h"

#define MSK_RECORDER_PIECE (64u << 10)  /* gathered before it is written */
#define MSK_RECORDER_MAX   (512u << 10) /* of one record, with what is gathered already */

struct msk_recorder {
    int fd;
    const char *path;
    struct msk_builder gathered; /* append a record here, then call msk_recorder_done */
};

/* A new file; an old one is emptied. `path` stays the caller's. 0 or MSK_E_IO naming it. */
int msk_recorder_open(struct msk_recorder *recorder, const char *path, struct msk_error *err);

/* A record is complete. 0; MSK_E_IO or MSK_E_NOMEM: the file is not whole any more. */
int msk_recorder_done(struct msk_recorder *recorder, struct msk_error *err);

/* Write what is gathered. Errors as above. */
int msk_recorder_flush(struct msk_recorder *recorder, struct msk_error *err);

/* Drops what is not written. */
void msk_recorder_close(struct msk_recorder *recorder);

#endif
