/* address.h: IP addresses and sockets as text (wire.md 2.1). */
#ifndef MSK_WIRE_ADDRESS_H
#define MSK_WIRE_ADDRESS_H

#include "base/error.h"
#include "wire/messages.h"

#define MSK_IP_TEXT_SIZE     46
#define MSK_SOCKET_TEXT_SIZE 56

/* "192.0.2.7", "2001:db8::1" (the longest run of zero groups shortened, IPv4-mapped ones with dots). Returns `out`. */
const char *msk_ip_text(const struct msk_socket_addr *addr, char out[MSK_IP_TEXT_SIZE]);

/* The same with the port: "192.0.2.7:4433", "[2001:db8::1]:4434". Returns `out`. */
const char *msk_socket_addr_text(const struct msk_socket_addr *addr, char out[MSK_SOCKET_TEXT_SIZE]);

/* Those texts back; names are not looked up. 0 or MSK_E_INVALID. The first leaves the port alone. */
int msk_ip_parse(struct msk_bytes text, struct msk_socket_addr *out, struct msk_error *err);
int msk_socket_addr_parse(struct msk_bytes text, struct msk_socket_addr *out, struct msk_error *err);

/* The eight groups of an IPv6 address in hex, shortened; no dots (the form inside URLs). Returns `out`. */
const char *msk_ipv6_groups_text(const uint8_t ip[16], char out[MSK_IP_TEXT_SIZE]);

#endif
