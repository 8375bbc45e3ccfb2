//! A node of the reference implementation under the control of a script.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use mosaik::discovery::{Config, ConfigBuilder};
use mosaik::futures::FutureExt;
use mosaik::groups::Consistency;
use mosaik::iroh::{EndpointAddr, RelayUrl};
use mosaik::network::{NetworkBuilder, RelayMode};
use mosaik::{Digest, Network, PeerId, SecretKey, Tag};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::catalog;
use crate::group::{self, Close, Enrolment, Member};
use crate::lines::{self, Pending};
use crate::options::{GroupOptions, Peer, Span};
use crate::state::Condition;
use crate::tickets::Presented;

/// How long the farewells of a departing node may take: the reference gives
/// its gossip message 500 ms and tells no one when they are over.
const FAREWELL: Duration = Duration::from_millis(700);

/// How long closing the endpoint may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

const WAIT_DEFAULT: Span = Span(Duration::from_secs(30));

#[derive(clap::Args)]
pub struct Options {
    /// The node's secret key, 64 hex digits; random without it.
    #[arg(long, value_name = "HEX")]
    secret: Option<SecretKey>,
    #[arg(long)]
    network: String,
    /// The relay's URL. The reference does not start without a relay.
    #[arg(long)]
    relay: RelayUrl,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A peer to join by gossip, PEERID@IP:PORT; repeatable.
    #[arg(long, value_name = "PEER")]
    bootstrap: Vec<Peer>,
    /// A tag in the node's entry; repeatable.
    #[arg(long)]
    tag: Vec<String>,
    /// A ticket (JWT, or an object as in ticket files) in the node's entry;
    /// repeatable.
    #[arg(long)]
    ticket: Vec<Presented>,
    #[arg(long)]
    announce_interval: Option<Span>,
    #[arg(long)]
    purge_after: Option<Span>,
    /// A group to join at once, if a group key is given.
    #[command(flatten)]
    pub group: GroupOptions,
}

impl Options {
    pub async fn build(&self) -> Result<Network> {
        let bootstrap = self.bootstrap.iter().map(|peer| peer.0.clone());
        let mut discovery = local_discovery(bootstrap)
            .with_tags(self.tag.iter().map(|tag| Tag::from(tag.as_str())));
        if let Some(Span(interval)) = self.announce_interval {
            discovery = discovery.with_announce_interval(interval);
        }
        if let Some(Span(age)) = self.purge_after {
            discovery = discovery.with_purge_after(age);
        }
        let mut builder = local_network(&self.network, &self.relay, self.listen);
        if let Some(secret) = &self.secret {
            builder = builder.with_secret_key(secret.clone());
        }
        builder.with_discovery(discovery).build().await.context("start the node")
    }
}

/// Discovery that asks nothing outside this machine.
pub fn local_discovery(bootstrap: impl IntoIterator<Item = EndpointAddr>) -> ConfigBuilder {
    Config::builder().no_dht_bootstrap().with_bootstrap(bootstrap)
}

/// A network on one address and one relay.
pub fn local_network(name: &str, relay: &RelayUrl, listen: SocketAddr) -> NetworkBuilder {
    Network::builder(name)
        .with_relay_mode(RelayMode::custom([relay.clone()]))
        .with_addresses([listen])
}

#[derive(Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
enum Command {
    Status(Nothing),
    Join(Box<GroupOptions>),
    Leave(InGroup),
    Execute(Commands),
    Feed(Commands),
    Query(Query),
    Wait(Wait),
    CloseBond(CloseBond),
    Catalog(Nothing),
    Entry(OfPeer),
    FeedEntry(Entry),
    Sync(ToPeer),
    Dial(ToPeer),
    TicketAdd(Ticket),
    TicketRemove(TicketId),
    Touch(Nothing),
}

