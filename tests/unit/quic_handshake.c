/* How connections come about, or do not (transport.md, wire.md 0, 3.4). */

#include "quic_world.h"

#define PING "/mosaik/discovery/ping/1.0"

static bool drop_all(struct world *world, struct packet *packet, void *context)
{
    (void)world, (void)packet, (void)context;
    return false;
}

static bool is_long_header(const struct packet *packet)
{
    return packet->data[0] & 0x80;
}

/* ---- success */

static void both_sides_know_each_other(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    assert_memory_equal(&a->infos[0].peer, &b->id, sizeof b->id);
    assert_memory_equal(&b->infos[0].peer, &a->id, sizeof a->id);
    assert_string_equal(a->infos[0].alpn, ALPN);
    assert_string_equal(b->infos[0].alpn, ALPN);
    assert_string_equal(a->infos[0].cipher, "TLS_AES_256_GCM_SHA384");
    assert_string_equal(a->infos[0].group, "X25519");
    assert_true(a->infos[0].dialled && !b->infos[0].dialled);
    assert_true(msk_address_equal(&a->infos[0].remote, &b->address));
    assert_true(msk_address_equal(&b->infos[0].remote, &a->address));
    assert_ptr_equal(a->user, a);
    world_free(world);
}

static void the_peer_id_is_the_public_key(void **state)
{
    (void)state;
    /* RFC 8032 7.1, test 1 */
    static const uint8_t secret[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                       0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                       0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    struct msk_quic_config config;
    world_config(&config, 1);
    memcpy(config.secret, secret, sizeof secret);
    struct world *world = world_new();
    struct node *a = world_add(world, &config);
    char text[MSK_DIGEST_TEXT_SIZE];
    assert_string_equal(msk_digest_text(&a->id, text),
                        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    world_free(world);
}

/* One round trip for the client, half a one more for the server, and no timer in between. */
static void a_handshake_takes_one_round_trip(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world->latency_ms = 20;
    world_connect(world, a, b);
    assert_int_equal(a->infos[0].connected_ns - a->infos[0].started_ns, 40 * MS);
    assert_int_equal(a->infos[0].answered_ns - a->infos[0].started_ns, 40 * MS);
    assert_int_equal(b->infos[0].connected_ns - b->infos[0].started_ns, 40 * MS);
    world_free(world);
}

static bool look_at_first(struct world *world, struct packet *packet, void *context)
{
    struct packet *first = context;
    if (world->sent == 1)
        *first = *packet;
    return true;
}

static void the_first_packet_is_as_the_reference_sends_it(void **state)
{
    (void)state;
    struct packet first;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world->meddle = look_at_first;
    world->context = &first;
    world_connect(world, a, b);
    static const uint8_t version1[] = {0, 0, 0, 1};
    assert_int_equal(first.data[0] & 0xf0, 0xc0); /* long header, fixed bit, Initial */
    assert_memory_equal(first.data + 1, version1, 4);
    assert_int_equal(first.data[5], 20); /* length of the destination connection id */
    assert_true(first.len >= 1200);
    world_free(world);
}

static void both_ways_at_the_same_time(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_dial_as(world, a, b, &b->id, ALPN);
    world_dial_as(world, b, a, &a->id, PING);
    world_run(world, 100);
    assert_int_equal(a->connected, 2);
    assert_int_equal(b->connected, 2);
    world_free(world);
}

static void exporters_agree(void **state)
{
    (void)state;
    static const uint8_t label[32] = {1, 0, 2, 0, 0xff}; /* a group id: binary, with zero bytes */
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    struct msk_bytes context = msk_bytes_of_text(ALPN);
    uint8_t at_a[32], at_b[32], other[32];
    assert_int_equal(msk_quic_conn_export(a->conns[0], MSK_BYTES(label, 32), context, at_a), 0);
    assert_int_equal(msk_quic_conn_export(b->conns[0], MSK_BYTES(label, 32), context, at_b), 0);
    assert_memory_equal(at_a, at_b, 32);
    assert_int_equal(msk_quic_conn_export(b->conns[0], MSK_BYTES(label, 31), context, other), 0);
    assert_memory_not_equal(at_a, other, 32);
    assert_int_equal(msk_quic_conn_export(b->conns[0], MSK_BYTES(label, 32), MSK_BYTES(NULL, 0), other), 0);
    assert_memory_not_equal(at_a, other, 32);
    world_free(world);
}

/* ---- refusal */

static void a_wrong_key_is_found_out(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL), *c = world_add(world, NULL);
    world_dial_as(world, a, b, &c->id, ALPN);
    world_run(world, 100);
    char found[MSK_DIGEST_TEXT_SIZE];
    assert_int_equal(a->connected, 0);
    assert_int_equal(b->connected, 0);
    assert_int_equal(a->dials_failed, 1);
    assert_int_equal(a->close.by, MSK_QUIC_BY_TRANSPORT);
    assert_int_equal(a->close.error, MSK_E_REFUSED);
    assert_int_equal(a->close.code, 0x12a); /* bad_certificate (transport.md) */
    assert_non_null(strstr(a->close.detail, msk_digest_text(&b->id, found)));
    world_free(world);
}

static void an_unknown_protocol_is_refused_promptly(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_dial_as(world, a, b, &b->id, "/mosaik/nonsense/1");
    world_run(world, 10);
    assert_int_equal(a->dials_failed, 1);
    assert_int_equal(a->close.error, MSK_E_REFUSED);
    assert_int_equal(a->close.code, 0x178); /* wire.md 0 */
    assert_non_null(strstr(a->close.detail, "no application protocol"));
    assert_int_equal(b->connected, 0);
    world_free(world);
}

static void no_answer_ends_at_the_handshake_timeout(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 1);
    config.handshake_timeout_ms = 3000;
    struct world *world = world_new();
    struct node *a = world_add(world, &config), *b = world_add(world, NULL);
    world->meddle = drop_all;
    world_dial_as(world, a, b, &b->id, ALPN);
    world_run(world, 2999);
    assert_int_equal(a->dials_failed, 0);
    world_run(world, 2);
    assert_int_equal(a->dials_failed, 1);
    assert_int_equal(a->close.error, MSK_E_UNREACHABLE);
    assert_string_equal(a->close.detail, "10.0.0.2:7000: no answer within 3000 ms");
    world_free(world);
}

