#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "quic/internal.h"

static void fail(struct msk_quic_dial *dial)
{
    msk_ring_remove(&dial->link);
    msk_ring_push(&dial->quic->failed_dials, &dial->link);
    msk_timers_remove(&dial->quic->timers, &dial->timer);
}

/* Cut where there is no more room. */
__attribute__((format(printf, 2, 3))) static void append_detail(struct msk_quic_close *close, const char *format, ...)
{
    size_t used = strlen(close->detail);
    va_list args;
    va_start(args, format);
    vsnprintf(close->detail + used, sizeof close->detail - used, format, args);
    va_end(args);
}

/* What became of one address, behind what is known of those before it. */
static void note_failure(struct msk_quic_dial *dial, const union msk_address *to, const struct msk_quic_close *why)
{
    char text[MSK_ADDRESS_TEXT_SIZE];
    struct msk_quic_close close = *why;
    *close.detail = 0;
    if (*dial->close.detail)
        append_detail(&close, "%s; ", dial->close.detail);
    append_detail(&close, "%s: %s", msk_address_text(to, text), why->detail);
    dial->close = close;
}

static uint64_t give_up_at(const struct msk_quic_dial *dial)
{
    return dial->started_ns + dial->quic->config.handshake_timeout_ms * MSK_MS;
}

/* Try the next address; those that fail right away are passed over. */
static void try_next(struct msk_quic_dial *dial, uint64_t now_ns)
{
    while (dial->next < dial->count) {
        const union msk_address *to = &dial->addresses[dial->next++];
        struct msk_quic_conn *conn;
        int rc = msk_conn_dial(dial, now_ns, to, &conn);
        if (rc == 0)
            break;
        struct msk_quic_close why = {.by = MSK_QUIC_BY_TRANSPORT, .error = rc};
        append_detail(&why, "%s", msk_error_sentence(rc));
        note_failure(dial, to, &why);
    }
    if (msk_ring_empty(&dial->attempts)) {
        fail(dial);
        return;
    }
    uint64_t deadline_ns = give_up_at(dial), next_ns = now_ns + MSK_QUIC_DIAL_STAGGER_MS * MSK_MS;
    if (dial->next < dial->count && next_ns < deadline_ns)
        deadline_ns = next_ns;
    msk_timers_set(&dial->quic->timers, &dial->timer, deadline_ns);
}

static void note_timeout(struct msk_quic_dial *dial)
{
    for (struct msk_ring *link = dial->attempts.next; link != &dial->attempts; link = link->next) {
        struct msk_quic_conn *conn = MSK_RING_ITEM(link, struct msk_quic_conn, in_dial);
        struct msk_quic_close why = {.by = MSK_QUIC_BY_TRANSPORT,
                                     .error = conn->answered_ns ? MSK_E_TIMEOUT : MSK_E_UNREACHABLE};
        append_detail(&why, "%s within %llu ms", conn->answered_ns ? "the handshake was not completed" : "no answer",
                      (unsigned long long)dial->quic->config.handshake_timeout_ms);
        note_failure(dial, &conn->remote, &why);
    }
}

/* The other attempts end politely, so that a peer that has heard of them can forget them. */
static void drop_attempts(struct msk_quic_dial *dial, const struct msk_quic_conn *but, uint64_t now_ns)
{
    struct msk_quic_conn *conn;
    while ((conn = MSK_RING_FIRST(&dial->attempts, struct msk_quic_conn, in_dial))) {
        msk_ring_remove(&conn->in_dial);
        if (conn == but)
            continue;
        conn->dial = NULL;
        msk_conn_set_local_close(conn, 0, "");
        msk_conn_close_with_packet(conn, now_ns);
    }
}

static void dial_due(struct msk_timer *timer, uint64_t now_ns)
{
    struct msk_quic_dial *dial = MSK_RING_ITEM(timer, struct msk_quic_dial, timer);
    if (now_ns < give_up_at(dial)) {
        try_next(dial, now_ns);
        return;
    }
    note_timeout(dial);
    drop_attempts(dial, NULL, now_ns);
    fail(dial);
}

int msk_quic_dial(struct msk_quic *quic, uint64_t now_ns, const struct msk_digest *peer, const char *alpn,
                  const union msk_address *addresses, size_t count, void *user, struct msk_quic_dial **out)
{
    size_t alpn_len = strlen(alpn);
    if (quic->shutting_down)
        return MSK_E_CLOSED;
    if (count == 0 || count > MSK_QUIC_DIAL_ADDRESSES_MAX || alpn_len == 0 || alpn_len > MSK_QUIC_ALPN_MAX)
        return MSK_E_INVALID;
    if (quic->conn_count >= quic->config.connections_max)
        return MSK_E_LIMIT;
    struct msk_quic_dial *dial = msk_calloc(1, sizeof *dial);
    if (!dial || msk_timers_add(&quic->timers, &dial->timer, dial_due) < 0) {
        msk_free(dial);
        return MSK_E_NOMEM;
    }
    dial->quic = quic;
    dial->peer = *peer;
    memcpy(dial->alpn, alpn, alpn_len);
    memcpy(dial->addresses, addresses, count * sizeof *addresses);
    dial->count = count;
    dial->started_ns = now_ns;
    dial->user = user;
    msk_ring_init(&dial->link);
    msk_ring_init(&dial->attempts);
    msk_ring_push(&quic->dials, &dial->link);
    try_next(dial, now_ns);
    *out = dial;
    return 0;
}

void msk_dial_free(struct msk_quic_dial *dial)
{
    msk_ring_remove(&dial->link);
    msk_timers_remove(&dial->quic->timers, &dial->timer);
    msk_free(dial);
}

/* The connection keeps pointing here until the owner has heard of it: until then the owner may still cancel. */
void msk_dial_won(struct msk_quic_dial *dial, struct msk_quic_conn *conn, uint64_t now_ns)
{
    drop_attempts(dial, conn, now_ns);
    msk_ring_push(&dial->attempts, &conn->in_dial);
    msk_timers_remove(&dial->quic->timers, &dial->timer);
    conn->user = dial->user;
}

void msk_dial_attempt_failed(struct msk_quic_dial *dial, struct msk_quic_conn *conn, uint64_t now_ns)
{
    note_failure(dial, &conn->remote, &conn->close);
    msk_ring_remove(&conn->in_dial);
    conn->dial = NULL;
    try_next(dial, now_ns);
}

void msk_quic_dial_cancel(struct msk_quic_dial *dial, uint64_t now_ns)
{
    struct msk_quic_conn *conn = MSK_RING_FIRST(&dial->attempts, struct msk_quic_conn, in_dial);
    if (conn && conn->announced) {
        /* Won, but the owner does not know yet, and shall not. */
        conn->announced = false;
        conn->events = 0;
        msk_ring_remove(&conn->in_eventful);
        if (conn->state != CONN_OPEN) { /* and lost again */
            conn->dial = NULL;
            msk_ring_remove(&conn->in_dial);
            msk_conn_unhold(conn, HOLD_EVENT);
        }
    }
    drop_attempts(dial, NULL, now_ns);
    msk_dial_free(dial);
}
