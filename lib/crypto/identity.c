#include "crypto/identity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/blake3.h"
#include "crypto/ed25519.h"

/* ---- digests */

struct msk_digest msk_digest_of_parts(const struct msk_bytes *parts, size_t count)
{
    struct msk_blake3 hash;
    msk_blake3_init(&hash);
    for (size_t i = 0; i < count; i++)
        msk_blake3_update(&hash, parts[i]);
    struct msk_digest digest = msk_blake3_finish(&hash);
    msk_wipe(&hash, sizeof hash); /* group keys go this way */
    return digest;
}

struct msk_digest msk_digest_of_text(struct msk_bytes text)
{
    struct msk_digest digest;
    if (msk_digest_parse(text, &digest, NULL) == 0)
        return digest;
    return msk_digest_of_parts(&text, 1);
}

struct msk_digest msk_digest_of_string(const char *text)
{
    return msk_digest_of_text(msk_bytes_of_text(text));
}

static struct msk_bytes little_endian(unsigned __int128 value, size_t width, uint8_t out[16])
{
    msk_assert(width <= 16);
    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(value >> 8 * i);
    return MSK_BYTES(out, width);
}

struct msk_digest msk_digest_of_integer(unsigned __int128 value, size_t width)
{
    uint8_t bytes[16];
    struct msk_bytes integer = little_endian(value, width, bytes);
    struct msk_digest digest = {{0}};
    memcpy(digest.bytes + MSK_DIGEST_LEN - width, integer.data, width);
    return digest;
}

struct msk_digest msk_digest_derive(const struct msk_digest *base, struct msk_bytes info)
{
    return msk_digest_of_parts((struct msk_bytes[]){MSK_BYTES(base->bytes, MSK_DIGEST_LEN), info}, 2);
}

struct msk_digest msk_digest_derive_digest(const struct msk_digest *base, const struct msk_digest *info)
{
    return msk_digest_derive(base, MSK_BYTES(info->bytes, MSK_DIGEST_LEN));
}

struct msk_digest msk_digest_derive_integer(const struct msk_digest *base, unsigned __int128 value, size_t width)
{
    uint8_t bytes[16];
    return msk_digest_derive(base, little_endian(value, width, bytes));
}

struct msk_digest msk_digest_hashed(const struct msk_digest *base)
{
    return msk_digest_derive(base, MSK_BYTES(NULL, 0));
}

int msk_digest_parse(struct msk_bytes text, struct msk_digest *out, struct msk_error *err)
{
    size_t offset;
    if (msk_hex_decode((const char *)text.data, text.len, out->bytes, MSK_DIGEST_LEN, &offset) == 0)
        return 0;
    if (offset < text.len)
        return msk_fail(err, MSK_E_INVALID, "not 64 hex digits: character %zu is none", offset + 1);
    return msk_fail(err, MSK_E_INVALID, "not 64 hex digits but %zu", text.len);
}

/* ---- peer ids, tickets, slots */

static bool has_upper_case(struct msk_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'Z')
            return true;
    return false;
}

int msk_peer_id_parse(struct msk_bytes text, struct msk_digest *out, struct msk_error *err)
{
    enum { BASE32_LEN = 52 };
    if (text.len == BASE32_LEN) {
        if (msk_base32_decode((const char *)text.data, text.len, out->bytes, MSK_DIGEST_LEN) < 0)
            return msk_fail(err, MSK_E_INVALID, "not a peer id: 52 characters, but not base32");
    } else {
        if (msk_digest_parse(text, out, err) < 0)
            return msk_wrap(err, MSK_E_INVALID, "not a peer id");
        if (has_upper_case(text))
            return msk_fail(err, MSK_E_INVALID, "not a peer id: its hex digits must be lower case");
    }
    if (!msk_ed25519_is_point(out->bytes))
        return msk_fail(err, MSK_E_INVALID, "not a peer id: these 32 bytes are no Ed25519 public key");
    return 0;
}

struct msk_digest msk_ticket_id(const struct msk_digest *class_id, struct msk_bytes data)
{
    return msk_digest_derive(class_id, data);
}

struct msk_digest msk_dht_slot_id(const struct msk_digest *network_id, unsigned slot)
{
    msk_assert(slot < MSK_DHT_SLOT_COUNT);
    struct msk_digest id = *network_id;
    while (slot-- > 0)
        id = msk_digest_derive_digest(&id, &id);
    return id;
}

/* ---- group ids */

