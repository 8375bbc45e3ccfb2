/* Whole nodes that gossip: who learns of whom, departures, partitions, memory that runs out (wire.md 4.7). */

#include "node_net.h"

static bool knows(const struct net *net, int a, int b)
{
    return msk_catalog_find(&net->places[a].node->catalog, net_now(net, a).wall_ms, &net->places[b].id) != NULL;
}

/* Whether every one of places 1 to `count` that is there knows the others that are there, and nobody else. */
static bool all_agree(const struct net *net, int count)
{
    for (int a = 1; a <= count; a++)
        for (int b = 1; b <= count; b++)
            if (a != b && net->places[a].node && knows(net, a, b) != (net->places[b].node != NULL))
                return false;
    return true;
}

static size_t neighbours(const struct net *net, int place)
{
    return msk_gossip_neighbour_count(msk_announcer_gossip(net->places[place].node->announcer));
}

/* A chain: each knows the one before only. */
static struct net *chain(uint64_t seed, int count)
{
    struct net *net = net_new(seed);
    for (int i = 1; i <= count; i++)
        net_start(net, i, i > 1 ? (const int[]){i - 1, 0} : NULL);
    return net;
}

static void a_chain_becomes_a_network(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct net *net = chain(seed, 10);
        if (NET_UNTIL(net, 5000, all_agree(net, 10)) == UINT64_MAX)
            fail_msg("seed %llu: not all are known", (unsigned long long)seed);
        for (int i = 1; i <= 10; i++)
            assert_in_range(neighbours(net, i), 1, MSK_ACTIVE_MAX);
        net_free(net);
    }
}

static bool nobody_knows(const struct net *net, int count, int gone)
{
    for (int i = 1; i <= count; i++)
        if (i != gone && knows(net, i, gone))
            return false;
    return true;
}

static void a_departure_reaches_everybody(void **state)
{
    (void)state;
    struct net *net = chain(3, 10);
    net_run_for(net, 5000);
    struct net_place *leaver = &net->places[5];
    msk_node_stop(leaver->node, net_now(net, 5), "test", &leaver->actions);
    net_execute(net, 5);
    assert_true(NET_UNTIL(net, 1000, nobody_knows(net, 10, 5)) < MSK_DEPARTURE_WINDOW_MS);
    net_run_for(net, 1000);
    assert_int_equal(msk_node_deadline(leaver->node), MSK_NEVER);
    assert_int_equal(neighbours(net, 5), 0);
    net_free(net);
}

static void who_is_alone_departs_at_once(void **state)
{
    (void)state;
    struct net *net = chain(4, 1);
    net_run_for(net, 1000);
    struct net_place *leaver = &net->places[1];
    msk_node_stop(leaver->node, net_now(net, 1), "test", &leaver->actions);
    net_execute(net, 1);
    assert_int_equal(msk_node_deadline(leaver->node), MSK_NEVER);
    net_free(net);
}

/* A crash and a return under the same key: the new entry, being of a later start, wins everywhere. */
static void who_returns_is_known_again(void **state)
{
    (void)state;
    struct net *net = chain(5, 6);
    net_run_for(net, 5000);
    net_kill(net, 3);
    net_run_for(net, 2000);
    net_start(net, 3, (const int[]){1, 0});
    int64_t started_ms = net->places[3].node->own.signed_entry.entry.version.started_ms;
    net_run_for(net, 5000);
    for (int i = 1; i <= 6; i++) {
        if (i == 3)
            continue;
        const struct msk_signed_peer_entry *entry =
            msk_catalog_find(&net->places[i].node->catalog, net_now(net, i).wall_ms, &net->places[3].id);
        assert_non_null(entry);
        assert_int_equal(entry->entry.version.started_ms, started_ms);
    }
    net_free(net);
}

static void cut_in_halves(struct net *net, bool on)
{
    for (int a = 1; a <= 3; a++)
        for (int b = 4; b <= 6; b++)
            net_cut(net, a, b, on);
}

/* Longer apart than entries live: bootstrap peers are what brings the halves together again. */
static void halves_find_each_other_again(void **state)
{
    (void)state;
    struct net *net = chain(6, 6);
    net_run_for(net, 5000);
    assert_true(all_agree(net, 6));
    cut_in_halves(net, true);
    net_run_for(net, 400000);
    assert_false(knows(net, 1, 6));
    cut_in_halves(net, false);
    assert_true(NET_UNTIL(net, 60000, all_agree(net, 6)) != UINT64_MAX);
    net_free(net);
}

/* Calls that lose what they had to say do no lasting harm. */
static void memory_that_runs_out_is_survived(void **state)
{
    (void)state;
    struct net *net = chain(7, 6);
    net->starve = 0.05;
    net_run_for(net, 60000);
    net->starve = 0;
    assert_true(NET_UNTIL(net, 200000, all_agree(net, 6)) != UINT64_MAX);
    net_free(net);
}

/* The members hear of it over their bonds, one after the other; gossip would tell all of them at once. */
static void help_for_a_pair_is_not_announced(void **state)
{
    (void)state;
    struct net *net = chain(8, 3);
    net_run_for(net, 2000);
    struct msk_group_config group = net_group_config(net, "g");
    for (int i = 1; i <= 3; i++)
        net_join(net, i, &group);
    const struct msk_node *node = net->places[1].node;
    uint64_t limit_ms = net->now_ms + 5000;
    unsigned announced = 0;
    int64_t version_ms = 0;
    while (node->helped_ms == 0 && net->now_ms < limit_ms) {
        announced = net_events(net, 1, MSK_EVENT_ANNOUNCED);
        version_ms = node->own.signed_entry.entry.version.updated_ms;
        net_run_for(net, 1);
    }
    assert_true(node->helped_ms > 0);
    net_run_for(net, 50);
    assert_true(node->own.signed_entry.entry.version.updated_ms > version_ms);
    assert_int_equal(net_events(net, 1, MSK_EVENT_ANNOUNCED), announced);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_becomes_a_network),        cmocka_unit_test(a_departure_reaches_everybody),
        cmocka_unit_test(who_is_alone_departs_at_once),     cmocka_unit_test(who_returns_is_known_again),
        cmocka_unit_test(halves_find_each_other_again),     cmocka_unit_test(memory_that_runs_out_is_survived),
        cmocka_unit_test(help_for_a_pair_is_not_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
