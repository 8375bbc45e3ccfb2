/* Groups in a node: several at once, joining twice, leaving and coming back, failing alone, records before messages,
 * what status and bonds show (groups.md 1.7, W-22; cli.md). */
#include "node_fake.h"

static struct net *pair(uint64_t seed, struct msk_group_config *config)
{
    struct net *net = net_new(seed);
    *config = net_group_config(net, "g");
    for (int i = 1; i <= 2; i++) {
        net_start(net, i, (const int[]){1, 0});
        net_join(net, i, config);
    }
    assert_true(NET_UNTIL(net, 2000, net_full_mesh(net, 2, &config->id)) <= 2000);
    return net;
}

static void one_node_in_three_groups(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int members[4];
    } groups[] = {{"one", {1, 2}}, {"two", {1, 3, 4}}, {"three", {2, 3}}};
    struct net *net = net_new(21);
    for (int i = 1; i <= 4; i++)
        net_start(net, i, (const int[]){1, 0});
    for (size_t g = 0; g < 3; g++)
        for (size_t m = 0; m < 4 && groups[g].members[m]; m++) {
            struct msk_group_config config = net_group_config(net, groups[g].name);
            net_join(net, groups[g].members[m], &config);
        }
    net_run_for(net, 5000); /* reference-tests.md, members_can_see_each_other */
    for (size_t g = 0; g < 3; g++) {
        struct msk_group_config config = net_group_config(net, groups[g].name);
        for (size_t a = 0; a < 4 && groups[g].members[a]; a++)
            for (size_t b = 0; b < 4 && groups[g].members[b]; b++)
                if (a != b)
                    assert_true(net_bonded(net, groups[g].members[a], groups[g].members[b], &config.id));
    }
    assert_int_equal(msk_node_group_count(net->places[1].node), 2);
    net_free(net);
}

static void joining_twice_gives_the_same_group(void **state)
{
    (void)state;
    struct msk_group_config config;
    struct net *net = pair(22, &config);
    struct net_place *place = &net->places[1];
    struct msk_group_config again = config;
    snprintf(again.alias, sizeof again.alias, "other name");
    assert_int_equal(msk_node_join(place->node, net_now(net, 1), &again, NULL, &place->actions, NULL), 1);
    assert_int_equal(place->actions.count, 0);
    assert_int_equal(msk_node_group_count(place->node), 1);
    assert_true(net_full_mesh(net, 2, &config.id));
    net_free(net);
}

static void bad_settings_are_named(void **state)
{
    (void)state;
    struct net *net = net_new(23);
    net_start(net, 1, NULL);
    struct net_place *place = &net->places[1];
    const struct msk_group_config good = net_group_config(net, "g");
    struct msk_group_config bad[6] = {good, good, good, good, good, good};
    bad[0].heartbeat_interval_ms = 0;
    bad[1].heartbeat_jitter_ms = 0;
    bad[2].heartbeat_jitter_ms = bad[2].heartbeat_interval_ms;
    bad[3].max_missed_heartbeats = 0;
    bad[4].raft.election_timeout_jitter_ms = 0;
    bad[5].raft.election_timeout_ms = 500;
    static const char *const words[] = {"interval",        "jitter", "jitter", "missed", "election timeout jitter",
                                        "election timeout"};
    for (size_t i = 0; i < 6; i++) {
        struct msk_error err = {0};
        assert_int_equal(msk_node_join(place->node, net_now(net, 1), &bad[i], NULL, &place->actions, &err),
                         MSK_E_INVALID);
        assert_non_null(strstr(err.text, words[i]));
    }
    net_join(net, 1, &good);
    struct msk_group_config same_alias = net_group_config(net, "h");
    memcpy(same_alias.alias, good.alias, sizeof good.alias);
    struct msk_error err = {0};
    assert_int_equal(msk_node_join(place->node, net_now(net, 1), &same_alias, NULL, &place->actions, &err),
                     MSK_E_EXISTS);
    assert_int_equal(msk_node_group_count(place->node), 1);
    net_free(net);
}

static void leaving_and_coming_back(void **state)
{
    (void)state;
    struct msk_group_config config;
    struct net *net = pair(24, &config);
    struct net_place *second = &net->places[2];
    assert_int_equal(msk_node_leave(second->node, net_now(net, 2), &config.id, &second->actions), 0);
    net_execute(net, 2);
    net_run_for(net, 20);
    assert_int_equal(net_view(net, 1, &config.id).bond_count, 0);
    assert_int_equal(msk_node_leave(second->node, net_now(net, 2), &config.id, &second->actions), MSK_E_NOTFOUND);
    /* The other knows from its entry that it left: no dial into the void. */
    unsigned dials = net_conn_total(net, 1, 2, MSK_ALPN_GROUPS);
    net_run_for(net, 60000);
    assert_int_equal(net_conn_total(net, 1, 2, MSK_ALPN_GROUPS), dials);
    net_join(net, 2, &config);
    assert_true(NET_UNTIL(net, 2000, net_full_mesh(net, 2, &config.id)) <= 1000);
    net_free(net);
}

