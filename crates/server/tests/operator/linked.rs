//! A conference room of three servers, each a process of its own: everyone is heard everywhere, once, and the end of a
//! server takes its own members alone.

use std::time::{Duration, Instant};

use mediapoint_caller::ng::{Command as Ng, Reply};
use mediapoint_caller::{Codec, PhoneConfig, Softphone};

use crate::support::{Server, wait_for};

/// Samples a second of the phones' recordings.
const RATE: usize = 8_000;
/// How loud each phone's tone is; twenty of them are less than full scale.
const SAID: f64 = 1_200.0;
/// Members of each server's room.
const EACH: usize = 7;
/// How long all may take to hear what they should: the machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(240);
/// What is left of the own voice is looked for in this much audio: the noise of 20 voices through G.711 is 38 dB below their sum,
/// and in ten seconds 68 dB below each at any one frequency.
const LONG: usize = 10 * RATE;
/// The most that may be left of a voice that is not to be heard, in decibels over what the phones say.
const LEFT: f64 = -60.0;
/// Hertz from a tone to where nothing is but noise; a machine too busy to send in time makes more of it than coding does.
const BESIDE: [f64; 6] = [-37.0, -29.0, -23.0, 23.0, 29.0, 37.0];
/// How far what is at one frequency by chance is above the noise around, in decibels. A voice that is mixed in by mistake is
/// further.
const CHANCE: f64 = 10.0;

/// Tones that are no harmonics of each other, in hertz.
const TONES: [u32; 3 * EACH] = [
    311, 443, 577, 701, 829, 953, 1087, 1213, 1361, 1481, 1607, 1741, 1867, 1997, 2131, 2251, 2383, 2521,
    2647, 2777, 2909,
];

/// A phone in a call of its own, which is a member of the room.
struct Member {
    phone: Softphone,
    hz: u32,
    /// The server that it is at.
    server: usize,
}

impl Member {
    fn join(servers: &[Server], server: usize, hz: u32, more: Ng) -> Self {
        let config = PhoneConfig {
            codecs: vec![Codec::Pcmu],
            events: None,
            record: Duration::from_secs(600),
            ..PhoneConfig::default()
        };
        let phone = Softphone::bind(config).unwrap();
        let id = format!("call-{hz}");
        let mut client = servers[server].client();
        let publish = Ng::new("publish").text("call-id", &id).text("from-tag", "t");
        let publish = publish.list("flags", &["bidirectional"]).text("sdp", &phone.offer());
        let reply = client.request(&publish).unwrap();
        phone.accept(reply.text("sdp").unwrap()).unwrap();
        phone.play_again_and_again(tone(hz));
        let join = Ng::new("conference join").text("call-id", &id).text("from-tag", "t");
        client.request(&join.text("room", "r").keys_of(&more)).unwrap();
        Self { phone, hz, server }
    }

    /// What it heard in the last so many samples; `None` before that much has come.
    fn heard(&self, samples: usize) -> Option<Vec<i16>> {
        let heard = self.phone.heard();
        let from = heard.samples().len().checked_sub(samples)?;
        Some(heard.samples()[from..].to_vec())
    }
}

/// Half a minute of a tone, which goes on without a step where it begins again.
fn tone(hz: u32) -> Vec<i16> {
    let at = |n: u32| {
        let sample = SAID * (step(hz) * f64::from(n)).sin();
        #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
        let sample = sample.round() as i16;
        sample
    };
    (0..30 * 8_000).map(at).collect()
}

/// Radians of a sample of a tone. A whole number of hertz would be the same packets each second, which the server takes for a
/// loop.
fn step(hz: u32) -> f64 {
    std::f64::consts::TAU * (f64::from(hz) + 11.0 / 30.0) / 8_000.0
}

/// The level of a tone in decibels over that of what the phones say.
fn level(pcm: &[i16], hz: u32) -> f64 {
    level_at(pcm, step(hz))
}

