//! Conferences of parties that each say a tone of their own.

use super::party::{Party, publish};
use super::{Server, dict, keys, text};
use mediapoint_control_ng::Reply;
use mediapoint_control_ng::wire::{Dict, Value};

/// Half a second of samples at 8 kHz, by which tones are measured.
pub(crate) const MEASURED: usize = 4_000;
pub(crate) const LOUD: f64 = 4_000.0;

/// A party that says a tone of its own.
pub(crate) struct Talker {
    pub(crate) party: Party,
    pub(crate) hz: f64,
    pub(crate) said: u32,
    pub(crate) heard: Vec<f64>,
    pub(crate) silent: bool,
}

impl Talker {
    pub(crate) fn new(party: Party, hz: f64) -> Self {
        Self { party, hz, said: 0, heard: Vec::new(), silent: false }
    }

    pub(crate) fn say(&mut self) {
        let payload: Vec<u8> = (0..160)
            .map(|_| {
                self.said += 1;
                let angle = std::f64::consts::TAU * self.hz * f64::from(self.said) / 8_000.0;
                encode(if self.silent { 0.0 } else { LOUD * angle.sin() })
            })
            .collect();
        self.party.phone.send(&self.party.to, 0, &payload);
    }

    pub(crate) fn hear(&mut self) {
        let (_, payload) = self.party.phone.receive();
        self.heard.extend(payload.iter().map(|octet| decode(*octet)));
    }

    /// How loud a tone was at last, of [`LOUD`] where nothing is lost.
    pub(crate) fn level(&self, hz: f64) -> f64 {
        let from = self.heard.len().saturating_sub(MEASURED);
        let (mut re, mut im) = (0.0, 0.0);
        for (at, sample) in (0_u32..).zip(&self.heard[from..]) {
            let angle = std::f64::consts::TAU * hz * f64::from(at) / 8_000.0;
            re += sample * angle.cos();
            im += sample * angle.sin();
        }
        2.0 * f64::hypot(re, im) / f64::from(u16::try_from(MEASURED).unwrap())
    }
}

/// G.711 mu-law, clause 4.
pub(crate) fn decode(octet: u8) -> f64 {
    let bits = !octet;
    let (exponent, mantissa) = ((bits >> 4) & 7, bits & 15);
    let size = ((f64::from(mantissa) * 2.0 + 33.0) * f64::from(1_u16 << exponent) - 33.0) * 4.0;
    if bits & 0x80 == 0 { size } else { -size }
}

pub(crate) fn encode(sample: f64) -> u8 {
    let by_distance = |a: &u8, b: &u8| (decode(*a) - sample).abs().total_cmp(&(decode(*b) - sample).abs());
    (0..=255).min_by(by_distance).unwrap()
}

/// All say their tones; those that are sent something set the pace. Until each hears the tones listed for it and no other one.
pub(crate) fn hears(talkers: &mut [Talker], expected: &[(usize, &[usize])]) {
    let mut last = String::new();
    for _ in 0..20 {
        for talker in &mut *talkers {
            talker.heard.clear();
            talker.party.phone.pass_over_waiting();
        }
        for _ in 0..35 {
            talkers.iter_mut().for_each(Talker::say);
            expected.iter().for_each(|(at, _)| talkers[*at].hear());
        }
        let tones: Vec<f64> = talkers.iter().map(|talker| talker.hz).collect();
        last.clear();
        for (at, others) in expected {
            let levels: Vec<f64> = tones.iter().map(|hz| talkers[*at].level(*hz)).collect();
            let right = levels.iter().enumerate().all(|(from, level)| match others.contains(&from) {
                true => *level > LOUD / 2.0,
                false => *level < LOUD / 100.0,
            });
            if !right {
                last += &format!("{at} hears {levels:.0?}, not {others:?}; ");
            }
        }
        if last.is_empty() {
            return;
        }
    }
    panic!("{last}");
}

/// A command about a party of a call.
pub(crate) fn conference(server: &Server, command: &str, call: &str, tag: &str, more: &str) -> Reply {
    let first = format!(r#""call-id":"{call}","from-tag":"{tag}""#);
    server.ask(&format!("conference {command}"), &keys(&first, more), None)
}

pub(crate) fn join(server: &Server, call: &str, tag: &str, more: &str) {
    ok(&conference(server, "join", call, tag, &keys(r#""room":"r""#, more)));
}

pub(crate) fn ok(reply: &Reply) {
    let texts = [reply.text("result"), reply.text("error-reason"), reply.text("warning")];
    assert_eq!(texts, ["ok", "", ""]);
}

/// Parties that each publish in a call of their own, and are in the room `r`.
pub(crate) fn room(server: &Server, names: &[&str]) -> Vec<Talker> {
    let talker = |(name, hz): (&&str, u16)| {
        let party = publish(server, name, "t");
        join(server, name, "t", "");
        Talker::new(party, f64::from(hz))
    };
    names.iter().zip((400..).step_by(300)).map(talker).collect()
}

pub(crate) fn listed(server: &Server, room: &str) -> Reply {
    server.ask("conference list", &format!(r#""room":"{room}""#), None)
}

pub(crate) fn members(server: &Server, room: &str) -> Vec<Dict> {
    let reply = listed(server, room);
    let Some(Value::List(list)) = reply.value("members") else { panic!("{reply:?}") };
    list.iter().map(|member| dict(Some(member)).clone()).collect()
}

pub(crate) fn ids(server: &Server, room: &str) -> Vec<String> {
    members(server, room).iter().map(|member| text(member, "call-id")).collect()
}
