//! The Rust side of the interoperability tests: nodes of the reference
//! implementation, the relay they need, and a raw probe on the same transport.
//! Scripts drive them with JSON lines; see `tests/interop/README.md`.

use anyhow::Result;
use clap::Parser;
use tracing_subscriber::EnvFilter;

mod bench;
mod catalog;
mod custom;
mod group;
mod lines;
mod machines;
mod measure;
mod node;
mod options;
mod probe;
mod relay;
mod state;
mod tickets;

#[derive(Parser)]
#[command(version, about = "Reference nodes, relay and probe for interoperability tests")]
enum Program {
    /// Run a relay server on plain HTTP.
    Relay(relay::Options),
    /// Run a node of the reference implementation.
    Node(Box<node::Options>),
    /// Run a bare endpoint that sends and receives what scripts tell it to.
    Probe(probe::Options),
    /// Mint and check tickets with the reference's own code.
    #[command(subcommand)]
    Ticket(tickets::Task),
    /// Measure starts of groups made of reference nodes only.
    Bench(bench::Options),
    /// Run a member that measures how long its own callers wait.
    Measure(Box<node::Options>),
}

async fn run(program: Program) -> Result<i32> {
    match program {
        Program::Relay(options) => relay::run(options).await?,
        Program::Node(options) => node::run(*options).await?,
        Program::Probe(options) => probe::run(options).await?,
        Program::Ticket(task) => return tickets::run(task),
        Program::Bench(options) => bench::run(options).await?,
        Program::Measure(options) => measure::run(*options).await?,
    }
    Ok(0)
}

#[tokio::main]
async fn main() {
    lines::start_clock();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let code = run(Program::parse()).await.unwrap_or_else(|error| {
        eprintln!("mosaik-peer: {error:#}");
        1
    });
    // Reading stdin blocks a thread that a normal return would wait for.
    std::process::exit(code);
}
