//! A bare endpoint on the reference's transport. It says and answers what a
//! script tells it to, right or wrong, and prints what it gets.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use mosaik::iroh::endpoint::{
    Connection, ConnectionError, ReadExactError, RecvStream, SendStream, VarInt, presets,
};
use mosaik::iroh::{Endpoint, EndpointAddr, RelayMode};
use mosaik::{Digest, SecretKey};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::catalog;
use crate::group::Close;
use crate::lines;
use crate::options::{Peer, Span};
use crate::tickets::Presented;

/// The longest frame that the probe prints.
const FRAME_LIMIT_BYTES: usize = 16 << 20;

/// How long a dial may take.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

const GROUPS_ALPN: &[u8] = b"/mosaik/groups/1";

/// The bond messages ping and pong, each a whole payload (groups.md 2.7).
const PING: [u8; 1] = [0];
const PONG: [u8; 1] = [1];

#[derive(clap::Args)]
pub struct Options {
    /// The probe's secret key, 64 hex digits; random without it.
    #[arg(long, value_name = "HEX")]
    secret: Option<SecretKey>,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// One step of a script. In the hex digits of `frame` and `raw`, `{proof}`
/// stands for the probe's own proof of the group key (groups.md 2.2).
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Send a frame: the length is put before these hex digits.
    Frame(String),
    /// Send these hex digits as they are.
    Raw(String),
    /// Wait until this many frames have come in all.
    Receive(u64),
    /// Wait until the peer has closed the connection.
    AwaitClose,
    Pause(Span),
    /// End the sending direction.
    Finish,
    /// Abort the sending direction with a code.
    Reset(u32),
    /// Ask the peer with a code to stop sending.
    Stop(u32),
    Close(Close),
}

/// The group whose key `{proof}` proves.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofOf {
    group_key: String,
    group_id: String,
}

/// How connections with one ALPN are answered.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    alpn: String,
    #[serde(rename = "do", default)]
    steps: Vec<Step>,
    proof: Option<ProofOf>,
    /// Answer each ping, beside the steps, so that a bond stays.
    #[serde(default)]
    pong: bool,
}

