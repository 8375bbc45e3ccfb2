/* What must hold: looked at after every step, at every entry a machine is told, and at the end (groups.md 7). */
#include "life.h"

/* ---- what members say */

static const struct msk_field *field_of(const struct msk_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strcmp(event->fields[i].name, name) == 0)
            return &event->fields[i];
    fail_msg("%s has no field %s", msk_event_name(event->kind), name);
    return NULL;
}

static void leads(struct life *life, int place, const struct msk_event *event)
{
    uint64_t term = field_of(event, "term")->u64, abstained = field_of(event, "abstained")->u64;
    const struct life_seat *seat = &life->seats[place];
    assert_true(term < LIFE_TERMS_MAX);
    life->result.counts.elections++;
    if (life->leaders[term] && life->leaders[term] != place) {
        life->result.weaknesses[LIFE_W7] |= abstained > 0;
        if (life_must(life, LIFE_MUST_LEAD_ALONE))
            life_break(life, "%d and %d both lead term %d", life->leaders[term], place, (int)term);
        life->twins = true;
    }
    life->leaders[term] = place;
    if (seat->preference == MSK_PREFER_OBSERVER)
        life_break(life, "%d leads, though it only observes", place);
    if (seat->rules == LIFE_MEMBERS && field_of(event, "granted")->u64 + abstained <= (uint64_t)life->count / 2)
        life_break(life, "%d leads term %d without a majority", place, (int)term);
}

/* Only committed entries that a member gives up aloud may go. */
static void cuts(struct life *life, int place, const struct msk_event *event)
{
    struct life_seat *seat = &life->seats[place];
    uint64_t from = field_of(event, "from")->u64;
    for (int i = 1; i <= life->count; i++)
        if (life->matched[place][i] >= from)
            life->matched[place][i] = life->matched[i][place] = from - 1;
    life->result.weaknesses[LIFE_W2] |= from <= field_of(event, "committed")->cursor.index;
    if (from > seat->kept)
        return;
    seat->kept = from - 1;
    if (life_must(life, LIFE_MUST_KEEP) && seat->rules != LIFE_REFERENCE)
        life_break(life, "%d cuts its log from %d, which is committed", place, (int)from);
}

static void commits(struct life *life, int place, const struct msk_event *event)
{
    struct life_seat *seat = &life->seats[place];
    uint64_t to = field_of(event, "to")->u64;
    life->result.counts.commits++;
    if (to > seat->kept)
        seat->kept = to;
}

static void resyncs(struct life *life, int place)
{
    life->result.counts.resyncs++;
    life->seats[place].kept = life->seats[place].seen = 0;
}

static void suspects(struct life *life, int place, const struct msk_event *event)
{
    life->result.counts.forks++;
    if (field_of(event, "ours")->cursor.index > 0 && life_must(life, LIFE_MUST_LEAD_WHOLE))
        life_break(life, "%d suspects a fork", place);
}

/* Whether it says that histories may differ. */
static bool warns(enum msk_event_kind kind)
{
    return kind == MSK_EVENT_FORK_SUSPECTED || kind == MSK_EVENT_FORK_DETECTED || kind == MSK_EVENT_TWO_LEADERS ||
           kind == MSK_EVENT_MINORITY_COMMIT_POSSIBLE || kind == MSK_EVENT_GROUP_HALTED ||
           kind == MSK_EVENT_GROUP_RESYNCED;
}

void life_happened(struct net *net, int place, const struct msk_event *event)
{
    struct life *life = net->context;
    if (life->tale.capacity && tale_tells(event)) {
        char line[TALE_LINE_MAX];
        tale_sentence(net, place, event, line);
        tale_add(&life->tale, net, "%s", line);
    }
    life->told = life->told || warns(event->kind);
    switch (event->kind) {
    case MSK_EVENT_ELECTION_WON:
        leads(life, place, event);
        break;
    case MSK_EVENT_COMMIT_ADVANCED:
        commits(life, place, event);
        break;
    case MSK_EVENT_LOG_TRUNCATED:
        cuts(life, place, event);
        break;
    case MSK_EVENT_FORK_SUSPECTED:
        suspects(life, place, event);
        break;
    case MSK_EVENT_GROUP_HALTED:
        life->result.counts.halts++;
        life->seats[place].halted = true;
        break;
    case MSK_EVENT_GROUP_RESYNCED:
        resyncs(life, place);
        break;
    case MSK_EVENT_GROUP_FAILED:
        life_break(life, "the group of %d failed", place);
        break;
    default:
        break;
    }
}

