/* Tickets that a program looks at: nobody gets in before it has answered, and it is not asked twice (wire.md 5.2). */
#include "core/verdicts.h"
#include "core/node_parts.h"
#include "node_fake.h"

#define HOUR_MS   3600000
#define ASKED_MAX 64

/* The questions put to the programs of all nodes, in order. */
struct question {
    int place;
    uint64_t number;
    char data[32];
};

static struct {
    struct net *net;
    struct msk_validator validator;
    const struct msk_validator *wanted[1];
    struct msk_group_config group;
    struct question asked[ASKED_MAX];
    size_t asked_count;
} world;

static void on_asked(struct net *net, int place, const struct msk_action *action)
{
    (void)net;
    assert_true(world.asked_count < ASKED_MAX && action->validate.len < sizeof world.asked[0].data);
    assert_ptr_equal(action->validate.validator, &world.validator);
    struct question *question = &world.asked[world.asked_count++];
    *question = (struct question){.place = place, .number = action->validate.number};
    memcpy(question->data, action->validate.data, action->validate.len);
}

static int setup(void **state)
{
    static const char text[] = "{\"class\":\"exec\",\"name\":\"passes\",\"signature\":\"v1\",\"command\":[\"true\"]}";
    struct msk_error err;
    (void)state;
    memset(&world, 0, sizeof world);
    assert_int_equal(msk_validator_parse(msk_bytes_of_text(text), &world.validator, &err), 0);
    world.wanted[0] = &world.validator;
    world.net = net_new(9);
    world.net->asked = on_asked;
    world.group = net_group_config(world.net, "g");
    world.group.validators = world.wanted;
    world.group.validator_count = 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_free(world.net);
    msk_validator_free(&world.validator);
    return 0;
}

static void give(int place, const char *data)
{
    struct net_place *where = &world.net->places[place];
    const struct msk_ticket ticket = {.class_id = world.validator.class_id, .data = msk_bytes_of_text(data)};
    assert_int_equal(msk_node_ticket_add(where->node, net_now(world.net, place), &ticket, &where->actions), 0);
    net_execute(world.net, place);
}

/* Two nodes in the group, each with a ticket. */
static void start_two(void)
{
    for (int i = 1; i <= 2; i++)
        net_start(world.net, i, (const int[]){1, 0});
    give(1, "one");
    give(2, "two");
    for (int i = 1; i <= 2; i++)
        net_join(world.net, i, &world.group);
}

/* Answer the questions from `from` on that are about this ticket: until `expires_ms`, or 0: refused. */
static void answer(size_t from, const char *data, int64_t expires_ms)
{
    struct msk_ticket_opinion opinion = {.valid = expires_ms != 0, .expires_ms = expires_ms, .reason = "not a friend"};
    for (size_t i = from; i < world.asked_count; i++) {
        const struct question *question = &world.asked[i];
        struct net_place *where = &world.net->places[question->place];
        if (strcmp(question->data, data) != 0)
            continue;
        msk_node_validated(where->node, net_now(world.net, question->place), question->number, &opinion,
                           &where->actions);
        net_execute(world.net, question->place);
    }
}

static bool bonded(void)
{
    return net_bonded(world.net, 1, 2, &world.group.id);
}

/* ---- tests */

static void nobody_gets_in_before_the_answer(void **state)
{
    (void)state;
    start_two();
    net_run_for(world.net, 5000);
    assert_false(bonded());
    answer(0, "one", MSK_TICKET_NEVER);
    net_run_for(world.net, 3000);
    assert_false(bonded()); /* 1 does not know whether 2 may */
    answer(0, "two", MSK_TICKET_NEVER);
    assert_true(NET_UNTIL(world.net, 20000, bonded()) < 20000);
    size_t asked = world.asked_count;
    net_run_for(world.net, 200000);
    assert_int_equal(world.asked_count, asked); /* each ticket once by each node */
    assert_int_equal(asked, 4);
}