static void an_accepted_handshake_does_not_stay_for_ever(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_dial_as(world, a, b, &b->id, ALPN);
    world_run(world, 1); /* b has the first packet; all answers are lost */
    world->meddle = drop_all;
    struct msk_quic_stats stats;
    msk_quic_stats(b->quic, &stats);
    assert_int_equal(stats.connections, 1);
    world_run(world, 11000);
    msk_quic_stats(b->quic, &stats);
    assert_int_equal(stats.connections, 0);
    assert_int_equal(b->connected + b->closed, 0);
    world_free(world);
}

static bool pretend_version_2(struct world *world, struct packet *packet, void *context)
{
    (void)context;
    if (world->sent == 1)
        packet->data[4] = 0x2a;
    return true;
}

static void other_versions_are_answered(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world->meddle = pretend_version_2;
    world_dial_as(world, a, b, &b->id, ALPN);
    world_run(world, 10);
    struct msk_quic_stats stats;
    msk_quic_stats(b->quic, &stats);
    assert_int_equal(stats.version_negotiations_sent, 1);
    /* A list that names the version we asked for is to be ignored (RFC 9000 6.2), so the dial goes on and succeeds. */
    world_run(world, 1000);
    assert_int_equal(a->connected, 1);
    world_free(world);
}

static void a_peer_without_version_1_is_given_up(void **state)
{
    (void)state;
    struct packet first;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world->meddle = look_at_first;
    world->context = &first;
    world_dial_as(world, a, b, &b->id, ALPN);
    node_work(world, a);
    uint8_t answer[64] = {0x80, 0, 0, 0, 0};
    size_t at = 5, dcid_len = first.data[5], scid_len = first.data[6 + dcid_len];
    answer[at++] = (uint8_t)scid_len;
    memcpy(answer + at, first.data + 7 + dcid_len, scid_len);
    at += scid_len;
    answer[at++] = (uint8_t)dcid_len;
    memcpy(answer + at, first.data + 6, dcid_len);
    at += dcid_len;
    memcpy(answer + at, "\x0a\x0a\x0a\x0a", 4);
    msk_quic_receive(a->quic, world->now_ns, &b->address, MSK_BYTES(answer, at + 4));
    node_work(world, a);
    assert_int_equal(a->dials_failed, 1);
    assert_non_null(strstr(a->close.detail, "version 1"));
    world_free(world);
}

/* ---- address validation and limits */

static void retry_is_asked_for_under_load(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 9);
    config.retry_above = 0;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, &config);
    world_connect(world, a, b);
    struct msk_quic_stats stats;
    msk_quic_stats(b->quic, &stats);
    assert_int_equal(stats.retries_sent, 1);
    world_free(world);
}

