#include "quic/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* All bytes that are not part of the address stay zero, so that comparing is memcmp. */
int msk_address_from_sockaddr(const struct sockaddr *in, union msk_address *out)
{
    *out = (union msk_address){0};
    if (in->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)in;
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = v4->sin_port;
        out->v4.sin_addr = v4->sin_addr;
        return 0;
    }
    if (in->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)in;
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = v6->sin6_port;
        out->v6.sin6_addr = v6->sin6_addr;
        out->v6.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? v6->sin6_scope_id : 0;
        return 0;
    }
    return MSK_E_INVALID;
}

void msk_address_from_wire(const struct msk_socket_addr *in, union msk_address *out)
{
    *out = (union msk_address){0};
    if (in->version == MSK_IPV4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(in->port);
        memcpy(&out->v4.sin_addr, in->ip, sizeof out->v4.sin_addr);
    } else {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(in->port);
        memcpy(&out->v6.sin6_addr, in->ip, sizeof out->v6.sin6_addr);
    }
}

void msk_address_to_wire(const union msk_address *in, struct msk_socket_addr *out)
{
    *out = (struct msk_socket_addr){0};
    if (in->any.sa_family == AF_INET) {
        out->version = MSK_IPV4;
        out->port = ntohs(in->v4.sin_port);
        memcpy(out->ip, &in->v4.sin_addr, sizeof in->v4.sin_addr);
    } else {
        out->version = MSK_IPV6;
        out->port = ntohs(in->v6.sin6_port);
        memcpy(out->ip, &in->v6.sin6_addr, sizeof in->v6.sin6_addr);
    }
}

socklen_t msk_address_len(const union msk_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

bool msk_address_equal(const union msk_address *a, const union msk_address *b)
{
    return a->any.sa_family == b->any.sa_family && memcmp(a, b, msk_address_len(a)) == 0;
}

const char *msk_address_text(const union msk_address *address, char out[MSK_ADDRESS_TEXT_SIZE])
{
    char ip[INET6_ADDRSTRLEN];
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, ip, sizeof ip);
        snprintf(out, MSK_ADDRESS_TEXT_SIZE, "%s:%u", ip, ntohs(address->v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, ip, sizeof ip);
        snprintf(out, MSK_ADDRESS_TEXT_SIZE, "[%s]:%u", ip, ntohs(address->v6.sin6_port));
    }
    return out;
}
