/* Tickets that a group requires: how several are combined (wire.md 5.2), whom they keep out, and what becomes of a live
 * bond when one runs out, is renewed or taken away (groups.md 2.9, reference-tests.md "auth"). */
#include "core/tickets.h"
#include "node_fake.h"

#define HOUR_S    3600
#define MINUTE_MS 60000

/* A validator that wants an HS256 ticket of an issuer. */
static struct msk_validator wants(const char *issuer)
{
    char text[256];
    struct msk_validator validator;
    struct msk_error err = {0};
    snprintf(text, sizeof text,
             "{\"class\":\"jwt\",\"allow_non_expiring\":true,\"issuers\":[\"%s\"],\"keys\":[{\"alg\":\"HS256\",\"key\":"
             "\"%064d\"}]}",
             issuer, 7);
    if (msk_validator_parse(msk_bytes_of_text(text), &validator, &err) < 0)
        fail_msg("%s", err.text);
    return validator;
}

/* Such a ticket for a place; `expires_ms` of the wall clock, INT64_MAX never. `data` of the ticket is the caller's. */
static struct msk_ticket mint(const struct net *net, int place, const char *issuer, int64_t expires_ms)
{
    char subject[MSK_DIGEST_TEXT_SIZE], key[65];
    struct msk_jwt_secret secret;
    struct msk_error err = {0};
    snprintf(key, sizeof key, "%064d", 7);
    assert_int_equal(
        msk_jwt_secret_parse(msk_jwt_alg_find(msk_bytes_of_text("HS256")), msk_bytes_of_text(key), &secret, &err), 0);
    const struct msk_jwt_claims claims = {.issuer = issuer,
                                          .subject = msk_digest_text(&net->places[place].id, subject),
                                          .has_expires = expires_ms != INT64_MAX,
                                          .expires_s = (uint64_t)(expires_ms / 1000)};
    struct msk_builder token;
    msk_builder_init(&token, MSK_JWT_TOKEN_MAX);
    assert_int_equal(msk_jwt_mint(&secret, &claims, &token, &err), 0);
    struct msk_ticket ticket = {.class_id = msk_jwt_class()};
    ticket.data.data = msk_builder_take(&token, &ticket.data.len);
    return ticket;
}

static struct msk_digest give(struct net *net, int place, const char *issuer, int64_t expires_ms)
{
    struct msk_ticket ticket = mint(net, place, issuer, expires_ms);
    struct msk_digest id = msk_ticket_id(&ticket.class_id, ticket.data);
    struct net_place *where = &net->places[place];
    assert_int_equal(msk_node_ticket_add(where->node, net_now(net, place), &ticket, &where->actions), 0);
    msk_free((void *)ticket.data.data);
    net_execute(net, place);
    return id;
}

static void take(struct net *net, int place, const struct msk_digest *id)
{
    struct net_place *where = &net->places[place];
    assert_int_equal(msk_node_ticket_remove(where->node, net_now(net, place), id, &where->actions), 0);
    net_execute(net, place);
}

static int64_t in_s(const struct net *net, int64_t seconds)
{
    return net_now(net, 1).wall_ms / 1000 * 1000 + seconds * 1000;
}

/* ---- wire.md 5.2 */

struct rules {
    struct net *net;
    struct msk_validator validators[2];
    const struct msk_validator *wanted[2];
    struct msk_ticket_entry tickets[4];
    struct msk_peer_entry entry;
};

static struct rules *rules_new(void)
{
    struct rules *rules = calloc(1, sizeof *rules);
    rules->net = net_new(1);
    rules->validators[0] = wants("alpha");
    rules->validators[1] = wants("beta");
    for (int i = 0; i < 2; i++)
        rules->wanted[i] = &rules->validators[i];
    rules->entry.address.peer_id = rules->net->places[1].id;
    rules->entry.tickets.items = rules->tickets;
    return rules;
}

static void rules_give(struct rules *rules, const char *issuer, int64_t expires_ms)
{
    rules->tickets[rules->entry.tickets.count++].ticket = mint(rules->net, 1, issuer, expires_ms);
}

