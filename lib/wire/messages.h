/* messages.h: every message of mosaik 0.4.2 as a C structure (wire.md 2.1, 3, 4, A, C; groups.md 2, 3, 4).
 *
 * Decoded messages live in the arena they were decoded into; nothing in them is owned or freed by itself.
 * The layout tables that encode, decode and print them are in messages.c, one per structure; msk_type_NAME describes
 * struct msk_NAME. A choice is a `kind` and the union of what the cases carry. */
#ifndef MSK_WIRE_MESSAGES_H
#define MSK_WIRE_MESSAGES_H

#include "base/bytes.h"
#include "base/digest.h"
#include "wire/type.h"

/* A sequence of `type`: count, then items (wire.md 2). */
#define MSK_SEQ(name, type) \
    struct name {           \
        type *items;        \
        size_t count;       \
    }

MSK_SEQ(msk_digest_seq, struct msk_digest);
MSK_SEQ(msk_bytes_seq, struct msk_bytes);

/* ---- wire.md 2.1: library types */

enum msk_ip_version { MSK_IPV4 = 0, MSK_IPV6 = 1 };

struct msk_socket_addr {
    enum msk_ip_version version;
    uint8_t ip[16]; /* the first 4 bytes for IPv4, the rest zero */
    uint16_t port;
};
MSK_SEQ(msk_socket_addr_seq, struct msk_socket_addr);

enum msk_transport_addr_kind { MSK_ADDR_RELAY = 0, MSK_ADDR_IP = 1, MSK_ADDR_CUSTOM = 2 };

struct msk_transport_addr {
    enum msk_transport_addr_kind kind;
    union {
        struct msk_bytes relay; /* URL, normalised */
        struct msk_socket_addr ip;
        struct msk_custom_addr {
            uint64_t id;
            struct msk_bytes data;
        } custom;
    };
};
MSK_SEQ(msk_transport_addr_set, struct msk_transport_addr);

struct msk_endpoint_addr {
    struct msk_digest peer_id;
    struct msk_transport_addr_set addresses;
};

struct msk_ticket {
    struct msk_digest class_id;
    struct msk_bytes data;
};

/* One member of the ticket map (wire.md 4.1). */
struct msk_ticket_entry {
    struct msk_digest id;
    struct msk_ticket ticket;
};
MSK_SEQ(msk_ticket_map, struct msk_ticket_entry);

/* A UTC instant; travels as RFC 3339 text. */
struct msk_timestamp {
    int64_t seconds;
    uint32_t nanoseconds;
};

/* Nanoseconds below 10^9. */
struct msk_duration {
    uint64_t seconds;
    uint32_t nanoseconds;
};

enum msk_expiration_kind { MSK_EXPIRES_NEVER = 0, MSK_EXPIRES_AT = 1 };

struct msk_expiration {
    enum msk_expiration_kind kind;
    struct msk_timestamp at;
};

/* ---- wire.md 4: discovery */

struct msk_entry_version {
    int64_t started_ms, updated_ms;
};

struct msk_peer_entry {
    struct msk_bytes protocol; /* semantic version text */
    struct msk_digest network;
    struct msk_entry_version version;
    struct msk_endpoint_addr address;
    struct msk_digest_seq tags, streams, functions, groups; /* sets */
    struct msk_ticket_map tickets;
};

/* Decoding one verifies it: a bad signature is a decode error (wire.md 4.2). */
struct msk_signed_peer_entry {
    struct msk_peer_entry entry;
    uint8_t signature[64];
};
MSK_SEQ(msk_signed_peer_entry_seq, struct msk_signed_peer_entry);

/* wire.md 4.5: the one message of a catalog sync, each way. */
struct msk_catalog_snapshot {
    struct msk_signed_peer_entry_seq entries;
};

/* wire.md 4.7 */
enum msk_announcement_kind { MSK_ANNOUNCE_ENTRY = 0, MSK_ANNOUNCE_DEPARTURE = 1 };

struct msk_departure {
    struct msk_digest peer_id;
    struct msk_entry_version last_version;
    struct msk_timestamp timestamp;
    uint8_t signature[64];
};

struct msk_announcement {
    enum msk_announcement_kind kind;
    union {
        struct msk_signed_peer_entry entry;
        struct msk_departure departure;
    };
};

/* ---- wire.md A.1, groups.md 2.2: handshake of a bond */

struct msk_handshake_start {
    struct msk_digest network_id, group_id, proof;
    struct msk_signed_peer_entry_seq bonds;
};

struct msk_handshake_end {
    struct msk_digest proof;
    struct msk_signed_peer_entry_seq bonds;
};

/* ---- groups.md 3.2: consensus */

/* A position in the log: compared by term first, then index. */
struct msk_cursor {
    uint64_t term, index;
};