struct msk_digest msk_consensus_digest(uint64_t heartbeat_interval_ms, uint64_t heartbeat_jitter_ms,
                                       uint32_t max_missed_heartbeats)
{
    uint8_t bytes[3][16];
    struct msk_bytes parts[] = {little_endian(heartbeat_interval_ms, 16, bytes[0]),
                                little_endian(heartbeat_jitter_ms, 16, bytes[1]),
                                little_endian(max_missed_heartbeats, 16, bytes[2])};
    return msk_digest_of_parts(parts, 3);
}

struct msk_digest msk_log_replay_signature(const char *machine_type, uint64_t batch_size, uint64_t fetch_timeout_ms)
{
    struct msk_digest signature = msk_digest_of_string("mosaik_log_replay_sync");
    signature = msk_digest_derive(&signature, msk_bytes_of_text(machine_type));
    signature = msk_digest_derive_integer(&signature, batch_size, 8);
    return msk_digest_derive_integer(&signature, fetch_timeout_ms / 1000, 8);
}

/* The derivation is written once: told what each step took, and by the id alone. */
struct derivation {
    struct msk_digest id;
    struct msk_group_step *next; /* where to write the steps, or NULL */
};

static void note(struct derivation *d, const char *step, const struct msk_digest *digest, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void note(struct derivation *d, const char *step, const struct msk_digest *digest, const char *format, ...)
{
    if (!d->next)
        return;
    snprintf(d->next->step, sizeof d->next->step, "%s", step);
    va_list args;
    va_start(args, format);
    vsnprintf(d->next->input, sizeof d->next->input, format, args);
    va_end(args);
    d->next->digest = *digest;
    d->next++;
}

static void derive_step(struct derivation *d, const char *step, const struct msk_digest *info)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    d->id = msk_digest_derive_digest(&d->id, info);
    note(d, step, &d->id, "derive %s", msk_digest_text(info, text));
}

static void note_inputs(struct derivation *d, const struct msk_group_inputs *in, const struct msk_digest *consensus)
{
    char interval[MSK_DURATION_TEXT_SIZE], jitter[MSK_DURATION_TEXT_SIZE], timeout[MSK_DURATION_TEXT_SIZE];
    note(d, "consensus", consensus, "heartbeat interval %s, jitter %s, at most %" PRIu32 " missed",
         msk_duration_text(in->heartbeat_interval_ms, interval), msk_duration_text(in->heartbeat_jitter_ms, jitter),
         in->max_missed_heartbeats);
    note(d, "machine", &in->machine_signature, "%s", in->machine_id ? in->machine_id : "given as a digest");
    if (in->machine_type)
        note(d, "sync", &in->sync_signature, "log replay of %s, batches of %" PRIu64 ", fetch timeout %s",
             in->machine_type, in->sync_batch_size,
             msk_duration_text(in->sync_fetch_timeout_ms / 1000 * 1000, timeout));
    else
        note(d, "sync", &in->sync_signature, "given as a digest");
    for (size_t i = 0; i < in->validator_count; i++)
        note(d, "validator", &in->validator_signatures[i], "required ticket %zu", i + 1);
}

static void derive_group_id(struct derivation *d, const struct msk_group_inputs *in)
{
    struct msk_digest consensus =
        msk_consensus_digest(in->heartbeat_interval_ms, in->heartbeat_jitter_ms, in->max_missed_heartbeats);
    note_inputs(d, in, &consensus);
    char key[MSK_GROUP_KEY_TEXT_SIZE];
    d->id = msk_digest_hashed(&in->key);
    note(d, "key", &d->id, "hash of the group key %s", msk_group_key_text(&in->key, key));
    derive_step(d, "+ consensus", &consensus);
    derive_step(d, "+ machine", &in->machine_signature);
    derive_step(d, "+ sync", &in->sync_signature);
    for (size_t i = 0; i < in->validator_count; i++)
        derive_step(d, "+ validator", &in->validator_signatures[i]);
}

struct msk_digest msk_group_id(const struct msk_group_inputs *inputs)
{
    struct derivation d = {.next = NULL};
    derive_group_id(&d, inputs);
    return d.id;
}

void msk_group_explain(const struct msk_group_inputs *inputs, struct msk_group_step *steps)
{
    struct derivation d = {.next = steps};
    derive_group_id(&d, inputs);
    msk_assert(d.next == steps + MSK_GROUP_STEPS(inputs->validator_count));
}

const char *msk_group_key_text(const struct msk_digest *key, char out[MSK_GROUP_KEY_TEXT_SIZE])
{
    snprintf(out, MSK_GROUP_KEY_TEXT_SIZE, "%02x****%02x", key->bytes[0], key->bytes[MSK_DIGEST_LEN - 1]);
    return out;
}
