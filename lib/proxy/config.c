#include "proxy/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "proxy/rule_value.h"
#include "wire/address.h"

/* ---- nodes */

static int parse_address(const json_t *object, const char *member, struct msk_socket_addr *out, struct msk_error *err)
{
    const json_t *value = json_object_get(object, member);
    if (!json_is_string(value))
        return msk_fail(err, MSK_E_INVALID, "%s: expected IP:PORT or [IPV6]:PORT", member);
    int rc = msk_socket_addr_parse(msk_bytes_of_text(json_string_value(value)), out, err);
    return rc ? msk_wrap(err, rc, "%s", member) : 0;
}

static int check_members(const json_t *object, const char *const *known, struct msk_error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return msk_fail(err, MSK_E_INVALID, "expected an object");
    json_object_foreach((json_t *)object, name, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (!known[i])
            return msk_fail(err, MSK_E_INVALID, "there is no member \"%.40s\" here", name);
    }
    return 0;
}

static bool is_same(const struct msk_socket_addr *a, const struct msk_socket_addr *b)
{
    return a->version == b->version && a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* Two nodes at one address could not be told apart. */
static int check_unique(const struct msk_network *network, struct msk_error *err)
{
    const struct msk_proxy_node *new = &network->nodes[network->node_count - 1];
    for (const struct msk_proxy_node *old = network->nodes; old < new; old++)
        if (old->has_address && new->has_address && is_same(&old->node, &new->node))
            return msk_fail(err, MSK_E_INVALID, "\"%s\" is at the same address", old->name);
    return 0;
}

static int add_node(const char *name, const json_t *object, struct msk_network *network, struct msk_error *err)
{
    static const char *const known[] = {"listen", "node", NULL};
    int rc = msk_network_add_node(network, name, err);
    if (rc == 0)
        rc = check_members(object, known, err);
    if (rc)
        return rc;
    struct msk_proxy_node *node = &network->nodes[network->node_count - 1];
    rc = parse_address(object, "listen", &node->listen, err);
    if (rc || !json_object_get(object, "node"))
        return rc;
    rc = parse_address(object, "node", &node->node, err);
    node->has_address = rc == 0;
    if (rc == 0 && node->node.version != node->listen.version)
        rc = msk_fail(err, MSK_E_INVALID, "listen and node are of different IP versions");
    return rc ? rc : check_unique(network, err);
}

int msk_config_nodes(const json_t *nodes, struct msk_network *network, struct msk_error *err)
{
    const char *name;
    json_t *object;
    if (json_object_size(nodes) < 2)
        return msk_fail(err, MSK_E_INVALID, "nodes: expected an object with at least two nodes");
    json_object_foreach((json_t *)nodes, name, object)
    {
        int rc = add_node(name, object, network, err);
        if (rc)
            return msk_wrap(err, rc, "nodes.%.40s", name);
    }
    return 0;
}

/* ---- links */

int msk_config_links(const json_t *links, struct msk_network *network, struct msk_error *err)
{
    size_t i;
    json_t *object;
    if (links && !json_is_array(links))
        return msk_fail(err, MSK_E_INVALID, "links: expected a list of objects");
    json_array_foreach(links, i, object)
    {
        int rc = msk_network_act(network, "set", object, NULL, err);
        if (rc)
            return msk_wrap(err, MSK_E_INVALID, "links[%zu]", i);
    }
    return 0;
}

/* ---- schedule */

static int parse_item(const json_t *object, struct msk_network *scratch, struct msk_scheduled *out,
                      struct msk_error *err)
{
    const json_t *at = json_object_get(object, "at");
    const char *name;
    json_t *value;
    if (!json_is_string(at))
        return msk_fail(err, MSK_E_INVALID, "expected an object with \"at\", a time span, and one action");
    int rc = msk_span_parse(json_string_value(at), &out->at_ns, err);
    if (rc)
        return msk_wrap(err, rc, "at");
    if (json_object_size(object) != 2)
        return msk_fail(err, MSK_E_INVALID, "expected \"at\" and one action");
    json_object_foreach((json_t *)object, name, value)
    {
        if (strcmp(name, "at") == 0)
            continue;
        out->action = name;
        out->argument = value;
    }
    return msk_network_act(scratch, out->action, out->argument, NULL, err);
}

static int by_time(const void *a, const void *b)
{
    const struct msk_scheduled *first = a, *second = b;
    if (first->at_ns != second->at_ns)
        return first->at_ns < second->at_ns ? -1 : 1;
    return first->place < second->place ? -1 : 1;
}

static int parse_items(const json_t *schedule, struct msk_network *scratch, struct msk_schedule *out,
                       struct msk_error *err)
{
    size_t i;
    json_t *object;
    json_array_foreach(schedule, i, object)
    {
        int rc = parse_item(object, scratch, &out->items[i], err);
        if (rc)
            return msk_wrap(err, rc == MSK_E_NOMEM ? rc : MSK_E_INVALID, "schedule[%zu]", i);
        out->items[i].place = i;
        out->count++;
    }
    qsort(out->items, out->count, sizeof *out->items, by_time);
    return 0;
}

int msk_config_schedule(const json_t *schedule, const struct msk_network *network, struct msk_schedule *out,
                        struct msk_error *err)
{
    *out = (struct msk_schedule){0};
    if (!schedule)
        return 0;
    if (!json_is_array(schedule) || json_array_size(schedule) > MSK_SCHEDULE_MAX)
        return msk_fail(err, MSK_E_INVALID, "schedule: expected a list of at most %d objects", MSK_SCHEDULE_MAX);
    struct msk_network scratch = *network;
    out->items = msk_calloc(json_array_size(schedule) + 1, sizeof *out->items);
    if (!out->items)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = msk_network_link(&scratch, 0, err);
    if (rc == 0)
        rc = parse_items(schedule, &scratch, out, err);
    msk_free(scratch.links);
    return rc;
}

void msk_schedule_free(struct msk_schedule *schedule)
{
    msk_free(schedule->items);
    *schedule = (struct msk_schedule){0};
}

uint64_t msk_schedule_next_ns(const struct msk_schedule *schedule)
{
    return schedule->done < schedule->count ? schedule->items[schedule->done].at_ns : MSK_NEVER;
}
