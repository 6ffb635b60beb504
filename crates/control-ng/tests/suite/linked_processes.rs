//! A conference room of three servers, each a process of its own that is asked over its control port: everyone is heard
//! everywhere, once, and the end of a process takes its own members alone.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common;

use common::conference::{decode as heard_of, encode};
use common::phone::Phone;
use common::{dict, get, list, text};
use mediapoint_control_ng::client::{Client, ClientError, Target};
use mediapoint_control_ng::listen::{Clock, ListenConfig, Listener};
use mediapoint_control_ng::wire::{Dict, decode};
use mediapoint_control_ng::{CacheLimits, Controller, ControllerConfig, Dispatcher, Time};
use mediapoint_engine::{Engine, Interface};
use mediapoint_packet::sdp::Sdp;

/// The variable by which a process of this program is a server, with its address.
const SERVES: &str = "MEDIAPOINT_TEST_SERVES";
/// Members of each server's room.
const EACH: usize = 7;
/// How loud each of them is; twenty are less than full scale.
const SAID: f64 = 1_200.0;
/// Tones that are no harmonics of each other, in hertz; each is higher by [`BESIDE`].
const TONES: [u16; 3 * EACH] = [
    311, 443, 577, 701, 829, 953, 1087, 1213, 1361, 1481, 1607, 1741, 1867, 1997, 2131, 2251, 2383, 2521,
    2647, 2777, 2909,
];
/// Payloads that come again and again for a minute would be taken for a loop.
const BESIDE: f64 = 0.37;
/// Samples of a second.
const SECOND: usize = 8_000;
/// What is left of a voice that is not to be heard is looked for in this much.
const LONG: usize = 8 * SECOND;
/// The most that may be left of it, in decibels: as much as the noise of twenty voices through G.711 is at one frequency where
/// the machine is busy.
const ABSENT: f64 = -54.0;

/// The program of a server: it serves until its standard input ends.
#[test]
#[ignore = "the other processes of the tests below"]
fn serve() {
    let Ok(address) = std::env::var(SERVES) else { return };
    let builder = Engine::builder().interface(Interface::new("default", address.parse().unwrap()));
    let (engine, events) = builder.ports(20_000..=20_999).pin(false).build().unwrap();
    let controller = Controller::new(engine, ControllerConfig::default());
    let dispatcher = Arc::new(Dispatcher::new(controller, CacheLimits::default()));
    let began = Instant::now();
    let millis = move || u64::try_from(began.elapsed().as_millis()).unwrap();
    let clock: Clock = Arc::new(move || Time::from_millis(millis()));
    let port: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::datagrams(&ListenConfig::new(port), &clock, &dispatcher).unwrap();
    println!("\nserves {}", listener.address());
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        std::process::exit(0);
    });
    loop {
        let event = events.recv_timeout(Duration::from_millis(100)).into_iter();
        event.for_each(|event| dispatcher.handler().handle_event(&event));
    }
}

/// A server in a process of its own, killed when dropped.
struct Process {
    child: Child,
    client: Client,
}

impl Process {
    /// The server of this number.
    fn start(number: usize) -> Self {
        let name = concat!(module_path!(), "::serve").split_once("::").unwrap().1;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored", "--nocapture"])
            .env(SERVES, format!("127.0.0.{}", 11 + number))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ready = said.filter_map(|line| Some(line.unwrap().strip_prefix("serves ")?.to_owned()));
        let port = ready.next().unwrap().parse().unwrap();
        Self { child, client: Client::connect(Target::Udp(port)).unwrap() }
    }

    fn try_ask(&mut self, command: &str, json: &str, sdp: Option<&str>) -> Result<Dict, ClientError> {
        let mut keys = decode(format!("{{{json}}}").as_bytes()).unwrap();
        keys.extend(sdp.map(|sdp| (b"sdp".to_vec(), sdp.into())));
        self.client.request(command, keys)
    }

    fn ask(&mut self, command: &str, json: &str, sdp: Option<&str>) -> Dict {
        self.try_ask(command, json, sdp).unwrap_or_else(|error| panic!("{command} {json}: {error}"))
    }

