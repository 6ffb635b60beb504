//! SRTP keys leave no copy behind, neither as the text of an SDP nor as bytes: no block that is released holds one, and
//! when all calls are over none is left in the memory of the process.
//!
//! Code that is not optimised leaves copies on the stack where values move, so the proof is of optimised code only.
//!
//! The allocator looks into the blocks of all threads: this is the only test of its file, and what it makes itself it wipes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the test: what is missing fails it"
)]

mod common;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{await_end, builder};
use hmac::{Hmac, KeyInit, Mac};
use mediapoint_allocations::{Watch, watch_for};
use mediapoint_control_ng::listen::{Clock, ListenConfig, Listener};
use mediapoint_control_ng::wire::{Dict, Envelope, Format, Value, decode, encode};
use mediapoint_control_ng::{CacheLimits, Controller, ControllerConfig, Dispatcher, Guard, Secret};
use mediapoint_packet::sdp::Sdp;
use mediapoint_packet::{SecretBytes, Time};
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{MasterKey, Suite};
use sha2::Sha256;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const SECRET: &[u8] = b"a secret of the test";

/// All keys of the test, each as text and as bytes.
#[derive(Default)]
struct Watched {
    watches: Vec<(String, Watch)>,
    /// Hashes of those known, so that a key that is repeated is watched for once.
    known: HashSet<u64>,
}

impl Watched {
    fn key(&mut self, whose: &str, line: &CryptoAttribute) {
        let value = line.to_value();
        let (_, text) = value.split_once("inline:").unwrap();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        if self.known.insert(hasher.finish()) {
            self.watches.push((format!("{whose}, text"), watch_for(text.as_bytes())));
            let bytes = watch_for(line.keys[0].key.danger_key_bytes());
            self.watches.push((format!("{whose}, bytes"), bytes));
        }
    }

    fn assert_none_released(&self, when: &str) {
        for (what, watch) in &self.watches {
            assert_eq!(watch.released(), 0, "blocks released with {what}, {when}");
        }
    }
}

/// How a controller reaches the server.
enum Link {
    Udp(UdpSocket),
    Sealed(UdpSocket),
    Tcp(TcpStream),
}

impl Link {
    fn ask(&mut self, message: &SecretBytes) -> SecretBytes {
        let mut buffer = SecretBytes::zeroed(65_536);
        let len = match self {
            Self::Udp(socket) => {
                socket.send(message).unwrap();
                socket.recv(&mut buffer).unwrap()
            }
            Self::Sealed(socket) => {
                socket.send(&sealed(message)).unwrap();
                let len = socket.recv(&mut buffer).unwrap();
                // `h1.MAC.`
                buffer.remove_front(68);
                len - 68
            }
            Self::Tcp(stream) => {
                // In two pieces, so that the server must put them together.
                let (first, rest) = message.split_at(message.len() / 2);
                stream.write_all(first).unwrap();
                stream.write_all(rest).unwrap();
                let mut len = 0;
                while Envelope::split(&buffer[..len]).is_none_or(|reply| decode(reply.payload).is_err()) {
                    len += stream.read(&mut buffer[len..]).unwrap();
                }
                len
            }
        };
        let reply = SecretBytes::from(&buffer[..len]);
        buffer.wipe_front(65_536);
        reply
    }
}

fn sealed(message: &SecretBytes) -> SecretBytes {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(b"mediapoint ng request\n77000.");
    mac.update(message);
    let mut out = SecretBytes::from("h1.77000.");
    mac.finalize().into_bytes().iter().for_each(|byte| write!(out, "{byte:02x}").unwrap());
    out.push(b'.');
    out.extend_from_slice(message);
    out
}

/// A controller's side of one call.
struct Dialog<'a> {
    link: Link,
    format: Format,
    id: &'static str,
    next: u32,
    watched: &'a mut Watched,
}

impl Dialog<'_> {
    /// Sends a command of the call with a description that offers or answers with the key of `line`, and reads the keys
    /// that come back.
    fn ask(&mut self, command: &str, tags: &[(&str, &str)], line: Option<&CryptoAttribute>) {
        let mut dict = Dict::from([(b"command".to_vec(), command.into())]);
        dict.insert(b"call-id".to_vec(), self.id.into());
        dict.extend(tags.iter().map(|(key, tag)| (key.as_bytes().to_vec(), Value::from(*tag))));
        if let Some(line) = line {
            dict.insert(b"sdp".to_vec(), Value::Bytes(secured(line)));
        }
        self.next += 1;
        let cookie = format!("{}_{}", self.id, self.next);
        let message = encode(cookie.as_bytes(), self.format, &dict);
        drop(dict);
        let reply = self.link.ask(&message);
        assert_eq!(self.link.ask(&message).as_slice(), reply.as_slice(), "a repetition");
        let reply = decode(Envelope::split(&reply).unwrap().payload).unwrap();
        assert_eq!(reply.get(b"result".as_slice()), Some(&"ok".into()), "{command}");
        self.watched.assert_none_released(command);
        if let Some(Value::Bytes(sdp)) = reply.get(b"sdp".as_slice()) {
            let sdp = Sdp::parse(sdp).unwrap();
            for value in sdp.media[0].body.attributes("crypto") {
                let line = CryptoAttribute::parse(value).unwrap();
                self.watched.key(&format!("the server's key {} of {command} {cookie}", line.suite), &line);
            }
        }
        self.watched.assert_none_released(command);
    }
}

