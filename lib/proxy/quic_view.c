#include "proxy/quic_view.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "proxy/packets.h"

#define LONG_HEADER    0x80
#define VERSION_1      0x00000001u
#define VERSION_2      0x6b3343cfu
#define SHORT_OVERHEAD 18 /* first byte, one of packet number, tag */
#define CID_KEY_SIZE   (sizeof(uint32_t) + MSK_QUIC_CID_MAX)

enum packet_type { TYPE_INITIAL, TYPE_ZERO_RTT, TYPE_HANDSHAKE, TYPE_RETRY };

struct long_header {
    enum packet_type type;
    uint32_t version;
    const uint8_t *dcid, *scid;
    uint8_t dcid_len, scid_len;
    const uint8_t *number; /* where the packet number stands */
};

struct reader {
    const uint8_t *at, *end;
    bool bad;
};

/* ---- reading */

static const uint8_t *take(struct reader *in, uint64_t len)
{
    if (in->bad || len > (uint64_t)(in->end - in->at)) {
        in->bad = true;
        return in->end;
    }
    in->at += len;
    return in->at - len;
}

static uint8_t take_byte(struct reader *in)
{
    const uint8_t *byte = take(in, 1);
    return in->bad ? 0 : *byte;
}

/* RFC 9000 16 */
static uint64_t take_varint(struct reader *in)
{
    uint8_t first = take_byte(in);
    uint64_t value = first & 0x3f;
    for (int left = (1 << (first >> 6)) - 1; left > 0; left--)
        value = value << 8 | take_byte(in);
    return value;
}

static const uint8_t *take_cid(struct reader *in, uint8_t *len)
{
    *len = take_byte(in);
    in->bad |= *len > MSK_QUIC_CID_MAX;
    return take(in, *len);
}

/* Step over a packet with a long header. False where what follows cannot be known. RFC 9000 17.2, RFC 9369 3.2. */
static bool take_long(struct reader *in, struct long_header *out)
{
    uint8_t first = take_byte(in);
    uint32_t version = 0;
    for (int i = 0; i < 4; i++)
        version = version << 8 | take_byte(in);
    *out = (struct long_header){.version = version};
    if (version != VERSION_1 && version != VERSION_2)
        return false;
    out->type = (enum packet_type)((first >> 4 & 3) + (version == VERSION_2 ? 3 : 0)) & 3;
    out->dcid = take_cid(in, &out->dcid_len);
    out->scid = take_cid(in, &out->scid_len);
    if (out->type == TYPE_RETRY) {
        take(in, (uint64_t)(in->end - in->at));
        return !in->bad;
    }
    if (out->type == TYPE_INITIAL)
        take(in, take_varint(in));
    uint64_t len = take_varint(in);
    out->number = in->at;
    take(in, len);
    return !in->bad;
}

/* ---- connections */

static size_t cid_key(uint8_t key[CID_KEY_SIZE], uint32_t node, const uint8_t *cid, uint8_t len)
{
    memcpy(key, &node, sizeof node);
    memcpy(key + sizeof node, cid, len);
    return sizeof node + len;
}

static struct msk_quic_seen *find(const struct msk_quic_view *view, uint32_t node, const uint8_t *cid, uint8_t len)
{
    uint8_t key[CID_KEY_SIZE];
    return msk_map_get(&view->by_cid, key, cid_key(key, node, cid, len));
}

static bool remember(struct msk_quic_view *view, uint32_t node, const uint8_t *cid, uint8_t len,
                     struct msk_quic_seen *seen)
{
    uint8_t key[CID_KEY_SIZE];
    view->cid_lens[node] |= 1u << len;
    return len > 0 && msk_map_put(&view->by_cid, key, cid_key(key, node, cid, len), seen) == 0;
}

static void forget_cid(struct msk_quic_view *view, uint32_t node, const uint8_t *cid, uint8_t len,
                       const struct msk_quic_seen *seen)
{
    uint8_t key[CID_KEY_SIZE];
    if (find(view, node, cid, len) == seen)
        msk_map_remove(&view->by_cid, key, cid_key(key, node, cid, len));
}

/* The place of the connection that began longest ago. */
static struct msk_quic_seen *reuse(struct msk_quic_view *view)
{
    struct msk_quic_seen *seen = &view->seen[view->next++ % MSK_QUIC_CONNECTIONS_MAX];
    if (seen->used) {
        forget_cid(view, seen->client, seen->client_cid, seen->client_cid_len, seen);
        forget_cid(view, seen->server, seen->server_cid, seen->server_cid_len, seen);
    }
    *seen = (struct msk_quic_seen){.used = true};
    return seen;
}

/* An Initial of a client that chose an id not seen before. */
static void begin(struct msk_quic_view *view, uint32_t from, uint32_t to, const struct long_header *header,
                  struct msk_quic_sight *sight)
{
    struct msk_quic_seen *seen = reuse(view);
    seen->client = from;
    seen->server = to;
    seen->first_cid_len = header->dcid_len;
    memcpy(seen->first_cid, header->dcid, header->dcid_len);
    seen->client_cid_len = header->scid_len;
    memcpy(seen->client_cid, header->scid, header->scid_len);
    sight->begins = remember(view, from, seen->client_cid, seen->client_cid_len, seen);
}

/* The server's first answer, which tells the id it chose. */
static void answer(struct msk_quic_view *view, uint32_t from, const struct long_header *header,
                   struct msk_quic_seen *seen)
{
    if (seen->answered || seen->server != from || header->type == TYPE_RETRY)
        return;
    seen->answered = true;
    seen->server_cid_len = header->scid_len;
    memcpy(seen->server_cid, header->scid, header->scid_len);
    remember(view, from, seen->server_cid, seen->server_cid_len, seen);
}

