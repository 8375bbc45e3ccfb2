#include "wire/url.h"

#include <string.h>

#include "wire/address.h"

/* ---- pieces of text */

static struct msk_bytes head(struct msk_bytes text, size_t len)
{
    return MSK_BYTES(text.data, len);
}

static struct msk_bytes tail(struct msk_bytes text, size_t from)
{
    return from == 0 ? text : MSK_BYTES(text.data + from, text.len - from);
}

/* Where the first of the characters in `set` is; the text's length if none. */
static size_t find_any(struct msk_bytes text, const char *set)
{
    size_t i = 0;
    while (i < text.len && (text.data[i] == 0 || !strchr(set, text.data[i])))
        i++;
    return i;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(uint8_t c)
{
    c = lower(c);
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool equals(struct msk_bytes text, const char *word)
{
    return msk_bytes_equal(text, msk_bytes_of_text(word));
}

/* ---- percent-encoding: besides these sets, always controls and everything outside ASCII */

#define FRAGMENT_SET " \"<>`"
#define PATH_SET     FRAGMENT_SET "#?{}"
#define USERINFO_SET PATH_SET "/:;=@[\\]^|"
#define QUERY_SET    " \"#<>'"

static void append_encoded(struct msk_builder *out, struct msk_bytes text, const char *set)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c < 0x20 || c > 0x7e || strchr(set, c))
            msk_builder_printf(out, "%%%02X", c);
        else
            msk_builder_byte(out, c);
    }
}

static void append_decoded(struct msk_builder *out, struct msk_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '%' && i + 2 < text.len && hex_value(text.data[i + 1]) >= 0 &&
            hex_value(text.data[i + 2]) >= 0) {
            msk_builder_byte(
                out, (uint8_t)((unsigned)hex_value(text.data[i + 1]) << 4 | (unsigned)hex_value(text.data[i + 2])));
            i += 2;
        } else {
            msk_builder_byte(out, text.data[i]);
        }
}

/* ---- hosts */

/* A number as C writes them: hex after 0x, octal after 0. False if it is none; above 32 bits it is `overflow`. */
static bool ipv4_number(struct msk_bytes text, uint64_t *number, bool *overflow)
{
    unsigned base = 10;
    if (text.len >= 2 && text.data[0] == '0') {
        base = lower(text.data[1]) == 'x' ? 16 : 8;
        text = tail(text, base == 16 ? 2 : 1);
    } else if (text.len == 0) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_value(text.data[i]);
        if (digit < 0 || digit >= (int)base)
            return false;
        *number = *number * base + (unsigned)digit;
        *overflow |= *number > UINT32_MAX;
        if (*overflow)
            *number = 0;
    }
    return true;
}

/* A host whose last label is a number is an IPv4 address, well written or not. */
static bool ends_in_number(struct msk_bytes host)
{
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    const uint8_t *dot = host.len ? memrchr(host.data, '.', host.len) : NULL;
    struct msk_bytes last = dot ? tail(host, (size_t)(dot + 1 - host.data)) : host;
    bool digits = last.len > 0, overflow = false;
    uint64_t number;
    for (size_t i = 0; i < last.len; i++)
        digits &= is_digit(last.data[i]);
    return digits || ipv4_number(last, &number, &overflow);
}

/* One to four numbers; the last fills the bytes that are left. */
static bool parse_ipv4(struct msk_bytes host, uint32_t *address)
{
    uint64_t part[4];
    int count = 0;
    bool overflow = false, more = true;
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    while (more) {
        size_t end = find_any(host, ".");
        if (count == 4 || !ipv4_number(head(host, end), &part[count++], &overflow) || overflow)
            return false;
        more = end < host.len;
        host = tail(host, more ? end + 1 : end);
    }
    *address = 0;
    for (int i = 0; i < count - 1; i++) {
        if (part[i] > 255)
            return false;
        *address |= (uint32_t)part[i] << (24 - 8 * i);
    }
    if (part[count - 1] >= UINT64_C(1) << 8 * (5 - count))
        return false;
    *address |= (uint32_t)part[count - 1];
    return true;
}

static int append_ipv6(struct msk_builder *out, struct msk_bytes host, struct msk_error *err)
{
    struct msk_socket_addr addr = {.version = MSK_IPV6};
    char text[MSK_IP_TEXT_SIZE];
    bool closed = host.len >= 2 && host.data[host.len - 1] == ']';
    if (!closed || msk_ip_parse(MSK_BYTES(host.data + 1, host.len - 2), &addr, NULL) < 0 || addr.version != MSK_IPV6)
        return msk_fail(err, MSK_E_INVALID, "the host is no IPv6 address");
    msk_builder_printf(out, "[%s]", msk_ipv6_groups_text(addr.ip, text));
    return 0;
}

