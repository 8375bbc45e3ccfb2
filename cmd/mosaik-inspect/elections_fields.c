/* What the fields of an event say: one row for each kind. */
#include "elections_read.h"

#include <string.h>

#include "base/bytes.h"

/* Which fields of an event have a say. Other programs' events need no more than these (docs/events.md). */
static const struct elections_row rows[] = {
    {.name = "node_started", .kind = ELECTIONS_NODE_STARTED},
    {.name = "node_stopping", .kind = ELECTIONS_NODE_STOPPING, .text = "reason"},
    {.name = "node_stopped", .kind = ELECTIONS_NODE_STOPPING},
    {.name = "group_joined", .kind = ELECTIONS_GROUP_JOINED},
    {.name = "group_left", .kind = ELECTIONS_GROUP_LEFT},
    {.name = "group_failed", .kind = ELECTIONS_GROUP_FAILED, .text = "reason"},
    {.name = "members_mode", .kind = ELECTIONS_MEMBERS_MODE, .numbers = {"members"}},
    {.name = "bond_formed", .kind = ELECTIONS_BOND_FORMED, .peer = "peer", .text = "bond", .needs_peer = true},
    {.name = "bond_closed",
     .kind = ELECTIONS_BOND_CLOSED,
     .peer = "peer",
     .text = "by",
     .numbers = {"code"},
     .needs_peer = true},
    {.name = "term_changed", .kind = ELECTIONS_TERM_CHANGED, .text = "cause", .numbers = {"old"}, .needs_term = true},
    {.name = "role_changed", .kind = ELECTIONS_ROLE_CHANGED, .text = "new", .needs_term = true},
    {.name = "election_started", .kind = ELECTIONS_STARTED, .needs_term = true},
    {.name = "election_held_back", .kind = ELECTIONS_HELD_BACK, .text = "reason"},
    {.name = "vote_cast",
     .kind = ELECTIONS_VOTE_CAST,
     .peer = "candidate",
     .text = "reason",
     .numbers = {"row"},
     .needs_peer = true,
     .needs_term = true},
    {.name = "vote_received", .kind = ELECTIONS_VOTE_RECEIVED, .peer = "peer", .needs_peer = true, .needs_term = true},
    {.name = "election_won",
     .kind = ELECTIONS_WON,
     .numbers = {"granted", "denied", "abstained", "quorum"},
     .needs_term = true},
    {.name = "election_timeout",
     .kind = ELECTIONS_TIMEOUT,
     .numbers = {"granted", "denied", "abstained", "quorum"},
     .needs_term = true},
    {.name = "leader_changed", .kind = ELECTIONS_LEADER_CHANGED, .peer = "new"},
    {.name = "leader_lost", .kind = ELECTIONS_LEADER_LOST, .peer = "old", .text = "reason"},
    {.name = "leader_stepped_down", .kind = ELECTIONS_STEPPED_DOWN, .text = "reason", .needs_term = true},
    {.name = "two_leaders",
     .kind = ELECTIONS_TWO_LEADERS,
     .peer = "second",
     .text = "first",
     .needs_peer = true,
     .needs_term = true},
    {.name = "fork_suspected", .kind = ELECTIONS_FORK_SUSPECTED, .peer = "peer", .text = "text", .needs_peer = true},
    {.name = "fork_detected",
     .kind = ELECTIONS_FORK_DETECTED,
     .peer = "peer",
     .text = "text",
     .numbers = {"index"},
     .needs_peer = true},
    {.name = "group_halted", .kind = ELECTIONS_GROUP_HALTED, .text = "text", .numbers = {"committed"}},
    {.name = "group_resynced", .kind = ELECTIONS_GROUP_RESYNCED, .text = "text", .numbers = {"committed"}},
    {.name = "command_uncertain", .kind = ELECTIONS_UNCERTAIN, .text = "outcome", .numbers = {"from", "to"}},
    {.name = "state_digest", .kind = ELECTIONS_DIGEST, .text = "digest", .numbers = {"committed"}},
    {.name = "append_received", .kind = ELECTIONS_APPEND_RECEIVED, .peer = "leader", .needs_peer = true},
    {.name = "append_acked", .kind = ELECTIONS_APPEND_ACKED, .peer = "peer", .numbers = {"index"}, .needs_peer = true},
    {.name = "log_truncated", .kind = ELECTIONS_LOG_TRUNCATED, .numbers = {"from", "committed"}},
    {.name = "commit_advanced", .kind = ELECTIONS_COMMIT, .numbers = {"from", "to"}},
    {.name = "committed", .kind = ELECTIONS_COMMIT, .numbers = {NULL, "committed"}},
};

