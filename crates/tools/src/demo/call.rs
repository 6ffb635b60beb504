//! The call of the demonstration: set up over the control port, talked on, and measured.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mediapoint_caller::delay::{DelaySummary, Delays};
use mediapoint_caller::load::CpuMeter;
use mediapoint_caller::ng::Client;
use mediapoint_caller::recording::{Recording, one_way_delays};
use mediapoint_caller::sdes::Suite;
use mediapoint_caller::speech::Speech;
use mediapoint_caller::{By, Call, Codec, Law, PhoneConfig, PhoneStats, Similarity, Softphone, alike};

use super::DemoError;
use super::figures::{PartyFigures, ServerFigures};
use crate::child::ChildServer;

/// How long to wait for packets that should come at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long the phones first talk without a server.
const BASELINE: Duration = Duration::from_secs(2);
/// The suite of the callee's SRTP.
pub(super) const SUITE: Suite = Suite::AesCm128Sha80;

/// One voice, from who said it to who heard it.
pub(super) struct Direction {
    pub(super) said: Recording,
    pub(super) heard: Recording,
    pub(super) sender: PhoneStats,
    pub(super) listener: PhoneStats,
    /// The codec of the phone that sent, and of the phone that heard.
    pub(super) codecs: [Codec; 2],
    /// From the phone that sent to the phone that heard.
    pub(super) delay: DelaySummary,
    pub(super) likeness: Similarity,
    /// What the server says of the stream it received.
    pub(super) server: PartyFigures,
}

impl Direction {
    /// G.711 all the way, where every sample can be foretold.
    pub(super) fn is_exact(&self) -> bool {
        self.codecs.iter().all(|codec| codec.law().is_some())
    }

    /// Nothing was lost, and what was heard is what was said, sample by sample where that can be asked for.
    fn is_flawless(&self) -> bool {
        let same = if self.is_exact() { self.likeness.identical } else { self.likeness.is_same_speech() };
        self.listener.lost == 0 && same
    }
}

/// What became of the call.
pub(super) struct Outcome {
    /// The caller's voice, and the callee's.
    pub(super) directions: [Direction; 2],
    /// The delay between the same phones without a server.
    pub(super) baseline: DelaySummary,
    pub(super) server: ServerFigures,
    /// For how long both talked.
    pub(super) talked: Duration,
    /// CPU time of all the server's threads meanwhile.
    pub(super) cpu: Duration,
    /// Packets that arrived at a phone meanwhile.
    pub(super) forwarded: u64,
}

impl Outcome {
    /// Nothing was lost, and what was heard is what was said.
    pub(super) fn is_flawless(&self) -> bool {
        self.directions.iter().all(Direction::is_flawless)
    }
}

/// Makes the call between phones of these codecs and talks on it for as long as the speech is.
pub(super) fn make(
    server: &ChildServer,
    codecs: [Codec; 2],
    speech: &[Speech; 2],
) -> Result<Outcome, DemoError> {
    let [of_caller, of_callee] = codecs;
    let baseline = baseline(speech)?;
    let mut client = Client::connect(server.ng())?;
    let caller = Softphone::bind(PhoneConfig { rtcp_interval: Duration::from_secs(2), ..phone(of_caller) })?;
    let callee = Softphone::bind(PhoneConfig {
        suites: vec![SUITE],
        rtcp_interval: Duration::from_secs(2),
        ..phone(of_callee)
    })?;
    let call = Call::new();
    let began = Instant::now();
    call.invite(
        &mut client,
        By::Caller,
        (&caller, &callee),
        |offer| {
            let offer = offer
                .text("transport-protocol", "RTP/SAVP")
                .text("ICE", "remove")
                .text("DTLS", "off")
                .list("replace", &["origin"]);
            match of_caller == of_callee {
                true => offer,
                false => offer.codec("mask", &[of_caller.name()]).codec("transcode", &[of_callee.name()]),
            }
        },
        |answer| {
            answer.text("transport-protocol", "RTP/AVP").text("ICE", "remove").list("replace", &["origin"])
        },
    )?;
    super::report::parties([&caller, &callee], codecs, began.elapsed());
    wait_until_heard(&caller, &callee)?;

    let meter = CpuMeter::new(server.pid()).map_err(DemoError::Cpu)?;
    let before = (meter.read().map_err(DemoError::Cpu)?, heard(&caller, &callee));
    let began = Instant::now();
    talk(&caller, &callee, speech);
    let talked = began.elapsed();
    let cpu = meter.read().map_err(DemoError::Cpu)?.saturating_sub(before.0);
    let forwarded = heard(&caller, &callee).saturating_sub(before.1);

    let parties = [call.tag(By::Caller), call.tag(By::Callee)];
    let (server_figures, party_figures) = ServerFigures::ask(&mut client, call.id(), parties)?;
    call.end(&mut client)?;
    let [by_caller, by_callee] = party_figures;
    let directions = [
        direction([&caller, &callee], codecs, by_caller),
        direction([&callee, &caller], [of_callee, of_caller], by_callee),
    ];
    // They say BYE; the counts are taken already.
    let _ = (caller.hang_up(), callee.hang_up());
    Ok(Outcome { directions, baseline, server: server_figures, talked, cpu, forwarded })
}

