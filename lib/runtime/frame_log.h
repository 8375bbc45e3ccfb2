/* frame_log.h: the conversations of a node: each frame of each link, in and out, decoded, as a line of JSON
 * (mosaik-formats(5) "Frames"). */
#ifndef MSK_RUNTIME_FRAME_LOG_H
#define MSK_RUNTIME_FRAME_LOG_H

#include "quic/conn.h"
#include "runtime/journal.h"
#include "wire/alpn.h"

/* What a line shows at most; what was cut is told beside the message. */
#define MSK_FRAME_LOG_ITEMS_MAX 16  /* of each list */
#define MSK_FRAME_LOG_BYTES_MAX 512 /* of each text and byte vector */
#define MSK_FRAME_LOG_HEX_MAX   64  /* bytes of a frame that cannot be decoded */

/* What is remembered of a link between its frames. */
struct msk_frame_log_link {
    uint64_t number;
    enum msk_alpn alpn;
    struct msk_digest peer, bond, group; /* a bond's id is the same at both its ends */
    bool dialled, has_bond, has_group;
};

/* A link that has just been connected. */
void msk_frame_log_begin(struct msk_frame_log_link *link, uint64_t number, enum msk_alpn alpn,
                         const struct msk_quic_conn *conn);

enum msk_frame_direction { MSK_FRAME_IN, MSK_FRAME_OUT };

/* Write one frame of `link`, in whatever form; signatures are not checked here. `first`: nothing was said before in
 * this direction, or on this stream; `stream` counts the peer's one-way streams, 0 for others. Without memory the frame
 * is not told. */
void msk_frame_log_tell(struct msk_journal *journal, struct msk_frame_log_link *link,
                        enum msk_frame_direction direction, uint64_t stream, bool first, struct msk_bytes frame);

#endif
