#include "proxy/network.h"

#include <string.h>

#include "base/alloc.h"
#include "wire/address.h"

/* ---- building */

void msk_network_init(struct msk_network *network)
{
    *network = (struct msk_network){0};
}

void msk_network_free(struct msk_network *network)
{
    msk_free(network->links);
    *network = (struct msk_network){0};
}

static size_t index_of(const struct msk_network *network, const char *name)
{
    size_t i = 0;
    while (i < network->node_count && strcmp(network->nodes[i].name, name) != 0)
        i++;
    return i;
}

int msk_network_add_node(struct msk_network *network, const char *name, struct msk_error *err)
{
    size_t len = strlen(name);
    if (network->node_count == MSK_NODES_MAX)
        return msk_fail(err, MSK_E_LIMIT, "more than %d nodes", MSK_NODES_MAX);
    if (len == 0 || len > MSK_NODE_NAME_MAX || strpbrk(name, " /*\t\r\n"))
        return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is no name: 1 to %d characters, no blanks, / or *", name,
                        MSK_NODE_NAME_MAX);
    if (index_of(network, name) < network->node_count)
        return msk_fail(err, MSK_E_INVALID, "there are two nodes \"%s\"", name);
    memcpy(network->nodes[network->node_count++].name, name, len + 1);
    return 0;
}

int msk_network_link(struct msk_network *network, uint64_t seed, struct msk_error *err)
{
    size_t count = network->node_count;
    network->links = msk_calloc(count * count, sizeof *network->links);
    if (!network->links)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    for (size_t from = 0; from < count; from++)
        for (size_t to = 0; to < count; to++)
            msk_network_between(network, from, to)->key =
                msk_link_key(seed, network->nodes[from].name, network->nodes[to].name);
    return 0;
}

/* ---- asking */

struct msk_link_state *msk_network_between(const struct msk_network *network, size_t from, size_t to)
{
    return &network->links[from * network->node_count + to];
}

