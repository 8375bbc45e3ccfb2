/* A leader takes commands: into the log, and at once to everybody it is bonded with (groups.md 3.7, 3.11). */
#include "base/alloc.h"
#include "core/raft_state.h"
#include "wire/frame.h"

/* Written by hand so that the entries go out as they lie in the log. */
static uint8_t *make_frame(const struct msk_raft *raft, struct msk_cursor prev, uint64_t last, size_t *len)
{
    struct msk_builder frame;
    uint64_t count = last - prev.index, commit = raft->committed.index;
    msk_builder_init(&frame, MSK_FRAME_MAX_BOND);
    msk_builder_byte(&frame, MSK_BOND_RAFT);
    msk_builder_byte(&frame, MSK_RAFT_APPEND_ENTRIES);
    msk_encode(MSK_TYPE(u64), &raft->hard.term, &frame);
    msk_encode(MSK_TYPE(digest), &raft->config.self, &frame);
    msk_encode(MSK_TYPE(cursor), &prev, &frame);
    msk_encode(MSK_TYPE(u64), &count, &frame);
    for (uint64_t index = prev.index + 1; index <= last;) {
        struct msk_bytes part;
        index += msk_log_encoded(&raft->log, index, last, &part);
        msk_builder_append(&frame, part.data, part.len);
    }
    msk_encode(MSK_TYPE(u64), &commit, &frame);
    return msk_builder_take(&frame, len);
}

static void broadcast(struct msk_raft *raft, const uint8_t *frame, size_t len, struct msk_actions *out)
{
    uint64_t after = raft->hard_record > raft->persisted ? raft->hard_record : 0;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].bonded)
            msk_act_raft_frame(out, &raft->peers[i].id, msk_memdup(frame, len), len, after);
}

/* The last entry behind `from` that goes into one message (W-24, W-26). */
static uint64_t end_of_message(const struct msk_raft *raft, uint64_t from)
{
    size_t bytes = 0;
    uint64_t last = from;
    while (last < raft->log.count) {
        struct msk_bytes part;
        uint64_t count = msk_log_encoded(&raft->log, last + 1, raft->log.count, &part);
        if (bytes + part.len > MSK_APPEND_BYTES_MAX) /* not the whole block: one by one */
            count = msk_log_encoded(&raft->log, last + 1, last + 1, &part);
        if (last > from && bytes + part.len > MSK_APPEND_BYTES_MAX)
            break;
        bytes += part.len;
        last += count;
    }
    return last;
}

/* 3.11, leader rules 1 to 3: what was not sent yet, each entry once, in order. */
static void replicate(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    while (raft->sent < raft->log.count) {
        struct msk_cursor prev = {.index = raft->sent};
        size_t len;
        msk_log_term_at(&raft->log, prev.index, &prev.term);
        raft->sent = end_of_message(raft, prev.index);
        if (msk_raft_bonded_count(raft) == 1)
            continue;
        uint8_t *frame = make_frame(raft, prev, raft->sent, &len);
        if (frame)
            broadcast(raft, frame, len, out);
        else
            out->error = MSK_E_NOMEM;
        msk_free(frame);
    }
    msk_raft_leader_arm(raft, now);
}

int msk_raft_propose(struct msk_raft *raft, struct msk_now now, const struct msk_bytes *commands, size_t count,
                     struct msk_actions *out)
{
    uint64_t before = raft->log.count;
    for (size_t i = 0; i < count; i++) {
        int result = msk_log_append(&raft->log, raft->hard.term, commands[i]);
        if (result < 0) {
            msk_log_truncate(&raft->log, before + 1);
            return result;
        }
    }
    if (before + 1 < raft->changed_from)
        raft->changed_from = before + 1;
    replicate(raft, now, out);
    msk_raft_save(raft, out);
    if (!msk_raft_defends(raft)) /* 3.7: the own acknowledgement counts at once */
        msk_raft_leader_commit(raft, now, out);
    return 0;
}

void msk_raft_append_idle(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (raft->machine->has_idle && msk_raft_propose(raft, now, &raft->machine->idle, 1, out) == MSK_E_NOMEM)
        out->error = MSK_E_NOMEM;
}