/// Whether a tone is in this audio: above the limit, and above what noise there is around it.
fn is_found(pcm: &[i16], hz: u32) -> bool {
    let level = level(pcm, hz);
    if level <= LEFT {
        return false;
    }
    let mut beside = BESIDE.map(|off| level_at(pcm, step(hz) + std::f64::consts::TAU * off / 8_000.0));
    beside.sort_by(f64::total_cmp);
    level > beside[BESIDE.len() / 2] + CHANCE
}

/// The level at this many radians a sample, in decibels over that of what the phones say.
fn level_at(pcm: &[i16], step: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    let len = f64::from(u32::try_from(pcm.len()).unwrap());
    for (at, sample) in (0_u32..).zip(pcm) {
        let (sin, cos) = (step * f64::from(at)).sin_cos();
        // A window, so that tones nearby are not found here.
        let window = 1.0 - (std::f64::consts::TAU * f64::from(at) / len).cos();
        re += f64::from(*sample) * cos * window;
        im += f64::from(*sample) * sin * window;
    }
    let amplitude = 2.0 * f64::hypot(re, im) / len;
    20.0 * (amplitude / SAID).max(1e-6).log10()
}

/// What is wrong with what a member hears: each other one that is not at its level, or is heard although it is not to be, itself
/// least of all.
fn faults(own: &Member, members: &[Member], is_heard: &impl Fn(&Member, &Member) -> bool) -> String {
    let (Some(second), Some(all)) = (own.heard(RATE), own.heard(LONG)) else {
        return "nothing yet; ".to_owned();
    };
    let mut faults = String::new();
    for other in members {
        let is_heard = is_heard(own, other);
        let audio = if is_heard { &second } else { &all };
        let is_fault = if is_heard { level(audio, other.hz).abs() > 1.5 } else { is_found(audio, other.hz) };
        if is_fault {
            faults += &format!("{} hears {} at {:.1} dB; ", own.hz, other.hz, level(audio, other.hz));
        }
    }
    faults
}

/// Waits until each member hears those that it is to hear, and nobody else.
fn all_hear(members: &[Member], is_heard: impl Fn(&Member, &Member) -> bool) {
    let began = Instant::now();
    // What was heard before counts for nothing.
    let before: Vec<usize> = members.iter().map(|member| member.phone.stats().heard_samples).collect();
    let mut left: Vec<(&Member, usize)> = members.iter().zip(before).collect();
    let mut wrong = String::new();
    while began.elapsed() < PATIENCE {
        wrong.clear();
        left.retain(|(own, before)| {
            let is_new = own.phone.stats().heard_samples >= before + LONG;
            let faults = if is_new { faults(own, members, &is_heard) } else { "too little; ".to_owned() };
            wrong += &faults;
            !faults.is_empty()
        });
        let Some((first, _)) = left.first() else { return };
        // Until a part of a second more has come.
        let last = first.phone.stats().packets_received;
        first.phone.wait_until(Duration::from_secs(2), |stats| stats.packets_received > last + 15);
    }
    panic!("{wrong}");
}

fn on(server: &Server, command: Ng) -> Reply {
    server.client().request(&command).unwrap()
}

/// Links the rooms of two servers under this call-id on both; `more` is each one's own.
fn link(servers: [&Server; 2], id: &str, more: [Ng; 2]) {
    let [offerer, answerer] = servers;
    let [of_offer, of_answer] = more;
    let message = || Ng::new("conference link").text("call-id", id);
    let offer = on(offerer, message().text("room", "r").keys_of(&of_offer));
    let with_offer = message().text("room", "r").text("sdp", offer.text("sdp").unwrap());
    let answer = on(answerer, with_offer.keys_of(&of_answer));
    on(offerer, message().text("sdp", answer.text("sdp").unwrap()));
}

fn none() -> Ng {
    Ng::new("conference join")
}

fn servers() -> Vec<Server> {
    (0..3).map(|at: u16| start(at)).collect()
}

