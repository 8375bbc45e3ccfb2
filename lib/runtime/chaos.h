/* chaos.h: a network that breaks on purpose, as a process: the pure proxy of proxy/proxy.h with sockets, timer, control
 * socket, event stream, recordings, signals and readiness around it. */
#ifndef MSK_RUNTIME_CHAOS_H
#define MSK_RUNTIME_CHAOS_H

#include "proxy/config.h"
#include "proxy/verdict_file.h"

/* Everything stays the caller's and outlives the run. Paths may be NULL: not wanted. */
struct msk_chaos_config {
    struct msk_network *network; /* linked, with its first rules */
    struct msk_schedule *schedule;
    const struct msk_replay *replay; /* may be empty */
    uint64_t seed;
    bool bridge;                            /* nodes are interfaces */
    const char *control_path, *events_path; /* events: "-" is standard output */
    const char *verdicts_path, *capture_path;
    const char *keylog_path; /* which nodes append to; it may not be there yet */
    int ready_fd;            /* -1: none; closed once it is told */
};

/* Run until SIGINT or SIGTERM. The first line on standard output is the event chaos_started. 0, or a negative MSK_E_*
 * with a sentence: it could not start, or a recording could not be written any more. */
int msk_chaos_run(const struct msk_chaos_config *config, struct msk_error *err);

#endif