/// A description with this `a=crypto` line.
fn secured(line: &CryptoAttribute) -> SecretBytes {
    let mut sdp = SecretBytes::from(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:",
    );
    write!(sdp, "{}\r\n", *line.to_value()).unwrap();
    sdp
}

/// A key that stands nowhere else.
fn line(tag: u32, watched: &mut Watched, whose: &str) -> CryptoAttribute {
    let line = CryptoAttribute::new(tag, MasterKey::generate(SUITE).unwrap());
    watched.key(whose, &line);
    line
}

/// Offer, answer, re-INVITE with another key, query, delete.
fn call(link: Link, format: Format, id: &'static str, watched: &mut Watched) {
    let [first, answer, second] = ["first", "answer", "second"].map(|key| line(1, watched, key));
    let mut dialog = Dialog { link, format, id, next: 0, watched };
    let (from, both) = ([("from-tag", "a")], [("from-tag", "a"), ("to-tag", "b")]);
    dialog.ask("offer", &from, Some(&first));
    dialog.ask("answer", &both, Some(&answer));
    dialog.ask("offer", &both, Some(&second));
    dialog.ask("answer", &both, Some(&answer));
    dialog.ask("query", &[], None);
    dialog.ask("delete", &from, None);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "proof of optimised code: `cargo xtask test --all` runs it")]
fn no_released_block_and_nothing_that_is_left_holds_a_key() {
    // The text of any key, the server's own before it is known included.
    let mut watched = Watched::default();
    watched.watches.push(("a key of anybody".to_owned(), watch_for(b" inline:")));

    let (engine, events) = builder().workers(1).build().unwrap();
    let controller = Controller::new(engine.clone(), ControllerConfig::default());
    let server = common::Server { controller, engine, events, prompts: None };
    let seconds = Arc::new(AtomicU64::new(1));
    let clock: Clock = {
        let seconds = Arc::clone(&seconds);
        Arc::new(move || Time::from_millis(seconds.load(Ordering::Relaxed) * 1_000))
    };
    let server = Arc::new(server);
    let dispatcher = Arc::new(Dispatcher::new(Controls(Arc::clone(&server)), CacheLimits::default()));
    let config = ListenConfig::new(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let guard = Guard::new(Secret::new(SECRET).unwrap(), Arc::new(|| Duration::from_secs(77)));
    let guarded = ListenConfig { guard: Some(Arc::new(guard)), ..config.clone() };
    let plain = Listener::datagrams(&config, &clock, &dispatcher).unwrap();
    let sealed = Listener::datagrams(&guarded, &clock, &dispatcher).unwrap();
    let streams = Listener::streams(&config, &clock, &dispatcher).unwrap();
    let udp = |listener: &Listener| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(listener.address().inet().unwrap()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    };
    call(Link::Udp(udp(&plain)), Format::Bencode, "bencode", &mut watched);
    await_end(&server);
    call(Link::Sealed(udp(&sealed)), Format::Json, "sealed", &mut watched);
    await_end(&server);
    let stream = TcpStream::connect(streams.address().inet().unwrap()).unwrap();
    call(Link::Tcp(stream), Format::Json, "tcp", &mut watched);
    await_end(&server);
    watched.assert_none_released("after the calls");

    // The replies are still known. Their time passes, and nobody asks for anything.
    let is_left = |(what, watch): &(String, Watch)| {
        let places = watch.in_memory().unwrap();
        (!places.is_empty()).then(|| format!("{what}: {places:x?}"))
    };
    assert!(watched.watches.iter().any(|watched| is_left(watched).is_some()), "the cookies hold replies");
    seconds.fetch_add(31, Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<String> = watched.watches.iter().skip(1).filter_map(is_left).collect();
        if left.is_empty() {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{left:#?}\n{}",
            std::fs::read_to_string("/proc/self/maps").unwrap()
        );
        std::thread::yield_now();
    }
    drop((plain, sealed, streams, dispatcher, server));
    watched.assert_none_released("at the end");
}

/// The server's controller as the handler of its dispatcher.
struct Controls(Arc<common::Server>);

impl mediapoint_control_ng::Handler for Controls {
    fn handle(&self, now: Time, request: mediapoint_control_ng::Request) -> mediapoint_control_ng::Reply {
        self.0.controller.handle(now, request)
    }
}
