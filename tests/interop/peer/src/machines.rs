//! The replicated machines of the tests.
//!
//! The Rust type name of a machine enters its group id, so that renaming or
//! moving these types makes other groups of them.

use std::num::NonZeroU64;
use std::time::Duration;

use mosaik::Digest;
use mosaik::groups::{ApplyContext, LeadershipPreference, LogReplaySync, StateMachine};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::options::GroupOptions;

/// What a machine does; [`Replica`] adds what the group wants to know of it.
pub trait Machine: Default + Send + Sync + 'static {
    type Command: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    type Query: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    type Answer: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    fn signature() -> Digest;
    fn apply(&mut self, command: Self::Command);
    fn query(&self, query: Self::Query) -> Self::Answer;
}

/// A [`Machine`] with log replay and the settings of its group.
pub struct Replica<M> {
    machine: M,
    signature: Digest,
    leadership: LeadershipPreference,
    batch_size: Option<NonZeroU64>,
    fetch_timeout: Option<Duration>,
}

impl<M: Machine> Replica<M> {
    pub fn new(options: &GroupOptions) -> Self {
        Self {
            machine: M::default(),
            signature: options.machine_id.as_deref().map_or_else(M::signature, Digest::from),
            leadership: options.leadership.map_or_else(Default::default, |given| given.0),
            batch_size: options.sync_batch_size,
            fetch_timeout: options.sync_fetch_timeout.map(|span| span.0),
        }
    }
}

impl<M: Machine> StateMachine for Replica<M> {
    type Command = M::Command;
    type Query = M::Query;
    type QueryResult = M::Answer;
    type StateSync = LogReplaySync<Self>;

    fn signature(&self) -> Digest {
        self.signature
    }

    fn apply(&mut self, command: M::Command, _: &dyn ApplyContext) {
        self.machine.apply(command);
    }

    fn query(&self, query: M::Query) -> M::Answer {
        self.machine.query(query)
    }

    fn state_sync(&self) -> LogReplaySync<Self> {
        let mut sync = LogReplaySync::default();
        if let Some(batch_size) = self.batch_size {
            sync = sync.with_batch_size(batch_size);
        }
        if let Some(fetch_timeout) = self.fetch_timeout {
            sync = sync.with_fetch_timeout(fetch_timeout);
        }
        sync
    }

    fn leadership_preference(&self) -> LeadershipPreference {
        self.leadership
    }
}

/// Does nothing.
#[derive(Default)]
pub struct Idle;

impl Machine for Idle {
    type Command = ();
    type Query = ();
    type Answer = ();

    fn signature() -> Digest {
        Digest::from("idle")
    }

    fn apply(&mut self, (): ()) {}

    fn query(&self, (): ()) {}
}

/// One number that goes up and down; the machine of the reference's own tests.
#[derive(Default)]
pub struct Counter {
    value: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub enum CounterCommand {
    Increment(u32),
    Decrement(u32),
}

impl Machine for Counter {
    type Command = CounterCommand;
    type Query = ();
    type Answer = i64;

    fn signature() -> Digest {
        Digest::from_u8(2)
    }

    fn apply(&mut self, command: CounterCommand) {
        self.value += match command {
            CounterCommand::Increment(by) => i64::from(by),
            CounterCommand::Decrement(by) => -i64::from(by),
        };
    }

    fn query(&self, (): ()) -> i64 {
        self.value
    }
}

/// Keeps every command; a query answers those from an index on, counted from 0.
#[derive(Default)]
pub struct Lines {
    lines: Vec<String>,
}

impl Machine for Lines {
    type Command = String;
    type Query = u64;
    type Answer = Vec<String>;

    fn signature() -> Digest {
        Digest::from("lines")
    }

    fn apply(&mut self, line: String) {
        self.lines.push(line);
    }

    fn query(&self, from: u64) -> Vec<String> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        self.lines.get(from..).unwrap_or_default().to_vec()
    }
}

/// Keeps commands of a type that nests about everything postcard can carry.
#[derive(Default)]
pub struct Nested {
    orders: Vec<Order>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    id: u64,
    symbol: String,
    side: Side,
    legs: Vec<Leg>,
    tags: Vec<Vec<String>>,
    note: Option<String>,
    price: i64,
    urgent: bool,
    blob: Vec<u8>,
}

#[derive(Clone, Serialize, Deserialize)]
pub enum Side {
    Buy,
    Sell { short: bool },
    Cross(u8, i32),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    venue: String,
    quantities: Vec<u32>,
}

#[derive(Clone, Serialize, Deserialize)]
pub enum NestedQuery {
    Count,
    At(u64),
    Quantity { symbol: String },
}

#[derive(Clone, Serialize, Deserialize)]
pub enum NestedAnswer {
    Number(u64),
    Order(Option<Order>),
}

impl Machine for Nested {
    type Command = Order;
    type Query = NestedQuery;
    type Answer = NestedAnswer;

    fn signature() -> Digest {
        Digest::from("nested")
    }

    fn apply(&mut self, order: Order) {
        self.orders.push(order);
    }

    fn query(&self, query: NestedQuery) -> NestedAnswer {
        match query {
            NestedQuery::Count => NestedAnswer::Number(self.orders.len() as u64),
            NestedQuery::At(index) => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                NestedAnswer::Order(self.orders.get(index).cloned())
            }
            NestedQuery::Quantity { symbol } => {
                let matching = self.orders.iter().filter(|order| order.symbol == symbol);
                let legs = matching.flat_map(|order| &order.legs);
                let quantities = legs.flat_map(|leg| &leg.quantities);
                NestedAnswer::Number(quantities.map(|&quantity| u64::from(quantity)).sum())
            }
        }
    }
}
