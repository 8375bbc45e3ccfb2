#include "core/bond.h"

#include "crypto/proof.h"
#include "wire/frame.h"

static int export_secret(const struct msk_bond *bond, struct msk_bytes label, struct msk_digest *out)
{
    const struct msk_link_info *info = &bond->link->info;
    return info->export_secret(info->export_context, bond->link->number, label, out->bytes);
}

static int export_for_proof(const struct msk_bond *bond, const struct msk_bond_settings *settings,
                            struct msk_digest *exported)
{
    return export_secret(bond, MSK_BYTES(settings->group_id.bytes, MSK_DIGEST_LEN), exported);
}

static int own_proof(struct msk_bond *bond, const struct msk_bond_settings *settings, struct msk_digest *proof)
{
    struct msk_digest exported;
    int error = export_for_proof(bond, settings, &exported);
    if (error == 0)
        error = export_secret(bond, msk_bytes_of_text(MSK_BOND_ID_LABEL), &bond->id);
    if (error == 0)
        *proof = msk_bond_proof(&settings->key, &exported, &settings->self);
    return error;
}

void msk_bond_sent(struct msk_bond *bond, size_t frame_len)
{
    bond->traffic.frames_out++;
    bond->traffic.bytes_out += frame_len;
    bond->total->frames_out++;
    bond->total->bytes_out += frame_len;
}

static void send_frame(struct msk_bond *bond, struct msk_bytes frame, struct msk_actions *out)
{
    msk_act_send(out, bond->link->number, frame, 0);
    msk_bond_sent(bond, frame.len);
}

static int send_value(struct msk_bond *bond, const struct msk_type *type, const void *value, size_t max_len,
                      struct msk_actions *out)
{
    struct msk_builder encoded;
    msk_builder_init(&encoded, max_len);
    int error = msk_encode(type, value, &encoded);
    if (error == 0)
        send_frame(bond, msk_builder_view(&encoded), out);
    msk_builder_free(&encoded);
    return error;
}

int msk_bond_send_start(struct msk_bond *bond, const struct msk_bond_settings *settings,
                        const struct msk_signed_peer_entry_seq *bonds, struct msk_actions *out)
{
    struct msk_handshake_start start = {
        .network_id = settings->network_id, .group_id = settings->group_id, .bonds = *bonds};
    int error = own_proof(bond, settings, &start.proof);
    if (error < 0)
        return error;
    error = send_value(bond, MSK_TYPE(handshake_start), &start, MSK_GROUP_HANDSHAKE_MAX, out);
    if (error != MSK_E_LIMIT)
        return error;
    start.bonds.count = 0;
    return send_value(bond, MSK_TYPE(handshake_start), &start, MSK_GROUP_HANDSHAKE_MAX, out);
}

int msk_bond_send_end(struct msk_bond *bond, const struct msk_bond_settings *settings,
                      const struct msk_signed_peer_entry_seq *bonds, struct msk_actions *out)
{
    struct msk_handshake_end end = {.bonds = *bonds};
    int error = own_proof(bond, settings, &end.proof);
    if (error < 0)
        return error;
    error = send_value(bond, MSK_TYPE(handshake_end), &end, MSK_GROUP_HANDSHAKE_MAX, out);
    if (error != MSK_E_LIMIT)
        return error;
    end.bonds.count = 0;
    return send_value(bond, MSK_TYPE(handshake_end), &end, MSK_GROUP_HANDSHAKE_MAX, out);
}

int msk_bond_check_proof(const struct msk_bond *bond, const struct msk_bond_settings *settings,
                         const struct msk_digest *proof)
{
    struct msk_digest exported;
    int error = export_for_proof(bond, settings, &exported);
    if (error < 0)
        return error;
    return msk_bond_proof_holds(proof, &settings->key, &exported, &bond->link->info.peer) ? 0 : MSK_E_REFUSED;
}

/* ---- heartbeat (groups.md 2.8) */

static void arm(struct msk_bond *bond, struct msk_now now, const struct msk_bond_settings *settings,
                struct msk_random *random)
{
    bond->beat_ms =
        now.mono_ms + settings->heartbeat_interval_ms - msk_random_below(random, settings->heartbeat_jitter_ms);
}

void msk_bond_open(struct msk_bond *bond, struct msk_now now)
{
    bond->state = MSK_BOND_OPEN;
    bond->opened_ms = bond->heard_ms = bond->beat_ms = now.mono_ms;
    bond->opened_wall_ms = now.wall_ms;
}

void msk_bond_heard(struct msk_bond *bond, struct msk_now now, const struct msk_bond_settings *settings,
                    struct msk_random *random, size_t frame_len)
{
    bond->traffic.frames_in++;
    bond->traffic.bytes_in += frame_len;
    bond->total->frames_in++;
    bond->total->bytes_in += frame_len;
    bond->heard_ms = now.mono_ms;
    bond->missed = 0;
    arm(bond, now, settings, random);
}

bool msk_bond_beat(struct msk_bond *bond, struct msk_now now, const struct msk_bond_settings *settings,
                   struct msk_random *random, struct msk_actions *out)
{
    if (now.mono_ms - bond->heard_ms > settings->heartbeat_interval_ms + settings->heartbeat_jitter_ms)
        bond->missed++;
    if (bond->missed >= settings->max_missed_heartbeats)
        return true;
    msk_bond_send_kind(bond, MSK_BOND_PING, out);
    arm(bond, now, settings, random);
    return false;
}

/* ---- messages (groups.md 2.7) */

/* One message; RAFT has a way of its own (group.h). Failure shows in `out->error`. */
static void send_message(struct msk_bond *bond, const struct msk_bond_message *message, struct msk_actions *out)
{
    int error = send_value(bond, MSK_TYPE(bond_message), message, MSK_FRAME_MAX_BOND, out);
    if (error < 0)
        out->error = error;
}

void msk_bond_send_kind(struct msk_bond *bond, enum msk_bond_message_kind kind, struct msk_actions *out)
{
    send_message(bond, &(struct msk_bond_message){.kind = kind}, out);
}

void msk_bond_send_entry(struct msk_bond *bond, enum msk_bond_message_kind kind,
                         const struct msk_signed_peer_entry *entry, struct msk_actions *out)
{
    send_message(bond, &(struct msk_bond_message){.kind = kind, .entry = *entry}, out);
}
