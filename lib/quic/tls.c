#include "quic/tls.h"

#include <ngtcp2/ngtcp2_crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/alloc.h"

/* Only what the reference negotiates (transport.md), strongest first: a short ClientHello fits one datagram. */
#define GROUPS  "X25519:P-256"
#define SIGALGS "ed25519"

static struct msk_quic_conn *conn_of(const SSL *ssl)
{
    ngtcp2_crypto_conn_ref *ref = SSL_get_app_data(ssl);
    return ref ? ref->user_data : NULL;
}

/* The raw key a peer presents. A server learns whom it talks to, a client insists on whom it dialled. */
static int verify_peer(int ok, X509_STORE_CTX *store)
{
    (void)ok; /* "untrusted raw public key", always: there is no authority to trust */
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct msk_quic_conn *conn = conn_of(ssl);
    EVP_PKEY *key = X509_STORE_CTX_get0_rpk(store);
    struct msk_digest peer;
    size_t len = sizeof peer.bytes;
    if (!conn || !key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(key, peer.bytes, &len) != 1 || len != sizeof peer.bytes)
        return 0;
    if (conn->dialled && !msk_digest_equal(&peer, &conn->peer)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* alert 42, bad_certificate */
        conn->wrong_key = true;
        conn->presented = peer;
        return 0;
    }
    conn->peer = peer;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
                       unsigned offered_len, void *context)
{
    (void)ssl;
    const struct msk_quic *quic = context;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, quic->alpns, (unsigned)quic->alpns_len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void log_key(const SSL *ssl, const char *line)
{
    const struct msk_quic_conn *conn = conn_of(ssl);
    if (conn)
        conn->quic->config.keylog(conn->quic->config.context, line);
}

static bool configure(SSL_CTX *tls, EVP_PKEY *key)
{
    static const unsigned char raw[] = {TLSEXT_cert_type_rpk};
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify_peer);
    return SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(tls, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(tls, 0) == 1 &&
           SSL_CTX_set1_groups_list(tls, GROUPS) == 1 && SSL_CTX_set1_sigalgs_list(tls, SIGALGS) == 1 &&
           SSL_CTX_use_PrivateKey(tls, key) == 1 && SSL_CTX_set1_server_cert_type(tls, raw, sizeof raw) == 1 &&
           SSL_CTX_set1_client_cert_type(tls, raw, sizeof raw) == 1;
}

/* ngtcp2's backend fetches its algorithms once for all endpoints of the process. */
static unsigned users;

int msk_tls_new(struct msk_quic *quic, const uint8_t secret[32], struct msk_error *err)
{
    if (users++ == 0 && ngtcp2_crypto_ossl_init() != 0) {
        users--;
        return msk_fail(err, MSK_E_CRYPTO, "OpenSSL lacks what QUIC needs");
    }
    size_t len = sizeof quic->id.bytes;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
    quic->tls = SSL_CTX_new(TLS_method());
    bool ok =
        key && quic->tls && EVP_PKEY_get_raw_public_key(key, quic->id.bytes, &len) == 1 && configure(quic->tls, key);
    EVP_PKEY_free(key);
    if (!ok) {
        msk_tls_free(quic);
        return msk_fail(err, MSK_E_CRYPTO, "TLS: %s", ERR_reason_error_string(ERR_get_error()));
    }
    SSL_CTX_set_alpn_select_cb(quic->tls, select_alpn, quic);
    if (quic->config.keylog)
        SSL_CTX_set_keylog_callback(quic->tls, log_key);
    return 0;
}

void msk_tls_free(struct msk_quic *quic)
{
    SSL_CTX_free(quic->tls);
    quic->tls = NULL;
    if (--users == 0)
        ngtcp2_crypto_ossl_free();
}

static ngtcp2_conn *get_ngtcp2(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct msk_quic_conn *)ref->user_data)->ngtcp2;
}

/* A client offers the one protocol it dials for, as a list of one in TLS wire form. */
static bool offer_alpn(struct msk_quic_conn *conn)
{
    uint8_t list[1 + MSK_QUIC_ALPN_MAX];
    size_t len = strlen(conn->alpn);
    list[0] = (uint8_t)len;
    memcpy(list + 1, conn->alpn, len);
    return SSL_set_alpn_protos(conn->ssl, list, (unsigned)(1 + len)) == 0;
}

int msk_tls_attach(struct msk_quic_conn *conn)
{
    conn->ssl = SSL_new(conn->quic->tls);
    if (!conn->ssl || ngtcp2_crypto_ossl_ctx_new(&conn->tls, conn->ssl) != 0)
        return MSK_E_NOMEM;
    conn->ref = (ngtcp2_crypto_conn_ref){.get_conn = get_ngtcp2, .user_data = conn};
    SSL_set_app_data(conn->ssl, &conn->ref);
    int rc;
    if (conn->dialled) {
        SSL_set_connect_state(conn->ssl);
        rc = offer_alpn(conn) ? ngtcp2_crypto_ossl_configure_client_session(conn->ssl) : -1;
    } else {
        SSL_set_accept_state(conn->ssl);
        rc = ngtcp2_crypto_ossl_configure_server_session(conn->ssl);
    }
    if (rc != 0)
        return MSK_E_NOMEM;
    ngtcp2_conn_set_tls_native_handle(conn->ngtcp2, conn->tls);
    return 0;
}

void msk_tls_detach(struct msk_quic_conn *conn)
{
    if (conn->ssl) {
        SSL_set_app_data(conn->ssl, NULL); /* SSL_free must not call back into what is half gone */
        SSL_free(conn->ssl);
        conn->ssl = NULL;
    }
    ngtcp2_crypto_ossl_ctx_del(conn->tls);
    conn->tls = NULL;
}

struct msk_bytes msk_tls_alpn(const struct msk_quic_conn *conn)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(conn->ssl, &name, &len);
    return MSK_BYTES(name, len);
}
