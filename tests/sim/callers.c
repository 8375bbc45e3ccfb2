/* Those who use the group: they execute commands and read, at members of their choice, and remember what they are told.
 */
#include "life.h"

#define EXECUTE_TIMEOUT_MS 5000

static bool runs(const struct life *life, int place)
{
    return life->net->places[place].node && !life->net->places[place].paused;
}

/* The next request's number, at a member that runs; NULL: there is none. */
static struct life_request *begin(struct life *life, struct net_place **where)
{
    int place = life_someone(life);
    if (!runs(life, place) || life->request_count == LIFE_REQUESTS_MAX)
        return NULL;
    struct life_request *request = &life->requests[life->request_count++];
    *request = (struct life_request){.place = place};
    *where = &life->net->places[place];
    return request;
}

static uint64_t number_of(const struct life *life, const struct life_request *request)
{
    return (uint64_t)(request - life->requests);
}

void life_execute(struct life *life)
{
    struct net_place *where;
    struct life_request *request = begin(life, &where);
    struct msk_bytes commands[LIFE_BATCH_MAX];
    if (!request)
        return;
    request->count = life_below(life, 4) ? 1 : 1 + (size_t)life_below(life, LIFE_BATCH_MAX);
    for (size_t i = 0; i < request->count; i++) {
        int len = snprintf(request->commands[i], LIFE_COMMAND_SIZE, "%d.%d", (int)number_of(life, request), (int)i);
        commands[i] = MSK_BYTES(request->commands[i], (size_t)len);
    }
    assert_int_equal(msk_node_execute(where->node, net_now(life->net, request->place), &life->config.id,
                                      number_of(life, request), commands, request->count, EXECUTE_TIMEOUT_MS,
                                      &where->actions),
                     0);
    net_execute(life->net, request->place);
}

/* It must see everything acknowledged before (W-10). */
void life_read(struct life *life)
{
    struct net_place *where;
    struct life_request *request = begin(life, &where);
    if (!request)
        return;
    request->reads = true;
    request->floor = life->acknowledged;
    assert_int_equal(msk_node_query(where->node, net_now(life->net, request->place), &life->config.id,
                                    number_of(life, request), MSK_BYTES("", 0), true, &where->actions),
                     0);
    net_execute(life->net, request->place);
}

void life_callers_die(struct life *life, int place)
{
    for (size_t i = 0; i < life->request_count; i++)
        if (life->requests[i].place == place)
            life->requests[i].ended = true;
}

/* ---- what they are told */

static bool share_a_place(const struct life_request *one, const struct life_request *other)
{
    return one->first <= other->last && other->first <= one->last;
}

static void acknowledged(struct life *life, struct life_request *request, const struct msk_action *action)
{
    request->first = action->reply.first;
    request->last = action->reply.last;
    if (request->last - request->first + 1 != request->count)
        life_break(life, "%d commands are acknowledged at %d to %d", (int)request->count, (int)request->first,
                   (int)request->last);
    for (size_t i = 0; i < life->request_count; i++)
        if (life->requests[i].acknowledged && share_a_place(&life->requests[i], request)) {
            life->result.weaknesses[LIFE_W1] = true;
            if (life_must(life, LIFE_MUST_ANSWER))
                life_break(life, "two commands are acknowledged at %d", (int)request->last);
        }
    request->acknowledged = true;
    life->result.counts.acknowledged++;
    if (request->last > life->acknowledged)
        life->acknowledged = request->last;
}

static void answered(struct life *life, const struct life_request *request, const struct msk_action *action, int place)
{
    struct sim_state told;
    life->result.counts.reads++;
    assert_int_equal(action->reply.len, sizeof told);
    memcpy(&told, action->reply.result, sizeof told);
    if (!life_must(life, LIFE_MUST_ANSWER))
        return;
    if (action->reply.position < request->floor)
        life_break(life, "%d reads at %d what is older than %d", place, (int)action->reply.position,
                   (int)request->floor);
    if (told.applied < action->reply.position || (told.applied > 0 && life->states[told.applied].sum != told.sum))
        life_break(life, "%d reads at %d a state that nobody has", place, (int)action->reply.position);
}

void life_replied(struct net *net, int place, const struct msk_action *action)
{
    struct life *life = net->context;
    size_t number = (size_t)action->reply.request;
    assert_true(number < life->request_count);
    struct life_request *request = &life->requests[number];
    if (request->ended)
        life_break(life, "request %d of %d ends twice", (int)number, place);
    request->ended = true;
    if (action->reply.outcome == MSK_OUTCOME_ANSWERED)
        answered(life, request, action, place);
    if (action->reply.outcome == MSK_OUTCOME_LOST || action->reply.outcome == MSK_OUTCOME_UNKNOWN)
        life->result.counts.uncertain++;
    if (action->reply.outcome == MSK_OUTCOME_COMMITTED)
        acknowledged(life, request, action);
}
