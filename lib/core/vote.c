#include <inttypes.h>
#include <stdio.h>

#include "core/raft_state.h"

#define REASON_SIZE   160
#define REFUSED_TERMS 3 /* so many terms later a refused leader may have our vote */

struct answer {
    enum msk_vote vote;
    unsigned row; /* of the table in 3.5; 0: none of them */
    char reason[REASON_SIZE];
};

static const struct {
    const char *says, *answer;
} words[] = {
    [MSK_VOTE_GRANTED] = {"grants", "granted"},
    [MSK_VOTE_DENIED] = {"denies", "denied"},
    [MSK_VOTE_ABSTAINED] = {"abstains for", "abstained"},
};

const char *msk_vote_name(enum msk_vote vote)
{
    return words[vote].answer;
}

static void explain_earlier_vote(const struct msk_raft *raft, struct answer *answer)
{
    char name[MSK_DIGEST_SHORT_SIZE];
    if (msk_digest_equal(&raft->hard.vote, &raft->config.self))
        snprintf(answer->reason, sizeof answer->reason, "stands itself in this term");
    else
        snprintf(answer->reason, sizeof answer->reason, "this term's vote went to %s",
                 msk_digest_short(&raft->hard.vote, name));
}

static void explain_logs(struct answer *answer, struct msk_cursor theirs, const char *relation, struct msk_cursor ours)
{
    snprintf(answer->reason, sizeof answer->reason,
             "its log (%" PRIu64 ",%" PRIu64 ") is %s mine (%" PRIu64 ",%" PRIu64 ")", theirs.term, theirs.index,
             relation, ours.term, ours.index);
}

/* W-2: a leader that we refused shall not come back at once with our abstention. Not for ever: others may have to have
 * it. */
static bool is_refused(const struct msk_raft *raft, const struct msk_digest *from)
{
    return raft->refuses && raft->hard.term - raft->refused_term <= REFUSED_TERMS &&
           msk_digest_equal(&raft->refused, from);
}

/* groups.md 3.5, rows 1-5: how we answer a request for our vote in our present term. */
static struct answer answer_vote(const struct msk_raft *raft, const struct msk_digest *from, struct msk_cursor theirs)
{
    struct msk_cursor ours = msk_log_last(&raft->log);
    struct answer answer = {0};
    int order = msk_cursor_compare(theirs, ours);
    if (raft->hard.has_vote && !msk_digest_equal(&raft->hard.vote, from)) {
        answer = (struct answer){MSK_VOTE_DENIED, 1, ""};
        explain_earlier_vote(raft, &answer);
    } else if (is_refused(raft, from)) {
        answer = (struct answer){MSK_VOTE_DENIED, 0, "it lacks entries committed here"};
    } else if (order < 0) {
        answer = (struct answer){MSK_VOTE_DENIED, 2, ""};
        explain_logs(&answer, theirs, "behind", ours);
    } else if (order > 0) {
        answer = (struct answer){MSK_VOTE_ABSTAINED, 3, ""};
        explain_logs(&answer, theirs, "ahead of", ours);
    } else if (raft->config.preference == MSK_PREFER_OBSERVER) {
        answer = (struct answer){MSK_VOTE_ABSTAINED, 4, "equal logs, but it only observes"};
    } else {
        answer = (struct answer){MSK_VOTE_GRANTED, 5, ""};
        snprintf(answer.reason, sizeof answer.reason, "equal logs (%" PRIu64 ",%" PRIu64 ")", ours.term, ours.index);
    }
    return answer;
}

/* W-7: an abstention lets the candidate lead just as a grant does, so it is given once a term too. The reference
 * forgets those of row 3. */
static bool is_recorded(const struct msk_raft *raft, const struct answer *answer)
{
    return answer->vote != MSK_VOTE_DENIED && (answer->row != 3 || msk_raft_defends(raft));
}

void msk_raft_answer_vote(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                          const struct msk_request_vote *ask, struct msk_actions *out)
{
    struct answer answer = answer_vote(raft, from, ask->log);
    if (is_recorded(raft, &answer))
        msk_raft_set_vote(raft, from);
    if (answer.vote != MSK_VOTE_DENIED)
        msk_raft_arm_follower(raft, now);
    MSK_EMIT(out, &raft->config.group, VOTE_CAST, MSK_F_U64("term", raft->hard.term), MSK_F_DIGEST("candidate", from),
             MSK_F_TEXT("answer", msk_vote_name(answer.vote)), MSK_F_TEXT("says", words[answer.vote].says),
             MSK_F_U64("row", answer.row), MSK_F_TEXT("reason", answer.reason),
             MSK_F_CURSOR("own", msk_log_last(&raft->log)), MSK_F_CURSOR("theirs", ask->log));
    struct msk_raft_message message = {
        .kind = MSK_RAFT_REQUEST_VOTE_RESPONSE,
        .request_vote_response = {.term = raft->hard.term, .vote = answer.vote},
    };
    msk_raft_send(raft, from, &message, out);
}