static void stopping_closes_everything(void **state)
{
    (void)state;
    struct msk_group_config config;
    struct net *net = pair(25, &config);
    struct net_place *second = &net->places[2];
    msk_node_stop(second->node, net_now(net, 2), "asked to", &second->actions);
    net_execute(net, 2);
    assert_true(msk_node_deadline(second->node) == MSK_NEVER);
    assert_int_equal(net_events(net, 2, MSK_EVENT_NODE_STOPPING), 1);
    net_run_for(net, 20);
    assert_int_equal(net_view(net, 1, &config.id).bond_count, 0);
    assert_int_equal(net_events(net, 1, MSK_EVENT_BOND_CLOSED), 1);
    for (size_t i = 0; i < net->conn_count; i++)
        assert_true(!net->conns[i]->open || net->conns[i]->ends[0].told);
    net_free(net);
}

/* A vote is sent only once its record is on disk. */
static void records_come_before_messages(void **state)
{
    (void)state;
    struct msk_group_config config;
    struct net *net = pair(26, &config);
    net->disk_ms = 30;
    uint64_t asked_ms =
        NET_UNTIL(net, 10000,
                  net_events(net, 1, MSK_EVENT_ELECTION_STARTED) + net_events(net, 2, MSK_EVENT_ELECTION_STARTED) > 0);
    assert_true(asked_ms < 10000);
    int candidate = net_events(net, 1, MSK_EVENT_ELECTION_STARTED) ? 1 : 2, voter = 3 - candidate;
    assert_true(NET_UNTIL(net, 2000, net_events(net, candidate, MSK_EVENT_ELECTION_WON) > 0) <= 2000);
    /* Its own record, then the voter's. */
    assert_true(net->now_ms - net->places[candidate].last_ms[MSK_EVENT_ELECTION_STARTED] >= 60);
    assert_true(net->places[voter].last_ms[MSK_EVENT_VOTE_CAST] -
                    net->places[candidate].last_ms[MSK_EVENT_ELECTION_STARTED] >=
                30);
    net_free(net);
}

/* Two groups of one node share the count of records; each waits only for what is its own and older. */
static void groups_share_one_count_of_records(void **state)
{
    (void)state;
    struct net *net = net_new(27);
    struct msk_group_config one = net_group_config(net, "one"), two = net_group_config(net, "two");
    for (int i = 1; i <= 3; i++) {
        net_start(net, i, (const int[]){1, 0});
        net_join(net, i, &one);
        net_join(net, i, &two);
    }
    net->disk_ms = 20;
    net_run_for(net, 15000);
    assert_int_not_equal(net_leader(net, 3, &one.id), 0);
    assert_int_not_equal(net_leader(net, 3, &two.id), 0);
    net_free(net);
}

/* When one group's actions get lost it fails alone: bonds closed with 102, id withdrawn, and it can be joined anew. */
static void a_group_fails_alone(void **state)
{
    (void)state;
    struct net *net = net_new(28);
    struct msk_group_config one = net_group_config(net, "one"), two = net_group_config(net, "two");
    for (int i = 1; i <= 2; i++) {
        net_start(net, i, (const int[]){1, 0});
        net_join(net, i, &one);
        net_join(net, i, &two);
    }
    net_run_for(net, 3000);
    struct msk_node *node = net->places[1].node;
    struct msk_group *group = msk_node_group(node, &one.id);
    group->broken = MSK_E_NOMEM;
    net_run_for(net, 1000);
    assert_int_equal(net_events(net, 1, MSK_EVENT_GROUP_FAILED), 1);
    assert_int_equal(net_view(net, 2, &one.id).bond_count, 0);
    assert_false(msk_peer_entry_lists_group(&node->own.signed_entry.entry, &one.id));
    assert_true(net_full_mesh(net, 2, &two.id));
    net_run_for(net, 20000);
    assert_int_equal(net_view(net, 2, &one.id).bond_count, 0);
    net_join(net, 1, &one);
    assert_true(NET_UNTIL(net, 8000, net_full_mesh(net, 2, &one.id)) <= 8000);
    net_free(net);
}

/* ---- looking in */

