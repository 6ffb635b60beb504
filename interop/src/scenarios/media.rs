//! Recorded speech from one outside program to another through the server, compared word by word.

use std::time::Duration;

use crate::audio::{Clip, Law, likeness, same_words};
use crate::call::{Call, Invitation};
use crate::error::{Failure, ensure};
use crate::ng::Fields;
use crate::process::Process;
use crate::rtp::no_seam;
use crate::scenarios::Bench;
use crate::sdp::Offer;
use crate::tools::{self, Keyed, Recorder, Suite};
use crate::wire::{Channel, Wire, free_pair};

/// Seconds of speech in each direction.
const SECONDS: usize = 4;
/// When a sender that plays in real time must have ended.
pub(super) const PLAYED: Duration = Duration::from_secs(20);
/// Converting between the laws costs quantisation noise: 38 dB at best. Anything audible costs far more.
const CONVERTED_DB: f64 = 30.0;

/// The program at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Ffmpeg,
    GStreamer,
}

/// One end of a call.
pub(super) struct End {
    label: &'static str,
    program: Program,
    pub(super) clip: Clip,
    /// The suite, when this end speaks SRTP.
    suite: Option<Suite>,
}

impl End {
    pub(super) fn caller(bench: &Bench<'_>, program: Program, law: Law) -> Result<Self, Failure> {
        Ok(Self { label: "caller", program, clip: Clip::cut(&bench.folder, 0, SECONDS, law)?, suite: None })
    }

    pub(super) fn callee(bench: &Bench<'_>, program: Program, law: Law) -> Result<Self, Failure> {
        Ok(Self { label: "callee", program, clip: Clip::cut(&bench.folder, 1, SECONDS, law)?, suite: None })
    }

    pub(super) fn secured(mut self, suite: Suite) -> Self {
        self.suite = Some(suite);
        self
    }

    pub(super) fn own_key(&self) -> Result<Option<Keyed>, Failure> {
        self.suite.map(Keyed::random).transpose()
    }

    pub(super) fn send(
        &self,
        bench: &Bench<'_>,
        wire: &Wire,
        key: Option<&Keyed>,
    ) -> Result<Process, Failure> {
        let label = format!("{}-send", self.label);
        let (rtp, rtcp) = (wire.inlet(Channel::Rtp)?, wire.inlet(Channel::Rtcp)?);
        match self.program {
            Program::Ffmpeg => {
                let line = key.map(|key| key.line(1));
                tools::ffmpeg_send(&bench.folder, &label, &self.clip, (0, rtp, rtcp), line.as_ref())
            }
            Program::GStreamer => tools::gst_send(&bench.folder, &label, &self.clip, rtp, key),
        }
    }

    fn record(&self, bench: &Bench<'_>, wire: &Wire, key: Option<&Keyed>) -> Result<Recorder, Failure> {
        let label = format!("{}-record", self.label);
        let port = free_pair()?;
        // libsrtp is told which stream to expect; the wire keeps its packets until somebody listens.
        let ssrc = wire.first_ssrc(self.label)?;
        let recorder = match self.program {
            Program::Ffmpeg => {
                let line = key.map(|key| key.line(1));
                tools::ffmpeg_record(&bench.folder, &label, self.clip.law, port, line.as_ref())
            }
            Program::GStreamer => {
                let keyed = key.map(|key| (key, ssrc));
                tools::gst_record(&bench.folder, &label, self.clip.law, port, keyed)
            }
        }?;
        wire.attach(Channel::Rtp, recorder.port);
        Ok(recorder)
    }

    pub(super) fn offer(&self, wire: &Wire, key: Option<&Keyed>, tag: u32) -> Result<Offer, Failure> {
        let offer = Offer::plain(wire.port()?, &[self.clip.law.codec()]);
        Ok(match key {
            Some(key) => offer.secured(key.line(tag)),
            None => offer,
        })
    }
}

/// What each end heard.
struct Heard {
    caller: Vec<u8>,
    callee: Vec<u8>,
}

