//! Peer entries: as JSON, as bytes, and the events of a node's catalog.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use mosaik::discovery::{Catalog, PeerEntry, PeerEntryVersion, SignedPeerEntry};
use mosaik::iroh::EndpointAddr;
use mosaik::primitives::encoding;
use mosaik::tickets::Ticket;
use mosaik::{Digest, PeerId};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::lines;

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

fn ticket_json(ticket: &Ticket) -> Value {
    json!({
        "id": ticket.id().to_string(),
        "class": ticket.class.to_string(),
        "hex": hex::encode(ticket.data()),
        "text": std::str::from_utf8(ticket.data()).ok(),
    })
}

pub fn entry_json(entry: &PeerEntry) -> Value {
    json!({
        "peer_id": entry.id().to_string(),
        "protocol": entry.protocol_version().to_string(),
        "network_id": entry.network_id().to_string(),
        "version": entry.update_version(),
        "addresses": texts(entry.address().ip_addrs()),
        "relays": texts(entry.address().relay_urls()),
        "tags": texts(entry.tags()),
        "streams": texts(entry.streams()),
        "functions": texts(entry.functions()),
        "groups": texts(entry.groups()),
        "tickets": entry.tickets().values().map(ticket_json).collect::<Vec<_>>(),
    })
}

/// A catalog's signed entries, the node's own among them.
pub fn catalog_json(catalog: &Catalog) -> Value {
    json!({
        "peers": catalog.iter_signed().map(|entry| entry_json(entry)).collect::<Vec<_>>(),
    })
}

pub fn signed_to_hex(entry: &SignedPeerEntry) -> Result<String> {
    Ok(hex::encode(encoding::try_serialize(entry).context("encode the entry")?))
}

pub fn signed_from_hex(text: &str) -> Result<SignedPeerEntry> {
    let bytes = hex::decode(text).context("entry")?;
    encoding::deserialize(bytes).context("signed peer entry")
}

/// An entry with nothing but an address. The reference has no public
/// constructor for one; reading it from JSON is the way in.
pub fn bare_entry(
    network: &Digest,
    address: &EndpointAddr,
    version: (i64, i64),
) -> Result<PeerEntry> {
    let entry = json!({
        "protocol": "0.4.2",
        "network": network,
        "version": version,
        "address": address,
        "tags": [], "streams": [], "functions": [], "groups": [], "tickets": {},
    });
    serde_json::from_value(entry).context("peer entry")
}

/// Prints an event for each change of the catalog, for ever.
pub async fn follow(local: PeerId, mut catalogs: watch::Receiver<Catalog>) {
    let mut known: BTreeMap<PeerId, PeerEntryVersion> = BTreeMap::new();
    catalogs.mark_changed();
    while catalogs.changed().await.is_ok() {
        let catalog = catalogs.borrow_and_update().clone();
        let mut seen = BTreeMap::new();
        for entry in catalog.iter_signed() {
            let version = entry.update_version();
            let change = match known.get(entry.id()) {
                None => Some("new"),
                Some(old) if *old != version => Some("updated"),
                Some(_) => None,
            };
            if let Some(change) = change {
                let own = *entry.id() == local;
                let fields = json!({ "change": change, "own": own, "entry": entry_json(entry) });
                lines::event("catalog_entry", fields);
            }
            seen.insert(*entry.id(), version);
        }
        for gone in known.keys().filter(|peer| !seen.contains_key(*peer)) {
            let entry = json!({ "peer_id": gone.to_string() });
            let fields = json!({ "change": "removed", "own": false, "entry": entry });
            lines::event("catalog_entry", fields);
        }
        known = seen;
    }
}