/* ---- committed entries */

static bool is_entry(const struct life_entry *known, const struct msk_log_entry *entry)
{
    size_t len = entry->command.len < LIFE_COMMAND_SIZE ? entry->command.len : LIFE_COMMAND_SIZE;
    return known->term == entry->term && known->len == len &&
           (len == 0 || memcmp(known->command, entry->command.data, len) == 0);
}

static bool on_disk(const struct net_place *place, uint64_t index, const struct msk_log_entry *entry)
{
    struct msk_log_entry stored;
    return msk_log_get(&place->disk_log, index, &stored) && stored.term == entry->term &&
           msk_bytes_equal(stored.command, entry->command);
}

/* The first time that anybody calls it committed. */
static void learn(struct life *life, uint64_t index, const struct msk_log_entry *entry, uint64_t term)
{
    struct life_entry *known = &life->history[index];
    int stored = 0;
    *known =
        (struct life_entry){.known = true,
                            .by_counting = entry->term < term,
                            .term = entry->term,
                            .len = entry->command.len < LIFE_COMMAND_SIZE ? entry->command.len : LIFE_COMMAND_SIZE};
    if (known->len)
        memcpy(known->command, entry->command.data, known->len);
    for (int i = 1; i <= life->count; i++)
        stored += on_disk(&life->net->places[i], index, entry);
    if (life_must(life, LIFE_MUST_STORE) && stored <= life->count / 2)
        life_break(life, "entry %d is committed, but only %d have stored it", (int)index, stored);
}

static void compare(struct life *life, int place, uint64_t index, const struct msk_log_entry *entry, uint64_t term)
{
    const struct life_entry *known = &life->history[index];
    if (!known->known) {
        learn(life, index, entry, term);
        return;
    }
    if (is_entry(known, entry))
        return;
    life->result.weaknesses[LIFE_W8] |= known->by_counting;
    if (life_must(life, LIFE_MUST_AGREE))
        life_break(life, "%d has committed another entry %d (term %d) than was committed before (term %d)", place,
                   (int)index, (int)entry->term, (int)known->term);
}

static void check_commits(struct life *life, int place)
{
    struct msk_node *node = life->net->places[place].node;
    struct life_seat *seat = &life->seats[place];
    struct msk_raft_status raft = net_view(life->net, place, &life->config.id).raft;
    assert_true(raft.committed.index < LIFE_ENTRIES_MAX);
    while (seat->seen < raft.committed.index) {
        struct msk_log_entry entry;
        if (!msk_node_entry(node, &life->config.id, ++seat->seen, &entry)) {
            if (seat->rules != LIFE_REFERENCE)
                life_break(life, "%d lacks its committed entry %d", place, (int)seat->seen);
            return;
        }
        compare(life, place, seat->seen, &entry, raft.role == MSK_ROLE_LEADER ? raft.term : entry.term);
    }
}

/* State machines agree. */
void life_applied(struct sim_machine *machine, uint64_t index, const struct msk_log_entry *entry)
{
    struct life *life = machine->owner;
    (void)entry;
    if (index >= LIFE_ENTRIES_MAX)
        return;
    struct sim_state *known = &life->states[index];
    if (known->applied == 0)
        *known = machine->state;
    else if (known->sum != machine->state.sum && life_must(life, LIFE_MUST_AGREE))
        life_break(life, "the machine of %d differs from others at entry %d", machine->place, (int)index);
}

/* ---- logs */

/* Where two logs have an entry of the same term, all before it are equal. */
static void check_logs(struct life *life, int a, int b)
{
    struct msk_log_entry one, other;
    struct msk_node *nodes[] = {life->net->places[a].node, life->net->places[b].node};
    const struct msk_digest *id = &life->config.id;
    uint64_t index = net_view(life->net, a, id).raft.log.index, matched = 0;
    while (!msk_node_entry(nodes[1], id, index, &other) && index > life->matched[a][b])
        index--;
    for (; index > life->matched[a][b]; index--) {
        if (!msk_node_entry(nodes[0], id, index, &one) || !msk_node_entry(nodes[1], id, index, &other))
            continue;
        bool same = one.term == other.term && msk_bytes_equal(one.command, other.command);
        if (!matched && one.term == other.term)
            matched = index;
        if (matched && !same) {
            life->result.weaknesses[LIFE_W4] = true;
            if (life_must(life, LIFE_MUST_MATCH))
                life_break(life, "the logs of %d and %d agree behind %d, but not there", a, b, (int)index);
            return;
        }
    }
    if (matched)
        life->matched[a][b] = life->matched[b][a] = matched;
}

