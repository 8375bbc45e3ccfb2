/* net_internal.h: what net.c (sockets, turns), net_link.c (links) and net_debug.c (qlog, key log) share. */
#ifndef MSK_RUNTIME_NET_INTERNAL_H
#define MSK_RUNTIME_NET_INTERNAL_H

#include "runtime/net.h"
#include "runtime/udp.h"

struct msk_net {
    uv_loop_t *loop;
    struct msk_net_owner owner;
    struct msk_quic *quic;
    struct msk_udp *sockets[MSK_NET_LISTEN_MAX];
    size_t socket_count;
    uv_timer_t timer;
    uint64_t timer_ms; /* when it fires, MSK_NEVER: it is stopped */
    bool in_turn, again, refusing;
    struct msk_map links; /* struct net_link by number */
    const char *qlog_directory;
    int keylog_fd; /* -1: none */
    struct msk_net_figures figures;
    struct msk_journal *frames; /* NULL: they are not told */
};

/* One event of the QUIC endpoint. */
void msk_net_take_event(struct msk_net *net, const struct msk_quic_event *event);
void msk_net_free_links(struct msk_net *net);

/* Callbacks of the endpoint; MSK_E_IO. */
int msk_net_debug_open(struct msk_net *net, const struct msk_net_config *config, struct msk_quic_config *quic,
                       struct msk_error *err);
void msk_net_debug_close(struct msk_net *net);

#endif