static const struct elections_row other = {.kind = ELECTIONS_OTHER};

const struct elections_row *elections_row_of(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return &other;
}

const char *elections_member_text(const json_t *object, const char *member)
{
    return member ? json_string_value(json_object_get(object, member)) : NULL;
}

uint64_t elections_member_number(const json_t *json, const char *member)
{
    const json_t *value = member ? json_object_get(json, member) : NULL;
    if (json_is_object(value)) /* a position in the log */
        value = json_object_get(value, "index");
    json_int_t number =
        json_is_string(value) ? (json_int_t)strtoull(json_string_value(value), NULL, 10) : json_integer_value(value);
    return number > 0 ? (uint64_t)number : 0;
}

/* Texts are shown on terminals and in drawings: control characters (also those of two bytes) and what XML forbids have
 * no place there. */
static const char *clean_text(struct elections_log *log, const char *text)
{
    char *copy = msk_arena_copy(&log->arena, text, strlen(text));
    for (char *at = copy; at && *at; at++) {
        const unsigned char *byte = (const unsigned char *)at;
        if (byte[0] < 0x20 || byte[0] == 0x7f)
            *at = '?';
        else if (byte[0] == 0xc2 && byte[1] < 0xa0)
            at[0] = at[1] = '?';
        else if (byte[0] == 0xef && byte[1] == 0xbf && byte[2] >= 0xbe)
            at[0] = at[1] = at[2] = '?';
    }
    return copy;
}

/* Of a vote. */
static int read_answer(const struct elections_reading *reading, const json_t *json, struct elections_event *event)
{
    static const char *const answers[] = {"granted", "denied", "abstained"};
    const char *answer = elections_member_text(json, "answer");
    size_t i = 0;
    while (i < 3 && !(answer && strcmp(answer, answers[i]) == 0))
        i++;
    event->numbers[1] = i;
    return i < 3 ? 0 : elections_fail_line(reading, "a vote's answer is granted, denied or abstained");
}

/* Whom a candidate asked: a list of ids, shortened, as one text. */
static int read_asked(struct elections_reading *reading, const json_t *json, struct elections_event *event)
{
    struct msk_builder text;
    const json_t *item;
    size_t i;
    msk_builder_init(&text, ELECTIONS_NODES_MAX * (ELECTIONS_ID_SHOWN + 1));
    json_array_foreach(json_object_get(json, "asked"), i, item)
    {
        const char *id = json_string_value(item);
        size_t node = 0;
        int rc =
            id ? elections_find_node(reading, id, &node) : elections_fail_line(reading, "asked is a list of peer ids");
        if (rc) {
            msk_builder_free(&text);
            return rc;
        }
        msk_builder_printf(&text, "%s%.*s", i ? " " : "", ELECTIONS_SHORT(reading->log, node));
    }
    event->text = msk_arena_copy(&reading->log->arena, text.len ? (const char *)text.data : "", text.len);
    msk_builder_free(&text);
    return event->text ? 0 : elections_fail_memory(reading);
}

int elections_read_fields(struct elections_reading *reading, const json_t *json, const struct elections_row *row,
                          struct elections_event *event)
{
    const char *peer = elections_member_text(json, row->peer), *text = elections_member_text(json, row->text);
    char complaint[MSK_ERROR_TEXT_MAX];
    event->term = elections_member_number(json, row->kind == ELECTIONS_TERM_CHANGED ? "new" : "term");
    if (row->needs_term && event->term == 0 && row->kind != ELECTIONS_ROLE_CHANGED) {
        snprintf(complaint, sizeof complaint, "%s without a term", row->name);
        return elections_fail_line(reading, complaint);
    }
    if (row->kind == ELECTIONS_LEADER_CHANGED && !peer)
        peer = elections_member_text(json, "leader"); /* as the events of the reference's adapter call it */
    if (row->needs_peer && !peer) {
        snprintf(complaint, sizeof complaint, "%s without \"%s\"", row->name, row->peer);
        return elections_fail_line(reading, complaint);
    }
    int rc = peer ? elections_find_node(reading, peer, &event->peer) : 0;
    for (size_t i = 0; i < ELECTIONS_NUMBERS; i++)
        event->numbers[i] = elections_member_number(json, row->numbers[i]);
    if (rc == 0 && (row->kind == ELECTIONS_VOTE_CAST || row->kind == ELECTIONS_VOTE_RECEIVED))
        rc = read_answer(reading, json, event);
    if (rc == 0 && text && !(event->text = clean_text(reading->log, text)))
        rc = elections_fail_memory(reading);
    if (rc == 0 && row->kind == ELECTIONS_STARTED)
        rc = read_asked(reading, json, event);
    return rc;
}
