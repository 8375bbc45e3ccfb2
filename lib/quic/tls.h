/* tls.h: TLS 1.3 with raw Ed25519 public keys on both sides (transport.md), as ngtcp2's OpenSSL backend wants it. */
#ifndef MSK_QUIC_TLS_H
#define MSK_QUIC_TLS_H

#include "quic/internal.h"

/* quic->tls and quic->id from the node's secret. 0, MSK_E_NOMEM or MSK_E_CRYPTO. */
int msk_tls_new(struct msk_quic *quic, const uint8_t secret[32], struct msk_error *err);
void msk_tls_free(struct msk_quic *quic);

/* conn->ssl and conn->tls for one connection, and hand them to conn->ngtcp2. 0 or MSK_E_NOMEM. */
int msk_tls_attach(struct msk_quic_conn *conn);
void msk_tls_detach(struct msk_quic_conn *conn);

/* The protocol agreed on; empty if the client named none. */
struct msk_bytes msk_tls_alpn(const struct msk_quic_conn *conn);

#endif
