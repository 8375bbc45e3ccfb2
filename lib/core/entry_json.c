#include "core/entry_json.h"

#include "wire/address.h"

static json_t *digest_json(const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    return json_string(msk_digest_text(digest, text));
}

static json_t *digests_json(const struct msk_digest_seq *digests)
{
    json_t *list = json_array();
    for (size_t i = 0; i < digests->count; i++)
        json_array_append_new(list, digest_json(&digests->items[i]));
    return list;
}

/* IP addresses as one would dial them, relays as their URL, others as "custom:ID". */
static json_t *address_json(const struct msk_transport_addr *address)
{
    char text[MSK_SOCKET_TEXT_SIZE];
    switch (address->kind) {
    case MSK_ADDR_IP:
        return json_string(msk_socket_addr_text(&address->ip, text));
    case MSK_ADDR_RELAY:
        return json_stringn((const char *)address->relay.data, address->relay.len);
    case MSK_ADDR_CUSTOM:
        break;
    }
    return json_sprintf("custom:%llu", (unsigned long long)address->custom.id);
}

static json_t *addresses_json(const struct msk_transport_addr_set *addresses)
{
    json_t *list = json_array();
    for (size_t i = 0; i < addresses->count; i++)
        json_array_append_new(list, address_json(&addresses->items[i]));
    return list;
}

static json_t *tickets_json(const struct msk_ticket_map *tickets)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tickets->count; i++) {
        const struct msk_ticket_entry *entry = &tickets->items[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:I}", "id", digest_json(&entry->id), "class",
                                              digest_json(&entry->ticket.class_id), "bytes",
                                              (json_int_t)entry->ticket.data.len));
    }
    return list;
}

json_t *msk_entry_to_json(const struct msk_signed_peer_entry *signed_entry, bool signature_valid)
{
    const struct msk_peer_entry *entry = &signed_entry->entry;
    /* clang-format off */
    return json_pack("{s:o, s:s%, s:o, s:[I, I], s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
                     "peer_id", digest_json(&entry->address.peer_id),
                     "protocol", (const char *)entry->protocol.data, entry->protocol.len,
                     "network_id", digest_json(&entry->network),
                     "version", (json_int_t)entry->version.started_ms, (json_int_t)entry->version.updated_ms,
                     "addresses", addresses_json(&entry->address.addresses),
                     "tags", digests_json(&entry->tags),
                     "streams", digests_json(&entry->streams),
                     "functions", digests_json(&entry->functions),
                     "groups", digests_json(&entry->groups),
                     "tickets", tickets_json(&entry->tickets),
                     "signature_valid", signature_valid);
    /* clang-format on */
}