/* Keeps the first long packet that carries a token, and its source. */
static bool steal_token(struct world *world, struct packet *packet, void *context)
{
    (void)world;
    struct packet *stolen = context;
    size_t scid_at = 6 + packet->data[5], token_at = scid_at + 1 + packet->data[scid_at];
    if (stolen->len == 0 && is_long_header(packet) && packet->data[token_at] != 0 && packet->len >= 1200) {
        *stolen = *packet;
        return false;
    }
    return true;
}

static void a_stolen_token_is_refused(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 9);
    config.retry_above = 0;
    struct packet stolen = {0};
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, &config), *thief = world_add(world, NULL);
    world->meddle = steal_token;
    world->context = &stolen;
    world_dial_as(world, a, b, &b->id, ALPN);
    world_run(world, 3);
    assert_true(stolen.len > 0);
    msk_quic_receive(b->quic, world->now_ns, &thief->address, MSK_BYTES(stolen.data, stolen.len));
    node_work(world, b);
    struct msk_quic_stats stats;
    msk_quic_stats(b->quic, &stats);
    assert_int_equal(stats.handshakes_refused, 1);
    assert_int_equal(stats.handshakes_accepted, 0);
    msk_quic_receive(b->quic, world->now_ns, &a->address, MSK_BYTES(stolen.data, stolen.len));
    msk_quic_stats(b->quic, &stats);
    assert_int_equal(stats.handshakes_accepted, 1);
    world_free(world);
}

static void limits_refuse_and_recover(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 9);
    config.handshakes_per_address_max = 2;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, &config), *c = world_add(world, NULL);
    for (int i = 0; i < 3; i++)
        world_dial_as(world, a, b, &b->id, ALPN);
    world_dial_as(world, c, b, &b->id, ALPN);
    world_run(world, 1000);
    assert_int_equal(a->connected, 2);
    assert_int_equal(a->dials_failed, 1);
    assert_int_equal(a->close.code, 2); /* CONNECTION_REFUSED */
    assert_int_equal(a->close.error, MSK_E_REFUSED);
    assert_int_equal(c->connected, 1); /* it has an address of its own */
    world_connect(world, a, b);
    world_free(world);
}

static void a_full_endpoint_refuses_and_does_not_dial(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 9);
    config.connections_max = 1;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, &config);
    world_connect(world, a, b);
    world_dial_as(world, a, b, &b->id, ALPN);
    world_run(world, 100);
    assert_int_equal(a->dials_failed, 1);
    assert_int_equal(a->close.code, 2);
    struct msk_quic_dial *dial;
    assert_int_equal(msk_quic_dial(b->quic, world->now_ns, &a->id, ALPN, &a->address, 1, NULL, &dial), MSK_E_LIMIT);
    world_free(world);
}

static void many_at_once(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 9);
    config.handshakes_per_address_max = CONNS_MAX;
    config.handshakes_max = CONNS_MAX;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, &config);
    for (int i = 0; i < 300; i++)
        world_dial_as(world, a, b, &b->id, ALPN);
    world_run(world, 3000);
    assert_int_equal(a->connected, 300);
    assert_int_equal(b->connected, 300);
    struct msk_quic_stats stats;
    msk_quic_stats(b->quic, &stats);
    assert_true(stats.retries_sent > 0);
    world_free(world);
}

/* ---- dialling several addresses */

static void the_second_address_is_tried_while_the_first_is_silent(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    union msk_address addresses[] = {world_address(99, 1), b->address};
    struct msk_quic_dial *dial;
    assert_int_equal(msk_quic_dial(a->quic, world->now_ns, &b->id, ALPN, addresses, 2, NULL, &dial), 0);
    world_run(world, MSK_QUIC_DIAL_STAGGER_MS + 10);
    assert_int_equal(a->connected, 1);
    assert_true(msk_address_equal(&a->infos[0].remote, &b->address));
    world_run(world, 5000);
    struct msk_quic_stats stats;
    msk_quic_stats(a->quic, &stats);
    assert_int_equal(stats.connections, 1); /* nothing is left of the first attempt */
    world_free(world);
}

static void the_second_address_is_tried_at_once_when_the_first_refuses(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL), *c = world_add(world, NULL);
    union msk_address addresses[] = {c->address, b->address};
    struct msk_quic_dial *dial;
    assert_int_equal(msk_quic_dial(a->quic, world->now_ns, &b->id, ALPN, addresses, 2, NULL, &dial), 0);
    world_run(world, 10);
    assert_int_equal(a->connected, 1);
    assert_int_equal(c->connected, 0);
    world_free(world);
}

