/* chaos_ports.h: the sockets of a proxy: one UDP port stands for each node, so that every node sees the others at their
 * ports of the proxy; further ports come and go where a NAT is played. */
#ifndef MSK_RUNTIME_CHAOS_PORTS_H
#define MSK_RUNTIME_CHAOS_PORTS_H

#include <uv.h>

#include "proxy/network.h"

#define MSK_PORTS_BATCH        64   /* datagrams of one system call, in and out */
#define MSK_PORTS_BATCHES_MAX  8    /* before others get their turn */
#define MSK_PORTS_DATAGRAM_MAX 9216 /* longer ones are dropped and counted: none fit into an Ethernet's jumbo frame */

struct msk_ports;

struct msk_ports_owner {
    /* A datagram between two nodes, `payload` being all of it; it stays as it is until `settle` has returned. */
    void (*receive)(void *context, size_t from, size_t to, struct msk_bytes packet, struct msk_bytes payload);
    /* After a turn of the above: time for msk_ports_flush. */
    void (*settle)(void *context);
    /* A node whose port was not known has sent from this one. */
    void (*learned)(void *context, size_t node);
    /* A datagram that msk_ports_send took could not be sent. */
    void (*unsent)(void *context, size_t from, size_t to, size_t len);
    void *context;
};

struct msk_ports_counters {
    uint64_t unknown_senders; /* datagrams from addresses that belong to no node */
    uint64_t too_long;
};

/* Bind a port for each node of the network, whose `listen` gets the port that the system chose.
 * 0, MSK_E_NOMEM, MSK_E_IO naming the address. msk_ports_close is to be called in any case. */
int msk_ports_new(uv_loop_t *loop, struct msk_network *network, const struct msk_ports_owner *owner,
                  struct msk_ports **out, struct msk_error *err);

/* The network's nodes have other addresses now. */
void msk_ports_readdress(struct msk_ports *ports);

/* Queue a datagram, which has to stay as it is until msk_ports_flush. PASS or ABSENT. */
enum msk_fate msk_ports_send(struct msk_ports *ports, size_t from, size_t to, struct msk_bytes datagram);
void msk_ports_flush(struct msk_ports *ports);

/* From now on datagrams of this link leave from another port, and what is sent to the last such one is lost. `on`
 * false: they leave from the node's own again. `*bound` is where they leave from. 0, MSK_E_NOMEM, MSK_E_IO. */
int msk_ports_rebind(struct msk_ports *ports, size_t from, size_t to, bool on, struct msk_socket_addr *bound,
                     struct msk_error *err);

const struct msk_ports_counters *msk_ports_counters(const struct msk_ports *ports);

/* Closes; it is freed once the loop has run. NULL is fine. */
void msk_ports_close(struct msk_ports *ports);

#endif
