//! Tickets and their validators, made and checked by the reference's code.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use mosaik::discovery::PeerEntry;
use mosaik::iroh::EndpointAddr;
use mosaik::tickets::{
    EdDsa, EdDsaSigningKey, Es256, Es256SigningKey, Es384, Es384SigningKey, Es512, Es512SigningKey,
    Expiration, Hs256, Hs384, Hs512, InvalidTicket, Jwt, JwtTicketBuilder, SigningKey, Ticket,
    TicketValidator, VerifyingKey,
};
use mosaik::{Digest, PeerId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::catalog;
use crate::custom::Custom;
use crate::options::Span;

/// A validator file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Validator {
    Jwt(JwtRules),
    Custom(Custom),
}

impl TryFrom<Value> for Validator {
    type Error = serde_json::Error;

    fn try_from(file: Value) -> Result<Self, Self::Error> {
        if file["class"] == "exec" {
            serde_json::from_value(file).map(Self::Custom)
        } else {
            serde_json::from_value(file).map(Self::Jwt)
        }
    }
}

/// A validator file of class `jwt`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtRules {
    #[serde(default)]
    class: Option<String>,
    keys: Vec<Key>,
    #[serde(default)]
    issuers: Vec<String>,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    allow_non_expiring: bool,
    #[serde(default)]
    max_lifetime: Option<Span>,
    #[serde(default)]
    max_age: Option<Span>,
    #[serde(default)]
    claims: BTreeMap<String, Value>,
}

/// A key as hex digits; PEM and JWK are left to the C programs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    alg: String,
    key: String,
}

fn key_bytes<const N: usize>(text: &str) -> Result<[u8; N]> {
    let bytes = hex::decode(text).context("key is not hex")?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| anyhow::anyhow!("key has {length} bytes, expected {N}"))
}

impl Key {
    fn verifying(&self) -> Result<VerifyingKey> {
        let key = &self.key;
        Ok(match self.alg.as_str() {
            "HS256" => Hs256::new(key_bytes(key)?).into(),
            "HS384" => Hs384::new(key_bytes(key)?).into(),
            "HS512" => Hs512::new(key_bytes(key)?).into(),
            "ES256" => Es256::new(key_bytes(key)?).into(),
            "ES384" => Es384::new(key_bytes(key)?).into(),
            "ES512" => Es512::new(key_bytes(key)?).into(),
            "EdDSA" => EdDsa::new(key_bytes(key)?).into(),
            other => bail!("unknown algorithm \"{other}\""),
        })
    }

    fn signing(&self) -> Result<SigningKey> {
        let key = &self.key;
        Ok(match self.alg.as_str() {
            "HS256" => Hs256::new(key_bytes(key)?).into(),
            "HS384" => Hs384::new(key_bytes(key)?).into(),
            "HS512" => Hs512::new(key_bytes(key)?).into(),
            "ES256" => Es256SigningKey::from_bytes(key_bytes(key)?).into(),
            "ES384" => Es384SigningKey::from_bytes(key_bytes(key)?).into(),
            "ES512" => Es512SigningKey::from_bytes(key_bytes(key)?).into(),
            "EdDSA" => EdDsaSigningKey::from_bytes(key_bytes(key)?).into(),
            other => bail!("unknown algorithm \"{other}\""),
        })
    }
}

impl Validator {
    pub fn from_file(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
        serde_json::from_str(&text).with_context(|| path.to_owned())
    }

    /// What the reference asks.
    pub fn build(&self) -> Result<Box<dyn TicketValidator>> {
        Ok(match self {
            Self::Jwt(rules) => Box::new(rules.to_jwt()?),
            Self::Custom(custom) => Box::new(custom.clone()),
        })
    }
}