static void only_one_of_two_good_addresses_wins(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    union msk_address addresses[] = {b->address, b->address};
    struct msk_quic_dial *dial;
    world->latency_ms = 100; /* both are under way before the first is done */
    assert_int_equal(msk_quic_dial(a->quic, world->now_ns, &b->id, ALPN, addresses, 2, NULL, &dial), 0);
    world_run(world, 3000);
    assert_int_equal(a->connected, 1);
    assert_int_equal(a->closed, 0);
    assert_int_equal(b->connected - b->closed, 1);
    world_free(world);
}

static void a_failed_dial_tells_about_each_address(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL), *c = world_add(world, NULL);
    union msk_address addresses[] = {c->address, world_address(99, 1)};
    struct msk_quic_dial *dial;
    assert_int_equal(msk_quic_dial(a->quic, world->now_ns, &b->id, ALPN, addresses, 2, NULL, &dial), 0);
    world_run(world, 20);
    msk_quic_unreachable(a->quic, world->now_ns, &addresses[1]);
    world_run(world, 0);
    assert_int_equal(a->dials_failed, 1);
    assert_non_null(strstr(a->close.detail, "10.0.0.3:7000: another peer answers there"));
    assert_non_null(strstr(a->close.detail, "; 10.0.0.99:1: nobody listens there"));
    assert_int_equal(a->close.error, MSK_E_UNREACHABLE);
    world_free(world);
}

static void the_network_cannot_end_what_stands(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    msk_quic_unreachable(a->quic, world->now_ns, &b->address);
    world_run(world, 10);
    assert_int_equal(a->closed, 0);
    world_free(world);
}

static void a_cancelled_dial_says_nothing(void **state)
{
    (void)state;
    for (unsigned span_ms = 0; span_ms < 8; span_ms++) {
        struct world *world = world_new();
        struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
        struct msk_quic_dial *dial = world_dial_as(world, a, b, &b->id, ALPN);
        struct world_socket socket = {world, a};
        /* Its owner does not look at events meanwhile, so the dial may have succeeded. */
        for (unsigned ms = 0; ms < span_ms; ms++, world->now_ns += MS) {
            while (world->in_flight && world->in_flight->at_ns <= world->now_ns)
                world_deliver_one(world);
            msk_quic_flush(a->quic, world->now_ns, world_send, &socket);
            node_work(world, b);
        }
        msk_quic_dial_cancel(dial, world->now_ns);
        world_run(world, 15000);
        assert_int_equal(a->connected + a->closed + a->dials_failed, 0);
        assert_int_equal(b->connected, b->closed);
        struct msk_quic_stats stats;
        msk_quic_stats(a->quic, &stats);
        assert_int_equal(stats.connections, 0);
        world_free(world);
    }
}

static void bad_dials_are_refused(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL);
    struct msk_quic_dial *dial;
    union msk_address many[MSK_QUIC_DIAL_ADDRESSES_MAX + 1];
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        many[i] = a->address;
    assert_int_equal(msk_quic_dial(a->quic, 0, &a->id, ALPN, many, 0, NULL, &dial), MSK_E_INVALID);
    assert_int_equal(msk_quic_dial(a->quic, 0, &a->id, ALPN, many, MSK_QUIC_DIAL_ADDRESSES_MAX + 1, NULL, &dial),
                     MSK_E_INVALID);
    assert_int_equal(msk_quic_dial(a->quic, 0, &a->id, "", many, 1, NULL, &dial), MSK_E_INVALID);
    msk_quic_shutdown(a->quic, 0, 0, "");
    assert_int_equal(msk_quic_dial(a->quic, 0, &a->id, ALPN, many, 1, NULL, &dial), MSK_E_CLOSED);
    world_free(world);
}