static struct msk_ticket_verdict rules_check(const struct rules *rules, size_t count)
{
    struct msk_ticket_verdict verdict;
    assert_int_equal(
        msk_tickets_check(rules->wanted, count, &rules->entry, net_now(rules->net, 1).wall_ms, NULL, &verdict), 0);
    return verdict;
}

static void rules_free(struct rules *rules)
{
    for (size_t i = 0; i < rules->entry.tickets.count; i++)
        msk_free((void *)rules->tickets[i].ticket.data.data);
    for (int i = 0; i < 2; i++)
        msk_validator_free(&rules->validators[i]);
    net_free(rules->net);
    free(rules);
}

static void nothing_required_is_valid_for_ever(void **state)
{
    (void)state;
    struct rules *rules = rules_new();
    struct msk_ticket_verdict verdict = rules_check(rules, 0);
    assert_true(verdict.valid);
    assert_true(verdict.expires_ms == MSK_TICKET_NEVER);
    rules_free(rules);
}

static void the_latest_ticket_of_one_validator_counts(void **state)
{
    (void)state;
    struct rules *rules = rules_new();
    assert_string_equal(rules_check(rules, 1).reason, "missing");
    rules_give(rules, "beta", in_s(rules->net, HOUR_S));
    assert_string_equal(rules_check(rules, 1).reason, "issuer");
    rules_give(rules, "alpha", in_s(rules->net, 2 * HOUR_S));
    rules_give(rules, "alpha", in_s(rules->net, HOUR_S));
    assert_true(rules_check(rules, 1).expires_ms == in_s(rules->net, 2 * HOUR_S));
    rules_give(rules, "alpha", INT64_MAX);
    assert_true(rules_check(rules, 1).expires_ms == MSK_TICKET_NEVER);
    rules_free(rules);
}

static void the_earliest_of_several_validators_counts(void **state)
{
    (void)state;
    struct rules *rules = rules_new();
    rules_give(rules, "alpha", in_s(rules->net, 2 * HOUR_S));
    struct msk_ticket_verdict verdict = rules_check(rules, 2);
    assert_false(verdict.valid);
    assert_int_equal(verdict.validator, 1);
    rules_give(rules, "beta", in_s(rules->net, HOUR_S));
    verdict = rules_check(rules, 2);
    assert_true(verdict.valid);
    assert_true(verdict.expires_ms == in_s(rules->net, HOUR_S));
    rules_free(rules);
}

static void tickets_of_other_classes_do_not_count(void **state)
{
    (void)state;
    struct rules *rules = rules_new();
    rules_give(rules, "alpha", INT64_MAX);
    rules->tickets[0].ticket.class_id = msk_digest_of_string("another class");
    assert_string_equal(rules_check(rules, 1).reason, "missing");
    rules_free(rules);
}

/* ---- nodes */

struct guarded {
    struct net *net;
    struct msk_validator validators[2];
    const struct msk_validator *wanted[2];
    struct msk_group_config group;
};

/* `count` nodes in a group with this many validators; nobody has joined. */
static struct guarded *guarded_new(int count, size_t validators)
{
    struct guarded *guarded = calloc(1, sizeof *guarded);
    guarded->net = net_new(9);
    guarded->group = net_group_config(guarded->net, "g");
    guarded->validators[0] = wants("alpha");
    guarded->validators[1] = wants("beta");
    for (int i = 0; i < 2; i++)
        guarded->wanted[i] = &guarded->validators[i];
    guarded->group.validators = guarded->wanted;
    guarded->group.validator_count = validators;
    for (int i = 1; i <= count; i++)
        net_start(guarded->net, i, (const int[]){1, 0});
    return guarded;
}

static void guarded_join(struct guarded *guarded, int count)
{
    for (int i = 1; i <= count; i++)
        net_join(guarded->net, i, &guarded->group);
}

static size_t bonds(const struct guarded *guarded, int place)
{
    return net_view(guarded->net, place, &guarded->group.id).bond_count;
}

static void guarded_free(struct guarded *guarded)
{
    net_free(guarded->net);
    for (int i = 0; i < 2; i++)
        msk_validator_free(&guarded->validators[i]);
    free(guarded);
}

