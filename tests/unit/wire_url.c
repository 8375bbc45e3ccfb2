/* Relay URLs in their normal form; the expected texts are those of the reference's URL library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/address.h"
#include "wire/url.h"

struct pair {
    const char *from, *to;
};

static void expect_all(const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct msk_builder out;
        struct msk_error err;
        msk_builder_init(&out, MSK_URL_MAX);
        if (msk_url_normalise(msk_bytes_of_text(pairs[i].from), &out, &err) < 0)
            fail_msg("%s: %s", pairs[i].from, err.text);
        assert_string_equal((const char *)out.data, pairs[i].to);
        msk_builder_free(&out);
    }
}

#define EXPECT(...)                                        \
    do {                                                   \
        static const struct pair pairs[] = {__VA_ARGS__};  \
        expect_all(pairs, sizeof pairs / sizeof pairs[0]); \
    } while (0)

static void scheme_host_and_port(void **state)
{
    (void)state;
    EXPECT({"HTTPS://Relay.Example.COM", "https://relay.example.com/"}, {"https://a.example.", "https://a.example./"},
           {"https:a.example", "https://a.example/"}, {"https:\\\\a.example\\b", "https://a.example/b"},
           {"https://///a.example", "https://a.example/"}, {"https://a:443", "https://a/"},
           {"https://a:", "https://a/"}, {"https://a:0443/", "https://a/"}, {"http://a:443", "http://a:443/"},
           {"http://a:80", "http://a/"}, {"ws://a:80", "ws://a/"}, {"wss://a:443", "wss://a/"},
           {"ftp://a:21", "ftp://a/"}, {"https://a:0", "https://a:0/"}, {"https://%41b%2ec", "https://ab.c/"},
           {"https://a_b", "https://a_b/"});
}

static void addresses_as_hosts(void **state)
{
    (void)state;
    EXPECT({"https://127.1/", "https://127.0.0.1/"}, {"https://0x7f.1", "https://127.0.0.1/"},
           {"https://010.0.0.1", "https://8.0.0.1/"}, {"https://4294967295", "https://255.255.255.255/"},
           {"https://1.65535", "https://1.0.255.255/"}, {"https://1.2.3.4.", "https://1.2.3.4/"},
           {"https://0x", "https://0.0.0.0/"}, {"https://[2001:DB8::0:1]:8443", "https://[2001:db8::1]:8443/"},
           {"https://[::FFFF:1.2.3.4]", "https://[::ffff:102:304]/"},
           {"https://[1:0:0:2:0:0:0:3]", "https://[1:0:0:2::3]/"});
}

static void userinfo(void **state)
{
    (void)state;
    EXPECT({"https://user:pass@a", "https://user:pass@a/"}, {"https://user:@a", "https://user@a/"},
           {"https://:pass@a", "https://:pass@a/"}, {"https://@a", "https://a/"}, {"https://:@a", "https://a/"},
           {"https://a@b@c", "https://a%40b@c/"}, {"https://a:b:c@d", "https://a:b%3Ac@d/"},
           {"https://us er\"<>^|'@a", "https://us%20er%22%3C%3E%5E%7C'@a/"});
}

static void paths_queries_fragments(void **state)
{
    (void)state;
    EXPECT({"https://a/b/../c/./d", "https://a/c/d"}, {"https://a/..", "https://a/"}, {"https://a/b/..", "https://a/"},
           {"https://a/b/.", "https://a/b/"}, {"https://a/b/%2E%2e/c", "https://a/c"},
           {"https://a/b/%2e/c", "https://a/b/c"}, {"https://a//b", "https://a//b"},
           {"https://a/b//..", "https://a/b/"}, {"https://a/...", "https://a/..."},
           {"https://a/b\\..\\c", "https://a/c"},
           {"https://a/x \"<>`{}^|'[]%zz\xc3\xa9", "https://a/x%20%22%3C%3E%60%7B%7D^|'[]%zz%C3%A9"},
           {"https://a?", "https://a/?"}, {"https://a#", "https://a/#"},
           {"https://a?q '\"<>`#f `\"", "https://a/?q%20%27%22%3C%3E`#f%20%60%22"},
           {"https://a/b?c?d#e#f", "https://a/b?c?d#e#f"}, {" \thttps://a/b\r\nc\n ", "https://a/bc"});
}

static void other_schemes_keep_their_text(void **state)
{
    (void)state;
    EXPECT({"Custom+X:Some/Thing", "custom+x:Some/Thing"}, {"x:\xc3\xa9", "x:%C3%A9"});
}

static void expect_refused(const char *text, const char *want)
{
    struct msk_builder out;
    struct msk_error err;
    msk_builder_init(&out, MSK_URL_MAX);
    if (msk_url_normalise(msk_bytes_of_text(text), &out, &err) != MSK_E_INVALID)
        fail_msg("accepted: %s", text);
    assert_string_equal(err.text, want);
    msk_builder_free(&out);
}

static void what_is_no_url_is_refused(void **state)
{
    (void)state;
    const char *relative = "not an absolute URL like https://relay.example.com/";
    expect_refused("", relative);
    expect_refused("relay", relative);
    expect_refused("//relay", relative);
    expect_refused("1a://b", relative);
    expect_refused("a b://c", relative);
    expect_refused("https://", "the URL has no host");
    expect_refused("https:///?q", "the URL has no host");
    expect_refused("https://user@", "the URL has no host");
    expect_refused("https://:80", "the URL has no host");
    expect_refused("https://a:65536", "the port is above 65535");
    expect_refused("https://a:8x", "the port is no number");
    expect_refused("https://a b", "the host name has a character it must not have");
    expect_refused("https://a%00", "the host name has a character it must not have");
    expect_refused("https://b\xc3\xbc", "the host name is not ASCII: write it in its xn-- form");
    expect_refused("https://1.2.3.256", "the host is no IPv4 address");
    expect_refused("https://1.2.3.4.5", "the host is no IPv4 address");
    expect_refused("https://4294967296", "the host is no IPv4 address");
    expect_refused("https://a.09", "the host is no IPv4 address");
    expect_refused("https://[::1", "the host is no IPv6 address");
    expect_refused("https://[1.2.3.4]", "the host is no IPv6 address");
}

static void length_is_bounded(void **state)
{
    (void)state;
    static char text[MSK_URL_MAX + 2] = "https://a/";
    struct msk_builder out;
    struct msk_error err;
    memset(text + strlen(text), 'x', MSK_URL_MAX - strlen(text));
    msk_builder_init(&out, MSK_URL_MAX);
    assert_int_equal(msk_url_normalise(msk_bytes_of_text(text), &out, &err), 0);
    msk_builder_reset(&out);
    text[MSK_URL_MAX] = 'x';
    assert_int_equal(msk_url_normalise(msk_bytes_of_text(text), &out, &err), MSK_E_LIMIT);
    assert_string_equal(err.text, "longer than 8192 bytes");
    msk_builder_free(&out);
}

/* ---- addresses as text */