struct msk_log_entry {
    uint64_t term;
    struct msk_bytes command;
};
MSK_SEQ(msk_log_entry_seq, struct msk_log_entry);

struct msk_index_range {
    uint64_t start, end; /* inclusive */
};

enum msk_vote { MSK_VOTE_GRANTED = 0, MSK_VOTE_DENIED = 1, MSK_VOTE_ABSTAINED = 2 };

struct msk_append_entries {
    uint64_t term;
    struct msk_digest leader;
    struct msk_cursor prev;
    struct msk_log_entry_seq entries;
    uint64_t leader_commit;
};

struct msk_append_entries_response {
    uint64_t term, last_log_index;
    enum msk_vote vote;
};

struct msk_request_vote {
    uint64_t term;
    struct msk_digest candidate;
    struct msk_cursor log;
};

struct msk_request_vote_response {
    uint64_t term;
    enum msk_vote vote;
};

/* groups.md 3.8 */
enum msk_forward_kind {
    MSK_FORWARD_COMMAND = 0,
    MSK_FORWARD_COMMAND_ACK = 1,
    MSK_FORWARD_QUERY = 2,
    MSK_FORWARD_QUERY_RESPONSE = 3
};

struct msk_forward {
    enum msk_forward_kind kind;
    union {
        struct msk_forward_command {
            struct msk_bytes_seq commands;
            bool has_request_id;
            uint64_t request_id;
        } command;
        struct msk_forward_command_ack {
            uint64_t request_id;
            struct msk_index_range assigned;
        } command_ack;
        struct msk_forward_query {
            struct msk_bytes query;
            uint64_t request_id;
        } query;
        struct msk_forward_query_response {
            uint64_t request_id;
            struct msk_bytes result;
            uint64_t position;
        } query_response;
    };
};

/* groups.md 4: note that a fetched entry has its command first. */
struct msk_fetched_entry {
    struct msk_bytes command;
    uint64_t term;
};
MSK_SEQ(msk_fetched_entry_seq, struct msk_fetched_entry);

enum msk_log_sync_kind {
    MSK_SYNC_AVAILABILITY_REQUEST = 0,
    MSK_SYNC_AVAILABILITY_RESPONSE = 1,
    MSK_SYNC_FETCH_ENTRIES_REQUEST = 2,
    MSK_SYNC_FETCH_ENTRIES_RESPONSE = 3
};

struct msk_log_sync {
    enum msk_log_sync_kind kind;
    union {
        struct msk_index_range available, fetch;
        struct msk_fetched {
            struct msk_index_range range;
            struct msk_fetched_entry_seq entries;
        } fetched;
    };
};

enum msk_raft_message_kind {
    MSK_RAFT_APPEND_ENTRIES = 0,
    MSK_RAFT_APPEND_ENTRIES_RESPONSE = 1,
    MSK_RAFT_REQUEST_VOTE = 2,
    MSK_RAFT_REQUEST_VOTE_RESPONSE = 3,
    MSK_RAFT_FORWARD = 4,
    MSK_RAFT_STATE_SYNC = 5
};

struct msk_raft_message {
    enum msk_raft_message_kind kind;
    union {
        struct msk_append_entries append_entries;
        struct msk_append_entries_response append_entries_response;
        struct msk_request_vote request_vote;
        struct msk_request_vote_response request_vote_response;
        struct msk_forward forward;
        struct msk_log_sync state_sync; /* log replay groups; collections speak another dialect (groups.md 6.5) */
    };
};

/* ---- groups.md 2.7: what travels on a bond after the handshake */

enum msk_bond_message_kind {
    MSK_BOND_PING = 0,
    MSK_BOND_PONG = 1,
    MSK_BOND_DEPARTURE = 2,
    MSK_BOND_PEER_ENTRY_UPDATE = 3,
    MSK_BOND_FORMED = 4,
    MSK_BOND_RAFT = 5
};

struct msk_bond_message {
    enum msk_bond_message_kind kind;
    union {
        struct msk_signed_peer_entry entry; /* PEER_ENTRY_UPDATE, FORMED */
        struct msk_raft_message raft;
    };
};

/* ---- wire.md C.2: gossip */

struct msk_peer_info {
    struct msk_digest peer_id;
    bool has_data;
    struct msk_bytes data; /* encoded msk_peer_data, may be empty */
};
MSK_SEQ(msk_peer_info_seq, struct msk_peer_info);

struct msk_peer_data {
    bool has_relay;
    struct msk_bytes relay;
    struct msk_socket_addr_seq addresses; /* set */
};

enum msk_gossip_kind { MSK_GOSSIP_MEMBERSHIP = 0, MSK_GOSSIP_BROADCAST = 1 };

