//! A controller at a real engine on loopback, and shorthand for its messages.

#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test support")]

pub(crate) mod conference;
pub(crate) mod media;
pub(crate) mod party;
pub(crate) mod phone;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use mediapoint_control_ng::wire::{Dict, Value, decode};
use mediapoint_control_ng::{Controller, ControllerConfig, Handler, Reply, Request};
use mediapoint_engine::{Call, CallId, Engine, EngineBuilder, EventReceiver, Interface, Points};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::{MediaSection, Sdp};

/// The first port of the next engine: tests of one process run at the same time.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

static NEXT_SPACIOUS: AtomicU16 = AtomicU16::new(0);

pub(crate) struct Server {
    pub(crate) controller: Controller,
    pub(crate) engine: Engine,
    pub(crate) events: EventReceiver,
    pub(crate) prompts: Option<std::sync::Arc<mediapoint_control_ng::Prompts>>,
}

pub(crate) fn builder() -> EngineBuilder {
    // Apart from other test binaries, too, by the process's number.
    let base = 20_000 + u16::try_from(std::process::id() % 8).unwrap() * 5_000;
    let first = base + NEXT_PORT.fetch_add(120, Ordering::Relaxed) % 4_800;
    Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse().unwrap()))
        .interface(Interface::new("default", "::1".parse().unwrap()))
        .interface(Interface::new("in", "127.0.0.2".parse().unwrap()))
        .interface(Interface::new("out", "127.0.0.3".parse().unwrap()))
        .ports(first..=first + 119)
        .pin(false)
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(builder(), ControllerConfig::default())
    }

    /// A server with so many workers and room for calls of the greatest size.
    /// Legs of a call of [`Self::spacious`] at most.
    pub(crate) const MOST_LEGS: usize = 256;

    pub(crate) fn spacious(workers: usize) -> Self {
        let base = 20_000 + u16::try_from(std::process::id() % 8).unwrap() * 5_000;
        let first = base + NEXT_SPACIOUS.fetch_add(1_000, Ordering::Relaxed) % 5_000;
        let builder = Engine::builder()
            .interface(Interface::new("default", "127.0.0.6".parse().unwrap()))
            .ports(first..=first + 999)
            .budget(Points::whole(1_000))
            .max_legs_of_call(Self::MOST_LEGS)
            .workers(workers)
            .rebalance(false)
            .pin(false);
        Self::with(builder, ControllerConfig::default())
    }

    pub(crate) fn with(builder: EngineBuilder, config: ControllerConfig) -> Self {
        let (engine, events) = builder.build().unwrap();
        let prompts = config.prompts.clone();
        Self { controller: Controller::new(engine.clone(), config), engine, events, prompts }
    }

    /// Sends a request; `json` has the keys beside command and sdp.
    pub(crate) fn ask_at(&self, now: Time, command: &str, json: &str, sdp: Option<&str>) -> Reply {
        let mut dict = decode(format!("{{{json}}}").as_bytes()).unwrap();
        dict.insert(b"command".to_vec(), command.into());
        if let Some(sdp) = sdp {
            dict.insert(b"sdp".to_vec(), sdp.into());
        }
        let source = SocketAddr::from(([127, 0, 0, 1], 2223));
        match Request::parse(&dict, source) {
            Ok(request) => self.controller.handle(now, request),
            Err(error) => Reply::error(&error),
        }
    }

    pub(crate) fn ask(&self, command: &str, json: &str, sdp: Option<&str>) -> Reply {
        self.ask_at(Time::from_millis(5_000), command, json, sdp)
    }

    /// An offer from A to B of the call `c`, with further keys.
    pub(crate) fn offer(&self, sdp: &str, more: &str) -> Sdp {
        advertised(&self.ask("offer", &keys(r#""call-id":"c","from-tag":"a""#, more), Some(sdp)))
    }

    /// B's answer to it.
    pub(crate) fn answer(&self, sdp: &str, more: &str) -> Sdp {
        advertised(&self.ask(
            "answer",
            &keys(r#""call-id":"c","from-tag":"a","to-tag":"b""#, more),
            Some(sdp),
        ))
    }
}

/// The engine's call that was made as this one, from 1.
pub(crate) fn engine_call(server: &Server, number: u64) -> Call {
    server.engine.call(CallId::from_u64(number)).unwrap()
}

/// Legs of a call at the engine.
pub(crate) fn legs(call: &Call) -> usize {
    call.statistics().unwrap().wait().unwrap().legs.len()
}

/// Mixes of a call at the engine.
pub(crate) fn mixes(call: &Call) -> usize {
    let snapshot = serde_json::to_value(&*call.snapshot().unwrap().wait().unwrap()).unwrap();
    snapshot["mixes"].as_array().unwrap().len()
}

pub(crate) fn keys(first: &str, more: &str) -> String {
    if more.is_empty() { first.to_owned() } else { format!("{first},{more}") }
}

/// Waits until the engine has ended a call.
pub(crate) fn await_end(server: &Server) -> mediapoint_engine::EndReason {
    loop {
        let event = server.events.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        server.controller.handle_event(&event);
        if let mediapoint_engine::Event::CallEnded { reason, .. } = event {
            return reason;
        }
    }
}

/// Waits until the server has taken so many packets of a party of the call `c`.
pub(crate) fn await_packets(server: &Server, tag: &str, count: u32) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let query = server.ask("query", &format!(r#""call-id":"c","from-tag":"{tag}""#), None);
        let party = dict(get(dict(query.value("tags")), tag));
        let stream = dict(list(get(dict(list(get(party, "medias")).first()), "streams")).first());
        if text(dict(get(stream, "stats")), "packets") == count.to_string() {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{stream:?}");
    }
}

/// The description in a reply that must have one.
pub(crate) fn advertised(reply: &Reply) -> Sdp {
    assert_eq!(reply.text("result"), "ok", "{}", reply.text("error-reason"));
    Sdp::parse(reply.text("sdp").as_bytes()).unwrap()
}

pub(crate) fn reason(reply: &Reply) -> String {
    assert_eq!(reply.text("result"), "error");
    reply.text("error-reason")
}

pub(crate) fn data(name: &str) -> String {
    let path = format!("{}/testdata/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// A plain description of one audio section.
pub(crate) fn phone(address: &str, port: u16, formats: &str) -> String {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\n"
    )
}

pub(crate) fn port(sdp: &Sdp, section: usize) -> u16 {
    sdp.media[section].media().port
}

pub(crate) fn formats(sdp: &Sdp, section: usize) -> String {
    sdp.media[section].media().formats.join(" ")
}

pub(crate) fn attributes<'a>(section: &'a MediaSection, name: &str) -> Vec<&'a str> {
    section.body.attributes(name).collect()
}

pub(crate) fn host(sdp: &Sdp, section: usize) -> String {
    sdp.connection_of(&sdp.media[section]).unwrap().host.to_owned()
}

pub(crate) fn dict(value: Option<&Value>) -> &Dict {
    match value {
        Some(Value::Dict(dict)) => dict,
        other => panic!("{other:?} is no dictionary"),
    }
}

pub(crate) fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(list)) => list,
        other => panic!("{other:?} is no list"),
    }
}

pub(crate) fn get<'a>(dict: &'a Dict, key: &str) -> Option<&'a Value> {
    dict.get(key.as_bytes())
}

pub(crate) fn text(dict: &Dict, key: &str) -> String {
    get(dict, key).and_then(Value::to_text).unwrap_or_default()
}