static void groups_are_found_by_alias_id_or_alone(void **state)
{
    (void)state;
    struct net *net = net_new(29);
    struct msk_group_config one = net_group_config(net, "one"), two = net_group_config(net, "two");
    struct msk_error err;
    struct msk_digest found;
    char text[MSK_DIGEST_TEXT_SIZE];
    net_start(net, 1, NULL);
    struct msk_node *node = net->places[1].node;
    assert_int_equal(msk_node_find_group(node, NULL, &found, &err), MSK_E_NOTFOUND);
    net_join(net, 1, &one);
    assert_int_equal(msk_node_find_group(node, NULL, &found, &err), 0);
    assert_true(msk_digest_equal(&found, &one.id));
    net_join(net, 1, &two);
    assert_int_equal(msk_node_find_group(node, NULL, &found, &err), MSK_E_INVALID);
    assert_int_equal(msk_node_find_group(node, "two", &found, &err), 0);
    assert_true(msk_digest_equal(&found, &two.id));
    assert_int_equal(msk_node_find_group(node, msk_digest_text(&one.id, text), &found, &err), 0);
    assert_true(msk_digest_equal(&found, &one.id));
    assert_int_equal(msk_node_find_group(node, "three", &found, &err), MSK_E_NOTFOUND);
    assert_int_equal(msk_node_find_group(node, "", &found, &err), MSK_E_NOTFOUND);
    net_free(net);
}

static void expect_members(const json_t *object, const char *const *names)
{
    assert_true(json_is_object(object));
    for (; *names; names++)
        if (!json_object_get(object, *names))
            fail_msg("no member %s", *names);
}

static void status_has_the_members_of_the_contract(void **state)
{
    (void)state;
    static const char *const status_names[] = {"peer_id", "network_id", "group_id", "alias",     "role",
                                               "term",    "leader",     "online",   "committed", "applied",
                                               "log",     "bonds",      "sync",     "config",    NULL};
    static const char *const bond_names[] = {"peer", "address", "direction", "rtt_us", "since", "ticket_expires", NULL};
    static const char *const peer_names[] = {"peer_id", "protocol",  "network_id", "version", "addresses",       "tags",
                                             "streams", "functions", "groups",     "tickets", "signature_valid", NULL};
    struct msk_group_config config;
    struct net *net = pair(30, &config);
    struct msk_node *node = net->places[1].node;
    json_t *status = msk_node_status_json(node, net_now(net, 1), &config.id);
    expect_members(status, status_names);
    assert_true(json_is_null(json_object_get(status, "leader")));
    json_t *bonds = msk_node_bonds_json(node, net_now(net, 1), &config.id);
    expect_members(json_array_get(json_object_get(bonds, "bonds"), 0), bond_names);
    assert_int_equal(json_array_size(json_object_get(bonds, "unbonded")), 0);
    json_t *catalog = msk_node_catalog_json(node, net_now(net, 1));
    assert_int_equal(json_array_size(json_object_get(catalog, "peers")), 1);
    expect_members(json_array_get(json_object_get(catalog, "peers"), 0), peer_names);
    json_t *groups = msk_node_groups_json(node);
    assert_string_equal(json_string_value(json_object_get(json_array_get(groups, 0), "alias")), "g");
    json_decref(status);
    json_decref(bonds);
    json_decref(catalog);
    json_decref(groups);

    net_run_for(net, 10000);
    status = msk_node_status_json(node, net_now(net, 1), &config.id);
    assert_true(json_is_string(json_object_get(status, "leader")));
    assert_true(json_is_true(json_object_get(status, "online")));
    json_decref(status);
    net_free(net);
}

/* Why there is no bond, and when it is tried again (groups.md 8.3). */
static void unbonded_members_are_explained(void **state)
{
    (void)state;
    struct msk_group_config config;
    struct net *net = pair(31, &config);
    net_cut(net, 1, 2, true);
    net_run_for(net, 10000);
    json_t *bonds = msk_node_bonds_json(net->places[1].node, net_now(net, 1), &config.id);
    json_t *entry = json_array_get(json_object_get(bonds, "unbonded"), 0);
    assert_true(json_integer_value(json_object_get(entry, "attempts")) > 3);
    assert_string_equal(json_string_value(json_object_get(entry, "last_stage")), "connect");
    assert_string_equal(json_string_value(json_object_get(entry, "name")), "Timeout");
    json_decref(bonds);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node_in_three_groups),
        cmocka_unit_test(joining_twice_gives_the_same_group),
        cmocka_unit_test(bad_settings_are_named),
        cmocka_unit_test(leaving_and_coming_back),
        cmocka_unit_test(stopping_closes_everything),
        cmocka_unit_test(records_come_before_messages),
        cmocka_unit_test(groups_share_one_count_of_records),
        cmocka_unit_test(a_group_fails_alone),
        cmocka_unit_test(groups_are_found_by_alias_id_or_alone),
        cmocka_unit_test(status_has_the_members_of_the_contract),
        cmocka_unit_test(unbonded_members_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