int msk_network_find(const struct msk_network *network, const char *name, size_t *node, struct msk_error *err)
{
    *node = index_of(network, name);
    if (*node < network->node_count)
        return 0;
    char known[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < network->node_count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", network->nodes[i].name);
    return msk_fail(err, MSK_E_NOTFOUND, "there is no node \"%.40s\": known are %s", name, known);
}

bool msk_network_parted(const struct msk_network *network, size_t from, size_t to)
{
    unsigned a = network->nodes[from].side, b = network->nodes[to].side;
    return a != b && a != 0 && b != 0;
}

/* ---- actions */

static int find_json(const struct msk_network *network, const json_t *name, size_t *node, struct msk_error *err)
{
    *node = network->node_count;
    if (!json_is_string(name))
        return msk_fail(err, MSK_E_INVALID, "expected the name of a node");
    return msk_network_find(network, json_string_value(name), node, err);
}

/* One end of a link: a node, or all of them. */
struct end {
    size_t first, last;
};

static int find_end(const struct msk_network *network, const json_t *object, const char *member, struct end *end,
                    struct msk_error *err)
{
    const json_t *name = json_object_get(object, member);
    *end = (struct end){.first = 0, .last = network->node_count - 1};
    if (json_is_string(name) && strcmp(json_string_value(name), "*") == 0)
        return 0;
    int rc = find_json(network, name, &end->first, err);
    end->last = end->first;
    return rc ? msk_wrap(err, rc, "%s", member) : 0;
}

static int change_rules(struct msk_rules *rules, const json_t *argument, struct msk_error *err)
{
    const json_t *words = json_object_get(argument, "rules");
    return json_is_string(words) ? msk_rules_set_words(rules, json_string_value(words), err)
                                 : msk_rules_set_json(rules, argument, err);
}

static int act_set(struct msk_network *network, const json_t *argument, json_t **event, struct msk_error *err)
{
    struct end from, to;
    struct msk_rules rules = {0};
    if (!json_is_object(argument))
        return msk_fail(err, MSK_E_INVALID, "expected an object with from, to, and rules");
    int rc = find_end(network, argument, "from", &from, err);
    if (rc == 0)
        rc = find_end(network, argument, "to", &to, err);
    if (rc == 0 && from.first == from.last && to.first == to.last && from.first == to.first)
        rc = msk_fail(err, MSK_E_INVALID, "from and to are the same node");
    if (rc == 0)
        rc = change_rules(&rules, argument, err); /* what one link takes all take: afterwards nothing can fail */
    if (rc)
        return rc;
    for (size_t i = from.first; i <= from.last; i++)
        for (size_t j = to.first; j <= to.last; j++) {
            struct msk_link_state *link = msk_network_between(network, i, j);
            rules = link->rules;
            if (i != j && change_rules(&rules, argument, NULL) == 0)
                msk_link_set_rules(link, &rules);
        }
    *event = json_pack("{s:s, s:O, s:O, s:o}", "event", "rules_changed", "from", json_object_get(argument, "from"),
                       "to", json_object_get(argument, "to"), "rules", msk_rules_json(&rules));
    return 0;
}

static int act_partition(struct msk_network *network, const json_t *argument, json_t **event, struct msk_error *err)
{
    unsigned sides[MSK_NODES_MAX] = {0};
    size_t i, j, node;
    json_t *side, *name;
    if (json_array_size(argument) < 2)
        return msk_fail(err, MSK_E_INVALID, "expected at least two lists of names");
    json_array_foreach(argument, i, side)
    {
        if (json_array_size(side) == 0)
            return msk_fail(err, MSK_E_INVALID, "[%zu]: expected a list of names", i);
        json_array_foreach(side, j, name)
        {
            int rc = find_json(network, name, &node, err);
            if (rc)
                return msk_wrap(err, rc, "[%zu][%zu]", i, j);
            if (sides[node])
                return msk_fail(err, MSK_E_INVALID, "[%zu][%zu]: \"%s\" is named twice", i, j,
                                network->nodes[node].name);
            sides[node] = (unsigned)i + 1;
        }
    }
    for (node = 0; node < network->node_count; node++)
        network->nodes[node].side = sides[node];
    *event = json_pack("{s:s, s:O}", "event", "partitioned", "sides", argument);
    return 0;
}

static int act_heal(struct msk_network *network, const json_t *argument, json_t **event, struct msk_error *err)
{
    if (!json_is_true(argument))
        return msk_fail(err, MSK_E_INVALID, "expected true");
    for (size_t node = 0; node < network->node_count; node++)
        network->nodes[node].side = 0;
    *event = json_pack("{s:s}", "event", "healed");
    return 0;
}

static int act_pausing(struct msk_network *network, const json_t *argument, bool paused, json_t **event,
                       struct msk_error *err)
{
    size_t node;
    int rc = find_json(network, argument, &node, err);
    if (rc)
        return rc;
    network->nodes[node].paused = paused;
    *event = json_pack("{s:s, s:O}", "event", paused ? "paused" : "resumed", "node", argument);
    return 0;
}

static int act_pause(struct msk_network *network, const json_t *argument, json_t **event, struct msk_error *err)
{
    return act_pausing(network, argument, true, event, err);
}

static int act_resume(struct msk_network *network, const json_t *argument, json_t **event, struct msk_error *err)
{
    return act_pausing(network, argument, false, event, err);
}

static int act_node(struct msk_network *network, const json_t *argument, json_t **event, struct msk_error *err)
{
    struct msk_socket_addr address;
    size_t node;
    const char *text = json_string_value(json_object_get(argument, "address"));
    int rc = find_json(network, json_object_get(argument, "name"), &node, err);
    if (rc)
        return msk_wrap(err, rc, "name");
    if (!text)
        return msk_fail(err, MSK_E_INVALID, "address: expected IP:PORT");
    rc = msk_socket_addr_parse(msk_bytes_of_text(text), &address, err);
    if (rc)
        return msk_wrap(err, rc, "address");
    if (address.version != network->nodes[node].listen.version)
        return msk_fail(err, MSK_E_INVALID, "address: the proxy's port for \"%s\" is of the other IP version",
                        network->nodes[node].name);
    network->nodes[node].node = address;
    network->nodes[node].has_address = true;
    *event = json_pack("{s:s, s:s, s:s}", "event", "node_moved", "node", network->nodes[node].name, "address", text);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct msk_network *network, const json_t *argument, json_t **event, struct msk_error *err);
} actions[] = {
    {"set", act_set},     {"partition", act_partition}, {"heal", act_heal},
    {"pause", act_pause}, {"resume", act_resume},       {"node", act_node},
};
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

