/* Strong queries at the leader: an answer must know of every command that was acknowledged before the query came
 * (groups.md 3.8, W-10).
 *
 * A leader with declared members answers once a majority of them, itself included, proved after the query came that it
 * still followed. A later leader needs one of those for its election, so that nothing it acknowledged can be older than
 * the query. No clock is believed. There are two proofs:
 *
 * A question. The protocol has none, but a Query that a leader sends to a follower means nothing there and is ignored
 * by the reference, so among us it asks "do you follow me?". The answer is a QueryResponse of no result with a position
 * that no log reaches: 2^64 - 1 less the term.
 *
 * An entry that was appended later and is committed. It convinces everybody, so where too few of those who are bonded
 * answer questions the machine's idle command is appended; without one the query waits for the next command. Members
 * of our kind are known by their first answer in a term, to a question or to the first heartbeat.
 *
 * In stock mode, as in the reference, nobody is asked. There as well the answer waits for what was in the log at
 * the election to be committed, and for the machine to have applied what is. */
#include "base/alloc.h"
#include "core/raft_state.h"

#define POSITION_OF(term) (UINT64_MAX - (term))
#define POSITION_LEAST    POSITION_OF(MSK_TERM_MAX)

/* ---- proofs */

/* Those of our kind within reach, with ourselves. */
static uint32_t count_answering(const struct msk_raft *raft)
{
    uint32_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++)
        count += raft->peers[i].bonded && raft->peers[i].answers;
    return count;
}

/* Members that followed us when they heard this question, with ourselves. */
static uint32_t followers_at(const struct msk_raft *raft, uint64_t question)
{
    uint32_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++)
        count += raft->peers[i].follows >= question;
    return count;
}

/* `id` is the first question behind the query, `first` the first index. */
static bool is_proven(const struct msk_raft *raft, const struct msk_request *read)
{
    return msk_raft_floor(raft) <= 1 || raft->committed.index >= read->first ||
           followers_at(raft, read->id) >= msk_raft_floor(raft);
}

/* `last` is what was committed when the query came, or may have been by an earlier leader. */
static bool is_ready(const struct msk_raft *raft, const struct msk_request *read)
{
    return !msk_raft_defends(raft) || (raft->applied >= read->last && is_proven(raft, read));
}

static void put_question(struct msk_raft *raft, struct msk_bytes query, struct msk_actions *out)
{
    struct msk_raft_message message = {
        .kind = MSK_RAFT_FORWARD,
        .forward = {.kind = MSK_FORWARD_QUERY, .query = {query, ++raft->proof.asked}},
    };
    raft->proof.open = true;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].bonded)
            msk_raft_send_early(raft, &raft->peers[i].id, &message, out);
}

/* One that waits for a proof; NULL: none does. */
static const struct msk_request *find_unproven(const struct msk_raft *raft)
{
    for (size_t i = 0; raft->requests.doubted > 0 && i < raft->requests.count; i++)
        if (raft->requests.items[i].state == MSK_REQUEST_DOUBTED && !is_proven(raft, &raft->requests.items[i]))
            return &raft->requests.items[i];
    return NULL;
}

/* ---- at the follower */

void msk_raft_confirm(struct msk_raft *raft, const struct msk_digest *leader, uint64_t question,
                      struct msk_actions *out)
{
    bool follows = raft->has_leader && raft->leader_term == raft->hard.term && msk_digest_equal(&raft->leader, leader);
    if (!follows)
        return;
    struct msk_raft_message message = {
        .kind = MSK_RAFT_FORWARD,
        .forward = {.kind = MSK_FORWARD_QUERY_RESPONSE,
                    .query_response = {question, MSK_BYTES("", 0), POSITION_OF(raft->hard.term)}},
    };
    msk_raft_send_early(raft, leader, &message, out);
}

/* ---- at the leader */

bool msk_raft_confirmed(struct msk_raft *raft, const struct msk_digest *from,
                        const struct msk_forward_query_response *response)
{
    struct msk_raft_peer *peer = msk_raft_peer_find(raft, from);
    if (response->position < POSITION_LEAST)
        return false;
    bool of_this_term = raft->role == MSK_ROLE_LEADER && response->position == POSITION_OF(raft->hard.term);
    if (peer && of_this_term && response->request_id <= raft->proof.asked && response->request_id > peer->follows)
        peer->follows = response->request_id;
    if (peer && of_this_term)
        peer->answers = true;
    if (raft->proof.open && followers_at(raft, raft->proof.asked) >= msk_raft_floor(raft))
        raft->proof.open = raft->proof.fails = false;
    return true;
}

/* Out of the table before the machine is asked, which may put it there again. */
static void answer_read(struct msk_raft *raft, struct msk_now now, struct msk_request *waiting, struct msk_actions *out)
{
    struct msk_request read = *waiting;
    waiting->commands = NULL;
    msk_request_remove(raft, waiting);
    uint8_t *query = read.commands;
    size_t len = read.len;
    read.commands = NULL;
    read.len = 0;
    msk_raft_ask_machine(raft, now, &read, MSK_BYTES(query, len), out);
    msk_free(query);
}

void msk_raft_reads_settle(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (raft->requests.doubted == 0 || raft->role != MSK_ROLE_LEADER)
        return;
    for (size_t i = raft->requests.count; i-- > 0;) /* backwards: what is removed is replaced by the last one */
        if (raft->requests.items[i].state == MSK_REQUEST_DOUBTED && is_ready(raft, &raft->requests.items[i]))
            answer_read(raft, now, &raft->requests.items[i], out);
    const struct msk_request *unproven = raft->proof.open ? NULL : find_unproven(raft);
    if (unproven)
        put_question(raft, MSK_BYTES(unproven->commands, unproven->len), out);
}

void msk_raft_reads_beat(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    const struct msk_request *unproven = find_unproven(raft);
    if (!unproven)
        return;
    put_question(raft, MSK_BYTES(unproven->commands, unproven->len), out);
    raft->proof.fails = count_answering(raft) < msk_raft_floor(raft);
    if (raft->proof.fails)
        msk_raft_append_idle(raft, now, out);
}

void msk_raft_read(struct msk_raft *raft, struct msk_now now, struct msk_request *request, struct msk_bytes query,
                   struct msk_actions *out)
{
    uint64_t committed = raft->committed.index;
    request->state = MSK_REQUEST_DOUBTED;
    request->id = raft->proof.asked + 1;
    request->first = raft->log.count + 1;
    request->last = committed > raft->lead_from ? committed : raft->lead_from;
    request->deadline_ms = msk_raft_query_deadline(raft, now);
    if (is_ready(raft, request)) {
        msk_raft_ask_machine(raft, now, request, query, out);
        return;
    }
    request->commands = msk_memdup(query.data, query.len);
    request->len = query.len;
    if (!request->commands || !msk_request_add(raft, request)) {
        msk_free(request->commands);
        if (!request->for_peer)
            msk_act_reply(out, &raft->config.group, request->number, MSK_OUTCOME_REFUSED, 0, 0,
                          "too many requests wait");
        return;
    }
    if (raft->proof.fails)
        msk_raft_append_idle(raft, now, out);
    msk_raft_reads_settle(raft, now, out);
}

const char *msk_raft_read_doubt(const struct msk_raft *raft, const struct msk_request *request)
{
    if (!is_proven(raft, request))
        return "too few members confirmed that it leads";
    return raft->committed.index < request->last ? "entries of an earlier term wait for the next command"
                                                 : "the machine is behind";
}