static void only_ticket_holders_bond(void **state)
{
    (void)state;
    struct guarded *guarded = guarded_new(4, 1);
    give(guarded->net, 1, "alpha", in_s(guarded->net, HOUR_S));
    give(guarded->net, 2, "alpha", in_s(guarded->net, HOUR_S));
    give(guarded->net, 3, "alpha", in_s(guarded->net, -10));
    guarded_join(guarded, 4);
    net_run_for(guarded->net, 5000);
    assert_int_equal(bonds(guarded, 1), 1);
    assert_int_equal(bonds(guarded, 2), 1);
    assert_int_equal(bonds(guarded, 3), 0);
    assert_int_equal(bonds(guarded, 4), 0);
    assert_true(net_bonded(guarded->net, 1, 2, &guarded->group.id));
    guarded_free(guarded);
}

static void all_validators_must_be_met(void **state)
{
    (void)state;
    struct guarded *guarded = guarded_new(4, 2);
    for (int i = 1; i <= 2; i++) {
        give(guarded->net, i, "alpha", INT64_MAX);
        give(guarded->net, i, "beta", INT64_MAX);
    }
    give(guarded->net, 3, "alpha", INT64_MAX);
    give(guarded->net, 4, "beta", INT64_MAX);
    guarded_join(guarded, 4);
    net_run_for(guarded->net, 5000);
    assert_int_equal(bonds(guarded, 1), 1);
    assert_int_equal(bonds(guarded, 2), 1);
    assert_int_equal(bonds(guarded, 3) + bonds(guarded, 4), 0);
    guarded_free(guarded);
}

/* Dial without a ticket: row 8 of groups.md 2.4, before the proof is looked at. */
static void be_refused(struct guarded *guarded, int from, int to)
{
    struct net *net = guarded->net;
    struct net_conn *conn = fake_dial(net, from, to, MSK_ALPN_GROUPS);
    NET_UNTIL(net, 1000, conn->open);
    struct msk_handshake_start start = {.network_id = net->network_id, .group_id = guarded->group.id};
    fake_send(net, conn, 0, MSK_TYPE(handshake_start), &start);
    assert_int_equal(fake_closed(net, conn, 0, 100), MSK_CLOSE_NOT_ALLOWED);
}

static void row_8_a_dialler_without_a_ticket_gets_30403(void **state)
{
    (void)state;
    struct guarded *guarded = guarded_new(1, 1);
    guarded_join(guarded, 1);
    fake_take(guarded->net, 2, NULL);
    fake_introduce(guarded->net, 2, 1, fake_entry(guarded->net, 2, NULL, 0));
    be_refused(guarded, 2, 1);
    guarded_free(guarded);
}

/* The entry of a place held by the test, with a ticket; it belongs to the network. */
static struct msk_signed_peer_entry *holder_entry(struct guarded *guarded, int number, int64_t expires_ms)
{
    struct net *net = guarded->net;
    struct msk_signed_peer_entry changed = *fake_entry(net, number, &guarded->group.id, 0);
    struct msk_ticket_entry held = {.ticket = mint(net, number, "alpha", expires_ms)};
    held.id = msk_ticket_id(&held.ticket.class_id, held.ticket.data);
    changed.entry.tickets = (struct msk_ticket_map){&held, 1};
    fake_sign(net, number, &changed);
    struct msk_signed_peer_entry *entry = net->entries[net->entry_count++] = msk_signed_peer_entry_copy(&changed);
    msk_free((void *)held.ticket.data.data);
    return entry;
}

/* The newest open connection of a protocol from one place to another. */
static struct net_conn *find_conn(const struct net *net, int from, int to, enum msk_alpn alpn)
{
    for (size_t i = net->conn_count; i > 0; i--) {
        struct net_conn *conn = net->conns[i - 1];
        if (conn->open && conn->alpn == alpn && conn->ends[0].place == from && conn->ends[1].place == to &&
            !conn->ends[1].closed)
            return conn;
    }
    return NULL;
}