impl JwtRules {
    fn to_jwt(&self) -> Result<Jwt> {
        let class = self.class.as_deref().unwrap_or("jwt");
        ensure!(class == "jwt", "unknown ticket class \"{class}\"");
        let mut keys = self.keys.iter();
        let first = keys.next().context("validator without keys")?;
        let mut jwt = Jwt::with_key(first.verifying()?);
        for key in keys {
            jwt = jwt.add_key(key.verifying()?);
        }
        for issuer in &self.issuers {
            jwt = jwt.allow_issuer(issuer);
        }
        for audience in &self.audiences {
            jwt = jwt.allow_audience(audience);
        }
        for (name, value) in &self.claims {
            jwt = jwt.require_claim(name, value.clone());
        }
        if let Some(subject) = &self.subject {
            jwt = jwt.require_subject(subject);
        }
        if self.allow_non_expiring {
            jwt = jwt.allow_non_expiring();
        }
        if let Some(Span(limit)) = self.max_lifetime {
            jwt = jwt.max_lifetime(limit);
        }
        if let Some(Span(limit)) = self.max_age {
            jwt = jwt.max_age(limit);
        }
        Ok(jwt)
    }
}

/// A ticket as in the ticket files of our nodes: a JWT, or an object for any
/// other class.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Presented {
    Jwt(String),
    Text { class: String, data: String },
    Bytes { class: String, data_hex: String },
}

impl FromStr for Presented {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim_start().starts_with('{') {
            serde_json::from_str(text)
        } else {
            Ok(Self::Jwt(text.to_owned()))
        }
    }
}

impl Presented {
    pub fn to_ticket(&self) -> Result<Ticket> {
        Ok(match self {
            Self::Jwt(text) => Ticket::new(Jwt::CLASS, text.trim().to_owned().into()),
            Self::Text { class, data } => {
                Ticket::new(Digest::from(class.as_str()), data.clone().into())
            }
            Self::Bytes { class, data_hex } => {
                let data = hex::decode(data_hex).context("data_hex")?;
                Ticket::new(Digest::from(class.as_str()), data.into())
            }
        })
    }
}

#[derive(clap::Subcommand)]
pub enum Task {
    /// Print a new JWT ticket.
    Mint(Box<Mint>),
    /// Check a ticket; exit status 1 when it is refused.
    Verify {
        #[arg(long, value_parser = Validator::from_file)]
        validator: Validator,
        #[arg(long)]
        peer: PeerId,
        ticket: Presented,
    },
    /// Check a ticket over and over for a second; print how often it went.
    Bench {
        #[arg(long, value_parser = Validator::from_file)]
        validator: Validator,
        #[arg(long)]
        peer: PeerId,
        ticket: Presented,
    },
    /// Print the signature digest of a validator.
    Signature {
        #[arg(long, value_parser = Validator::from_file)]
        validator: Validator,
    },
}

#[derive(clap::Args)]
pub struct Mint {
    #[arg(long)]
    alg: String,
    /// The signing key as hex digits, or a file of them.
    #[arg(long)]
    key: String,
    #[arg(long)]
    peer: PeerId,
    #[arg(long)]
    issuer: Option<String>,
    #[arg(long)]
    subject: Option<String>,
    #[arg(long)]
    audience: Option<String>,
    #[arg(long, conflicts_with_all = ["expires_at", "never"])]
    expires_in: Option<Span>,
    /// Unix seconds.
    #[arg(long, conflicts_with = "never")]
    expires_at: Option<i64>,
    #[arg(long)]
    never: bool,
    /// Unix seconds.
    #[arg(long)]
    not_before: Option<i64>,
    /// Unix seconds.
    #[arg(long)]
    issued_at: Option<i64>,
    #[arg(long)]
    jti: Option<String>,
    /// A further claim; the value is JSON, or else taken as text.
    #[arg(long, value_name = "NAME=VALUE")]
    claim: Vec<String>,
}

fn moment(unix_s: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp(unix_s, 0).with_context(|| format!("time {unix_s}"))
}

fn expires_json(expires: Expiration) -> Value {
    match expires {
        Expiration::Never => json!("never"),
        Expiration::At(moment) => json!(moment.timestamp()),
    }
}

