/* chaos_internal.h: the parts of a running proxy, shared by chaos.c (life), chaos_record.c (events and recordings) and
 * chaos_control.c (changes and questions). */
#ifndef MSK_RUNTIME_CHAOS_INTERNAL_H
#define MSK_RUNTIME_CHAOS_INTERNAL_H

#include <uv.h>

#include "proxy/proxy.h"
#include "runtime/chaos.h"
#include "runtime/chaos_bridge.h"
#include "runtime/chaos_ports.h"
#include "runtime/control.h"
#include "runtime/outlet.h"
#include "runtime/recorder.h"

#define MSK_CHAOS_SIGNAL_COUNT 2

struct msk_chaos {
    const struct msk_chaos_config *config;
    struct msk_network *network;
    uv_loop_t loop;
    bool loop_open;
    struct msk_proxy *proxy;
    struct msk_ports *ports; /* or */
    struct msk_bridge *bridge;
    struct msk_control *control;
    uv_signal_t signals[MSK_CHAOS_SIGNAL_COUNT];
    size_t signal_count;

    int timer_fd;
    uv_poll_t timer;
    bool timer_open;
    uint64_t armed_ns; /* when it fires */
    uint64_t start_ns;
    uint64_t *rebind_ns; /* by sender, receiver: when its port changes next */
    uint64_t next_rebind_ns;

    struct msk_quic_keys keys;
    struct msk_builder key_lines; /* the last one may not be complete */
    int keylog_fd;

    uint64_t seq; /* of the last event */
    struct msk_outlet *standard_output, *standard_error, *events;
    struct msk_recorder verdicts, capture;
    bool has_verdicts, has_capture;
    uint64_t flushed_ns;    /* since the start: when recordings were last written out */
    int64_t wall_offset_ns; /* from the monotonic clock to the one of the wall */

    int result; /* of the run, with its sentence */
    struct msk_error err;
};

/* ---- chaos.c */

/* Rules, pauses or the schedule have changed. */
void msk_chaos_changed(struct msk_chaos *chaos);

/* The run is over, with a result. */
void msk_chaos_fail(struct msk_chaos *chaos, const struct msk_error *err);

/* ---- chaos_control.c */

/* The requests of the control socket, the context being the chaos. */
extern const struct msk_control_verb msk_chaos_verbs[];
extern const size_t msk_chaos_verb_count;

/* Change something, as msk_network_act, and tell it. */
int msk_chaos_act(struct msk_chaos *chaos, const char *action, const json_t *argument, struct msk_error *err);

/* ---- chaos_keys.c */

/* Read the key log as it grows, whenever a packet cannot be opened. */
void msk_chaos_keys_open(struct msk_chaos *chaos);
void msk_chaos_keys_close(struct msk_chaos *chaos);

/* ---- chaos_record.c */

/* Outlets and recordings. To be closed in any case. */
int msk_chaos_record_open(struct msk_chaos *chaos, struct msk_error *err);
void msk_chaos_record_flush(struct msk_chaos *chaos);
bool msk_chaos_record_idle(const struct msk_chaos *chaos);
void msk_chaos_record_close(struct msk_chaos *chaos);

/* Tell an event; steals `event`. NULL: memory was out. */
void msk_chaos_tell(struct msk_chaos *chaos, json_t *event);

/* The first event, which is on standard output in any case. */
void msk_chaos_announce(struct msk_chaos *chaos);

/* A sentence for the operator on standard error. */
void msk_chaos_warn(struct msk_chaos *chaos, const char *text);

/* A msk_proxy_owner.ruled: to the recordings. */
void msk_chaos_record(void *context, const struct msk_ruled *ruled);

#endif
