/* entry_json.h: a peer's entry for people and scripts, the same wherever it is shown (cli.md "JSON members"). */
#ifndef MSK_CORE_ENTRY_JSON_H
#define MSK_CORE_ENTRY_JSON_H

#include <jansson.h>

#include "wire/messages.h"

/* peer_id, protocol, network_id, version, addresses, tags, streams, functions, groups, tickets, signature_valid. A new
 * reference, NULL without memory. */
json_t *msk_entry_to_json(const struct msk_signed_peer_entry *entry, bool signature_valid);

#endif