impl Mint {
    fn expiration(&self) -> Result<Expiration> {
        if self.never {
            return Ok(Expiration::Never);
        }
        if let Some(unix_s) = self.expires_at {
            return Ok(Expiration::At(moment(unix_s)?));
        }
        let span = self.expires_in.map_or(Duration::from_secs(3600), |span| span.0);
        Ok(Expiration::after(chrono::Duration::from_std(span).context("expires-in")?))
    }

    fn ticket(&self) -> Result<Value> {
        let key = match std::fs::read_to_string(&self.key) {
            Ok(text) => text.trim().to_owned(),
            Err(_) => self.key.clone(),
        };
        let expires = self.expiration()?;
        let key = Key { alg: self.alg.clone(), key }.signing()?;
        let mut builder = JwtTicketBuilder::new(key).expires_at(expires);
        if let Some(issuer) = &self.issuer {
            builder = builder.issuer(issuer);
        }
        if let Some(subject) = &self.subject {
            builder = builder.subject(subject);
        }
        if let Some(audience) = &self.audience {
            builder = builder.audience(audience);
        }
        if let Some(unix_s) = self.not_before {
            builder = builder.not_before(moment(unix_s)?);
        }
        if let Some(unix_s) = self.issued_at {
            builder = builder.issued_at(moment(unix_s)?);
        }
        if let Some(jti) = &self.jti {
            builder = builder.token_id(jti);
        }
        for claim in &self.claim {
            let (name, value) = claim.split_once('=').context("claim: expected NAME=VALUE")?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            builder = builder.claim(name, value);
        }
        let ticket = builder.build(&self.peer);
        Ok(json!({
            "ticket": String::from_utf8_lossy(ticket.data()),
            "id": ticket.id().to_string(),
            "expires": expires_json(expires),
        }))
    }
}

/// A validator, a ticket of its class, and the entry of whoever presents it.
struct Trial {
    validator: Box<dyn TicketValidator>,
    ticket: Ticket,
    entry: PeerEntry,
}

impl Trial {
    fn new(validator: &Validator, peer: PeerId, ticket: &Presented) -> Result<Self> {
        let (validator, ticket) = (validator.build()?, ticket.to_ticket()?);
        ensure!(ticket.class == validator.class(), "the ticket is of another class");
        let now = Utc::now().timestamp_millis();
        let entry = catalog::bare_entry(&Digest::zero(), &EndpointAddr::new(peer), (now, now))?;
        Ok(Self { validator, ticket, entry })
    }

    fn run(&self) -> Result<Expiration, InvalidTicket> {
        self.validator.validate(self.ticket.data(), &self.entry)
    }
}

fn bench(trial: &Trial) -> (Value, i32) {
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < Duration::from_secs(1) {
        if trial.run().is_err() {
            return (json!({ "valid": false, "per_second": 0 }), 1);
        }
        count += 1;
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = count as f64 / started.elapsed().as_secs_f64();
    (json!({ "valid": true, "per_second": rate.round() }), 0)
}

fn verify(trial: &Trial) -> (Value, i32) {
    match trial.run() {
        Ok(expires) => (json!({ "valid": true, "expires": expires_json(expires) }), 0),
        Err(_) => (json!({ "valid": false, "expires": null }), 1),
    }
}

/// Answers with one JSON line; the result is the exit status.
pub fn run(task: Task) -> Result<i32> {
    let (answer, status) = match task {
        Task::Mint(mint) => (mint.ticket()?, 0),
        Task::Verify { validator, peer, ticket } => verify(&Trial::new(&validator, peer, &ticket)?),
        Task::Bench { validator, peer, ticket } => bench(&Trial::new(&validator, peer, &ticket)?),
        Task::Signature { validator } => {
            (json!({ "signature": validator.build()?.signature().to_string() }), 0)
        }
    };
    println!("{answer}");
    Ok(status)
}
