//! How fast groups of reference nodes alone come up: the numbers that the C
//! nodes are compared with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mosaik::futures::future;
use mosaik::iroh::{EndpointAddr, RelayUrl};
use mosaik::{Digest, Network};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::group::{self, Enrolment, Member};
use crate::options::GroupOptions;
use crate::state::Condition;
use crate::{lines, node, relay};

/// A round that takes longer counts as failed.
const ROUND_LIMIT: Duration = Duration::from_secs(90);

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    #[command(flatten)]
    group: GroupOptions,
}

async fn start(name: &str, relay: &RelayUrl, seed: Option<EndpointAddr>) -> Result<Network> {
    node::local_network(name, relay, ([127, 0, 0, 1], 0).into())
        .with_discovery(node::local_discovery(seed))
        .build()
        .await
        .context("start a node")
}

/// One node of a round. Leaving the group or the network early would disturb
/// the others' measurements, so both are kept.
struct Runner {
    network: Network,
    _member: Arc<dyn Member>,
    times: Value,
}

/// Joins and notes when each state was first reached.
async fn measure(options: &Options, network: Network, clock: Instant) -> Result<Runner> {
    let since_ms = || clock.elapsed().as_secs_f64() * 1e3;
    let mut times = json!({ "started_ms": since_ms() });
    let Enrolment::New(member) = group::join(&network, &options.group, "bench", |_| false)? else {
        bail!("joined twice");
    };
    let others = options.nodes - 1;
    for (name, condition) in [
        ("first_bond_ms", Condition::Bonds(others.min(1))),
        ("all_bonds_ms", Condition::Bonds(others)),
        ("leader_ms", Condition::Leader),
        ("online_ms", Condition::Online),
    ] {
        let mut states = member.states();
        states.wait_for(|state| condition.holds(state)).await.context("the group ended")?;
        times = lines::merged(times, json!({ name: since_ms() }));
    }
    Ok(Runner { network, _member: member, times })
}

/// One group from nothing: the first node runs already when the clock starts,
/// the others start then and know only its address.
async fn round(options: &Options, relay: &RelayUrl) -> Result<Vec<Runner>> {
    let name = Digest::random().to_string();
    let first = start(&name, relay, None).await?;
    let seed = first.local().addr();
    let clock = Instant::now();
    let others = (1..options.nodes).map(|_| async {
        let network = start(&name, relay, Some(seed.clone())).await?;
        measure(options, network, clock).await
    });
    let (first, others) =
        future::try_join(measure(options, first, clock), future::try_join_all(others)).await?;
    Ok([first].into_iter().chain(others).collect())
}

async fn finish(runners: Vec<Runner>) -> Vec<Value> {
    let close = |runner: Runner| async move {
        let endpoint = runner.network.local().endpoint().clone();
        drop(runner.network);
        endpoint.close().await;
        runner.times
    };
    future::join_all(runners.into_iter().map(close)).await
}

pub async fn run(options: Options) -> Result<()> {
    ensure!(options.nodes > 0, "a group has at least one node");
    lines::print_only("round");
    let (_relay, url) = relay::start(([127, 0, 0, 1], 0).into()).await?;
    for number in 1..=options.rounds {
        let fields = match timeout(ROUND_LIMIT, round(&options, &url)).await {
            Ok(runners) => json!({ "round": number, "nodes": finish(runners?).await }),
            Err(_) => json!({ "round": number, "nodes": null, "error": "timed out" }),
        };
        lines::event("round", fields);
    }
    Ok(())
}