int msk_network_act(struct msk_network *network, const char *action, const json_t *argument, json_t **event,
                    struct msk_error *err)
{
    json_t *told = NULL;
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].name, action) != 0)
            continue;
        int rc = actions[i].run(network, argument, &told, err);
        if (event)
            *event = told;
        else
            json_decref(told);
        return rc ? msk_wrap(err, rc, "%s", action) : 0;
    }
    return msk_fail(err, MSK_E_INVALID, "\"%.40s\" is none of set, partition, heal, pause, resume, node", action);
}

/* ---- reports */

static json_t *counters_json(const struct msk_network *network, size_t from, size_t to)
{
    const struct msk_link_counters *counters = &msk_network_between(network, from, to)->counters;
    json_t *object = json_pack("{s:s, s:s}", "from", network->nodes[from].name, "to", network->nodes[to].name);
    json_t *by = json_object();
#define X(name, meaning) json_object_set_new(object, #name, json_integer((json_int_t)counters->name));
    MSK_LINK_COUNTER_MAP(X)
#undef X
    for (int fate = MSK_FATE_PASS + 1; fate < MSK_FATE_COUNT; fate++)
        json_object_set_new(by, msk_fate_name((enum msk_fate)fate), json_integer((json_int_t)counters->fates[fate]));
    json_object_set_new(object, "dropped_by", by);
    return object;
}

static json_t *link_json(const struct msk_network *network, size_t from, size_t to)
{
    const struct msk_link_state *link = msk_network_between(network, from, to);
    struct msk_builder words;
    msk_builder_init(&words, MSK_RULES_TEXT_MAX);
    msk_rules_append(&words, &link->rules);
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:b}", "from", network->nodes[from].name, "to",
                               network->nodes[to].name, "rules", msk_rules_json(&link->rules), "words",
                               words.data ? (char *)words.data : "", "parted", msk_network_parted(network, from, to));
    msk_builder_free(&words);
    return object;
}

static json_t *each_link(const struct msk_network *network,
                         json_t *(*report)(const struct msk_network *network, size_t from, size_t to))
{
    json_t *links = json_array();
    for (size_t from = 0; from < network->node_count; from++)
        for (size_t to = 0; to < network->node_count; to++)
            if (from != to)
                json_array_append_new(links, report(network, from, to));
    return links;
}

static json_t *node_json(const struct msk_proxy_node *node)
{
    char listen[MSK_SOCKET_TEXT_SIZE] = "", at[MSK_SOCKET_TEXT_SIZE] = "";
    if (node->listen.port)
        msk_socket_addr_text(&node->listen, listen);
    if (node->has_address)
        msk_socket_addr_text(&node->node, at);
    return json_pack("{s:s, s:s?, s:s?, s:i, s:b}", "name", node->name, "listen", listen[0] ? listen : NULL, "node",
                     at[0] ? at : NULL, "side", (int)node->side, "paused", node->paused);
}

json_t *msk_network_stats_json(const struct msk_network *network)
{
    return json_pack("{s:o}", "links", each_link(network, counters_json));
}

json_t *msk_network_links_json(const struct msk_network *network)
{
    json_t *nodes = json_array();
    for (size_t i = 0; i < network->node_count; i++)
        json_array_append_new(nodes, node_json(&network->nodes[i]));
    return json_pack("{s:o, s:o}", "links", each_link(network, link_json), "nodes", nodes);
}