/* 2 lets 1 in and dials, 1 has still to hear about 2. */
static void a_handshake_waits_for_the_answer(void **state)
{
    (void)state;
    for (int i = 1; i <= 2; i++)
        net_start(world.net, i, (const int[]){1, 0});
    give(1, "one");
    give(2, "two");
    net_join(world.net, 2, &world.group);
    net_run_for(world.net, 1000); /* before 1 joins, so that it is 2 who finds it */
    net_join(world.net, 1, &world.group);
    NET_UNTIL(world.net, 5000, world.asked_count == 4);
    answer(0, "one", MSK_TICKET_NEVER);
    NET_UNTIL(world.net, 5000, false);
    assert_false(bonded());
    assert_true(world.net->places[1].events[MSK_EVENT_HANDSHAKE_REJECTED] > 0); /* it waited in vain */
    NET_UNTIL(world.net, 90000,
              world.net->places[1].node->accepting_count > 0 && world.net->places[1].node->accepting[0]->frame);
    assert_int_equal(world.net->places[1].node->accepting_count, 1);
    answer(0, "two", MSK_TICKET_NEVER);
    assert_true(NET_UNTIL(world.net, 1000, bonded()) < 1000); /* by that very handshake */
}

/* 2 knows until when 1 may stay, and dials; that time passes while 1 still looks at the ticket of 2. */
static void what_expires_during_the_handshake_is_noticed(void **state)
{
    (void)state;
    start_two();
    net_run_for(world.net, 5000); /* each knows of the other, and has asked */
    answer(0, "one", net_now(world.net, 2).wall_ms + 1500);
    net_run_for(world.net, 1600);
    answer(0, "two", MSK_TICKET_NEVER);
    NET_UNTIL(world.net, 3000, bonded());
    net_run_for(world.net, 3000);
    assert_false(bonded());
}

static void who_is_refused_stays_out_and_is_told_why(void **state)
{
    (void)state;
    start_two();
    net_run_for(world.net, 1000);
    answer(0, "one", MSK_TICKET_NEVER);
    answer(0, "two", 0);
    net_run_for(world.net, 5000);
    assert_false(bonded());
    json_t *unbonded = msk_node_bonds_json(world.net->places[1].node, net_now(world.net, 1), &world.group.id);
    char *text = json_dumps(unbonded, 0);
    assert_non_null(strstr(text, "not a friend"));
    free(text);
    json_decref(unbonded);
    size_t asked = world.asked_count;
    net_run_for(world.net, MSK_VERDICT_REFUSED_MS + 5000);
    assert_true(world.asked_count > asked); /* it may have changed its mind */
    answer(asked, "two", MSK_TICKET_NEVER);
    answer(asked, "one", MSK_TICKET_NEVER);
    assert_true(NET_UNTIL(world.net, 90000, bonded()) < 90000);
}

static void the_expiry_ends_the_bond(void **state)
{
    (void)state;
    start_two();
    net_run_for(world.net, 1000);
    answer(0, "one", MSK_TICKET_NEVER);
    answer(0, "two", net_now(world.net, 1).wall_ms + HOUR_MS);
    assert_true(NET_UNTIL(world.net, 20000, bonded()) < 20000);
    size_t asked = world.asked_count;
    net_run_for(world.net, HOUR_MS - 60000);
    assert_true(bonded());
    assert_int_equal(world.asked_count, asked);
    net_run_for(world.net, 90000);
    assert_false(bonded());
    assert_true(world.asked_count > asked); /* asked again, and not believed before the answer */
    answer(asked, "two", MSK_TICKET_NEVER);
    assert_true(NET_UNTIL(world.net, 90000, bonded()) < 90000);
}

static void a_new_ticket_does_not_end_the_bond_while_it_is_looked_at(void **state)
{
    (void)state;
    start_two();
    net_run_for(world.net, 1000);
    answer(0, "one", MSK_TICKET_NEVER);
    answer(0, "two", MSK_TICKET_NEVER);
    assert_true(NET_UNTIL(world.net, 20000, bonded()) < 20000);
    size_t asked = world.asked_count;
    struct msk_digest old = msk_ticket_id(&world.validator.class_id, msk_bytes_of_text("two"));
    give(2, "three");
    struct net_place *where = &world.net->places[2];
    assert_int_equal(msk_node_ticket_remove(where->node, net_now(world.net, 2), &old, &where->actions), 0);
    net_execute(world.net, 2);
    net_run_for(world.net, 5000);
    assert_true(bonded());
    answer(asked, "three", 0);
    net_run_for(world.net, 1000);
    assert_false(bonded());
}