void life_check(struct life *life)
{
    bool looks = life_must(life, LIFE_MUST_MATCH) || life->mode->rules == LIFE_REFERENCE;
    for (int a = 1; a <= life->count; a++)
        if (life->net->places[a].node)
            check_commits(life, a);
    for (int a = 1; looks && a <= life->count; a++)
        for (int b = a + 1; b <= life->count; b++)
            if (life->net->places[a].node && life->net->places[b].node)
                check_logs(life, a, b);
}

/* ---- the end */

/* All that have not stopped follow one leader, and have committed and applied what it has. */
bool life_is_well(struct life *life)
{
    int leader = 0;
    for (int i = 1; i <= life->count; i++)
        if (net_view(life->net, i, &life->config.id).raft.role == MSK_ROLE_LEADER)
            leader = leader ? -1 : i;
    if (leader <= 0)
        return false;
    uint64_t committed = net_view(life->net, leader, &life->config.id).raft.committed.index;
    for (int i = 1; i <= life->count; i++) {
        struct msk_raft_status raft = net_view(life->net, i, &life->config.id).raft;
        bool follows = raft.has_leader && net_place_of(life->net, &raft.leader) == leader;
        if (!life->seats[i].halted && (!follows || !raft.online || raft.committed.index != committed ||
                                       raft.applied != committed || life->seats[i].machine.busy))
            return false;
    }
    return committed >= life->acknowledged || !life_must(life, LIFE_MUST_ANSWER);
}

/* What was acknowledged is where it was said to be, in this member's log. */
static bool has(struct life *life, int place, const struct life_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        struct msk_log_entry entry;
        if (!msk_node_entry(life->net->places[place].node, &life->config.id, request->first + i, &entry) ||
            !msk_bytes_equal(entry.command, msk_bytes_of_text(request->commands[i])))
            return false;
    }
    return true;
}

static void check_acknowledged(struct life *life)
{
    for (size_t i = 0; i < life->request_count; i++)
        for (int place = 1; place <= life->count; place++)
            if (life->requests[i].acknowledged && !has(life, place, &life->requests[i]))
                life_break(life, "%d lacks the acknowledged command %d at %d", place, (int)i,
                           (int)life->requests[i].first);
}

/* The first entry that both committed, differently; 0: none. */
static uint64_t parted_at(struct life *life, int a, int b)
{
    uint64_t ends[] = {net_view(life->net, a, &life->config.id).raft.committed.index,
                       net_view(life->net, b, &life->config.id).raft.committed.index};
    for (uint64_t index = 1; index <= ends[0] && index <= ends[1]; index++) {
        struct msk_log_entry one, other;
        if (msk_node_entry(life->net->places[a].node, &life->config.id, index, &one) &&
            msk_node_entry(life->net->places[b].node, &life->config.id, index, &other) &&
            !(one.term == other.term && msk_bytes_equal(one.command, other.command)))
            return index;
    }
    return 0;
}

static bool goes_on(struct life *life, int place)
{
    return net_view(life->net, place, &life->config.id).raft.online;
}

/* Whoever goes on has one history; and where something acknowledged is gone, somebody has warned. Entries that two
 * leaders of one term wrote look alike in what members compare, so nothing is promised of their histories. */
static void check_told(struct life *life)
{
    for (int a = 1; a <= life->count; a++)
        for (int b = a + 1; b <= life->count; b++)
            if (!life->twins && goes_on(life, a) && goes_on(life, b) && parted_at(life, a, b))
                life_break(life, "%d and %d have parted at %d, and neither has stopped", a, b,
                           (int)parted_at(life, a, b));
    for (size_t i = 0; i < life->request_count && !life->told && !life->forgot; i++)
        for (int place = 1; place <= life->count; place++)
            if (life->requests[i].acknowledged && !has(life, place, &life->requests[i]))
                life_break(life, "%d lacks the acknowledged command %d at %d, and nobody has warned", place, (int)i,
                           (int)life->requests[i].first);
}

void life_check_end(struct life *life)
{
    if (life_must(life, LIFE_MUST_RECOVER) && !life_is_well(life))
        life_break(life, "not everybody has recovered");
    if (life_must(life, LIFE_MUST_ANSWER) && !life->result.broken[0])
        check_acknowledged(life);
    if (life_must(life, LIFE_MUST_TELL) && !life->result.broken[0])
        check_told(life);
}
