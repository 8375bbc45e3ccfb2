/* proxy.h: datagrams in, rulings, datagrams out when their time has come. Pure: it is told the time and what arrived,
 * and hands out what leaves. */
#ifndef MSK_PROXY_PROXY_H
#define MSK_PROXY_PROXY_H

#include "proxy/delay_line.h"
#include "proxy/network.h"
#include "proxy/quic_view.h"
#include "proxy/verdict_file.h"

#define MSK_PACKET_MAX    (65536 + 64) /* bytes of one: a whole frame of a bridge, with what stands before it */
#define MSK_PROXY_DUE_MAX 64           /* delayed datagrams handed out at a time */

struct msk_proxy_owner {
    /* Send a packet, now or soon: it stays valid until msk_proxy_settle. PASS, or why it cannot be. */
    enum msk_fate (*send)(void *context, size_t from, size_t to, struct msk_bytes packet);
    /* A decision was made. NULL: nobody wants to know. */
    void (*ruled)(void *context, const struct msk_ruled *ruled);
    void *context;
};

struct msk_proxy {
    struct msk_network *network; /* the caller's */
    const struct msk_replay *replay;
    struct msk_proxy_owner owner;
    struct msk_quic_view view;
    struct msk_delay_line line, held;            /* under way; waiting for a paused node */
    struct msk_parcel *spent[MSK_PROXY_DUE_MAX]; /* handed out, maybe not sent yet */
    size_t spent_count;
    uint64_t start_ns;
    uint8_t scratch[MSK_PACKET_MAX];
};

/* `network` (linked), `replay` (may be empty) stay the caller's and outlive it. Large: half a MiB. 0 or MSK_E_NOMEM. */
int msk_proxy_new(struct msk_network *network, const struct msk_replay *replay, uint64_t start_ns, uint64_t seed,
                  const struct msk_proxy_owner *owner, struct msk_proxy **out);
void msk_proxy_free(struct msk_proxy *proxy); /* NULL is fine */

/* A packet arrived; `payload` is the UDP datagram in it, or the same. `packet` has to stay valid until
 * msk_proxy_settle. */
void msk_proxy_receive(struct msk_proxy *proxy, uint64_t now_ns, size_t from, size_t to, struct msk_bytes packet,
                       struct msk_bytes payload);

/* When msk_proxy_release has something to do; MSK_NEVER: never. */
uint64_t msk_proxy_deadline_ns(const struct msk_proxy *proxy);

/* Hand out what is due, as much as msk_proxy_settle can bear. */
void msk_proxy_release(struct msk_proxy *proxy, uint64_t now_ns);

/* All that was handed out is sent, or not wanted any more. */
void msk_proxy_settle(struct msk_proxy *proxy);

/* Nodes have gone on after a pause: what waited for them is due now. */
void msk_proxy_resume(struct msk_proxy *proxy, uint64_t now_ns);

/* A packet that `send` took could not be sent after all. */
void msk_proxy_unsent(struct msk_proxy *proxy, size_t from, size_t to, size_t len);

#endif
