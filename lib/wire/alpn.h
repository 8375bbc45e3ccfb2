/* alpn.h: the protocols a node speaks, one connection each; the ALPN chooses (wire.md 0). */
#ifndef MSK_WIRE_ALPN_H
#define MSK_WIRE_ALPN_H

#include <stddef.h>

#define MSK_ALPN_MAP(X)                           \
    X(ANNOUNCE, "/mosaik/discovery/announce/1.0") \
    X(SYNC, "/mosaik/discovery/sync/1.0")         \
    X(PING, "/mosaik/discovery/ping/1.0")         \
    X(STREAMS, "/mosaik/streams/1.0")             \
    X(FUNCTIONS, "/mosaik/functions/1.0")         \
    X(GROUPS, "/mosaik/groups/1")

enum msk_alpn {
#define X(name, text) MSK_ALPN_##name,
    MSK_ALPN_MAP(X)
#undef X
        MSK_ALPN_COUNT
};

const char *msk_alpn_text(enum msk_alpn alpn);

/* The protocol with exactly these bytes; MSK_ALPN_COUNT if none. */
enum msk_alpn msk_alpn_find(const char *text, size_t len);

#endif
