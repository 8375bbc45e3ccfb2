//! What defines a group, with the same names on the command line and, with
//! underscores, in a `join` request.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use mosaik::groups::{ConsensusConfig, LeadershipPreference};
use mosaik::iroh::EndpointAddr;
use mosaik::{Digest, PeerId};
use serde::Deserialize;

use crate::tickets::Validator;

/// A duration such as `250ms`, `2s`, `5m`, `1h` or `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

/// `normal`, `reluctant`, `reluctant:N` or `observer`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Leadership(pub LeadershipPreference);

/// `PEERID@IP:PORT`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Peer(pub EndpointAddr);

macro_rules! read_from_json_strings {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }
    )*};
}
read_from_json_strings!(Span, Leadership, Peer);

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().with_context(|| format!("duration \"{text}\""))?;
        let unit_ms: u64 = match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            other => bail!("duration \"{text}\": unknown unit \"{other}\""),
        };
        let total_ms = number.checked_mul(unit_ms).context("duration too long")?;
        Ok(Self(Duration::from_millis(total_ms)))
    }
}

impl FromStr for Leadership {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(match text.split_once(':') {
            None if text == "normal" => LeadershipPreference::Normal,
            None if text == "observer" => LeadershipPreference::Observer,
            None if text == "reluctant" => LeadershipPreference::reluctant(),
            Some(("reluctant", factor)) => LeadershipPreference::Reluctant {
                factor: factor.parse().with_context(|| format!("leadership \"{text}\""))?,
            },
            _ => bail!("leadership \"{text}\": expected normal, reluctant[:N] or observer"),
        }))
    }
}

impl FromStr for Peer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (id, address) = text
            .split_once('@')
            .with_context(|| format!("peer \"{text}\": expected PEERID@IP:PORT"))?;
        let id: PeerId = id.parse().with_context(|| format!("peer id \"{id}\""))?;
        let address: SocketAddr =
            address.parse().with_context(|| format!("address \"{address}\""))?;
        Ok(Self(EndpointAddr::new(id).with_ip_addr(address)))
    }
}

/// The machines a group of this program can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineKind {
    /// The reference's own no-op machine, which has no settings.
    #[default]
    Noop,
    /// A no-op machine of this program, with settings.
    Idle,
    Counter,
    Lines,
    Nested,
}

/// Absent timings are the reference's defaults.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupOptions {
    /// The group secret: 64 hex digits, or text that is hashed.
    #[arg(long)]
    pub group_key: Option<String>,
    /// What requests call the group.
    #[arg(long = "as", value_name = "ALIAS")]
    #[serde(rename = "as")]
    pub alias: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    pub machine: MachineKind,
    /// Replaces the machine's signature: 64 hex digits, or text that is hashed.
    #[arg(long)]
    pub machine_id: Option<String>,
    #[arg(long)]
    pub sync_batch_size: Option<NonZeroU64>,
    #[arg(long)]
    pub sync_fetch_timeout: Option<Span>,
    #[arg(long)]
    pub leadership: Option<Leadership>,
    /// A validator file (JSON); repeatable, the order matters.
    #[arg(long, value_name = "FILE", value_parser = Validator::from_file)]
    pub require_ticket: Vec<Validator>,
    #[arg(long)]
    pub heartbeat_interval: Option<Span>,
    #[arg(long)]
    pub heartbeat_jitter: Option<Span>,
    #[arg(long)]
    pub max_missed_heartbeats: Option<u32>,
    #[arg(long)]
    pub election_timeout: Option<Span>,
    #[arg(long)]
    pub election_timeout_jitter: Option<Span>,
    #[arg(long)]
    pub bootstrap_delay: Option<Span>,
    #[arg(long)]
    pub forward_timeout: Option<Span>,
    #[arg(long)]
    pub query_timeout: Option<Span>,
}

impl GroupOptions {
    pub fn secret(&self) -> Result<Digest> {
        let text = self.group_key.as_deref().context("group_key is missing")?;
        Ok(Digest::from(text))
    }

    pub fn consensus(&self) -> Result<ConsensusConfig> {
        let mut config = ConsensusConfig::default();
        for (slot, given) in [
            (&mut config.heartbeat_interval, self.heartbeat_interval),
            (&mut config.heartbeat_jitter, self.heartbeat_jitter),
            (&mut config.election_timeout, self.election_timeout),
            (&mut config.election_timeout_jitter, self.election_timeout_jitter),
            (&mut config.bootstrap_delay, self.bootstrap_delay),
            (&mut config.forward_timeout, self.forward_timeout),
            (&mut config.query_timeout, self.query_timeout),
        ] {
            if let Some(Span(given)) = given {
                *slot = given;
            }
        }
        if let Some(max) = self.max_missed_heartbeats {
            config.max_missed_heartbeats = max;
        }
        // The reference aborts on these (groups.md 1.3).
        ensure!(!config.heartbeat_jitter.is_zero(), "heartbeat_jitter must not be zero");
        ensure!(
            config.heartbeat_interval > config.heartbeat_jitter,
            "heartbeat_interval must exceed heartbeat_jitter"
        );
        ensure!(
            !config.election_timeout_jitter.is_zero(),
            "election_timeout_jitter must not be zero"
        );
        Ok(config)
    }
}