static void expect_socket(const char *text, const char *want)
{
    struct msk_socket_addr addr = {0};
    struct msk_error err;
    char out[MSK_SOCKET_TEXT_SIZE];
    if (msk_socket_addr_parse(msk_bytes_of_text(text), &addr, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(msk_socket_addr_text(&addr, out), want);
}

static void expect_no_socket(const char *text)
{
    struct msk_socket_addr addr = {0};
    if (msk_socket_addr_parse(msk_bytes_of_text(text), &addr, NULL) == 0)
        fail_msg("accepted: %s", text);
}

static void socket_addresses(void **state)
{
    (void)state;
    expect_socket("192.0.2.7:4433", "192.0.2.7:4433");
    expect_socket("0.0.0.0:0", "0.0.0.0:0");
    expect_socket("[2001:DB8:0:0:0:0:0:1]:65535", "[2001:db8::1]:65535");
    expect_socket("[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.4]:1");
    expect_socket("[::1.2.3.4]:1", "[::102:304]:1");
    expect_socket("[1:0:0:2:0:0:3:4]:1", "[1::2:0:0:3:4]:1");
    expect_socket("[1:0:2:3:4:5:6:7]:1", "[1:0:2:3:4:5:6:7]:1");
    expect_socket("[::]:7", "[::]:7");
    static const char *const bad[] = {
        "",           ":1",      "1.2.3.4",     "1.2.3.4:",    "1.2.3.4:65536",  "1.2.3.4:1x",
        "1.2.3.4:-1", "1.2.3:1", "256.0.0.1:1", "01.2.3.4:1",  "::1:1",          "[1.2.3.4]:1",
        "[::1]",      "[::1]:",  "[::1:1",      "localhost:1", "1.2.3.4:000001", "[fe80::1%7]:9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_no_socket(bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scheme_host_and_port),
        cmocka_unit_test(addresses_as_hosts),
        cmocka_unit_test(userinfo),
        cmocka_unit_test(paths_queries_fragments),
        cmocka_unit_test(other_schemes_keep_their_text),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(socket_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
