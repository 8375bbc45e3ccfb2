/* runtime.h: a node as a process: the pure node of core/node.h with sockets, disk, control socket, event stream,
 * signals and readiness around it. */
#ifndef MSK_RUNTIME_RUNTIME_H
#define MSK_RUNTIME_RUNTIME_H

#include "core/node.h"

#define MSK_RUNTIME_STOP_MAX_MS 2000 /* from the wish to stop to the end, whatever peers and readers do */
#define MSK_RUNTIME_JOINS_MAX   1024 /* groups joined in the life of a process */

struct msk_runtime;

/* Everything stays the caller's and outlives the run. Paths may be NULL: not wanted. */
struct msk_runtime_config {
    uint8_t *secret; /* 32 bytes; wiped once it is used */
    struct msk_digest network_id;
    const struct msk_socket_addr *listen; /* at most one of each IP version; port 0: any */
    size_t listen_count;
    const struct msk_socket_addr *advertise; /* none: where we listen, as far as others can reach it */
    size_t advertise_count;
    const struct msk_peer_address *bootstrap;
    size_t bootstrap_count;
    const struct msk_group_config *const *groups; /* joined before the node says that it has started */
    size_t group_count;
    const char *const *ticket_paths;
    size_t ticket_path_count;
    const char *data_directory, *control_path;
    const char *events_path, *frames_path; /* "-" is standard output */
    const struct msk_socket_addr *metrics; /* where figures are served over HTTP */
    const char *qlog_directory, *keylog_path;
    bool without_gossip;
    int ready_fd; /* -1: none; closed once it is told */
    /* Of a program that calls its own node (runtime_internal.h): on the loop, once the node is ready. NULL: none. */
    void (*started)(void *context, struct msk_runtime *runtime);
    void *context;
};

/* Run until SIGINT, SIGTERM or a `stop` request, then depart: peers see it at once. A second signal ends the process on
 * the spot. 0, or a negative MSK_E_* with a sentence: it could not start, or it had to stop because the disk failed. */
int msk_runtime_run(const struct msk_runtime_config *config, struct msk_error *err);

#endif