fn phone(codec: Codec) -> PhoneConfig {
    PhoneConfig { codecs: vec![codec], ..PhoneConfig::default() }
}

fn wait_until_heard(caller: &Softphone, callee: &Softphone) -> Result<(), DemoError> {
    for (phone, listener) in [(caller, "caller"), (callee, "callee")] {
        if !phone.wait_until(PATIENCE, |stats| stats.packets_received > 0) {
            return Err(DemoError::Unheard { listener });
        }
    }
    Ok(())
}

/// Plays both voices to their ends and waits for what is still under way. Then neither phone sends any more.
fn talk(caller: &Softphone, callee: &Softphone, [from_caller, from_callee]: &[Speech; 2]) {
    caller.play(from_caller.samples.clone());
    callee.play(from_callee.samples.clone());
    let bar = ProgressBar::new(u64::try_from(from_caller.samples.len() / 8).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("talking {bar:40} {percent:>3} %") {
        bar.set_style(style);
    }
    let began = Instant::now();
    for phone in [caller, callee] {
        while !phone.wait_until(Duration::from_millis(200), |stats| !stats.playing) {
            bar.set_position(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        }
    }
    bar.finish_and_clear();
    caller.hold();
    callee.hold();
    for (sender, listener) in [(caller, callee), (callee, caller)] {
        let sent = sender.stats().packets_sent;
        // What does not come in time is lost, and the report shows it.
        listener.wait_until(Duration::from_millis(500), |stats| stats.packets_received >= sent);
    }
}

fn heard(caller: &Softphone, callee: &Softphone) -> u64 {
    caller.stats().packets_received + callee.stats().packets_received
}

fn direction([sender, listener]: [&Softphone; 2], codecs: [Codec; 2], server: PartyFigures) -> Direction {
    let (said, heard) = (sender.sent(), listener.heard());
    // What other codecs make of a sample cannot be foretold here: there the sound is compared as it was said.
    let laws: Vec<Law> = codecs.iter().filter_map(|codec| codec.law()).collect();
    let laws = if laws.len() == codecs.len() { laws.as_slice() } else { &[] };
    let likeness = alike(said.samples(), heard.samples(), laws);
    let delay = one_way_delays(&said, &heard, likeness.lag_samples).summary();
    let (sender, listener) = (sender.stats(), listener.stats());
    Direction { said, heard, sender, listener, codecs, delay, likeness, server }
}

/// The delay between the same phones without a server, so that what the server adds can be told apart.
fn baseline(speech: &[Speech; 2]) -> Result<DelaySummary, DemoError> {
    let (caller, callee) = (Softphone::bind(phone(Codec::Pcmu))?, Softphone::bind(phone(Codec::Pcmu))?);
    caller.accept(&callee.answer(&caller.offer())?)?;
    let samples = usize::try_from(BASELINE.as_millis() * 8).unwrap_or(0);
    let short = speech.clone().map(|speech| Speech {
        samples: speech.samples.get(..samples).unwrap_or(&speech.samples).into(),
        path: speech.path,
    });
    wait_until_heard(&caller, &callee)?;
    talk(&caller, &callee, &short);
    let (said, heard) = (caller.sent(), callee.heard());
    let lag = alike(said.samples(), heard.samples(), &[Law::Mu]).lag_samples;
    let delays: Delays = one_way_delays(&said, &heard, lag);
    Ok(delays.summary())
}
