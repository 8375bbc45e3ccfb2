/* link.h: the links of a node by number: what is known of each connection, and which part of the node it belongs to
 * (wire.md 3). */
#ifndef MSK_CORE_LINK_H
#define MSK_CORE_LINK_H

#include "base/map.h"
#include "wire/alpn.h"
#include "wire/messages.h"

#define MSK_LINKS_MAX 4096

struct msk_peer_address { /* a peer to dial: PEERID@IP:PORT */
    struct msk_digest peer;
    struct msk_socket_addr address;
};

/* TLS exporter of a link (wire.md 3.4): 32 bytes for `label`, the context being the link's ALPN. 0 or negative. */
typedef int (*msk_export_fn)(void *context, uint64_t link, struct msk_bytes label, uint8_t out[32]);

struct msk_link_info {
    struct msk_digest peer; /* proven by TLS */
    enum msk_alpn alpn;
    bool dialled; /* by us */
    struct msk_socket_addr remote;
    uint64_t rtt_us;
    msk_export_fn export_secret;
    void *export_context;
};

enum msk_closed_by { MSK_CLOSED_LOCAL, MSK_CLOSED_PEER, MSK_CLOSED_TRANSPORT };

struct msk_link_close {
    enum msk_closed_by by;
    uint64_t code;      /* application code where by is PEER or LOCAL */
    const char *detail; /* for people: transport error, TLS alert, "stream ended inside a frame"; may be NULL */
    /* The stream ended while the connection stands. The node then answers with a MSK_ACTION_CLOSE, whose code depends
     * on what was awaited (wire.md 3.2). */
    bool stream_ended;
    bool inside_frame; /* it was reset, or finished in the middle of a frame */
};

const char *msk_closed_by_name(enum msk_closed_by by); /* "local", "peer", "transport" */

/* Frames of a bond, or of all bonds of a group, and their bytes. */
struct msk_traffic {
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
};

enum msk_link_owner {
    MSK_OWNER_ACCEPTOR,  /* a bond handshake whose group is not known yet */
    MSK_OWNER_DISCOVERY, /* a catalog sync or a ping */
    MSK_OWNER_GROUP      /* a bond, or the dial for one */
};

struct msk_link {
    uint64_t number;
    enum msk_link_owner owner;
    void *object;  /* of GROUP: the struct msk_group */
    void *context; /* what the owner keeps for this link */
    bool open;
    struct msk_link_info info; /* peer, alpn and dialled from the start, the rest once open */
};

struct msk_links {
    struct msk_map by_number;
    uint64_t last_number;
};

void msk_links_free(struct msk_links *links);

/* The next number; no link is made. */
uint64_t msk_links_number(struct msk_links *links);

/* A link with this number; NULL without memory or above MSK_LINKS_MAX. It stays where it is until removed. */
struct msk_link *msk_links_add(struct msk_links *links, uint64_t number, enum msk_link_owner owner,
                               const struct msk_link_info *info);
struct msk_link *msk_links_find(const struct msk_links *links, uint64_t number); /* NULL: none */
void msk_links_remove(struct msk_links *links, struct msk_link *link);

#endif
