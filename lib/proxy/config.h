/* config.h: a network, its rules and its schedule from the members of a configuration file (cli.md, mosaik-chaos). */
#ifndef MSK_PROXY_CONFIG_H
#define MSK_PROXY_CONFIG_H

#include "proxy/network.h"

#define MSK_SCHEDULE_MAX 4096

/* One change at its time after the start. */
struct msk_scheduled {
    uint64_t at_ns;
    const char *action; /* as msk_network_act; both are the file's */
    const json_t *argument;
    size_t place; /* in the file */
};

/* In the order of time. */
struct msk_schedule {
    struct msk_scheduled *items;
    size_t count, done;
};

/* The nodes of `nodes`: {NAME: {"listen":IP:PORT, "node":IP:PORT}}. Port 0 of "listen": the system chooses; of "node",
 * or no "node": it is learned, from what comes from that IP address or through the action "node". 0; MSK_E_INVALID
 * naming the member; MSK_E_LIMIT. */
int msk_config_nodes(const json_t *nodes, struct msk_network *network, struct msk_error *err);

/* The rules of `links`: [{"from":NAME|"*", "to":NAME|"*", rules...}], one after another; NULL: none. Errors as above.
 */
int msk_config_links(const json_t *links, struct msk_network *network, struct msk_error *err);

/* `schedule`: [{"at":SPAN, ACTION:ARGUMENT}], NULL: none. Each change is tried on a copy of the network, so that none
 * fails when its time has come. The file's JSON must outlive the schedule. Errors as above, MSK_E_NOMEM;
 * msk_schedule_free is to be called in any case. */
int msk_config_schedule(const json_t *schedule, const struct msk_network *network, struct msk_schedule *out,
                        struct msk_error *err);
void msk_schedule_free(struct msk_schedule *schedule);

/* When the next change is due, in ns after the start; MSK_NEVER: there is none. */
uint64_t msk_schedule_next_ns(const struct msk_schedule *schedule);

#endif
