/* Every message, written once. What a row means is in layout.h; the order of rows is the order on the wire. */
#include "wire/messages.h"

#include "wire/layout.h"
#include "wire/peer_entry.h"

/* clang-format off */

MSK_LIST(seq, bytes_seq, bytes);
MSK_LIST(set, digest_set, digest);

/* ---- wire.md 2.1. In JSON these have the reference's names. */

static const struct msk_type msk_type_custom_data = {.kind = &msk_kind_custom_data,
                                                     .name = "custom_data",
                                                     .size = sizeof(struct msk_bytes),
                                                     .align = _Alignof(struct msk_bytes)};
MSK_RECORD(custom_addr, MSK_FIELD(id, id64), MSK_FIELD(data, custom_data));
MSK_CHOICE(transport_addr,
    MSK_CASE_OF("Relay",  relay,  relay_url),
    MSK_CASE_OF("Ip",     ip,     socket_addr),
    MSK_CASE_OF("Custom", custom, custom_addr));
MSK_LIST(set, transport_addr_set, transport_addr);

MSK_RECORD(endpoint_addr,
    MSK_FIELD_AS("id",    peer_id,   peer_id),
    MSK_FIELD_AS("addrs", addresses, transport_addr_set));

MSK_RECORD(ticket,
    MSK_FIELD_AS("class", class_id, digest),
    MSK_FIELD(data, bytes));

MSK_CHOICE(expiration,
    MSK_UNIT_CASE(Never),
    MSK_CASE_OF("At", at, timestamp));

/* ---- wire.md 4.1, 4.2, 4.3: peer entries */

MSK_TUPLE(entry_version,
    MSK_FIELD(started_ms, i64),
    MSK_FIELD(updated_ms, i64));

MSK_RECORD(ticket_entry,
    MSK_FIELD(id,     digest),
    MSK_FIELD(ticket, ticket));
MSK_LIST(map, ticket_map, ticket_entry);

MSK_RECORD(peer_entry,
    MSK_FIELD(protocol,  version),
    MSK_FIELD(network,   digest),
    MSK_FIELD(version,   entry_version),
    MSK_FIELD(address,   endpoint_addr),
    MSK_FIELD(tags,      digest_set),
    MSK_FIELD(streams,   digest_set),
    MSK_FIELD(functions, digest_set),
    MSK_FIELD(groups,    digest_set),
    MSK_FIELD(tickets,   ticket_map));

static int check_signed_peer_entry(const void *value, struct msk_error *err)
{
    int rc = msk_peer_entry_verify(value);
    return rc == MSK_E_REFUSED ? msk_fail(err, rc, "the signature is not the peer's")
           : rc < 0            ? msk_fail(err, rc, "%s", msk_error_sentence(rc))
                               : 0;
}

MSK_RECORD_CHECKED(signed_peer_entry, check_signed_peer_entry,
    MSK_FIELD(entry,     peer_entry),
    MSK_FIELD(signature, signature));
MSK_LIST(seq, signed_peer_entry_seq, signed_peer_entry);

/* ---- wire.md 4.5, 4.7: discovery */

MSK_RECORD(catalog_snapshot,
    MSK_FIELD(entries, signed_peer_entry_seq));

MSK_RECORD(departure,
    MSK_FIELD(peer_id,      peer_id),
    MSK_FIELD(last_version, entry_version),
    MSK_FIELD(timestamp,    timestamp),
    MSK_FIELD(signature,    signature));

MSK_CHOICE(announcement,
    MSK_CASE_OF("entry", entry, signed_peer_entry),
    MSK_CASE(departure));

/* ---- wire.md A.1: handshakes */

MSK_RECORD(handshake_start,
    MSK_FIELD(network_id, digest),
    MSK_FIELD(group_id,   digest),
    MSK_FIELD(proof,      digest),
    MSK_FIELD(bonds,      signed_peer_entry_seq));

MSK_RECORD(handshake_end,
    MSK_FIELD(proof, digest),
    MSK_FIELD(bonds, signed_peer_entry_seq));

/* ---- groups.md 3.2: consensus */

MSK_ENUM(vote, MSK_UNIT_CASE(granted), MSK_UNIT_CASE(denied), MSK_UNIT_CASE(abstained));

MSK_RECORD(cursor,
    MSK_FIELD(term,  u64),
    MSK_FIELD(index, u64));

MSK_RECORD(index_range,
    MSK_FIELD(start, u64),
    MSK_FIELD(end,   u64));

MSK_RECORD(log_entry,
    MSK_FIELD(term,    u64),
    MSK_FIELD(command, bytes));
MSK_LIST(seq, log_entry_seq, log_entry);

MSK_RECORD(append_entries,
    MSK_FIELD(term,          u64),
    MSK_FIELD(leader,        peer_id),
    MSK_FIELD(prev,          cursor),
    MSK_FIELD(entries,       log_entry_seq),
    MSK_FIELD(leader_commit, u64));

MSK_RECORD(append_entries_response,
    MSK_FIELD(term,           u64),
    MSK_FIELD(last_log_index, u64),
    MSK_FIELD(vote,           vote));

MSK_RECORD(request_vote,
    MSK_FIELD(term,      u64),
    MSK_FIELD(candidate, peer_id),
    MSK_FIELD(log,       cursor));

MSK_RECORD(request_vote_response,
    MSK_FIELD(term, u64),
    MSK_FIELD(vote, vote));

/* groups.md 3.8 */
MSK_RECORD(forward_command,
    MSK_FIELD(commands, bytes_seq),
    MSK_OPTION(request_id, id64));
MSK_RECORD(forward_command_ack,
    MSK_FIELD(request_id, id64),
    MSK_FIELD(assigned,   index_range));