/* A close of this side that has not been counted yet. */
static void look_for_initial_close(struct msk_quic_seen *seen, uint32_t from, const struct long_header *header,
                                   struct msk_bytes packet, struct msk_quic_sight *sight)
{
    bool of_client = seen->client == from, *closed = of_client ? &seen->client_closed : &seen->server_closed;
    if (header->version != VERSION_1 || seen->established ||
        !msk_quic_initial_close(MSK_BYTES(seen->first_cid, seen->first_cid_len), of_client,
                                (size_t)(header->number - packet.data), packet))
        return;
    sight->kinds |= MSK_PACKET_CLOSE;
    sight->closes |= !*closed;
    *closed = true;
}

static void look_at_long(struct msk_quic_view *view, uint32_t from, uint32_t to, const struct long_header *header,
                         struct msk_bytes packet, struct msk_quic_sight *sight)
{
    static const unsigned kinds[] = {[TYPE_INITIAL] = MSK_PACKET_INITIAL,
                                     [TYPE_HANDSHAKE] = MSK_PACKET_HANDSHAKE,
                                     [TYPE_RETRY] = 0,
                                     [TYPE_ZERO_RTT] = 0};
    sight->kinds |= kinds[header->type];
    struct msk_quic_seen *seen = find(view, to, header->dcid, header->dcid_len);
    if (seen)
        answer(view, from, header, seen);
    else if (header->type == TYPE_INITIAL && !(seen = find(view, from, header->scid, header->scid_len)))
        begin(view, from, to, header, sight);
    if (seen && header->type == TYPE_INITIAL)
        look_for_initial_close(seen, from, header, packet, sight);
}

/* ---- short headers */

/* Whether a node that chose ids of these lengths may take it for one of its connections. */
static bool may_be_short(uint32_t lens, size_t len)
{
    for (size_t cid_len = 0; cid_len <= MSK_QUIC_CID_MAX; cid_len++)
        if ((lens >> cid_len & 1) && len >= SHORT_OVERHEAD + cid_len)
            return true;
    return false;
}

static void look_at_short(struct msk_quic_view *view, uint32_t from, uint32_t to, struct msk_bytes packet,
                          struct msk_quic_sight *sight)
{
    uint32_t lens = view->cid_lens[to];
    if (!may_be_short(lens, packet.len))
        return;
    sight->kinds |= MSK_PACKET_ONE_RTT;
    for (uint8_t len = 1; len <= MSK_QUIC_CID_MAX && (size_t)len + SHORT_OVERHEAD <= packet.len; len++) {
        struct msk_quic_seen *seen = lens >> len & 1 ? find(view, to, packet.data + 1, len) : NULL;
        if (!seen)
            continue;
        sight->establishes = !seen->established && seen->client == from;
        seen->established |= sight->establishes;
        return;
    }
}

static uint64_t hash(struct msk_bytes in)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ in.len;
    for (size_t i = 0; i < in.len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, in.data + i, in.len - i < 8 ? in.len - i : 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 29;
    }
    return h | 1; /* 0 stands for none */
}

/* A close, if it is known to be one, or if the same bytes come again. */
static void look_for_close(struct msk_quic_recent *recent, struct msk_bytes datagram, bool known,
                           struct msk_quic_sight *sight)
{
    uint64_t h = hash(datagram);
    for (size_t i = 0; i < MSK_QUIC_RECENT_MAX; i++)
        if (recent->hashes[i] == h) {
            sight->kinds |= MSK_PACKET_CLOSE;
            sight->closes = !recent->repeated[i];
            recent->repeated[i] = true;
            return;
        }
    recent->hashes[recent->next] = h;
    recent->repeated[recent->next] = known; /* counted */
    sight->kinds |= known ? MSK_PACKET_CLOSE : 0;
    sight->closes = known;
    recent->next = (recent->next + 1) % MSK_QUIC_RECENT_MAX;
}

/* ---- all of it */

int msk_quic_view_init(struct msk_quic_view *view, size_t node_count, uint64_t seed)
{
    view->by_cid.seed = seed;
    view->node_count = node_count;
    view->cid_lens = msk_calloc(node_count, sizeof *view->cid_lens);
    view->recent = msk_calloc(node_count * node_count, sizeof *view->recent);
    if (view->cid_lens && view->recent)
        return 0;
    msk_quic_view_free(view);
    return MSK_E_NOMEM;
}

void msk_quic_view_free(struct msk_quic_view *view)
{
    msk_map_free(&view->by_cid);
    msk_free(view->cid_lens);
    msk_free(view->recent);
    view->cid_lens = NULL;
    view->recent = NULL;
}

struct msk_quic_sight msk_quic_look(struct msk_quic_view *view, uint32_t from, uint32_t to, struct msk_bytes datagram)
{
    struct msk_quic_sight sight = {0};
    struct reader in = {.at = datagram.data, .end = datagram.data + datagram.len};
    for (int i = 0; i < MSK_QUIC_COALESCED_MAX && in.at < in.end; i++) {
        struct long_header header;
        const uint8_t *start = in.at;
        if (!(*in.at & LONG_HEADER)) {
            look_at_short(view, from, to, MSK_BYTES(in.at, in.end - in.at), &sight);
            break;
        }
        if (!take_long(&in, &header))
            break;
        look_at_long(view, from, to, &header, MSK_BYTES(start, in.at - start), &sight);
    }
    if (sight.kinds == MSK_PACKET_ONE_RTT && datagram.len <= MSK_QUIC_CLOSE_MAX) {
        bool known = view->keys && msk_quic_keys_close(view->keys, view->cid_lens[to], datagram);
        look_for_close(&view->recent[from * view->node_count + to], datagram, known, &sight);
    }
    return sight;
}
