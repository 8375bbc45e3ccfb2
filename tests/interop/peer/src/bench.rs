//! How fast groups of reference nodes alone come up: the numbers that the C
//! nodes are compared with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mosaik::iroh::RelayUrl;
use mosaik::{Digest, Network};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::group::{self, Enrolment, Member};
use crate::node;
use crate::options::GroupOptions;
use crate::state::Condition;
use crate::{lines, relay};

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

fn since_ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

async fn build(name: &str, relay: &RelayUrl, first: Option<&Network>) -> Result<Network> {
    let bootstrap = first.map(|network| network.local().addr());
    node::local_network(name, relay, ([127, 0, 0, 1], 0).into())
        .with_discovery(node::local_discovery(bootstrap))
        .build()
        .await
        .context("start a node")
}

/// Joins and tells when, after `start`, each condition first held.
async fn measure(
    network: &Network,
    options: &GroupOptions,
    start: Instant,
    conditions: &[(&'static str, Condition)],
) -> Result<(Value, Arc<dyn Member>)> {
    let Enrolment::New(member) = group::join(network, options, "bench", |_| false)? else {
        bail!("joined twice");
    };
    let mut times = json!({});
    for (name, condition) in conditions {
        let mut states = member.states();
        states.wait_for(|state| condition.holds(state)).await.context("the group ended")?;
        times = lines::merged(times, json!({ *name: since_ms(start) }));
    }
    Ok((times, member))
}

/// One group from nothing to a leader. The nodes run before the clock starts:
/// waiting for a relay is no part of what is compared.
async fn round(options: &Options, relay: &RelayUrl) -> Result<Vec<Value>> {
    let name = Digest::random().to_string();
    let mut networks = vec![build(&name, relay, None).await?];
    for _ in 1..options.nodes {
        let network = build(&name, relay, networks.first()).await?;
        networks.push(network);
    }
    let conditions = [
        ("first_bond_ms", Condition::Bonds(1.min(options.nodes - 1))),
        ("all_bonds_ms", Condition::Bonds(options.nodes - 1)),
        ("leader_ms", Condition::Leader),
        ("online_ms", Condition::Online),
    ];
    let start = Instant::now();
    let measuring =
        networks.iter().map(|network| measure(network, &options.group, start, &conditions));
    let measured = mosaik::futures::future::try_join_all(measuring).await?;
    Ok(measured.into_iter().map(|(times, _)| times).collect())
}

pub async fn run(options: Options) -> Result<()> {
    ensure!(options.nodes > 0, "a group has at least one node");
    options.group.secret().context("bench needs --group-key")?;
    let (_relay, url) = relay::start(([127, 0, 0, 1], 0).into()).await?;
    for number in 1..=options.rounds {
        let fields = match timeout(ROUND_LIMIT, round(&options, &url)).await {
            Ok(nodes) => json!({ "round": number, "nodes": nodes? }),
            Err(_) => json!({ "round": number, "nodes": null, "error": "timed out" }),
        };
        lines::event("round", fields);
    }
    Ok(())
}