MSK_RECORD(forward_query,
    MSK_FIELD(query,      bytes),
    MSK_FIELD(request_id, id64));
MSK_RECORD(forward_query_response,
    MSK_FIELD(request_id, id64),
    MSK_FIELD(result,     bytes),
    MSK_FIELD(position,   u64));
MSK_CHOICE(forward,
    MSK_CASE_OF("command",        command,        forward_command),
    MSK_CASE_OF("command_ack",    command_ack,    forward_command_ack),
    MSK_CASE_OF("query",          query,          forward_query),
    MSK_CASE_OF("query_response", query_response, forward_query_response));

/* groups.md 4: the command comes first here */
MSK_RECORD(fetched_entry,
    MSK_FIELD(command, bytes),
    MSK_FIELD(term,    u64));
MSK_LIST(seq, fetched_entry_seq, fetched_entry);
MSK_RECORD(fetched,
    MSK_FIELD(range,   index_range),
    MSK_FIELD(entries, fetched_entry_seq));
MSK_CHOICE(log_sync,
    MSK_UNIT_CASE(availability_request),
    MSK_CASE_OF("availability_response",  available, index_range),
    MSK_CASE_OF("fetch_entries_request",  fetch,     index_range),
    MSK_CASE_OF("fetch_entries_response", fetched,   fetched));

MSK_CHOICE(raft_message,
    MSK_CASE(append_entries),
    MSK_CASE(append_entries_response),
    MSK_CASE(request_vote),
    MSK_CASE(request_vote_response),
    MSK_CASE(forward),
    MSK_CASE_OF("state_sync", state_sync, log_sync));

/* ---- groups.md 2.7: bonds */

MSK_CHOICE(bond_message,
    MSK_UNIT_CASE(ping),
    MSK_UNIT_CASE(pong),
    MSK_UNIT_CASE(departure),
    MSK_CASE_OF("peer_entry_update", entry, signed_peer_entry),
    MSK_CASE_OF("bond_formed",       entry, signed_peer_entry),
    MSK_CASE_OF("raft",              raft,  raft_message));

/* ---- wire.md C.2: gossip */

MSK_RECORD(peer_info,
    MSK_FIELD(peer_id, peer_id),
    MSK_OPTION(data, bytes));
MSK_LIST(seq, peer_info_seq, peer_info);

MSK_LIST(set, socket_addr_set, socket_addr);
MSK_RECORD(peer_data,
    MSK_OPTION(relay, relay_url),
    MSK_FIELD(addresses, socket_addr_set));

MSK_ENUM(neighbor_priority, MSK_UNIT_CASE(high), MSK_UNIT_CASE(low));

MSK_RECORD(membership_join,
    MSK_OPTION(data, bytes));
MSK_RECORD(membership_forward_join,
    MSK_FIELD(peer, peer_info),
    MSK_FIELD(ttl,  u16));
MSK_RECORD(membership_shuffle,
    MSK_FIELD(origin, peer_id),
    MSK_FIELD(nodes,  peer_info_seq),
    MSK_FIELD(ttl,    u16));
MSK_RECORD(membership_shuffle_reply,
    MSK_FIELD(nodes, peer_info_seq));
MSK_RECORD(membership_neighbor,
    MSK_FIELD(priority, neighbor_priority),
    MSK_OPTION(data, bytes));
MSK_RECORD(membership_disconnect,
    MSK_FIELD(alive,    bool),
    MSK_FIELD(obsolete, bool));
MSK_CHOICE(membership,
    MSK_CASE_OF("join",          join,          membership_join),
    MSK_CASE_OF("forward_join",  forward_join,  membership_forward_join),
    MSK_CASE_OF("shuffle",       shuffle,       membership_shuffle),
    MSK_CASE_OF("shuffle_reply", shuffle_reply, membership_shuffle_reply),
    MSK_CASE_OF("neighbor",      neighbor,      membership_neighbor),
    MSK_CASE_OF("disconnect",    disconnect,    membership_disconnect));

MSK_CHOICE(gossip_scope,
    MSK_CASE_OF("swarm", round, u16),
    MSK_UNIT_CASE(neighbours));
MSK_RECORD(have,
    MSK_FIELD(id,    digest),
    MSK_FIELD(round, u16));
MSK_LIST(seq, have_seq, have);
MSK_RECORD(broadcast_gossip,
    MSK_FIELD(id,      digest),
    MSK_FIELD(content, bytes),
    MSK_FIELD(scope,   gossip_scope));
MSK_RECORD(broadcast_graft,
    MSK_OPTION(id, digest),
    MSK_FIELD(round, u16));
MSK_CHOICE(broadcast,
    MSK_CASE_OF("gossip", gossip, broadcast_gossip),
    MSK_UNIT_CASE(prune),
    MSK_CASE_OF("graft",  graft,  broadcast_graft),
    MSK_CASE_OF("i_have", haves,  have_seq));

MSK_CHOICE(gossip_message,
    MSK_CASE(membership),
    MSK_CASE(broadcast));

/* ---- wire.md B: streams and functions */

MSK_RECORD(stream_handshake,
    MSK_FIELD(network_id, digest),
    MSK_FIELD(stream_id,  digest));

MSK_RECORD(stream_start,
    MSK_FIELD(network_id, digest),
    MSK_FIELD(stream_id,  digest));

MSK_RECORD(call_request,
    MSK_FIELD(network_id,  digest),
    MSK_FIELD(function_id, digest),
    MSK_FIELD(payload,     bytes));

MSK_CHOICE(call_reply,
    MSK_CASE_OF("ok",    payload, bytes),
    MSK_CASE_OF("error", payload, bytes));