enum msk_membership_kind {
    MSK_MEMBERSHIP_JOIN = 0,
    MSK_MEMBERSHIP_FORWARD_JOIN = 1,
    MSK_MEMBERSHIP_SHUFFLE = 2,
    MSK_MEMBERSHIP_SHUFFLE_REPLY = 3,
    MSK_MEMBERSHIP_NEIGHBOR = 4,
    MSK_MEMBERSHIP_DISCONNECT = 5
};

enum msk_neighbor_priority { MSK_PRIORITY_HIGH = 0, MSK_PRIORITY_LOW = 1 };

struct msk_membership {
    enum msk_membership_kind kind;
    union {
        struct msk_membership_join {
            bool has_data;
            struct msk_bytes data;
        } join;
        struct msk_membership_forward_join {
            struct msk_peer_info peer;
            uint16_t ttl;
        } forward_join;
        struct msk_membership_shuffle {
            struct msk_digest origin;
            struct msk_peer_info_seq nodes;
            uint16_t ttl;
        } shuffle;
        struct msk_membership_shuffle_reply {
            struct msk_peer_info_seq nodes;
        } shuffle_reply;
        struct msk_membership_neighbor {
            enum msk_neighbor_priority priority;
            bool has_data;
            struct msk_bytes data;
        } neighbor;
        struct msk_membership_disconnect {
            bool alive, obsolete;
        } disconnect;
    };
};

enum msk_broadcast_kind {
    MSK_BROADCAST_GOSSIP = 0,
    MSK_BROADCAST_PRUNE = 1,
    MSK_BROADCAST_GRAFT = 2,
    MSK_BROADCAST_I_HAVE = 3
};

enum msk_gossip_scope_kind { MSK_SCOPE_SWARM = 0, MSK_SCOPE_NEIGHBOURS = 1 };

struct msk_gossip_scope {
    enum msk_gossip_scope_kind kind;
    uint16_t round; /* SWARM only */
};

struct msk_have {
    struct msk_digest id;
    uint16_t round;
};
MSK_SEQ(msk_have_seq, struct msk_have);

struct msk_broadcast {
    enum msk_broadcast_kind kind;
    union {
        struct msk_broadcast_gossip {
            struct msk_digest id;
            struct msk_bytes content;
            struct msk_gossip_scope scope;
        } gossip;
        struct msk_broadcast_graft {
            bool has_id;
            struct msk_digest id;
            uint16_t round;
        } graft;
        struct msk_have_seq haves;
    };
};

struct msk_gossip_message {
    enum msk_gossip_kind kind;
    union {
        struct msk_membership membership;
        struct msk_broadcast broadcast;
    };
};

/* ---- wire.md B: streams and functions; their criteria are an empty record */

struct msk_stream_handshake {
    struct msk_digest network_id, stream_id;
};

struct msk_stream_start {
    struct msk_digest network_id, stream_id;
};

struct msk_call_request {
    struct msk_digest network_id, function_id;
    struct msk_bytes payload;
};

enum msk_call_reply_kind { MSK_CALL_OK = 0, MSK_CALL_ERROR = 1 };

struct msk_call_reply {
    enum msk_call_reply_kind kind;
    struct msk_bytes payload;
};

/* ---- the layouts */

extern const struct msk_type msk_type_transport_addr, msk_type_endpoint_addr, msk_type_ticket, msk_type_expiration;
extern const struct msk_type msk_type_entry_version, msk_type_peer_entry, msk_type_signed_peer_entry;
extern const struct msk_type msk_type_catalog_snapshot, msk_type_departure, msk_type_announcement;
extern const struct msk_type msk_type_handshake_start, msk_type_handshake_end;
extern const struct msk_type msk_type_cursor, msk_type_log_entry, msk_type_index_range;
extern const struct msk_type msk_type_append_entries, msk_type_append_entries_response;
extern const struct msk_type msk_type_request_vote, msk_type_request_vote_response;
extern const struct msk_type msk_type_forward, msk_type_log_sync, msk_type_raft_message, msk_type_bond_message;
extern const struct msk_type msk_type_peer_info, msk_type_peer_data;
extern const struct msk_type msk_type_membership, msk_type_broadcast, msk_type_gossip_message;
extern const struct msk_type msk_type_stream_handshake, msk_type_stream_start;
extern const struct msk_type msk_type_call_request, msk_type_call_reply;

/* Those that `mosaik-inspect decode` and the fuzzer know by name, in the order of the specification. */
struct msk_type_entry {
    const struct msk_type *type;
    const char *about; /* what it is, where it travels */
};
const struct msk_type_entry *msk_type_list(size_t *count);
const struct msk_type *msk_type_find(const char *name); /* NULL: none of that name */

#endif
