#include "cli/value.h"

#include <inttypes.h>
#include <string.h>

#include "cli/option.h"
#include "cli/visible.h"
#include "crypto/identity.h"
#include "wire/address.h"

static int parse_text(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                      struct msk_error *err)
{
    (void)option;
    const char *copy = msk_arena_copy(arena, text, strlen(text));
    if (!copy)
        return msk_fail(err, arena->error, "%s", msk_error_sentence(arena->error));
    *(const char **)out = copy;
    return 0;
}

static int parse_path(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                      struct msk_error *err)
{
    if (!*text)
        return msk_fail(err, MSK_E_INVALID, "an empty text is no name of a file");
    return parse_text(option, text, arena, out, err);
}

static int parse_unsigned(const char *text, uint64_t max, uint64_t *out, struct msk_error *err)
{
    char shown[MSK_VISIBLE_SIZE];
    uint64_t value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits])
        return msk_fail(err, MSK_E_INVALID, "%s is no whole number", msk_visible(text, shown));
    for (size_t i = 0; i < digits; i++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value) || value > max)
            return msk_fail(err, MSK_E_INVALID, "%s is more than %" PRIu64, msk_visible(text, shown), max);
    *out = value;
    return 0;
}

static int parse_u32(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                     struct msk_error *err)
{
    (void)option;
    (void)arena;
    uint64_t value = 0;
    int rc = parse_unsigned(text, UINT32_MAX, &value, err);
    if (rc == 0)
        *(uint32_t *)out = (uint32_t)value;
    return rc;
}

static int parse_u64(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                     struct msk_error *err)
{
    (void)option;
    (void)arena;
    return parse_unsigned(text, UINT64_MAX, out, err);
}

static int parse_duration(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                          struct msk_error *err)
{
    (void)option;
    (void)arena;
    return msk_duration_parse(text, out, err);
}

static int parse_name_digest(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                             struct msk_error *err)
{
    (void)option;
    (void)arena;
    (void)err;
    *(struct msk_digest *)out = msk_digest_of_string(text);
    return 0;
}

static int parse_peer_id(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                         struct msk_error *err)
{
    (void)option;
    (void)arena;
    return msk_peer_id_parse(msk_bytes_of_text(text), out, err);
}

static int parse_address(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                         struct msk_error *err)
{
    (void)option;
    (void)arena;
    return msk_socket_addr_parse(msk_bytes_of_text(text), out, err);
}

static int parse_peer_address(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                              struct msk_error *err)
{
    char shown[MSK_VISIBLE_SIZE];
    struct msk_peer_address peer;
    const char *at = strchr(text, '@');
    if (!at)
        return msk_fail(err, MSK_E_INVALID, "%s is no peer to dial: give PEERID@IP:PORT or PEERID@[IPV6]:PORT",
                        msk_visible(text, shown));
    int rc = msk_peer_id_parse(MSK_BYTES(text, at - text), &peer.peer, err);
    if (rc == 0)
        rc = parse_address(option, at + 1, arena, &peer.address, err);
    if (rc == 0 && peer.address.port == 0)
        rc = msk_fail(err, MSK_E_INVALID, "port 0 cannot be dialled");
    if (rc == 0)
        *(struct msk_peer_address *)out = peer;
    return rc;
}

static int parse_choice(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                        struct msk_error *err)
{
    (void)arena;
    for (unsigned i = 0; option->choices[i]; i++)
        if (strcmp(option->choices[i], text) == 0) {
            *(unsigned *)out = i;
            return 0;
        }
    char shown[MSK_VISIBLE_SIZE], all[MSK_ERROR_TEXT_MAX / 2];
    return msk_fail(err, MSK_E_INVALID, "%s is none of %s", msk_visible(text, shown),
                    msk_visible_list(option->choices, all, sizeof all));
}

const struct msk_value_type msk_value_flag = {.size = sizeof(bool)};
const struct msk_value_type msk_value_json = {.size = sizeof(json_t *)};
const struct msk_value_type msk_value_text = {.placeholder = "TEXT", .size = sizeof(char *), .parse = parse_text};
const struct msk_value_type msk_value_file = {
    .placeholder = "FILE", .size = sizeof(char *), .completion = MSK_COMPLETE_FILE, .parse = parse_path};
const struct msk_value_type msk_value_directory = {
    .placeholder = "DIR", .size = sizeof(char *), .completion = MSK_COMPLETE_DIRECTORY, .parse = parse_path};
const struct msk_value_type msk_value_u32 = {
    .placeholder = "N", .size = sizeof(uint32_t), .number = true, .parse = parse_u32};
const struct msk_value_type msk_value_u64 = {
    .placeholder = "N", .size = sizeof(uint64_t), .number = true, .parse = parse_u64};
const struct msk_value_type msk_value_duration_ms = {
    .placeholder = "SPAN", .size = sizeof(uint64_t), .parse = parse_duration};
const struct msk_value_type msk_value_name_digest = {
    .placeholder = "NAME", .size = sizeof(struct msk_digest), .parse = parse_name_digest};
const struct msk_value_type msk_value_peer_id = {
    .placeholder = "PEERID", .size = sizeof(struct msk_digest), .parse = parse_peer_id};
const struct msk_value_type msk_value_peer_address = {
    .placeholder = "PEER", .size = sizeof(struct msk_peer_address), .parse = parse_peer_address};
const struct msk_value_type msk_value_address = {
    .placeholder = "IP:PORT", .size = sizeof(struct msk_socket_addr), .parse = parse_address};
const struct msk_value_type msk_value_choice = {.size = sizeof(unsigned), .parse = parse_choice};
