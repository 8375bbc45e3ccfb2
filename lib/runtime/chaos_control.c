/* What a running proxy does on request, or at its time (cli.md, mosaik-chaos "Live"). */
#include <string.h>

#include "runtime/chaos_internal.h"
#include "runtime/now.h"

int msk_chaos_act(struct msk_chaos *chaos, const char *action, const json_t *argument, struct msk_error *err)
{
    json_t *event = NULL;
    if (chaos->bridge && strcmp(action, "node") == 0)
        return msk_fail(err, MSK_E_REFUSED, "node: a bridge knows interfaces, not addresses");
    int rc = msk_network_act(chaos->network, action, argument, &event, err);
    if (rc)
        return rc;
    if (chaos->ports && strcmp(action, "node") == 0)
        msk_ports_readdress(chaos->ports);
    if (strcmp(action, "resume") == 0)
        msk_proxy_resume(chaos->proxy, msk_now_ns());
    msk_chaos_tell(chaos, event);
    msk_chaos_changed(chaos);
    return 0;
}

static void run_action(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_chaos *chaos = context;
    struct msk_error err;
    const char *action = json_string_value(json_object_get(arguments, "cmd"));
    if (msk_chaos_act(chaos, action, json_object_get(arguments, "argument"), &err))
        msk_control_refuse(request, &err);
    else
        msk_control_answer(request, json_object());
}

static void add_total(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *stats_json(const struct msk_chaos *chaos)
{
    json_t *stats = msk_network_stats_json(chaos->network);
    add_total(stats, "under_way", chaos->proxy->line.count);
    add_total(stats, "waiting", chaos->proxy->held.count);
    if (chaos->ports) {
        const struct msk_ports_counters *counters = msk_ports_counters(chaos->ports);
        add_total(stats, "unknown_senders", counters->unknown_senders);
        add_total(stats, "too_long", counters->too_long);
    } else {
        const struct msk_bridge_counters *counters = msk_bridge_counters(chaos->bridge);
        add_total(stats, "others_passed", counters->others_passed);
        add_total(stats, "unreadable", counters->unreadable);
    }
    return stats;
}

static void run_stats(void *context, const json_t *arguments, struct msk_control_request *request)
{
    (void)arguments;
    msk_control_answer(request, stats_json(context));
}

static void run_links(void *context, const json_t *arguments, struct msk_control_request *request)
{
    const struct msk_chaos *chaos = context;
    (void)arguments;
    msk_control_answer(request, msk_network_links_json(chaos->network));
}

const struct msk_control_verb msk_chaos_verbs[] = {
    {"set", run_action},    {"partition", run_action}, {"heal", run_action}, {"pause", run_action},
    {"resume", run_action}, {"node", run_action},      {"stats", run_stats}, {"links", run_links},
};
const size_t msk_chaos_verb_count = sizeof msk_chaos_verbs / sizeof msk_chaos_verbs[0];
