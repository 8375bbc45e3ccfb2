/* The types known by name: what each is and where it travels. */
#include <string.h>

#include "wire/messages.h"

#define ROW(name, about)      \
    {                         \
        MSK_TYPE(name), about \
    }

static const struct msk_type_entry types[] = {
    ROW(digest, "32 bytes: a network, group, tag, stream, function, ticket class or ticket id"),
    ROW(peer_id, "32 bytes: a peer's public key"),
    ROW(signature, "64 bytes: an Ed25519 signature"),
    ROW(version, "semantic version text"),
    ROW(timestamp, "an instant, as RFC 3339 text"),
    ROW(relay_url, "the URL of a relay"),
    ROW(socket_addr, "IP address and port"),
    ROW(transport_addr, "relay, socket or custom address of a peer"),
    ROW(endpoint_addr, "a peer id and the addresses it can be dialled at"),
    ROW(ticket, "class and data of a ticket"),
    ROW(expiration, "never, or an instant"),
    ROW(entry_version, "version of a peer entry: started, updated"),
    ROW(peer_entry, "a peer's description of itself, without signature"),
    ROW(signed_peer_entry, "a peer's description of itself: the answer to a ping"),
    ROW(catalog_snapshot, "catalog sync: each side's one message"),
    ROW(departure, "the announcement that a peer leaves"),
    ROW(announcement, "payload of a gossip broadcast"),
    ROW(handshake_start, "groups: first message of the dialler"),
    ROW(handshake_end, "groups: first message of the acceptor"),
    ROW(bond_message, "groups: every message on a bond after the handshake"),
    ROW(raft_message, "consensus, inside a bond message"),
    ROW(append_entries, "consensus: the leader's entries or heartbeat"),
    ROW(append_entries_response, "consensus: a follower's answer"),
    ROW(request_vote, "consensus: a candidate asks"),
    ROW(request_vote_response, "consensus: the answer to a candidate"),
    ROW(forward, "consensus: commands and queries passed to the leader"),
    ROW(log_sync, "log replay: catching up"),
    ROW(cursor, "a position in the log: term, index"),
    ROW(log_entry, "an entry of the log: term, command"),
    ROW(index_range, "first and last index"),
    ROW(gossip_message, "gossip: every frame after the stream header"),
    ROW(membership, "gossip: who is whose neighbour"),
    ROW(broadcast, "gossip: what is spread"),
    ROW(peer_info, "gossip: a peer id, and peer data as bytes"),
    ROW(peer_data, "gossip: the addresses of a peer"),
    ROW(stream_handshake, "streams: first message of the consumer"),
    ROW(stream_start, "streams: first message of the producer"),
    ROW(call_request, "functions: a call"),
    ROW(call_reply, "functions: its answer"),
};

const struct msk_type_entry *msk_type_list(size_t *count)
{
    *count = sizeof types / sizeof types[0];
    return types;
}

const struct msk_type *msk_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].type->name, name) == 0)
            return types[i].type;
    return NULL;
}