/* `host` is percent-decoded. */
static int append_name(struct msk_builder *out, struct msk_bytes host, struct msk_error *err)
{
    uint32_t ipv4;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.data[i];
        if (c >= 0x80)
            return msk_fail(err, MSK_E_INVALID, "the host name is not ASCII: write it in its xn-- form");
        if (c <= 0x20 || c == 0x7f || strchr("#/:<>?@[\\]^|%", c))
            return msk_fail(err, MSK_E_INVALID, "the host name has a character it must not have");
    }
    if (!ends_in_number(host)) {
        for (size_t i = 0; i < host.len; i++)
            msk_builder_byte(out, lower(host.data[i]));
        return 0;
    }
    if (!parse_ipv4(host, &ipv4))
        return msk_fail(err, MSK_E_INVALID, "the host is no IPv4 address");
    msk_builder_printf(out, "%u.%u.%u.%u", ipv4 >> 24, ipv4 >> 16 & 255, ipv4 >> 8 & 255, ipv4 & 255);
    return 0;
}

static int append_host(struct msk_builder *out, struct msk_bytes host, struct msk_error *err)
{
    if (host.len > 0 && host.data[0] == '[')
        return append_ipv6(out, host, err);
    struct msk_builder decoded;
    msk_builder_init(&decoded, MSK_URL_MAX);
    append_decoded(&decoded, host);
    int rc = decoded.error ? msk_fail(err, decoded.error, "the host is too long")
             : decoded.len ? append_name(out, msk_builder_view(&decoded), err)
                           : msk_fail(err, MSK_E_INVALID, "the URL has no host");
    msk_builder_free(&decoded);
    return rc;
}

/* ---- authority: user:password@host:port */

static int append_port(struct msk_builder *out, struct msk_bytes text, unsigned default_port, struct msk_error *err)
{
    unsigned port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]))
            return msk_fail(err, MSK_E_INVALID, "the port is no number");
        port = port * 10 + (text.data[i] - '0');
        if (port > UINT16_MAX)
            return msk_fail(err, MSK_E_INVALID, "the port is above %d", UINT16_MAX);
    }
    if (text.len > 0 && port != default_port)
        msk_builder_printf(out, ":%u", port);
    return 0;
}

static void append_userinfo(struct msk_builder *out, struct msk_bytes userinfo)
{
    size_t colon = find_any(userinfo, ":");
    struct msk_bytes password = tail(userinfo, colon < userinfo.len ? colon + 1 : colon);
    append_encoded(out, head(userinfo, colon), USERINFO_SET);
    if (password.len > 0) {
        msk_builder_byte(out, ':');
        append_encoded(out, password, USERINFO_SET);
    }
    if (colon > 0 || password.len > 0)
        msk_builder_byte(out, '@');
}

static int append_authority(struct msk_builder *out, struct msk_bytes authority, unsigned default_port,
                            struct msk_error *err)
{
    const uint8_t *at = authority.len ? memrchr(authority.data, '@', authority.len) : NULL;
    if (at) {
        append_userinfo(out, head(authority, (size_t)(at - authority.data)));
        authority = tail(authority, (size_t)(at + 1 - authority.data));
    }
    size_t host_end = authority.len && authority.data[0] == '[' ? find_any(authority, "]") : 0;
    host_end += find_any(tail(authority, host_end), ":");
    int rc = append_host(out, head(authority, host_end), err);
    if (rc == 0 && host_end < authority.len)
        rc = append_port(out, tail(authority, host_end + 1), default_port, err);
    return rc;
}

/* ---- path */

/* How many dots a segment stands for, %2e being one: 1 or 2, else 0. */
static int count_dots(struct msk_bytes segment)
{
    int dots = 0;
    for (size_t i = 0; i < segment.len; dots++) {
        bool encoded = i + 2 < segment.len && segment.data[i] == '%' && segment.data[i + 1] == '2' &&
                       lower(segment.data[i + 2]) == 'e';
        if (!encoded && segment.data[i] != '.')
            return 0;
        i += encoded ? 3 : 1;
    }
    return dots <= 2 ? dots : 0;
}

