//! A joined group behind one interface for all machines: commands, queries and
//! results are JSON outside and the machine's types inside.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use mosaik::groups::{Consistency, Group, GroupKey, IndexRange, NoOp, StateMachine, StateSync};
use mosaik::iroh::endpoint::{ApplicationClose, VarInt};
use mosaik::network::CloseReason;
use mosaik::{Digest, Network, PeerId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::lines::Pending;
use crate::machines::{Counter, Idle, Lines, Nested, Replica};
use crate::options::{GroupOptions, MachineKind};
use crate::state::{self, State};

/// A code and reason to close a connection with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    pub code: u32,
    #[serde(default)]
    pub reason: String,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}

impl std::error::Error for Close {}

impl From<Close> for ApplicationClose {
    fn from(close: Close) -> Self {
        Self { error_code: VarInt::from(close.code), reason: close.reason.into() }
    }
}

impl PartialEq<ApplicationClose> for Close {
    fn eq(&self, other: &ApplicationClose) -> bool {
        other.error_code == VarInt::from(self.code)
    }
}

impl CloseReason for Close {}

/// One group of a node.
pub trait Member: Send + Sync {
    fn id(&self) -> Digest;
    /// What was joined: ids, machine, signatures.
    fn description(&self) -> &Value;
    fn states(&self) -> watch::Receiver<State>;
    fn execute(&self, commands: Vec<Value>) -> Result<Pending>;
    fn feed(&self, commands: Vec<Value>) -> Result<Pending>;
    fn query(&self, query: Value, consistency: Consistency) -> Result<Pending>;
    fn close_bond(&self, peer: PeerId, close: Close) -> Result<Pending>;
}

struct Joined<M: StateMachine> {
    group: Arc<Group<M>>,
    description: Value,
    states: watch::Receiver<State>,
}

/// What `join` led to.
pub enum Enrolment {
    New(Arc<dyn Member>),
    /// The node runs the group with this id already.
    Existing(Digest),
}

/// Joins the group that `options` describe; `running` tells whether an id is
/// one of the groups that the node has joined before.
pub fn join(
    network: &Network,
    options: &GroupOptions,
    alias: &str,
    running: impl Fn(&Digest) -> bool,
) -> Result<Enrolment> {
    match options.machine {
        MachineKind::Noop => {
            let settings = (
                &options.machine_id,
                &options.sync_batch_size,
                &options.sync_fetch_timeout,
                &options.leadership,
            );
            ensure!(
                settings == (&None, &None, &None, &None),
                "machine noop has no settings of its own: use idle"
            );
            enrol(network, options, alias, NoOp, running)
        }
        MachineKind::Idle => enrol(network, options, alias, Replica::<Idle>::new(options), running),
        MachineKind::Counter => {
            enrol(network, options, alias, Replica::<Counter>::new(options), running)
        }
        MachineKind::Lines => {
            enrol(network, options, alias, Replica::<Lines>::new(options), running)
        }
        MachineKind::Nested => {
            enrol(network, options, alias, Replica::<Nested>::new(options), running)
        }
    }
}

/// Joins without watching what becomes of it.
pub fn join_plainly<M: StateMachine>(
    network: &Network,
    options: &GroupOptions,
    machine: M,
) -> Result<Group<M>> {
    let mut builder = network
        .groups()
        .with_key(GroupKey::from_secret(options.secret()?))
        .with_state_machine(machine)
        .with_consensus_config(options.consensus()?);
    for validator in &options.require_ticket {
        builder = builder.require_ticket(validator.build()?);
    }
    Ok(builder.join())
}

fn enrol<M>(
    network: &Network,
    options: &GroupOptions,
    alias: &str,
    machine: M,
    running: impl Fn(&Digest) -> bool,
) -> Result<Enrolment>
where
    M: StateMachine,
    M::Command: DeserializeOwned,
    M::Query: DeserializeOwned,
    M::QueryResult: Serialize,
{
    let signature = machine.signature();
    let sync_signature = machine.state_sync().signature();
    let group = join_plainly(network, options, machine)?;
    let id = *group.id();
    if running(&id) {
        // Dropping any handle of a group leaves it.
        std::mem::forget(group);
        return Ok(Enrolment::Existing(id));
    }

    let about = json!({ "alias": alias, "group_id": id.to_string() });
    let details = json!({
        "machine_type": type_name::<M>(),
        "machine_id": signature.to_string(),
        "sync_type": type_name::<M>(),
        "sync_signature": sync_signature.to_string(),
    });
    let group = Arc::new(group);
    let local = network.local().id();
    let (sender, states) = watch::channel(State::of(local, &group));
    tokio::spawn(state::follow(Arc::downgrade(&group), sender, about.clone()));
    let description = crate::lines::merged(about, details);
    Ok(Enrolment::New(Arc::new(Joined { group, description, states })))
}

impl<M> Member for Joined<M>
where
    M: StateMachine,
    M::Command: DeserializeOwned,
    M::Query: DeserializeOwned,
    M::QueryResult: Serialize,
{
    fn id(&self) -> Digest {
        *self.group.id()
    }

    fn description(&self) -> &Value {
        &self.description
    }

    fn states(&self) -> watch::Receiver<State> {
        self.states.clone()
    }

    fn execute(&self, commands: Vec<Value>) -> Result<Pending> {
        let done = self.group.execute_many(decode_commands::<M>(commands)?);
        Ok(Box::pin(async move { Ok(range_json(&done.await.map_err(plain)?)) }))
    }

    fn feed(&self, commands: Vec<Value>) -> Result<Pending> {
        let done = self.group.feed_many(decode_commands::<M>(commands)?);
        Ok(Box::pin(async move { Ok(range_json(&done.await.map_err(plain)?)) }))
    }

    fn query(&self, query: Value, consistency: Consistency) -> Result<Pending> {
        let query = serde_json::from_value(query).context("query")?;
        let done = self.group.query(query, consistency);
        Ok(Box::pin(async move {
            let answer = done.await.map_err(plain)?;
            Ok(json!({ "result": answer.result, "position": answer.at_position.0 }))
        }))
    }

    fn close_bond(&self, peer: PeerId, close: Close) -> Result<Pending> {
        let Some(bond) = self.group.bonds().get(&peer) else {
            bail!("no bond with {peer}");
        };
        Ok(Box::pin(async move {
            bond.close(close).await;
            Ok(json!({}))
        }))
    }
}

fn decode_commands<M>(commands: Vec<Value>) -> Result<Vec<M::Command>>
where
    M: StateMachine,
    M::Command: DeserializeOwned,
{
    let decode = |(place, command)| {
        serde_json::from_value(command).with_context(|| format!("command {place}"))
    };
    commands.into_iter().enumerate().map(decode).collect()
}

/// The members of `mosaik-node execute`: `index` is that of the last command.
fn range_json(range: &IndexRange) -> Value {
    let (first, last) = (range.start().0, range.end().0);
    json!({ "index": last, "first": first, "count": last - first + 1 })
}

/// The reference's errors carry the commands, which need not be printable.
fn plain(error: impl fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}
