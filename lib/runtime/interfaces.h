/* interfaces.h: the addresses at which others can reach a socket that is bound to all interfaces. */
#ifndef MSK_RUNTIME_INTERFACES_H
#define MSK_RUNTIME_INTERFACES_H

#include "base/error.h"
#include "wire/messages.h"

#define MSK_ADVERTISED_MAX 16 /* more would only make our entry larger (wire.md D.1) */

/* Append to `out`, which holds `*count` of at most MSK_ADVERTISED_MAX: the address itself, or where it is 0.0.0.0 or
 * [::], those of that family on the interfaces that are up: all but loopback ones, or those if there are no others.
 * Link-local IPv6 addresses are left out, since entries carry no scope (wire.md 2.1). What does not fit is left out. 0
 * or MSK_E_IO. */
int msk_interfaces_expand(const struct msk_socket_addr *bound, struct msk_socket_addr *out, size_t *count,
                          struct msk_error *err);

#endif