/* ---- the memory for answers itself */

static int look(struct msk_verdicts *verdicts, uint64_t now_ms, uint32_t ticket, struct msk_ticket_opinion *opinion,
                struct msk_actions *out)
{
    const struct msk_ticket shown = {.class_id = world.validator.class_id, .data = MSK_BYTES(&ticket, sizeof ticket)};
    static const struct msk_digest peer = {{7}};
    const struct msk_now now = {.mono_ms = now_ms, .wall_ms = (int64_t)now_ms};
    return msk_verdicts_look(verdicts, now, &world.validator, &shown, &peer, opinion, out);
}

static void answers_are_remembered_within_bounds(void **state)
{
    (void)state;
    struct msk_verdicts verdicts = {0};
    struct msk_actions out = {0};
    struct msk_ticket_opinion opinion, yes = {.valid = true, .expires_ms = 1000};
    for (uint32_t i = 0; i < MSK_VERDICTS_ASKED_MAX; i++)
        assert_int_equal(look(&verdicts, 0, i, &opinion, &out), MSK_TICKETS_LATER);
    assert_int_equal(look(&verdicts, 0, 0, &opinion, &out), MSK_TICKETS_LATER);
    assert_int_equal(out.count, MSK_VERDICTS_ASKED_MAX); /* nothing twice */
    assert_int_equal(look(&verdicts, 0, MSK_VERDICTS_ASKED_MAX, &opinion, &out), 0);
    assert_false(opinion.valid);
    assert_string_equal(opinion.reason, "too many tickets wait for the validator");
    for (uint64_t i = 1; i <= MSK_VERDICTS_ASKED_MAX; i++)
        assert_true(msk_verdicts_settle(&verdicts, (struct msk_now){0}, i, &yes));
    assert_false(msk_verdicts_settle(&verdicts, (struct msk_now){0}, 1, &yes));
    assert_false(msk_verdicts_settle(&verdicts, (struct msk_now){0}, 0, &yes));
    assert_int_equal(look(&verdicts, 999, 3, &opinion, &out), 0);
    assert_true(opinion.valid);
    assert_int_equal(look(&verdicts, 1000, 3, &opinion, &out), MSK_TICKETS_LATER);
    for (uint32_t i = 0; i < 5 * MSK_VERDICTS_MAX; i++) {
        assert_int_equal(look(&verdicts, 0, 1000000 + i, &opinion, &out), MSK_TICKETS_LATER);
        assert_true(msk_verdicts_settle(&verdicts, (struct msk_now){0}, verdicts.last_number, &yes));
        assert_true(verdicts.count <= MSK_VERDICTS_MAX);
        msk_actions_clear(&out);
    }
    assert_int_equal(look(&verdicts, 1000000, 3, &opinion, &out), MSK_TICKETS_LATER); /* its answer was never told */
    msk_verdicts_free(&verdicts);
    msk_actions_free(&out);
}

static void without_memory_nothing_is_known(void **state)
{
    (void)state;
    struct msk_verdicts verdicts = {0};
    struct msk_actions out = {0};
    struct msk_ticket_opinion opinion;
    msk_alloc_fail_after(0);
    assert_int_equal(look(&verdicts, 0, 1, &opinion, &out), MSK_E_NOMEM);
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(look(&verdicts, 0, 1, &opinion, &out), MSK_TICKETS_LATER);
    msk_verdicts_free(&verdicts);
    msk_actions_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_gets_in_before_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handshake_waits_for_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(what_expires_during_the_handshake_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_refused_stays_out_and_is_told_why, setup, teardown),
        cmocka_unit_test_setup_teardown(the_expiry_ends_the_bond, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_ticket_does_not_end_the_bond_while_it_is_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_are_remembered_within_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_known, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
