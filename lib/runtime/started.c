/* The first line of a node: that it has started, and where it is (cli.md). */
#include "quic/address.h"
#include "runtime/now.h"
#include "runtime/runtime_internal.h"

static json_t *address_json(const struct msk_socket_addr *bound)
{
    union msk_address address;
    char text[MSK_ADDRESS_TEXT_SIZE];
    msk_address_from_wire(bound, &address);
    return json_string(msk_address_text(&address, text));
}

static json_t *metrics_json(const struct msk_runtime *runtime)
{
    struct msk_socket_addr bound;
    if (!runtime->metrics)
        return json_null();
    msk_http_address(runtime->metrics, &bound);
    return address_json(&bound);
}

static json_t *started_members(const struct msk_runtime *runtime)
{
    const struct msk_runtime_config *config = runtime->config;
    char id[MSK_DIGEST_TEXT_SIZE] = "";
    json_t *addresses = json_array();
    for (size_t i = 0; i < config->listen_count; i++) {
        struct msk_socket_addr bound;
        msk_net_address(runtime->net, i, &bound);
        json_array_append_new(addresses, address_json(&bound));
    }
    if (config->group_count > 0)
        msk_digest_text(&config->groups[0]->id, id);
    return json_pack("{s:o, s:s?, s:o, s:s?, s:o}", "addresses", addresses, "group_id", id[0] ? id : NULL, "groups",
                     msk_node_groups_json(runtime->node), "control", config->control_path, "metrics",
                     metrics_json(runtime));
}

void msk_runtime_announce_start(struct msk_runtime *runtime)
{
    struct msk_socket_addr bound;
    union msk_address address;
    char text[MSK_ADDRESS_TEXT_SIZE];
    msk_net_address(runtime->net, 0, &bound);
    msk_address_from_wire(&bound, &address);
    const struct msk_event event = {
        .kind = MSK_EVENT_NODE_STARTED,
        .field_count = 3,
        .fields = {MSK_F_DIGEST("peer_id", msk_node_id(runtime->node)),
                   MSK_F_TEXT("address", msk_address_text(&address, text)),
                   MSK_F_DIGEST("network_id", &runtime->config->network_id)},
    };
    msk_journal_announce(&runtime->journal, msk_now(), &event, started_members(runtime));
}
