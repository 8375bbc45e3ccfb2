/* identity.h: how digests are made, and the ids that are derived from configuration: groups, machines, syncs, slots
 * (wire.md 1, groups.md 1). */
#ifndef MSK_CRYPTO_IDENTITY_H
#define MSK_CRYPTO_IDENTITY_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

/* ---- digests (wire.md 1.1); none of these can fail */

/* Text or a byte slice: exactly 64 hex digits of either case are taken over, everything else is hashed. */
struct msk_digest msk_digest_of_text(struct msk_bytes text);
struct msk_digest msk_digest_of_string(const char *text); /* the same, up to the zero */

/* The hash of all parts joined without separators. */
struct msk_digest msk_digest_of_parts(const struct msk_bytes *parts, size_t count);

/* Zero bytes, and at their end `value` little-endian in `width` bytes (1, 2, 4, 8, 16); negative values in two's
 * complement. */
struct msk_digest msk_digest_of_integer(unsigned __int128 value, size_t width);

/* H(base || info), H(base || digest), H(base || value little-endian in `width` bytes), H(base). */
struct msk_digest msk_digest_derive(const struct msk_digest *base, struct msk_bytes info);
struct msk_digest msk_digest_derive_digest(const struct msk_digest *base, const struct msk_digest *info);
struct msk_digest msk_digest_derive_integer(const struct msk_digest *base, unsigned __int128 value, size_t width);
struct msk_digest msk_digest_hashed(const struct msk_digest *base);

/* Exactly 64 hex digits of either case, nothing is hashed (wire.md 1.3). 0 or MSK_E_INVALID. */
int msk_digest_parse(struct msk_bytes text, struct msk_digest *out, struct msk_error *err);

/* ---- peer ids (wire.md 1.2) */

/* 64 lower-case hex digits or 52 characters of base32, and a point of the curve. 0 or MSK_E_INVALID. */
int msk_peer_id_parse(struct msk_bytes text, struct msk_digest *out, struct msk_error *err);

/* ---- tickets (wire.md 5.1): derive(class, data) */
struct msk_digest msk_ticket_id(const struct msk_digest *class_id, struct msk_bytes data);

/* ---- DHT slots (wire.md 4.10): the id is also the secret key of the slot's records */
#define MSK_DHT_SLOT_COUNT 16
struct msk_digest msk_dht_slot_id(const struct msk_digest *network_id, unsigned slot); /* slot < MSK_DHT_SLOT_COUNT */

/* ---- what a group id is made of (wire.md 1.4, groups.md 1.3 to 1.6) */

#define MSK_NOOP_MACHINE_ID   "mosaik_noop_state_machine"
#define MSK_NOOP_MACHINE_TYPE "mosaik::groups::machine::noop::NoOp"

#define MSK_SYNC_BATCH_SIZE_DEFAULT       2000
#define MSK_SYNC_FETCH_TIMEOUT_MS_DEFAULT 25000

struct msk_digest msk_consensus_digest(uint64_t heartbeat_interval_ms, uint64_t heartbeat_jitter_ms,
                                       uint32_t max_missed_heartbeats);

/* `machine_type` is the Rust type name of the machine; fractions of a second of `fetch_timeout_ms` are dropped. */
struct msk_digest msk_log_replay_signature(const char *machine_type, uint64_t batch_size, uint64_t fetch_timeout_ms);

struct msk_group_inputs {
    struct msk_digest key;
    uint64_t heartbeat_interval_ms, heartbeat_jitter_ms;
    uint32_t max_missed_heartbeats;
    struct msk_digest machine_signature, sync_signature;
    const struct msk_digest *validator_signatures; /* in the order required */
    size_t validator_count;

    /* Only repeated in explanations, may be NULL: what the two signatures were made from. */
    const char *machine_id, *machine_type;
    uint64_t sync_batch_size, sync_fetch_timeout_ms; /* used with machine_type */
};

struct msk_digest msk_group_id(const struct msk_group_inputs *inputs);

/* One line of `group-id --explain`: two operators whose ids differ compare these from the top. */
#define MSK_GROUP_STEP_NAME_MAX  40
#define MSK_GROUP_STEP_INPUT_MAX 320
struct msk_group_step {
    char step[MSK_GROUP_STEP_NAME_MAX];
    char input[MSK_GROUP_STEP_INPUT_MAX]; /* in words, cut at its bound; never the key */
    struct msk_digest digest;
};

/* How many steps `msk_group_explain` writes. */
#define MSK_GROUP_STEPS(validator_count) (7 + 2 * (validator_count))

/* First what each input is ("consensus", "machine", "sync", "validator"...), then the derivation ("key",
 * "+ consensus", "+ machine", "+ sync", "+ validator"...); the last step's digest is the group id. */
void msk_group_explain(const struct msk_group_inputs *inputs, struct msk_group_step *steps);

/* A key as it may be shown: first and last byte, "b0****2e" (wire.md 1.2). Returns `out`. */
#define MSK_GROUP_KEY_TEXT_SIZE 9
const char *msk_group_key_text(const struct msk_digest *key, char out[MSK_GROUP_KEY_TEXT_SIZE]);

#endif