/* A member of the reference that got its ticket after it told us of itself dials, is refused, and dials no more. */
static void who_was_refused_is_asked_for_a_ticket_and_dialled(void **state)
{
    (void)state;
    struct guarded *guarded = guarded_new(1, 1);
    struct net *net = guarded->net;
    guarded_join(guarded, 1);
    fake_take(net, 2, NULL);
    fake_introduce(net, 2, 1, fake_entry(net, 2, &guarded->group.id, 0));
    be_refused(guarded, 2, 1);
    be_refused(guarded, 2, 1);
    assert_true(NET_UNTIL(net, 100, find_conn(net, 1, 2, MSK_ALPN_SYNC)) < 100);
    struct msk_catalog_snapshot snapshot = {{holder_entry(guarded, 2, in_s(net, HOUR_S)), 1}};
    fake_send(net, find_conn(net, 1, 2, MSK_ALPN_SYNC), 1, MSK_TYPE(catalog_snapshot), &snapshot);
    assert_true(NET_UNTIL(net, 500, find_conn(net, 1, 2, MSK_ALPN_GROUPS)) < 500);
    guarded_free(guarded);
}

/* It may be refused as often as it likes: we ask once a second at most. */
static void who_is_refused_again_and_again_is_asked_now_and_then(void **state)
{
    (void)state;
    struct guarded *guarded = guarded_new(1, 1);
    struct net *net = guarded->net;
    guarded_join(guarded, 1);
    fake_take(net, 2, NULL);
    struct msk_signed_peer_entry *entry = fake_entry(net, 2, &guarded->group.id, 0);
    fake_introduce(net, 2, 1, entry);
    unsigned asked = 0;
    for (uint64_t end_ms = net->now_ms + 5000; net->now_ms < end_ms;) {
        be_refused(guarded, 2, 1);
        struct net_conn *sync = find_conn(net, 1, 2, MSK_ALPN_SYNC);
        if (sync) {
            struct msk_catalog_snapshot snapshot = {{entry, 1}};
            fake_send(net, sync, 1, MSK_TYPE(catalog_snapshot), &snapshot);
            asked++;
        }
        net_run_for(net, 20);
    }
    assert_in_range(asked, 4, 6);
    guarded_free(guarded);
}

static struct guarded *bonded_pair(int64_t seconds, struct msk_digest *id)
{
    struct guarded *guarded = guarded_new(2, 1);
    give(guarded->net, 1, "alpha", INT64_MAX);
    *id = give(guarded->net, 2, "alpha", in_s(guarded->net, seconds));
    guarded_join(guarded, 2);
    assert_true(NET_UNTIL(guarded->net, 2000, net_full_mesh(guarded->net, 2, &guarded->group.id)) <= 2000);
    return guarded;
}

static void a_bond_ends_when_the_ticket_does(void **state)
{
    (void)state;
    struct msk_digest id;
    struct guarded *guarded = bonded_pair(200, &id);
    net_run_for(guarded->net, 139000);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_TICKET_EXPIRING), 0);
    net_run_for(guarded->net, 10000);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_TICKET_EXPIRING), 1);
    assert_int_equal(net_events(guarded->net, 2, MSK_EVENT_TICKET_EXPIRING), 1); /* its own */
    assert_int_equal(bonds(guarded, 1), 1);
    uint64_t took_ms = NET_UNTIL(guarded->net, 60000, bonds(guarded, 1) == 0);
    assert_in_range(took_ms, 45000, 52000);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_TICKET_EXPIRED), 1);
    net_run_for(guarded->net, MINUTE_MS);
    assert_int_equal(bonds(guarded, 1) + bonds(guarded, 2), 0);
    /* A new one brings it back at once. */
    give(guarded->net, 2, "alpha", in_s(guarded->net, 200 + HOUR_S));
    assert_true(NET_UNTIL(guarded->net, 5000, net_full_mesh(guarded->net, 2, &guarded->group.id)) <= 2000);
    guarded_free(guarded);
}

static void a_renewed_ticket_keeps_the_bond(void **state)
{
    (void)state;
    struct msk_digest id;
    struct guarded *guarded = bonded_pair(100, &id);
    net_run_for(guarded->net, 50000);
    give(guarded->net, 2, "alpha", in_s(guarded->net, HOUR_S));
    net_run_for(guarded->net, 200000);
    assert_int_equal(bonds(guarded, 1), 1);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_TICKET_REFRESHED), 1);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_BOND_CLOSED), 0);
    guarded_free(guarded);
}