    /// The states of its links.
    fn links(&mut self) -> Vec<String> {
        let room = self.ask("conference list", r#""room":"r""#, None);
        list(get(&room, "links")).iter().map(|link| text(dict(Some(link)), "state")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A party with a tone of its own, which is in the room.
struct Member {
    phone: Phone,
    to: Sdp,
    hz: u16,
    /// Its samples so far.
    said: u32,
    /// The octets of all samples from -[`SAID`] on.
    law: Vec<u8>,
    heard: Vec<f64>,
}

impl Member {
    fn join(server: &mut Process, hz: u16, how: &str) -> Self {
        let phone = Phone::new();
        let party = format!(r#""call-id":"{hz}","from-tag":"t""#);
        let publish = format!(r#"{party},"flags":["bidirectional"]"#);
        let answer = text(&server.ask("publish", &publish, Some(&phone.sdp("0"))), "sdp");
        server.ask("conference join", &format!(r#"{party},"room":"r"{how}"#), None);
        let law = (0_u16..=2_400).map(|at| encode(f64::from(at) - SAID)).collect();
        Self { phone, to: Sdp::parse(answer.as_bytes()).unwrap(), hz, said: 0, law, heard: Vec::new() }
    }

    fn say(&mut self) {
        let step = step(self.hz);
        let octet = |at: u32| {
            let sample = SAID * (1.0 + (step * f64::from(at)).sin());
            #[expect(clippy::cast_possible_truncation, reason = "0 to 2400")]
            let place = sample.round() as usize;
            self.law[place]
        };
        let payload: Vec<u8> = (self.said..self.said + 160).map(octet).collect();
        self.said += 160;
        self.phone.send(&self.to, 0, &payload);
    }

    fn hear(&mut self) {
        let (_, payload) = self.phone.receive();
        self.heard.extend(payload.iter().map(|octet| heard_of(*octet)));
    }

    /// How much louder than said a tone was in the last so many samples, in decibels.
    fn level(&self, hz: u16, samples: usize) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        let step = step(hz);
        for (at, sample) in (0_u32..).zip(&self.heard[self.heard.len() - samples..]) {
            let (sin, cos) = (step * f64::from(at)).sin_cos();
            re += sample * cos;
            im += sample * sin;
        }
        let amplitude = 2.0 * f64::hypot(re, im) / f64::from(u32::try_from(samples).unwrap());
        20.0 * (amplitude / SAID).max(1e-6).log10()
    }
}

/// The angle of a tone from one sample to the next.
fn step(hz: u16) -> f64 {
    std::f64::consts::TAU * (f64::from(hz) + BESIDE) / 8_000.0
}

/// All say their tones until each hears those that it is to hear at their level, and nothing of all others, itself among them. What
/// they are sent sets the pace.
fn all_hear(members: &mut [Member], is_heard: impl Fn(u16, u16) -> bool) {
    let mut wrong = String::new();
    for _ in 0..6 {
        for member in &mut *members {
            member.heard.clear();
            member.phone.pass_over_waiting();
        }
        for _ in 0..LONG / 160 + 20 {
            members.iter_mut().for_each(Member::say);
            members.iter_mut().for_each(Member::hear);
        }
        wrong.clear();
        for own in &*members {
            for other in members.iter().map(|other| other.hz) {
                let is_heard = is_heard(own.hz, other);
                let level = own.level(other, if is_heard { SECOND } else { LONG });
                if (is_heard && level.abs() > 1.5) || (!is_heard && level > ABSENT) {
                    wrong += &format!("{} hears {other} at {level:.1} dB; ", own.hz);
                }
            }
        }
        if wrong.is_empty() {
            return;
        }
    }
    panic!("{wrong}");
}

/// Links the rooms of two servers under this call-id on both; `more` is each one's own.
fn link(servers: &mut [Process], [a, b]: [usize; 2], id: &str, more: [&str; 2]) {
    let message = |more| format!(r#""call-id":"{id}","room":"r"{more}"#);
    let offer = text(&servers[a].ask("conference link", &message(more[0]), None), "sdp");
    let answer = text(&servers[b].ask("conference link", &message(more[1]), Some(&offer)), "sdp");
    servers[a].ask("conference link", &format!(r#""call-id":"{id}""#), Some(&answer));
}

#[test]
fn a_room_of_three_processes_is_one_room_and_outlives_one_of_them() {
    let mut servers: Vec<Process> = (0..3).map(Process::start).collect();
    let mut members: Vec<Member> =
        (0..).zip(TONES).map(|(at, hz)| Member::join(&mut servers[at / EACH], hz, "")).collect();
    for (pair, id) in [([0, 1], "0-1"), ([0, 2], "0-2"), ([1, 2], "1-2")] {
        link(&mut servers, pair, id, ["", ""]);
    }
    all_hear(&mut members, |own, other| own != other);
    // One of them dies without a word.
    drop(servers.pop());
    members.truncate(2 * EACH);
    all_hear(&mut members, |own, other| own != other);
    for server in &mut servers {
        let mut links = server.links();
        links.sort();
        assert_eq!(links, ["lost", "up"]);
    }
    // It is there again with its members, and the known links are offered anew.
    servers.push(Process::start(2));
    members.extend(TONES[2 * EACH..].iter().map(|hz| Member::join(&mut servers[2], *hz, "")));
    for (pair, id) in [([0, 2], "0-2"), ([1, 2], "1-2")] {
        link(&mut servers, pair, id, ["", ""]);
    }
    all_hear(&mut members, |own, other| own != other);
    for server in &mut servers {
        assert_eq!(server.links(), ["up", "up"]);
    }
}

#[test]
fn a_star_of_three_processes_keeps_a_coach_from_the_customer() {
    let mut servers: Vec<Process> = (3..6).map(Process::start).collect();
    let (coach, others) = TONES.split_last().unwrap();
    let hub = r#","forward-links":"on""#;
    let mut members: Vec<Member> =
        (0..).zip(others).map(|(at, hz)| Member::join(&mut servers[at / EACH], *hz, hub)).collect();
    link(&mut servers, [0, 1], "0-1", ["", ""]);
    link(&mut servers, [2, 0], "0-2", ["", ""]);
    // The last one is on the third server, and coaches the first member of the first; the customer is there, too.
    let agent = members[0].hz;
    let of_agent = format!(r#","role":"coach","for":"t","for-call-id":"{agent}""#);
    link(&mut servers, [0, 2], "coach", [&of_agent, r#","role":"coach","from-tag":"agent""#]);
    let how = r#","role":"coach","for":"agent","for-call-id":"coach""#;
    members.push(Member::join(&mut servers[2], *coach, how));
    all_hear(&mut members, |own, other| own != other && (other != *coach || own == agent));
}