/// Sets the call up, lets both ends play their clip at once, and returns what each recorded.
fn exchange(bench: &Bench<'_>, caller: &End, callee: &End, flags: &Fields) -> Result<Heard, Failure> {
    let (wire_a, wire_b) = (Wire::open()?, Wire::open()?);
    let call = Call::new(&bench.server.client);

    let key_a = caller.own_key()?;
    let to_callee = call.offer(&caller.offer(&wire_a, key_a.as_ref(), 1)?.text(), flags)?;
    let (key_b, key_to_b, tag) = answer_keys(callee, &to_callee)?;
    let answer = callee.offer(&wire_b, key_b.as_ref(), tag)?;
    let to_caller = call.answer(&answer.text(), &Fields::none())?;
    let key_to_a = match caller.suite {
        Some(suite) => {
            ensure!(
                to_caller.crypto.len() == 1,
                "an answer carries one key, this one {}",
                to_caller.crypto.len()
            );
            let (key, line) = Keyed::from_server(&to_caller, suite)?;
            ensure!(line.tag == 1, "the answer echoes tag {} instead of 1", line.tag);
            Some(key)
        }
        None => None,
    };
    wire_a.connect(to_caller.port);
    wire_b.connect(to_callee.port);

    let senders =
        [caller.send(bench, &wire_a, key_a.as_ref())?, callee.send(bench, &wire_b, key_b.as_ref())?];
    let recorder_a = caller.record(bench, &wire_a, key_to_a.as_ref())?;
    let recorder_b = callee.record(bench, &wire_b, key_to_b.as_ref())?;
    for sender in senders {
        sender.finish(PLAYED)?;
    }
    wire_a.wait_quiet();
    wire_b.wait_quiet();
    no_seam("the caller", &wire_a.arrivals(Channel::Rtp))?;
    no_seam("the callee", &wire_b.arrivals(Channel::Rtp))?;
    let heard = Heard { caller: recorder_a.finish()?, callee: recorder_b.finish()? };
    call.delete()?;
    Ok(heard)
}

/// The callee's own key, the server's key towards it, and the tag of the line it accepts.
fn answer_keys(callee: &End, offered: &Invitation) -> Result<(Option<Keyed>, Option<Keyed>, u32), Failure> {
    let Some(suite) = callee.suite else { return Ok((None, None, 0)) };
    let (server, line) = Keyed::from_server(offered, suite)?;
    Ok((callee.own_key()?, Some(server), line.tag))
}

fn same_both_ways(bench: &Bench<'_>, caller: &End, callee: &End, flags: &Fields) -> Result<(), Failure> {
    let heard = exchange(bench, caller, callee, flags)?;
    same_words("the callee", &caller.clip.words, &heard.callee)?;
    same_words("the caller", &callee.clip.words, &heard.caller)
}

/// No wire of ours in between: ffmpeg's own sockets on both sides.
pub(super) fn ffmpeg_direct(bench: &Bench<'_>) -> Result<(), Failure> {
    let clip = Clip::cut(&bench.folder, 0, SECONDS, Law::Mu)?;
    let (port_a, port_b) = (free_pair()?, free_pair()?);
    let call = Call::new(&bench.server.client);
    let codecs = [Law::Mu.codec()];
    call.offer(&Offer::plain(port_a, &codecs).text(), &Fields::none())?;
    let to_caller = call.answer(&Offer::plain(port_b, &codecs).text(), &Fields::none())?;
    let recorder = tools::ffmpeg_record(&bench.folder, "callee-record", Law::Mu, port_b, None)?;
    let ports = (port_a, to_caller.port, to_caller.port.saturating_add(1));
    tools::ffmpeg_send(&bench.folder, "caller-send", &clip, ports, None)?.finish(PLAYED)?;
    // The recorder's reader runs a little behind; ffmpeg writes all it has read when it is asked to end.
    std::thread::sleep(Duration::from_millis(500));
    let heard = recorder.finish()?;
    call.delete()?;
    same_words("the callee", &clip.words, &heard)
}

pub(super) fn gstreamer_both_ways(bench: &Bench<'_>) -> Result<(), Failure> {
    let caller = End::caller(bench, Program::GStreamer, Law::Mu)?;
    let callee = End::callee(bench, Program::GStreamer, Law::Mu)?;
    same_both_ways(bench, &caller, &callee, &Fields::none())
}

