//! What a node knows of one of its groups at a moment, the events of its
//! changes, and conditions to wait for.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use mosaik::futures::FutureExt;
use mosaik::futures::future::Either;
use mosaik::groups::{Bond, Cursor, Group, StateMachine};
use mosaik::iroh::endpoint::ApplicationClose;
use mosaik::{Digest, PeerId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::lines;

/// Not every change has a future to wait on (the leader can become unknown
/// silently), so the state is also compared this often.
const TICK: Duration = Duration::from_millis(20);

#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub local: PeerId,
    pub leader: Option<PeerId>,
    pub online: bool,
    pub committed: u64,
    pub log: Cursor,
    pub bonds: BTreeMap<PeerId, Digest>,
}

impl State {
    pub fn of<M: StateMachine>(local: PeerId, group: &Group<M>) -> Self {
        Self {
            local,
            leader: group.leader(),
            online: group.when().online().now_or_never().is_some(),
            committed: group.committed().0,
            log: group.log_position(),
            bonds: group.bonds().iter().map(|bond| (*bond.peer().id(), bond.id())).collect(),
        }
    }

    pub fn to_json(&self) -> Value {
        let bonds: Vec<_> = self.bonds.keys().map(ToString::to_string).collect();
        json!({
            "leader": self.leader.map(|peer| peer.to_string()),
            "is_leader": self.leader == Some(self.local),
            "online": self.online,
            "committed": self.committed,
            "log": { "term": self.log.term().0, "index": self.log.index().0 },
            "bonds": bonds,
        })
    }

    /// The events that lead from `old` to this state, with their own members.
    fn changes(&self, old: &Self) -> Vec<(&'static str, Value)> {
        let formed = self.bonds.iter().filter(|(peer, id)| old.bonds.get(*peer) != Some(*id));
        let mut events: Vec<_> = formed
            .map(|(peer, id)| {
                ("bond_formed", json!({ "peer": peer.to_string(), "bond": id.to_string() }))
            })
            .collect();
        for (name, happened) in [
            ("bonds_changed", self.bonds != old.bonds),
            ("leader_changed", self.leader != old.leader),
            ("online", self.online && !old.online),
            ("offline", !self.online && old.online),
            ("committed", self.committed != old.committed),
            ("log_changed", self.log != old.log),
        ] {
            if happened {
                events.push((name, json!({})));
            }
        }
        events
    }
}

/// A condition in the words of `mosaik-node wait`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Condition {
    Online,
    Offline,
    Leader,
    LeaderIs(PeerId),
    IsLeader,
    IsFollower,
    Committed(u64),
    Bonds(usize),
    BondsExactly(usize),
    Bonded(PeerId),
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "online" => Self::Online,
            "offline" => Self::Offline,
            "leader" => Self::Leader,
            "is-leader" => Self::IsLeader,
            "is-follower" => Self::IsFollower,
            _ => return Self::with_value(text).with_context(|| format!("condition \"{text}\"")),
        })
    }
}

impl TryFrom<String> for Condition {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl Condition {
    fn with_value(text: &str) -> Result<Self> {
        // "bonds>=2" must be tried before "bonds=2".
        for (operator, at_least) in [(">=", true), ("=", false)] {
            if let Some((name, value)) = text.split_once(operator) {
                return Ok(match (name, at_least) {
                    ("leader", false) => Self::LeaderIs(value.parse()?),
                    ("bonded", false) => Self::Bonded(value.parse()?),
                    ("committed", true) => Self::Committed(value.parse()?),
                    ("bonds", true) => Self::Bonds(value.parse()?),
                    ("bonds", false) => Self::BondsExactly(value.parse()?),
                    _ => bail!("unknown"),
                });
            }
        }
        bail!("unknown")
    }

    pub fn holds(self, state: &State) -> bool {
        match self {
            Self::Online => state.online,
            Self::Offline => !state.online,
            Self::Leader => state.leader.is_some(),
            Self::LeaderIs(peer) => state.leader == Some(peer),
            Self::IsLeader => state.leader == Some(state.local),
            Self::IsFollower => state.leader.is_some_and(|peer| peer != state.local),
            Self::Committed(index) => state.committed >= index,
            Self::Bonds(count) => state.bonds.len() >= count,
            Self::BondsExactly(count) => state.bonds.len() == count,
            Self::Bonded(peer) => state.bonds.contains_key(&peer),
        }
    }
}

/// Publishes the states of `group` and prints their changes until it is left.
/// `about` goes into each event.
pub async fn follow<M: StateMachine>(
    group: Weak<Group<M>>,
    states: watch::Sender<State>,
    about: Value,
) {
    let mut old = states.borrow().clone();
    while let Some(held) = group.upgrade() {
        // These notice changes from here on, so they come before the reading.
        let committed = held.when().committed();
        let log = held.when().log();
        let leader = held.when().leader_changed();
        let bonds = held.bonds();
        let new = State::of(old.local, &held);
        let availability = if new.online {
            Either::Left(held.when().offline())
        } else {
            Either::Right(held.when().online())
        };
        watch_new_bonds(&held, &old, &new, &about);
        drop(held);

        for (event, fields) in new.changes(&old) {
            let line = lines::merged(about.clone(), new.to_json());
            lines::event(event, lines::merged(line, fields));
        }
        states.send_if_modified(|state| std::mem::replace(state, new.clone()) != new);
        old = new;

        tokio::select! {
            _ = committed.changed() => {}
            _ = log.changed() => {}
            _ = leader => {}
            () = bonds.changed() => {}
            () = availability => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

fn watch_new_bonds<M: StateMachine>(
    group: &Arc<Group<M>>,
    old: &State,
    new: &State,
    about: &Value,
) {
    for (peer, id) in &new.bonds {
        if old.bonds.get(peer) != Some(id)
            && let Some(bond) = group.bonds().get(peer)
        {
            tokio::spawn(report_end(bond, about.clone()));
        }
    }
}

async fn report_end<M: StateMachine>(bond: Bond<M>, about: Value) {
    let (peer, id) = (*bond.peer().id(), bond.id());
    let ApplicationClose { error_code, reason } = bond.terminated().await;
    let fields = json!({
        "peer": peer.to_string(),
        "bond": id.to_string(),
        "code": error_code.into_inner(),
        "reason": String::from_utf8_lossy(&reason),
    });
    lines::event("bond_closed", lines::merged(about, fields));
}