static void a_ticket_taken_away_ends_the_bond(void **state)
{
    (void)state;
    struct msk_digest id;
    struct guarded *guarded = bonded_pair(HOUR_S, &id);
    take(guarded->net, 2, &id);
    assert_true(NET_UNTIL(guarded->net, 8000, bonds(guarded, 1) == 0) < 100);
    const struct net_place *first = &guarded->net->places[1];
    assert_int_equal(first->events[MSK_EVENT_BOND_CLOSED], 1);
    assert_int_equal(first->last[MSK_EVENT_BOND_CLOSED].fields[2].u64, MSK_CLOSE_NOT_ALLOWED);
    guarded_free(guarded);
}

/* Whoever sets the clock makes the ticket expire, with the next sign of life (W-32). */
static void a_jump_of_the_clock_is_noticed(void **state)
{
    (void)state;
    struct msk_digest id;
    struct guarded *guarded = bonded_pair(HOUR_S, &id);
    net_run_for(guarded->net, 1000);
    guarded->net->places[1].clock_skew_ms = 2 * HOUR_S * 1000;
    assert_true(NET_UNTIL(guarded->net, 2 * MINUTE_MS, bonds(guarded, 1) == 0) <= 1000);
    guarded_free(guarded);
}

/* One that is renewed at half time is never said to be about to expire. */
static void short_tickets_in_time_draw_no_warning(void **state)
{
    (void)state;
    struct msk_digest id;
    struct guarded *guarded = bonded_pair(20, &id);
    for (int i = 0; i < 10; i++) {
        net_run_for(guarded->net, 10000);
        give(guarded->net, 2, "alpha", in_s(guarded->net, 20));
    }
    net_run_for(guarded->net, 1000);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_BOND_CLOSED), 0);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_TICKET_REFRESHED), 10);
    assert_int_equal(net_events(guarded->net, 1, MSK_EVENT_TICKET_EXPIRING), 0);
    guarded_free(guarded);
}

/* W-17: an admitted member whose ticket runs out cannot borrow another's entry. */
static void anothers_entry_does_not_help(void **state)
{
    (void)state;
    struct guarded *guarded = guarded_new(1, 1);
    struct net *net = guarded->net;
    guarded_join(guarded, 1);
    fake_take(net, 2, NULL);
    struct msk_signed_peer_entry *own = holder_entry(guarded, 2, in_s(net, 60));
    struct msk_signed_peer_entry *other = holder_entry(guarded, 3, in_s(net, HOUR_S));
    fake_introduce(net, 2, 1, own);
    struct net_conn *conn = fake_bond(net, 2, 1, &guarded->group);
    net_run_for(net, 50);
    assert_int_equal(bonds(guarded, 1), 1);
    struct msk_bond_message update = {.kind = MSK_BOND_PEER_ENTRY_UPDATE, .entry = *other};
    fake_send(net, conn, 0, MSK_TYPE(bond_message), &update);
    assert_int_equal(fake_closed(net, conn, 0, 100), MSK_CLOSE_PROTOCOL_VIOLATION);
    guarded_free(guarded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_required_is_valid_for_ever),
        cmocka_unit_test(the_latest_ticket_of_one_validator_counts),
        cmocka_unit_test(the_earliest_of_several_validators_counts),
        cmocka_unit_test(tickets_of_other_classes_do_not_count),
        cmocka_unit_test(only_ticket_holders_bond),
        cmocka_unit_test(all_validators_must_be_met),
        cmocka_unit_test(row_8_a_dialler_without_a_ticket_gets_30403),
        cmocka_unit_test(who_was_refused_is_asked_for_a_ticket_and_dialled),
        cmocka_unit_test(who_is_refused_again_and_again_is_asked_now_and_then),
        cmocka_unit_test(a_bond_ends_when_the_ticket_does),
        cmocka_unit_test(a_renewed_ticket_keeps_the_bond),
        cmocka_unit_test(a_ticket_taken_away_ends_the_bond),
        cmocka_unit_test(a_jump_of_the_clock_is_noticed),
        cmocka_unit_test(short_tickets_in_time_draw_no_warning),
        cmocka_unit_test(anothers_entry_does_not_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
