#include "runtime/frame_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "crypto/proof.h"
#include "runtime/now.h"
#include "wire/shorten.h"

#define FRAME_LOG_VERSION 1

void msk_frame_log_begin(struct msk_frame_log_link *link, uint64_t number, enum msk_alpn alpn,
                         const struct msk_quic_conn *conn)
{
    struct msk_quic_conn_info info;
    msk_quic_conn_info(conn, &info);
    *link = (struct msk_frame_log_link){.number = number, .alpn = alpn, .peer = info.peer, .dialled = info.dialled};
    link->has_bond =
        alpn == MSK_ALPN_GROUPS && msk_quic_conn_export(conn, msk_bytes_of_text(MSK_BOND_ID_LABEL),
                                                        msk_bytes_of_text(msk_alpn_text(alpn)), link->bond.bytes) == 0;
}

/* ---- what a frame is: its protocol and its place tell (wire.md 3.5, 4.5, 4.6, A.1, C.1) */

static const struct {
    const struct msk_type *from_dialler, *from_acceptor; /* the first frame */
    const struct msk_type *further;
} protocols[MSK_ALPN_COUNT] = {
    [MSK_ALPN_GROUPS] = {MSK_TYPE(handshake_start), MSK_TYPE(handshake_end), MSK_TYPE(bond_message)},
    [MSK_ALPN_SYNC] = {MSK_TYPE(catalog_snapshot), MSK_TYPE(catalog_snapshot), MSK_TYPE(catalog_snapshot)},
    [MSK_ALPN_PING] = {MSK_TYPE(signed_peer_entry), MSK_TYPE(signed_peer_entry), MSK_TYPE(signed_peer_entry)},
    [MSK_ALPN_ANNOUNCE] = {MSK_TYPE(digest), MSK_TYPE(digest), MSK_TYPE(gossip_message)}, /* first the topic */
};

static const struct msk_type *type_of(const struct msk_frame_log_link *link, enum msk_frame_direction direction,
                                      bool first)
{
    bool from_dialler = link->dialled == (direction == MSK_FRAME_OUT);
    const struct msk_type *type = !first         ? protocols[link->alpn].further
                                  : from_dialler ? protocols[link->alpn].from_dialler
                                                 : protocols[link->alpn].from_acceptor;
    msk_assert(type); /* a node has no links of other protocols */
    return type;
}

/* ---- a line */

static json_t *digest_or_null(bool known, const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    return known ? json_string(msk_digest_text(digest, text)) : json_null();
}

static json_t *line_about(const struct msk_frame_log_link *link, enum msk_frame_direction direction, uint64_t stream,
                          const struct msk_type *type, size_t size)
{
    const struct msk_now now = msk_now();
    char time[MSK_TIME_TEXT_SIZE];
    json_t *line =
        json_pack("{s:i, s:s, s:I, s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:s}", "v", FRAME_LOG_VERSION, "ts",
                  msk_time_stamp_text(now.wall_ms, time), "mono_ms", (json_int_t)now.mono_ms, "direction",
                  direction == MSK_FRAME_IN ? "in" : "out", "peer", digest_or_null(true, &link->peer), "protocol",
                  msk_alpn_text(link->alpn), "group", digest_or_null(link->has_group, &link->group), "bond",
                  digest_or_null(link->has_bond, &link->bond), "link", (json_int_t)link->number, "size",
                  (json_int_t)size, "type", type->name);
    if (line && stream > 0)
        json_object_set_new(line, "stream", json_integer((json_int_t)stream));
    return line;
}

/* Both: false without memory. */
static bool add_error(json_t *line, struct msk_bytes frame, const struct msk_error *err)
{
    char hex[2 * MSK_FRAME_LOG_HEX_MAX + 1];
    size_t len = frame.len < MSK_FRAME_LOG_HEX_MAX ? frame.len : MSK_FRAME_LOG_HEX_MAX;
    msk_hex_encode(MSK_BYTES(frame.data, len), hex);
    return json_object_set_new(line, "error", json_string(err->text)) == 0 &&
           json_object_set_new(line, "hex", json_string(hex)) == 0;
}

static bool add_message(json_t *line, const struct msk_type *type, void *value)
{
    json_t *message = NULL, *cuts = json_array();
    bool done = cuts && msk_shorten(type, value, MSK_FRAME_LOG_ITEMS_MAX, MSK_FRAME_LOG_BYTES_MAX, cuts) &&
                msk_value_to_json(type, value, &message, NULL) == 0 &&
                json_object_set_new(line, "message", message) == 0 &&
                (json_array_size(cuts) == 0 || json_object_set(line, "cut", cuts) == 0);
    json_decref(cuts);
    return done;
}

static void push(struct msk_journal *journal, const json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    if (text)
        msk_journal_frame(journal, msk_bytes_of_text(text));
    free(text);
}

void msk_frame_log_tell(struct msk_journal *journal, struct msk_frame_log_link *link,
                        enum msk_frame_direction direction, uint64_t stream, bool first, struct msk_bytes frame)
{
    const struct msk_type *type = type_of(link, direction, first);
    struct msk_arena arena;
    struct msk_error err;
    msk_arena_init(&arena, MSK_DECODED_MAX);
    void *value = msk_arena_alloc(&arena, 1, type->size);
    int rc = value ? msk_decode_unchecked(type, frame, &arena, value, &err) : MSK_E_NOMEM;
    if (rc == 0 && type == MSK_TYPE(handshake_start)) {
        link->group = ((const struct msk_handshake_start *)value)->group_id;
        link->has_group = true;
    }
    json_t *line = value ? line_about(link, direction, stream, type, frame.len) : NULL;
    if (line && (rc == 0 ? add_message(line, type, value) : add_error(line, frame, &err)))
        push(journal, line);
    json_decref(line);
    msk_arena_free(&arena);
}