#[derive(Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
enum Command {
    Dial(Dial),
    Accept(Script),
    Do(Continue),
    SignEntry(Box<SignEntry>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dial {
    peer: Peer,
    alpn: String,
    #[serde(rename = "do", default)]
    steps: Vec<Step>,
    proof: Option<ProofOf>,
    #[serde(default)]
    pong: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Continue {
    conn: u64,
    #[serde(rename = "do")]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignEntry {
    network: String,
    #[serde(default)]
    groups: Vec<Digest>,
    #[serde(default)]
    tickets: Vec<Presented>,
    #[serde(default)]
    tags: Vec<String>,
    /// Instead of the address that the probe listens on.
    addresses: Option<Vec<SocketAddr>>,
    /// Added to the current time in both halves of the version.
    #[serde(default)]
    version_offset_ms: i64,
}

/// The end of a script: None, or what stopped it.
type Outcome = Option<String>;

type Job = (Vec<Step>, oneshot::Sender<Outcome>);

/// The reader answers pings while the steps send.
type Sending = Arc<AsyncMutex<SendStream>>;

async fn send_frame(sending: &Sending, payload: &[u8]) -> Result<()> {
    let length = u32::try_from(payload.len()).context("frame too long")?;
    let frame = [&length.to_be_bytes()[..], payload].concat();
    Ok(sending.lock().await.write_all(&frame).await?)
}

/// One connection and the stream on it.
struct Wire {
    number: u64,
    connection: Connection,
    dialled: bool,
    proof: Option<ProofOf>,
    pong: bool,
    sending: Option<Sending>,
    stop_sender: Option<mpsc::UnboundedSender<u32>>,
    received: watch::Sender<u64>,
}

impl Wire {
    /// The stream comes into being when a step first needs it.
    async fn stream(&mut self) -> Result<Sending> {
        if let Some(sending) = &self.sending {
            return Ok(Arc::clone(sending));
        }
        let (sending, receiving) = if self.dialled {
            self.connection.open_bi().await?
        } else {
            self.connection.accept_bi().await?
        };
        let sending = Arc::new(AsyncMutex::new(sending));
        let (stop_sender, stops) = mpsc::unbounded_channel();
        let reader = Reader {
            number: self.number,
            stream: receiving,
            stops,
            received: self.received.clone(),
            pong_to: self.pong.then(|| Arc::clone(&sending)),
        };
        tokio::spawn(reader.run());
        self.stop_sender = Some(stop_sender);
        self.sending = Some(Arc::clone(&sending));
        Ok(sending)
    }

    fn own_proof(&self, local: &[u8; 32]) -> Result<String> {
        let of = self.proof.as_ref().context("{proof} needs \"proof\"")?;
        let group_id = Digest::from(of.group_id.as_str());
        let mut material = [0; 32];
        let label = group_id.as_bytes();
        if self.connection.export_keying_material(&mut material, label, GROUPS_ALPN).is_err() {
            bail!("no keying material");
        }
        let proof = Digest::from(of.group_key.as_str()).derive(material).derive(local);
        Ok(proof.to_string())
    }

    fn decode(&self, local: &[u8; 32], text: &str) -> Result<Vec<u8>> {
        if text.contains("{proof}") {
            let proof = self.own_proof(local)?;
            return hex::decode(text.replace("{proof}", &proof)).context("hex");
        }
        hex::decode(text).context("hex")
    }

    async fn step(&mut self, local: &[u8; 32], step: &Step) -> Result<()> {
        match step {
            Step::Frame(text) => {
                let payload = self.decode(local, text)?;
                send_frame(&self.stream().await?, &payload).await?;
            }
            Step::Raw(text) => {
                let bytes = self.decode(local, text)?;
                self.stream().await?.lock().await.write_all(&bytes).await?;
            }
            Step::Receive(count) => {
                self.stream().await?;
                let mut received = self.received.subscribe();
                let enough = received.wait_for(|have| have >= count);
                tokio::select! {
                    _ = enough => {}
                    error = self.connection.closed() => bail!("closed: {error}"),
                }
            }
            Step::AwaitClose => drop(self.connection.closed().await),
            Step::Pause(Span(span)) => tokio::time::sleep(*span).await,
            Step::Finish => self.stream().await?.lock().await.finish()?,
            Step::Reset(code) => self.stream().await?.lock().await.reset(VarInt::from(*code))?,
            Step::Stop(code) => {
                self.stream().await?;
                self.stop_sender.as_ref().context("no stream")?.send(*code)?;
            }
            Step::Close(close) => {
                self.connection.close(VarInt::from(close.code), close.reason.as_bytes());
            }
        }
        Ok(())
    }

    async fn run(mut self, local: [u8; 32], mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some((steps, finished)) = jobs.recv().await {
            let mut outcome = None;
            for (place, step) in steps.iter().enumerate() {
                if let Err(error) = self.step(&local, step).await {
                    outcome = Some(format!("step {place}: {error:#}"));
                    break;
                }
            }
            let _ = finished.send(outcome);
        }
    }
}

/// What the reading half came to.
enum Read {
    Frame(Vec<u8>),
    End(Value),
}

async fn read_frame(stream: &mut RecvStream) -> Read {
    let ended = |error: ReadExactError| match error {
        ReadExactError::FinishedEarly(0) => json!({ "how": "finished" }),
        other => json!({ "how": "broken", "error": other.to_string() }),
    };
    let mut length = [0; 4];
    if let Err(error) = stream.read_exact(&mut length).await {
        return Read::End(ended(error));
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_LIMIT_BYTES {
        return Read::End(json!({ "how": "too_long", "length": length }));
    }
    let mut payload = vec![0; length];
    match stream.read_exact(&mut payload).await {
        Ok(()) => Read::Frame(payload),
        Err(error) => Read::End(json!({ "how": "broken", "error": error.to_string() })),
    }
}

/// The receiving half of a connection's stream.
struct Reader {
    number: u64,
    stream: RecvStream,
    stops: mpsc::UnboundedReceiver<u32>,
    received: watch::Sender<u64>,
    pong_to: Option<Sending>,
}

impl Reader {
    async fn run(mut self) {
        loop {
            let read = tokio::select! {
                read = read_frame(&mut self.stream) => read,
                Some(code) = self.stops.recv() => {
                    let _ = self.stream.stop(VarInt::from(code));
                    return;
                }
            };
            match read {
                Read::Frame(payload) => self.on_frame(&payload).await,
                Read::End(how) => {
                    let fields = lines::merged(json!({ "conn": self.number }), how);
                    return lines::event("stream_ended", fields);
                }
            }
        }
    }

    async fn on_frame(&self, payload: &[u8]) {
        lines::event("frame", json!({ "conn": self.number, "hex": hex::encode(payload) }));
        self.received.send_modify(|count| *count += 1);
        if let Some(sending) = &self.pong_to
            && payload == PING
        {
            // A failure ends the connection, which is reported there.
            let _ = send_frame(sending, &PONG).await;
        }
    }
}

async fn print_close(number: u64, connection: Connection) {
    let fields = match connection.closed().await {
        ConnectionError::ApplicationClosed(close) => json!({
            "by": "peer",
            "code": close.error_code.into_inner(),
            "reason": String::from_utf8_lossy(&close.reason),
        }),
        ConnectionError::LocallyClosed => json!({ "by": "local" }),
        other => json!({ "by": "transport", "error": other.to_string() }),
    };
    lines::event("closed", lines::merged(json!({ "conn": number }), fields));
}

struct Connections {
    count: u64,
    jobs: HashMap<u64, mpsc::UnboundedSender<Job>>,
}

#[derive(Clone)]
struct Probe {
    endpoint: Endpoint,
    connections: Arc<Mutex<Connections>>,
    scripts: Arc<Mutex<BTreeMap<Vec<u8>, Script>>>,
}

impl Probe {
    /// Takes a connection over and returns its number.
    fn adopt(
        &self,
        connection: Connection,
        dialled: bool,
        proof: Option<ProofOf>,
        pong: bool,
    ) -> u64 {
        let (jobs, queue) = mpsc::unbounded_channel();
        let mut connections = self.connections.lock().expect("connections lock");
        connections.count += 1;
        let number = connections.count;
        connections.jobs.insert(number, jobs);
        tokio::spawn(print_close(number, connection.clone()));
        let wire = Wire {
            number,
            connection,
            dialled,
            proof,
            pong,
            sending: None,
            stop_sender: None,
            received: watch::channel(0).0,
        };
        tokio::spawn(wire.run(*self.endpoint.id().as_bytes(), queue));
        number
    }

    /// Runs steps on connection `number` after those it was given before.
    async fn perform(&self, number: u64, steps: Vec<Step>) -> Result<Outcome> {
        let (finished, outcome) = oneshot::channel();
        let jobs = {
            let connections = self.connections.lock().expect("connections lock");
            let jobs = connections.jobs.get(&number);
            jobs.with_context(|| format!("no connection {number}"))?.clone()
        };
        ensure!(jobs.send((steps, finished)).is_ok(), "connection {number} is gone");
        outcome.await.context("the script was dropped")
    }

    async fn dial(&self, dial: Dial) -> Result<Value> {
        let connecting = self.endpoint.connect(dial.peer.0, dial.alpn.as_bytes());
        let connection = timeout(DIAL_LIMIT, connecting).await.context("dial")?.context("dial")?;
        let number = self.adopt(connection, true, dial.proof, dial.pong);
        lines::event("connected", json!({ "conn": number }));
        let stopped = self.perform(number, dial.steps).await?;
        Ok(json!({ "conn": number, "script_error": stopped }))
    }

    fn set_script(&self, script: Script) {
        let mut scripts = self.scripts.lock().expect("scripts lock");
        scripts.insert(script.alpn.clone().into_bytes(), script);
        self.endpoint.set_alpns(scripts.keys().cloned().collect());
    }

    async fn serve(self) {
        while let Some(incoming) = self.endpoint.accept().await {
            let probe = self.clone();
            tokio::spawn(async move {
                if let Err(error) = probe.answer(incoming).await {
                    lines::event("accept_failed", json!({ "error": format!("{error:#}") }));
                }
            });
        }
    }

    async fn answer(&self, incoming: mosaik::iroh::endpoint::Incoming) -> Result<()> {
        let connection = incoming.await.context("handshake")?;
        let alpn = connection.alpn().to_vec();
        let script = self.scripts.lock().expect("scripts lock").get(&alpn).cloned();
        let script = script.context("no script for this ALPN")?;
        let peer = connection.remote_id();
        let number = self.adopt(connection, false, script.proof, script.pong);
        let fields = json!({
            "conn": number,
            "peer_id": peer.to_string(),
            "alpn": String::from_utf8_lossy(&alpn),
        });
        lines::event("accepted", fields);
        let stopped = self.perform(number, script.steps).await?;
        lines::event("script_done", json!({ "conn": number, "script_error": stopped }));
        Ok(())
    }

    fn sign_entry(&self, args: &SignEntry) -> Result<Value> {
        let addresses = args.addresses.clone().unwrap_or_else(|| self.ipv4_sockets());
        let mut address = EndpointAddr::new(self.endpoint.id());
        for ip in addresses {
            address = address.with_ip_addr(ip);
        }
        let now_ms = Utc::now().timestamp_millis() + args.version_offset_ms;
        let network = Digest::from(args.network.as_str());
        let mut entry = catalog::bare_entry(&network, &address, (now_ms, now_ms))?;
        entry = entry.add_groups(args.groups.clone());
        entry = entry.add_tags(args.tags.iter().map(|tag| Digest::from(tag.as_str())));
        for ticket in &args.tickets {
            entry = entry.add_ticket(ticket.to_ticket()?);
        }
        let signed = entry.sign(self.endpoint.secret_key())?;
        Ok(json!({
            "entry": catalog::entry_json(&signed),
            "hex": catalog::signed_to_hex(&signed)?,
        }))
    }

    fn ipv4_sockets(&self) -> Vec<SocketAddr> {
        self.endpoint.bound_sockets().into_iter().filter(SocketAddr::is_ipv4).collect()
    }

    async fn handle(self, command: Command) -> Result<Value> {
        match command {
            Command::Dial(dial) => self.dial(dial).await,
            Command::Accept(script) => {
                self.set_script(script);
                Ok(json!({}))
            }
            Command::Do(more) => {
                let stopped = self.perform(more.conn, more.steps).await?;
                Ok(json!({ "conn": more.conn, "script_error": stopped }))
            }
            Command::SignEntry(args) => self.sign_entry(&args),
        }
    }
}

pub async fn run(options: Options) -> Result<()> {
    let mut builder = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .bind_addr(options.listen)?;
    if let Some(secret) = options.secret {
        builder = builder.secret_key(secret);
    }
    let endpoint = builder.bind().await.context("bind")?;
    let probe = Probe {
        endpoint: endpoint.clone(),
        connections: Arc::new(Mutex::new(Connections { count: 0, jobs: HashMap::new() })),
        scripts: Arc::default(),
    };
    let address = probe.ipv4_sockets().first().map(ToString::to_string);
    let fields = json!({ "peer_id": endpoint.id().to_string(), "address": address });
    lines::event("probe_started", fields);
    tokio::spawn(probe.clone().serve());

    lines::serve(|command| {
        let probe = probe.clone();
        Ok(Box::pin(async { probe.handle(command).await }))
    })
    .await?;
    endpoint.close().await;
    Ok(())
}