pub(super) fn mixed_both_ways(bench: &Bench<'_>) -> Result<(), Failure> {
    let caller = End::caller(bench, Program::Ffmpeg, Law::A)?;
    let callee = End::callee(bench, Program::GStreamer, Law::A)?;
    same_both_ways(bench, &caller, &callee, &Fields::none())
}

/// test-of: [RFC7714 11], with libsrtp deriving the same keys.
pub(super) fn libsrtp_offers(bench: &Bench<'_>, suite: Suite) -> Result<(), Failure> {
    let caller = End::caller(bench, Program::GStreamer, Law::Mu)?.secured(suite);
    let callee = End::callee(bench, Program::Ffmpeg, Law::Mu)?;
    same_both_ways(bench, &caller, &callee, &to_plain())
}

pub(super) fn libsrtp_answers(bench: &Bench<'_>, suite: Suite) -> Result<(), Failure> {
    let caller = End::caller(bench, Program::Ffmpeg, Law::A)?;
    let callee = End::callee(bench, Program::GStreamer, Law::A)?.secured(suite);
    same_both_ways(bench, &caller, &callee, &to_secured())
}

pub(super) fn ffmpeg_srtp(bench: &Bench<'_>, suite: Suite) -> Result<(), Failure> {
    let caller = End::caller(bench, Program::Ffmpeg, Law::Mu)?.secured(suite);
    let callee = End::callee(bench, Program::GStreamer, Law::Mu)?;
    same_both_ways(bench, &caller, &callee, &to_plain())
}

pub(super) fn srtp_to_srtp(bench: &Bench<'_>) -> Result<(), Failure> {
    let [short, .., strong] = tools::SUITES;
    let caller = End::caller(bench, Program::Ffmpeg, Law::Mu)?.secured(short);
    let callee = End::callee(bench, Program::GStreamer, Law::Mu)?.secured(strong);
    same_both_ways(bench, &caller, &callee, &to_secured())
}

pub(super) fn convert(bench: &Bench<'_>) -> Result<(), Failure> {
    let caller = End::caller(bench, Program::Ffmpeg, Law::Mu)?;
    let callee = End::callee(bench, Program::GStreamer, Law::A)?;
    converted_both_ways(bench, &caller, &callee, &to_alaw(Fields::none()))
}

pub(super) fn convert_secured(bench: &Bench<'_>) -> Result<(), Failure> {
    let [.., strong] = tools::SUITES;
    let caller = End::caller(bench, Program::GStreamer, Law::Mu)?.secured(strong);
    let callee = End::callee(bench, Program::Ffmpeg, Law::A)?;
    converted_both_ways(bench, &caller, &callee, &to_alaw(to_plain()))
}

fn converted_both_ways(bench: &Bench<'_>, caller: &End, callee: &End, flags: &Fields) -> Result<(), Failure> {
    let heard = exchange(bench, caller, callee, flags)?;
    alike("the callee", caller, &callee.clip.law.decode(&heard.callee))?;
    alike("the caller", callee, &caller.clip.law.decode(&heard.caller))
}

pub(super) fn alike(who: &str, speaker: &End, heard: &[i16]) -> Result<(), Failure> {
    let said = speaker.clip.law.decode(&speaker.clip.words);
    let spare = heard.len().saturating_sub(said.len());
    ensure!(heard.len() >= said.len(), "{who} heard {} of {} samples", heard.len(), said.len());
    let db = likeness(&said, heard, spare.min(1600));
    ensure!(db >= CONVERTED_DB, "{who} heard {} at {db:.1} dB, less than {CONVERTED_DB} dB", speaker.label);
    Ok(())
}

pub(super) fn to_plain() -> Fields {
    Fields::none().with("transport-protocol", "RTP/AVP")
}

pub(super) fn to_secured() -> Fields {
    Fields::none().with("transport-protocol", "RTP/SAVP").with("DTLS", "off")
}

/// PCMU is hidden from the callee and PCMA offered instead.
fn to_alaw(flags: Fields) -> Fields {
    flags.with_codec("mask", &["PCMU"]).with_codec("transcode", &["PCMA"])
}
