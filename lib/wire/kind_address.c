/* IP addresses, sockets, custom transport addresses (wire.md 2.1). */
#include <string.h>

#include "wire/address.h"
#include "wire/kind.h"

static size_t ip_len(const struct msk_socket_addr *addr)
{
    return addr->version == MSK_IPV4 ? 4 : 16;
}

/* ---- ip: the version, 4 or 16 bytes. In memory a struct msk_socket_addr whose port is 0. */

static void encode_ip(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type;
    const struct msk_socket_addr *addr = value;
    msk_write_varint(out, addr->version);
    msk_builder_append(out, addr->ip, ip_len(addr));
}

static int decode_ip(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    struct msk_socket_addr *addr = out;
    size_t start = in->offset;
    unsigned __int128 version;
    const uint8_t *bytes;
    int rc = msk_read_varint(in, 32, &version);
    if (rc < 0)
        return rc;
    if (version > MSK_IPV6)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, start, "unknown address family %u", (unsigned)version);
    addr->version = (enum msk_ip_version)version;
    rc = msk_read_bytes(in, ip_len(addr), &bytes);
    if (rc == 0)
        memcpy(addr->ip, bytes, ip_len(addr));
    return rc;
}

static json_t *print_ip(const struct msk_type *type, const void *value)
{
    (void)type;
    char text[MSK_IP_TEXT_SIZE];
    return json_string_nocheck(msk_ip_text(value, text));
}

/* What a parser of text made of a JSON value. */
static int take(struct msk_reader *in, const json_t *json, void *out,
                int (*parse)(struct msk_bytes, struct msk_socket_addr *, struct msk_error *))
{
    struct msk_error why = {.text = "expected text"};
    if (!json_is_string(json) || parse(MSK_BYTES(json_string_value(json), json_string_length(json)), out, &why) < 0)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "%s", why.text);
    return 0;
}

static int parse_ip(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    return take(in, json, out, msk_ip_parse);
}

/* IPv4 before IPv6, then by bytes, then by port. */
static int compare_socket_addr(const struct msk_type *type, const void *a, const void *b)
{
    (void)type;
    const struct msk_socket_addr *left = a, *right = b;
    if (left->version != right->version)
        return left->version > right->version ? 1 : -1;
    int order = memcmp(left->ip, right->ip, ip_len(left));
    return order ? order : (left->port > right->port) - (left->port < right->port);
}

static size_t least_ip(const struct msk_type *type)
{
    (void)type;
    return 1 + 4;
}

const struct msk_kind msk_kind_ip = {encode_ip, decode_ip, print_ip, parse_ip, compare_socket_addr, least_ip};
const struct msk_type msk_type_ip = {.kind = &msk_kind_ip,
                                     .name = "ip",
                                     .size = sizeof(struct msk_socket_addr),
                                     .align = _Alignof(struct msk_socket_addr)};

/* ---- socket address: an ip, then the port as varint */

static void encode_socket_addr(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    const struct msk_socket_addr *addr = value;
    encode_ip(type, value, out);
    msk_write_varint(out, addr->port);
}

static int decode_socket_addr(const struct msk_type *type, struct msk_reader *in, void *out)
{
    struct msk_socket_addr *addr = out;
    int rc = decode_ip(type, in, out);
    return rc < 0 ? rc : msk_read_at("port", 0, &msk_type_u16, in, &addr->port);
}

static json_t *print_socket_addr(const struct msk_type *type, const void *value)
{
    (void)type;
    char text[MSK_SOCKET_TEXT_SIZE];
    return json_string_nocheck(msk_socket_addr_text(value, text));
}

static int parse_socket_addr(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    return take(in, json, out, msk_socket_addr_parse);
}

static size_t least_socket_addr(const struct msk_type *type)
{
    return least_ip(type) + 1;
}

const struct msk_kind msk_kind_socket_addr = {encode_socket_addr, decode_socket_addr,  print_socket_addr,
                                              parse_socket_addr,  compare_socket_addr, least_socket_addr};
const struct msk_type msk_type_socket_addr = {.kind = &msk_kind_socket_addr,
                                              .name = "socket_addr",
                                              .size = sizeof(struct msk_socket_addr),
                                              .align = _Alignof(struct msk_socket_addr)};
