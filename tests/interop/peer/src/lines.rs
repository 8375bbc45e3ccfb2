//! The script interface: requests as JSON lines on stdin, events and answers
//! as JSON lines on stdout.

use std::io::Write;
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use mosaik::futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::signal::unix::{SignalKind, signal};

/// What a request leads to; it may take as long as it needs.
pub type Pending = BoxFuture<'static, Result<Value>>;

struct Output {
    started: Instant,
    seq: u64,
    only: Option<&'static str>,
}

static OUTPUT: LazyLock<Mutex<Output>> =
    LazyLock::new(|| Mutex::new(Output { started: Instant::now(), seq: 0, only: None }));

/// `mono_ms` counts from here.
pub fn start_clock() {
    LazyLock::force(&OUTPUT);
}

/// Keeps all events but those of this name to itself.
pub fn print_only(name: &'static str) {
    OUTPUT.lock().expect("output lock").only = Some(name);
}

/// Prints one event. `fields` must be a JSON object.
pub fn event(name: &str, fields: Value) {
    // The lock also covers the write, so that `seq` is the order of the lines.
    let mut output = OUTPUT.lock().expect("output lock");
    if output.only.is_some_and(|only| only != name) {
        return;
    }
    output.seq += 1;
    let mut line = Map::new();
    line.insert("v".into(), json!(1));
    line.insert("seq".into(), json!(output.seq));
    line.insert("mono_ms".into(), json!(output.started.elapsed().as_millis() as u64));
    line.insert("event".into(), json!(name));
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    let text = Value::Object(line).to_string();
    let mut stdout = std::io::stdout().lock();
    // A reader that is gone has no use for further lines, and no one to tell.
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Adds the members of `more` to the object `base`.
pub fn merged(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

enum Request<C> {
    Quit,
    Command(C),
}

/// What an answer repeats of its request.
struct Tag {
    id: Value,
    cmd: String,
}

impl Tag {
    fn answer(self, result: Result<Value>) {
        let outcome = match result {
            Ok(fields) => merged(json!({ "ok": true }), fields),
            Err(error) => json!({ "ok": false, "error": format!("{error:#}") }),
        };
        event("answer", merged(json!({ "id": self.id, "cmd": self.cmd }), outcome));
    }
}

/// The requests on stdin.
struct Requests {
    lines: Lines<BufReader<Stdin>>,
}

impl Requests {
    /// The next well-formed request, or None at the end of the input.
    /// Malformed ones are answered here.
    async fn next<C: DeserializeOwned>(&mut self) -> Option<(Tag, Request<C>)> {
        while let Ok(Some(line)) = self.lines.next_line().await {
            if line.trim().is_empty() {
                continue;
            }
            let mut tag = Tag { id: Value::Null, cmd: String::new() };
            match parse_request(&line, &mut tag) {
                Ok(request) => return Some((tag, request)),
                Err(error) => tag.answer(Err(error)),
            }
        }
        None
    }
}

/// Answers requests until a `quit`, SIGTERM or SIGINT; the end of the input
/// only ends the requests. `begin` starts them in the order of their lines,
/// whenever their answers may come.
pub async fn serve<C: DeserializeOwned>(mut begin: impl FnMut(C) -> Result<Pending>) -> Result<()> {
    let stop = stop_signal();
    tokio::pin!(stop);
    let mut requests = Requests { lines: BufReader::new(tokio::io::stdin()).lines() };
    let mut listening = true;
    loop {
        let request = tokio::select! {
            stopped = &mut stop => return stopped,
            request = requests.next(), if listening => request,
        };
        match request {
            None => listening = false,
            Some((tag, Request::Quit)) => {
                tag.answer(Ok(json!({})));
                return Ok(());
            }
            Some((tag, Request::Command(command))) => match begin(command) {
                Ok(pending) => drop(tokio::spawn(async { tag.answer(pending.await) })),
                Err(error) => tag.answer(Err(error)),
            },
        }
    }
}

fn parse_request<C: DeserializeOwned>(line: &str, tag: &mut Tag) -> Result<Request<C>> {
    let mut request: Value = serde_json::from_str(line).context("request is not JSON")?;
    let Some(members) = request.as_object_mut() else {
        bail!("request is not a JSON object");
    };
    tag.id = members.remove("id").unwrap_or_default();
    tag.cmd = members.get("cmd").and_then(Value::as_str).unwrap_or_default().into();
    if tag.cmd == "quit" {
        return Ok(Request::Quit);
    }
    Ok(Request::Command(serde_json::from_value(request).context("request")?))
}

/// Resolves when the process is asked to end.
pub async fn stop_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
