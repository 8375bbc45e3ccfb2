#include "wire/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* The longest run of two or more zero groups, the first of equals; length 0 if there is none. */
static void find_zero_run(const unsigned group[8], int *start, int *len)
{
    *start = *len = 0;
    for (int i = 0; i < 8; i++) {
        int end = i;
        while (end < 8 && group[end] == 0)
            end++;
        if (end - i > *len && end - i > 1) {
            *start = i;
            *len = end - i;
        }
    }
}

const char *msk_ipv6_groups_text(const uint8_t ip[16], char out[MSK_IP_TEXT_SIZE])
{
    unsigned group[8];
    for (int i = 0; i < 8; i++)
        group[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
    int start, len, n = 0;
    find_zero_run(group, &start, &len);
    for (int i = 0; i < 8; i++) {
        if (len > 0 && i == start) {
            n += snprintf(out + n, MSK_IP_TEXT_SIZE - (size_t)n, "::");
            i += len - 1;
            continue;
        }
        bool first = i == 0 || (len > 0 && i == start + len);
        n += snprintf(out + n, MSK_IP_TEXT_SIZE - (size_t)n, first ? "%x" : ":%x", group[i]);
    }
    return out;
}

const char *msk_ip_text(const struct msk_socket_addr *addr, char out[MSK_IP_TEXT_SIZE])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *ip = addr->ip;
    if (addr->version == MSK_IPV4)
        snprintf(out, MSK_IP_TEXT_SIZE, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    else if (memcmp(ip, mapped, sizeof mapped) == 0)
        snprintf(out, MSK_IP_TEXT_SIZE, "::ffff:%u.%u.%u.%u", ip[12], ip[13], ip[14], ip[15]);
    else
        msk_ipv6_groups_text(ip, out);
    return out;
}

const char *msk_socket_addr_text(const struct msk_socket_addr *addr, char out[MSK_SOCKET_TEXT_SIZE])
{
    char ip[MSK_IP_TEXT_SIZE];
    snprintf(out, MSK_SOCKET_TEXT_SIZE, addr->version == MSK_IPV4 ? "%s:%u" : "[%s]:%u", msk_ip_text(addr, ip),
             addr->port);
    return out;
}

/* As a string of the C library's functions; false if too long or with a zero inside. */
static bool as_string(struct msk_bytes text, char *out, size_t size)
{
    if (text.len >= size || (text.len && memchr(text.data, 0, text.len)))
        return false;
    if (text.len)
        memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return true;
}

int msk_ip_parse(struct msk_bytes text, struct msk_socket_addr *out, struct msk_error *err)
{
    char string[MSK_IP_TEXT_SIZE];
    memset(out->ip, 0, sizeof out->ip);
    if (as_string(text, string, sizeof string)) {
        out->version = strchr(string, ':') ? MSK_IPV6 : MSK_IPV4;
        if (inet_pton(out->version == MSK_IPV6 ? AF_INET6 : AF_INET, string, out->ip) == 1)
            return 0;
    }
    return msk_fail(err, MSK_E_INVALID, "\"%.*s\" is no IP address", (int)text.len, (const char *)text.data);
}

static bool parse_port(struct msk_bytes text, uint16_t *port)
{
    unsigned number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == 5)
            return false;
        number = number * 10 + (text.data[i] - '0');
    }
    *port = (uint16_t)number;
    return text.len > 0 && number <= UINT16_MAX;
}

int msk_socket_addr_parse(struct msk_bytes text, struct msk_socket_addr *out, struct msk_error *err)
{
    const uint8_t *colon = text.len ? memrchr(text.data, ':', text.len) : NULL;
    if (colon) {
        struct msk_bytes ip = MSK_BYTES(text.data, (size_t)(colon - text.data));
        struct msk_bytes port = MSK_BYTES(colon + 1, text.len - ip.len - 1);
        bool bracketed = ip.len > 2 && ip.data[0] == '[' && ip.data[ip.len - 1] == ']';
        if (bracketed)
            ip = MSK_BYTES(ip.data + 1, ip.len - 2);
        if (msk_ip_parse(ip, out, NULL) == 0 && bracketed == (out->version == MSK_IPV6) && parse_port(port, &out->port))
            return 0;
    }
    return msk_fail(err, MSK_E_INVALID, "\"%.*s\" is no address like 192.0.2.7:4433 or [2001:db8::1]:4433",
                    (int)text.len, (const char *)text.data);
}
