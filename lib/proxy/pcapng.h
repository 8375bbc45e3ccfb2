/* pcapng.h: captured packets in the format that Wireshark and tcpdump read (pcapng 1.0). */
#ifndef MSK_PROXY_PCAPNG_H
#define MSK_PROXY_PCAPNG_H

#include "base/bytes.h"
#include "wire/messages.h" /* struct msk_socket_addr */

enum msk_pcapng_link { MSK_PCAPNG_ETHERNET = 1, MSK_PCAPNG_RAW_IP = 101 };

/* The beginning of a file. */
void msk_pcapng_section(struct msk_builder *out);

/* An interface; they are numbered from 0 on in this order. */
void msk_pcapng_interface(struct msk_builder *out, const char *name, enum msk_pcapng_link link);

/* A packet that an interface saw, with a comment. */
void msk_pcapng_packet(struct msk_builder *out, uint32_t interface, uint64_t wall_ns, struct msk_bytes packet,
                       const char *comment);

/* The IP and UDP headers that a datagram has on its way, then the datagram. Both addresses are of one version. */
void msk_pcapng_udp(struct msk_builder *out, const struct msk_socket_addr *from, const struct msk_socket_addr *to,
                    struct msk_bytes datagram);

#endif