static void bad_configurations_are_named(void **state)
{
    (void)state;
    struct msk_quic_config config;
    struct msk_quic *quic;
    struct msk_error err;
    world_config(&config, 1);
    config.alpns = (const char *const[]){""};
    config.alpn_count = 1;
    assert_int_equal(msk_quic_new(&config, &quic, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "a protocol's name has 1 to 255 bytes");
    world_config(&config, 1);
    config.stream_window = config.stream_window_max + 1;
    assert_int_equal(msk_quic_new(&config, &quic, &err), MSK_E_INVALID);
    world_config(&config, 1);
    config.idle_timeout_ms = 0;
    assert_int_equal(msk_quic_new(&config, &quic, &err), MSK_E_INVALID);
}

/* ---- what helps to look into it */

struct logs {
    struct msk_builder qlog;
    unsigned keys, ends;
    char name[64];
};

static void keep_qlog(void *context, const char *name, struct msk_bytes piece, bool last)
{
    struct logs *logs = context;
    snprintf(logs->name, sizeof logs->name, "%s", name);
    msk_builder_append(&logs->qlog, piece.data, piece.len);
    logs->ends += last;
}

static void keep_key(void *context, const char *line)
{
    ((struct logs *)context)->keys += strstr(line, "_TRAFFIC_SECRET") != NULL;
}

static void qlog_and_keylog_are_written(void **state)
{
    (void)state;
    struct logs logs = {0};
    msk_builder_init(&logs.qlog, 1u << 20);
    struct msk_quic_config config;
    world_config(&config, 1);
    config.qlog = keep_qlog;
    config.keylog = keep_key;
    config.context = &logs;
    struct world *world = world_new();
    struct node *a = world_add(world, &config), *b = world_add(world, NULL);
    world_connect(world, a, b);
    world_free(world);
    assert_int_equal(strlen(logs.name), 40);
    assert_non_null(strstr((char *)logs.qlog.data, "packet_sent"));
    assert_int_equal(logs.ends, 1);
    assert_true(logs.keys >= 4); /* handshake and traffic secrets of both directions */
    msk_builder_free(&logs.qlog);
}

static void addresses_as_text_and_on_the_wire(void **state)
{
    (void)state;
    struct msk_socket_addr v6 = {.version = MSK_IPV6, .ip = {[0] = 0xfe, [1] = 0x80, [15] = 1}, .port = 7001}, back;
    union msk_address address, copy;
    char text[MSK_ADDRESS_TEXT_SIZE];
    msk_address_from_wire(&v6, &address);
    assert_string_equal(msk_address_text(&address, text), "[fe80::1]:7001");
    msk_address_to_wire(&address, &back);
    assert_int_equal(back.version, v6.version);
    assert_memory_equal(back.ip, v6.ip, sizeof v6.ip);
    assert_int_equal(back.port, v6.port);
    address.v6.sin6_scope_id = 3;
    address.v6.sin6_flowinfo = 7;
    assert_int_equal(msk_address_from_sockaddr(&address.any, &copy), 0);
    assert_int_equal(copy.v6.sin6_scope_id, 3);
    assert_int_equal(copy.v6.sin6_flowinfo, 0);
    union msk_address v4 = world_address(7, 80);
    assert_string_equal(msk_address_text(&v4, text), "10.0.0.7:80");
    assert_false(msk_address_equal(&v4, &copy));
    assert_int_equal(msk_address_from_sockaddr(&(struct sockaddr){.sa_family = AF_UNIX}, &copy), MSK_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_know_each_other),
        cmocka_unit_test(the_peer_id_is_the_public_key),
        cmocka_unit_test(a_handshake_takes_one_round_trip),
        cmocka_unit_test(the_first_packet_is_as_the_reference_sends_it),
        cmocka_unit_test(both_ways_at_the_same_time),
        cmocka_unit_test(exporters_agree),
        cmocka_unit_test(a_wrong_key_is_found_out),
        cmocka_unit_test(an_unknown_protocol_is_refused_promptly),
        cmocka_unit_test(no_answer_ends_at_the_handshake_timeout),
        cmocka_unit_test(an_accepted_handshake_does_not_stay_for_ever),
        cmocka_unit_test(other_versions_are_answered),
        cmocka_unit_test(a_peer_without_version_1_is_given_up),
        cmocka_unit_test(retry_is_asked_for_under_load),
        cmocka_unit_test(a_stolen_token_is_refused),
        cmocka_unit_test(limits_refuse_and_recover),
        cmocka_unit_test(a_full_endpoint_refuses_and_does_not_dial),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(the_second_address_is_tried_while_the_first_is_silent),
        cmocka_unit_test(the_second_address_is_tried_at_once_when_the_first_refuses),
        cmocka_unit_test(only_one_of_two_good_addresses_wins),
        cmocka_unit_test(a_failed_dial_tells_about_each_address),
        cmocka_unit_test(the_network_cannot_end_what_stands),
        cmocka_unit_test(a_cancelled_dial_says_nothing),
        cmocka_unit_test(bad_dials_are_refused),
        cmocka_unit_test(bad_configurations_are_named),
        cmocka_unit_test(qlog_and_keylog_are_written),
        cmocka_unit_test(addresses_as_text_and_on_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
