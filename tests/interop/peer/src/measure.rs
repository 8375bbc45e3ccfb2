//! A member of a counter group that measures, on request, how long its own
//! callers wait. Nothing else runs in it: no events, no watching of states.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use mosaik::groups::{Consistency, Group};
use mosaik::{Network, PeerId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::group::join_plainly;
use crate::lines::{self, Pending};
use crate::machines::{Counter, CounterCommand, Replica};
use crate::node::{self, Options};
use crate::options::MachineKind;
use crate::state::{Condition, State};

/// States are compared this often: a fraction of what is measured by them.
const TICK: Duration = Duration::from_millis(1);

const LIMIT: Duration = Duration::from_secs(120);

type Counted = Group<Replica<Counter>>;

#[derive(Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
enum Request {
    /// Until all of these hold.
    Wait { conditions: Vec<Condition> },
    /// `times` calls one after another, each of `batch` commands.
    Execute { times: usize, batch: usize },
    /// `times` strong queries one after another.
    Query { times: usize },
    /// From the first bond until everything up to `committed` is committed.
    CatchUp { committed: u64 },
}

fn in_ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn summary(mut spans: Vec<f64>) -> Result<Value> {
    ensure!(!spans.is_empty(), "nothing was measured");
    spans.sort_by(f64::total_cmp);
    Ok(json!({ "median_ms": spans[spans.len() / 2], "worst_ms": spans[spans.len() - 1] }))
}

async fn execute(group: &Counted, times: usize, batch: usize) -> Result<Value> {
    let mut spans = Vec::with_capacity(times);
    for _ in 0..times {
        let commands = vec![CounterCommand::Increment(1); batch];
        let begin = Instant::now();
        let done = group.execute_many(commands).await;
        spans.push(in_ms(begin.elapsed()));
        done.map_err(|error| anyhow!("{error}"))?;
    }
    summary(spans)
}

async fn query(group: &Counted, times: usize) -> Result<Value> {
    let mut spans = Vec::with_capacity(times);
    for _ in 0..times {
        let begin = Instant::now();
        let answer = group.query((), Consistency::Strong).await;
        spans.push(in_ms(begin.elapsed()));
        answer.map_err(|error| anyhow!("{error}"))?;
    }
    summary(spans)
}

async fn until(group: &Counted, local: PeerId, conditions: &[Condition]) -> Result<Value> {
    let met = async {
        loop {
            let state = State::of(local, group);
            if conditions.iter().all(|condition| condition.holds(&state)) {
                return state.to_json();
            }
            sleep(TICK).await;
        }
    };
    timeout(LIMIT, met).await.map_err(|_| anyhow!("timed out"))
}

async fn catch_up(group: &Counted, local: PeerId, committed: u64) -> Result<Value> {
    until(group, local, &[Condition::Bonds(1)]).await?;
    let begin = Instant::now();
    until(group, local, &[Condition::Committed(committed)]).await?;
    Ok(json!({ "ms": in_ms(begin.elapsed()) }))
}

fn begin(network: &Network, group: &Arc<Counted>, request: Request) -> Pending {
    let (group, local) = (group.clone(), network.local().id());
    Box::pin(async move {
        match request {
            Request::Wait { conditions } => until(&group, local, &conditions).await,
            Request::Execute { times, batch } => execute(&group, times, batch).await,
            Request::Query { times } => query(&group, times).await,
            Request::CatchUp { committed } => catch_up(&group, local, committed).await,
        }
    })
}

pub async fn run(options: Options) -> Result<()> {
    ensure!(options.group.machine == MachineKind::Counter, "only counters are measured");
    let network = options.build().await?;
    let machine = Replica::<Counter>::new(&options.group);
    let group = Arc::new(join_plainly(&network, &options.group, machine)?);
    lines::event("node_started", node::identity(&network));
    lines::serve(|request| Ok(begin(&network, &group, request))).await
}