/// A server with ports that no other one of this test has.
fn start(at: u16) -> Server {
    let base = 12_000 + u16::try_from(std::process::id() % 30).unwrap() * 600 + at * 200;
    Server::start(&["--ports", &format!("{base}-{}", base + 199)])
}

/// The states of a server's links.
fn states(server: &Server) -> Vec<String> {
    let list = on(server, Ng::new("conference list").text("room", "r"));
    let links = list.value("links").and_then(|links| links.as_list()).unwrap().iter();
    links.map(|link| link.as_dict().unwrap()[b"state".as_slice()].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_voice_that_is_left_is_found_in_noise() {
    // One packet of 25 is lost, in no rhythm, and a voice is 26 dB below.
    let mut state = 1_u32;
    let lost: Vec<bool> = (0..LONG / 160)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24 < 10
        })
        .collect();
    let with = |hz: u32| -> Vec<i16> {
        let (others, own) = (tone(1_867), tone(hz));
        (0..LONG).map(|at| if lost[at / 160] { 0 } else { others[at] + own[at] / 20 }).collect()
    };
    assert!(is_found(&with(1_741), 1_741));
    assert!(!is_found(&with(1_741), 1_613));
    // Where the noise is above the limit, that alone is nobody's voice.
    assert!(level(&with(1_741), 1_895) > LEFT);
    assert!(!is_found(&with(1_741), 1_895));
}

#[test]
fn a_room_of_three_servers_in_a_mesh_outlives_one_of_them() {
    let mut servers = servers();
    let mut members: Vec<Member> =
        TONES.iter().enumerate().map(|(at, hz)| Member::join(&servers, at / EACH, *hz, none())).collect();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        link([&servers[a], &servers[b]], &format!("{a}-{b}"), [none(), none()]);
    }
    all_hear(&members, |own, other| own.hz != other.hz);

    // One of them dies without a word.
    servers[2].signal(rustix::process::Signal::KILL);
    servers[2].wait_for_end();
    members.truncate(2 * EACH);
    all_hear(&members, |own, other| own.hz != other.hz);
    for server in &servers[..2] {
        wait_for("the link to be lost", || states(server).contains(&"lost".to_owned()).then_some(()));
        assert!(server.log().contains("nothing comes over the link"), "{}", server.log());
    }

    // It is there again, and its members: the known links are offered anew.
    servers[2] = start(2);
    members.extend(TONES[2 * EACH..].iter().map(|hz| Member::join(&servers, 2, *hz, none())));
    for a in [0, 1] {
        link([&servers[a], &servers[2]], &format!("{a}-2"), [none(), none()]);
    }
    all_hear(&members, |own, other| own.hz != other.hz);
    assert!(servers.iter().all(|server| states(server) == ["up", "up"]));
}

#[test]
fn a_room_of_three_servers_in_a_star_keeps_a_coach_from_the_customer() {
    let servers = servers();
    let hub = none().text("forward-links", "on");
    let mut members: Vec<Member> = TONES
        .iter()
        .enumerate()
        .take(3 * EACH - 1)
        .map(|(at, hz)| Member::join(&servers, at / EACH, *hz, hub.clone()))
        .collect();
    for leaf in [1, 2] {
        link([&servers[0], &servers[leaf]], &format!("0-{leaf}"), [none(), none()]);
    }
    // The last one coaches, on the third server, a member of the first; the customer is on the first, too.
    let agent = members[0].hz;
    let coaching = [
        none().text("role", "coach").text("for", "t").text("for-call-id", &format!("call-{agent}")),
        none().text("role", "coach").text("from-tag", "agent"),
    ];
    link([&servers[0], &servers[2]], "coach", coaching);
    let coach = none().text("role", "coach").text("for", "agent").text("for-call-id", "coach");
    let hz = TONES[3 * EACH - 1];
    members.push(Member::join(&servers, 2, hz, coach));
    assert_eq!(members.last().map(|member| member.server), Some(2));
    all_hear(&members, |own, other| own.hz != other.hz && (other.hz != hz || own.hz == agent));
}