/// Serde refuses unknown members only of structs, hence one for each command.
macro_rules! arguments {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* })*) => {$(
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name { $($(#[$meta])* $field: $type),* }
    )*};
}

arguments! {
    Nothing {}
    InGroup { group: Option<String> }
    Commands { group: Option<String>, commands: Vec<Value> }
    Query {
        group: Option<String>,
        #[serde(default)] query: Value,
        #[serde(default)] weak: bool
    }
    Wait { group: Option<String>, conditions: Vec<Condition>, timeout: Option<Span> }
    CloseBond { group: Option<String>, peer: PeerId, close: Close }
    OfPeer { peer: Option<PeerId> }
    Entry { entry: String }
    ToPeer { peer: Peer }
    Ticket { ticket: Presented }
    TicketId { ticket_id: Digest }
}

/// The node's own facts.
pub fn identity(network: &Network) -> Value {
    let local = network.local();
    let bound = local.endpoint().bound_sockets();
    let address = bound.iter().find(|address| address.is_ipv4()).or(bound.first());
    json!({
        "peer_id": local.id().to_string(),
        "network_id": local.network_id().to_string(),
        "address": address.map(ToString::to_string),
        "addresses": bound.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

struct Node {
    network: Network,
    groups: BTreeMap<String, Arc<dyn Member>>,
}

/// A result that is there already.
fn done(fields: Value) -> Result<Pending> {
    Ok(Box::pin(async move { Ok(fields) }))
}

impl Node {
    fn begin(&mut self, command: Command) -> Result<Pending> {
        match command {
            Command::Status(_) => done(self.status()),
            Command::Join(options) => done(self.join(&options)?),
            Command::Leave(args) => done(self.leave(args.group.as_deref())?),
            Command::Execute(args) => self.member(&args.group)?.execute(args.commands),
            Command::Feed(args) => self.member(&args.group)?.feed(args.commands),
            Command::Query(args) => {
                let weak = args.weak;
                let consistency = if weak { Consistency::Weak } else { Consistency::Strong };
                self.member(&args.group)?.query(args.query, consistency)
            }
            Command::Wait(args) => self.wait(args),
            Command::CloseBond(args) => self.member(&args.group)?.close_bond(args.peer, args.close),
            Command::Catalog(_) => done(catalog::catalog_json(&self.network.discovery().catalog())),
            Command::Entry(args) => done(self.entry(args.peer)?),
            Command::FeedEntry(args) => {
                let entry = catalog::signed_from_hex(&args.entry)?;
                let peer = entry.id().to_string();
                let accepted = self.network.discovery().feed(entry);
                done(json!({ "peer_id": peer, "accepted": accepted }))
            }
            Command::Sync(args) => {
                let synced = self.network.discovery().sync_with(args.peer.0);
                Ok(Box::pin(async move {
                    synced.await?;
                    Ok(json!({}))
                }))
            }
            Command::Dial(args) => {
                // The first poll sends the request; the rest of this future
                // only waits, and cannot leave the thread.
                let _ = self.network.discovery().dial(args.peer.0).now_or_never();
                done(json!({}))
            }
            Command::TicketAdd(args) => {
                let ticket = args.ticket.to_ticket()?;
                let id = ticket.id().to_string();
                self.network.discovery().add_ticket(ticket);
                done(json!({ "ticket_id": id }))
            }
            Command::TicketRemove(args) => {
                self.network.discovery().remove_ticket(args.ticket_id);
                done(json!({}))
            }
            Command::Touch(_) => {
                // Any update of the own entry raises its version.
                self.network.discovery().add_tags(Vec::<Tag>::new());
                done(json!({ "version": self.network.discovery().me().update_version() }))
            }
        }
    }

    /// The named group, or the only one.
    fn member(&self, alias: &Option<String>) -> Result<&Arc<dyn Member>> {
        match alias {
            Some(alias) => self.groups.get(alias).with_context(|| format!("no group \"{alias}\"")),
            None => {
                ensure!(self.groups.len() == 1, "{} groups: name one", self.groups.len());
                self.groups.values().next().context("no group")
            }
        }
    }

    fn join(&mut self, options: &GroupOptions) -> Result<Value> {
        let alias = options.alias.clone().unwrap_or_else(|| "main".into());
        ensure!(!self.groups.contains_key(&alias), "alias \"{alias}\" is taken");
        let running = |id: &Digest| self.groups.values().any(|member| member.id() == *id);
        let member = match group::join(&self.network, options, &alias, running)? {
            Enrolment::New(member) => member,
            Enrolment::Existing(id) => {
                let mut members = self.groups.values();
                let member = members.find(|member| member.id() == id).context("no such group")?;
                return Ok(lines::merged(
                    member.description().clone(),
                    json!({ "existing": true }),
                ));
            }
        };
        let description = member.description().clone();
        self.groups.insert(alias, member);
        Ok(lines::merged(description, json!({ "existing": false })))
    }

    fn leave(&mut self, alias: Option<&str>) -> Result<Value> {
        let alias = alias.unwrap_or("main");
        let member = self.groups.remove(alias).with_context(|| format!("no group \"{alias}\""))?;
        Ok(json!({ "group_id": member.id().to_string() }))
    }

    fn entry(&self, peer: Option<PeerId>) -> Result<Value> {
        let catalog = self.network.discovery().catalog();
        let peer = peer.unwrap_or(self.network.local().id());
        let entry = catalog.get_signed(&peer).with_context(|| format!("no entry of {peer}"))?;
        Ok(json!({
            "entry": catalog::entry_json(entry),
            "hex": catalog::signed_to_hex(entry)?,
        }))
    }

    fn wait(&self, args: Wait) -> Result<Pending> {
        let mut states = self.member(&args.group)?.states();
        let Span(limit) = args.timeout.unwrap_or(WAIT_DEFAULT);
        Ok(Box::pin(async move {
            let met = states
                .wait_for(|state| args.conditions.iter().all(|condition| condition.holds(state)));
            match timeout(limit, met).await {
                Ok(Ok(state)) => Ok(state.to_json()),
                Ok(Err(_)) => bail!("the group was left"),
                Err(_) => bail!("timed out"),
            }
        }))
    }

    fn status(&self) -> Value {
        let groups: Vec<_> = self
            .groups
            .values()
            .map(|member| {
                let state = member.states().borrow().to_json();
                lines::merged(member.description().clone(), state)
            })
            .collect();
        lines::merged(identity(&self.network), json!({ "groups": groups }))
    }

    /// Leaves all groups and the network so that the peers hear of it.
    async fn depart(self) {
        let Self { network, groups } = self;
        let endpoint = network.local().endpoint().clone();
        drop(groups);
        drop(network);
        tokio::time::sleep(FAREWELL).await;
        let _ = timeout(CLOSE_LIMIT, endpoint.close()).await;
        lines::event("node_stopped", json!({}));
    }
}

pub async fn run(options: Options) -> Result<()> {
    let network = options.build().await?;
    for ticket in &options.ticket {
        network.discovery().add_ticket(ticket.to_ticket()?);
    }
    let catalogs = network.discovery().catalog_watch();
    let local = network.local().id();
    let mut node = Node { network, groups: BTreeMap::new() };
    let joined = match &options.group.group_key {
        Some(_) => Some(node.join(&options.group)?),
        None => {
            let unused = options.group == GroupOptions::default();
            ensure!(unused, "group options without --group-key");
            None
        }
    };
    let groups: Vec<_> = joined.into_iter().collect();
    lines::event(
        "node_started",
        lines::merged(identity(&node.network), json!({ "groups": groups })),
    );
    tokio::spawn(catalog::follow(local, catalogs));

    lines::serve(|command| node.begin(command)).await?;
    node.depart().await;
    Ok(())
}
