#include "runtime/interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "quic/address.h"

static bool is_wildcard(const struct msk_socket_addr *address)
{
    static const uint8_t zeros[sizeof address->ip];
    return memcmp(address->ip, zeros, sizeof zeros) == 0;
}

static bool is_link_local(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static void append_of(const struct ifaddrs *interfaces, bool loopback, const struct msk_socket_addr *bound,
                      struct msk_socket_addr *out, size_t *count)
{
    for (const struct ifaddrs *at = interfaces; at && *count < MSK_ADVERTISED_MAX; at = at->ifa_next) {
        union msk_address address;
        struct msk_socket_addr found;
        if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) || !!(at->ifa_flags & IFF_LOOPBACK) != loopback ||
            is_link_local(at->ifa_addr) || msk_address_from_sockaddr(at->ifa_addr, &address))
            continue;
        msk_address_to_wire(&address, &found);
        if (found.version != bound->version)
            continue;
        found.port = bound->port;
        out[(*count)++] = found;
    }
}

int msk_interfaces_expand(const struct msk_socket_addr *bound, struct msk_socket_addr *out, size_t *count,
                          struct msk_error *err)
{
    struct ifaddrs *interfaces;
    if (!is_wildcard(bound)) {
        if (*count < MSK_ADVERTISED_MAX)
            out[(*count)++] = *bound;
        return 0;
    }
    if (getifaddrs(&interfaces) != 0)
        return msk_fail(err, MSK_E_IO, "cannot list the network interfaces: %s", strerror(errno));
    size_t before = *count;
    append_of(interfaces, false, bound, out, count);
    if (*count == before)
        append_of(interfaces, true, bound, out, count);
    freeifaddrs(interfaces);
    return 0;
}