/* Every segment is written with the slash before it; ".." takes the last one back. */
static void append_path(struct msk_builder *out, struct msk_bytes path)
{
    size_t start = out->len;
    bool more = true;
    if (path.len > 0)
        path = tail(path, 1);
    while (more && !out->error) {
        size_t end = find_any(path, "/\\");
        struct msk_bytes segment = head(path, end);
        int dots = count_dots(segment);
        more = end < path.len;
        path = tail(path, more ? end + 1 : end);
        if (dots == 2 && out->len > start)
            out->len = (size_t)((uint8_t *)memrchr(out->data + start, '/', out->len - start) - out->data);
        if (dots == 0 || !more)
            msk_builder_byte(out, '/');
        if (dots == 0)
            append_encoded(out, segment, PATH_SET);
    }
}

/* ---- whole URLs */

static const struct {
    const char *name;
    unsigned port;
} special_schemes[] = {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}, {"ftp", 21}};

/* Letters first, then letters, digits, + - . up to the colon. */
static bool scheme_length(struct msk_bytes text, size_t *len)
{
    *len = find_any(text, ":");
    for (size_t i = 0; i < *len; i++) {
        uint8_t c = lower(text.data[i]);
        bool letter = c >= 'a' && c <= 'z';
        if (!letter && (i == 0 || (!is_digit(c) && c != '+' && c != '-' && c != '.')))
            return false;
    }
    return *len > 0 && *len < text.len;
}

static int append_special(struct msk_builder *out, struct msk_bytes rest, unsigned default_port, struct msk_error *err)
{
    size_t slashes = 0;
    while (slashes < rest.len && (rest.data[slashes] == '/' || rest.data[slashes] == '\\'))
        slashes++;
    rest = tail(rest, slashes);
    msk_builder_text(out, "//");
    size_t end = find_any(rest, "/\\?#");
    int rc = append_authority(out, head(rest, end), default_port, err);
    if (rc < 0)
        return rc;
    rest = tail(rest, end);
    end = find_any(rest, "?#");
    append_path(out, head(rest, end));
    rest = tail(rest, end);
    end = find_any(rest, "#");
    if (end > 0) {
        msk_builder_byte(out, '?');
        append_encoded(out, MSK_BYTES(rest.data + 1, end - 1), QUERY_SET);
    }
    if (end < rest.len) {
        msk_builder_byte(out, '#');
        append_encoded(out, tail(rest, end + 1), FRAGMENT_SET);
    }
    return 0;
}

static int append_url(struct msk_builder *out, struct msk_bytes text, struct msk_error *err)
{
    size_t len, start = out->len;
    if (!scheme_length(text, &len))
        return msk_fail(err, MSK_E_INVALID, "not an absolute URL like https://relay.example.com/");
    for (size_t i = 0; i < len; i++)
        msk_builder_byte(out, lower(text.data[i]));
    if (out->error)
        return 0;
    struct msk_bytes scheme = MSK_BYTES(out->data + start, len);
    unsigned default_port = 0;
    for (size_t i = 0; i < sizeof special_schemes / sizeof special_schemes[0]; i++)
        if (equals(scheme, special_schemes[i].name))
            default_port = special_schemes[i].port;
    msk_builder_byte(out, ':');
    if (default_port)
        return append_special(out, tail(text, len + 1), default_port, err);
    append_encoded(out, tail(text, len + 1), "");
    return 0;
}

/* Controls and spaces around the text, and line ends and tabs within, do not count. */
static void append_cleaned(struct msk_builder *out, struct msk_bytes text)
{
    while (text.len > 0 && text.data[0] <= ' ')
        text = tail(text, 1);
    while (text.len > 0 && text.data[text.len - 1] <= ' ')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '\t' && text.data[i] != '\n' && text.data[i] != '\r')
            msk_builder_byte(out, text.data[i]);
}

int msk_url_normalise(struct msk_bytes text, struct msk_builder *out, struct msk_error *err)
{
    struct msk_builder cleaned;
    msk_builder_init(&cleaned, MSK_URL_MAX);
    append_cleaned(&cleaned, text);
    int rc = cleaned.error;
    if (rc == 0)
        rc = append_url(out, msk_builder_view(&cleaned), err);
    if (rc == 0)
        rc = out->error;
    if (cleaned.error || out->error)
        msk_fail(err, rc, rc == MSK_E_LIMIT ? "longer than %d bytes" : "out of memory (%d)", MSK_URL_MAX);
    msk_builder_free(&cleaned);
    return rc;
}
