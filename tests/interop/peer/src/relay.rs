//! A relay server without TLS: the reference's nodes do not start without one.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use iroh_relay::server::{RelayConfig, Server, ServerConfig};
use mosaik::iroh::RelayUrl;
use serde_json::json;

use crate::lines;

#[derive(clap::Args)]
pub struct Options {
    /// Where to listen; port 0 lets the kernel choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Starts a relay; it serves until it is shut down or dropped.
pub async fn start(listen: SocketAddr) -> Result<(Server, RelayUrl)> {
    let mut config = ServerConfig::default();
    config.relay = Some(RelayConfig::new(listen));
    let server = Server::spawn(config).await.context("start the relay")?;
    let address = server.http_addr().context("the relay has no address")?;
    Ok((server, format!("http://{address}").parse()?))
}

pub async fn run(options: Options) -> Result<()> {
    let (server, url) = start(options.listen).await?;
    lines::event("relay_started", json!({ "url": url.to_string() }));
    lines::stop_signal().await?;
    server.shutdown().await.context("stop the relay")
}
