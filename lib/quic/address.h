/* address.h: where a datagram comes from or goes to: an IPv4 or IPv6 socket address. */
#ifndef MSK_QUIC_ADDRESS_H
#define MSK_QUIC_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "wire/messages.h"

union msk_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* MSK_E_INVALID for other families. Keeps the scope of link-local IPv6 addresses. */
int msk_address_from_sockaddr(const struct sockaddr *in, union msk_address *out);

/* From and to the form in which addresses travel in peer entries (wire.md 2.1). */
void msk_address_from_wire(const struct msk_socket_addr *in, union msk_address *out);
void msk_address_to_wire(const union msk_address *in, struct msk_socket_addr *out);

socklen_t msk_address_len(const union msk_address *address);
bool msk_address_equal(const union msk_address *a, const union msk_address *b);

#define MSK_ADDRESS_TEXT_SIZE 56
/* "127.0.0.1:7001" or "[::1]:7001". Returns `out`. */
const char *msk_address_text(const union msk_address *address, char out[MSK_ADDRESS_TEXT_SIZE]);

#endif
