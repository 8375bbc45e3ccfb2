/* probe.h: outbound links for short programs, one at a time: dial a peer, send and receive frames, and see how it
 * ended. Every call runs the loop itself and returns when there is an answer or the time is over. */
#ifndef MSK_RUNTIME_PROBE_H
#define MSK_RUNTIME_PROBE_H

#include "core/link.h"
#include "core/node.h" /* struct msk_peer_address */
#include "quic/conn.h"
#include "wire/frame.h"

#define MSK_PROBE_INBOX_MAX (2 * MSK_FRAME_MAX_CATALOG) /* bytes of frames received and not asked for yet */

struct msk_probe;

/* A peer with this secret (not kept), reachable by nobody: it serves no protocol. 0, MSK_E_NOMEM, MSK_E_CRYPTO,
 * MSK_E_IO. */
int msk_probe_new(const uint8_t secret[32], struct msk_probe **out, struct msk_error *err);
void msk_probe_free(struct msk_probe *probe); /* closes the link, and sees to it that the peer knows; NULL is fine */

const struct msk_digest *msk_probe_peer_id(const struct msk_probe *probe);

/* Open a link, after closing a former one with 0. Frames longer than `frame_max` end it. MSK_E_TIMEOUT, or
 * MSK_E_UNREACHABLE with the reason: nobody there, another key, the protocol refused. */
int msk_probe_dial(struct msk_probe *probe, const struct msk_peer_address *peer, enum msk_alpn alpn, size_t frame_max,
                   uint64_t timeout_ms, struct msk_error *err);

/* Queue one frame; it leaves while later calls run. MSK_E_CLOSED as below. */
int msk_probe_send(struct msk_probe *probe, struct msk_bytes frame, struct msk_error *err);

/* The next frame, valid until the next call. MSK_E_TIMEOUT, MSK_E_CLOSED: the link ended before one came (see
 * msk_probe_end), MSK_E_NOMEM, MSK_E_LIMIT (MSK_PROBE_INBOX_MAX). */
int msk_probe_receive(struct msk_probe *probe, uint64_t timeout_ms, struct msk_bytes *frame, struct msk_error *err);

/* Close with a code, and wait until the peer knows, as well as that can be known; the connection is gone then. */
void msk_probe_close(struct msk_probe *probe, uint64_t code);

/* The same without waiting: the close leaves while later calls run. */
void msk_probe_hang_up(struct msk_probe *probe, uint64_t code);

/* How the last link ended, otherwise than by us; NULL: it did not. `detail` lives until the next dial. */
const struct msk_link_close *msk_probe_end(const struct msk_probe *probe);

/* The link that stands, for cipher, times and figures; NULL: none. */
const struct msk_quic_conn *msk_probe_conn(const struct msk_probe *probe);

/* TLS exporter of the link (wire.md 3.4), 32 bytes. 0 or MSK_E_CLOSED, MSK_E_CRYPTO. */
int msk_probe_export(const struct msk_probe *probe, struct msk_bytes label, uint8_t out[32]);

#endif
