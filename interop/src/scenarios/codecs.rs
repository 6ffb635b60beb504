//! Recorded speech through the server into another codec and back, between outside coders: ffmpeg, GStreamer's libopus,
//! libbcg729. What is heard has to be the same speech, as loud, complete, and without a seam on the wire.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mediapoint_caller::{Similarity, alike};

use crate::audio::{Law, RATE, speech};
use crate::bcg729::{self, Bcg729};
use crate::call::{Call, Invitation};
use crate::codec::Codec;
use crate::error::{Context as _, Failure, ensure};
use crate::ng::Fields;
use crate::process::Process;
use crate::rtp::{Arrival, Header, no_seam_at, payload};
use crate::scenarios::Bench;
use crate::sdp::Offer;
use crate::server::Kind;
use crate::tools::{self, Keyed, Recorder, Suite};
use crate::wire::{Channel, Wire, free_pair};

/// Seconds of speech in each direction.
const SECONDS: usize = 6;
/// When a sender that plays in real time must have ended.
const PLAYED: Duration = Duration::from_secs(25);
/// Band correlation (see the crate `caller`) from which what is heard is what was said. Codecs of 8 kbit/s and more leave
/// 0.95 and above, other speech has about 0.1.
const SAME: f64 = 0.92;
/// How much of what was said has to be heard: what is under way at either end may be missing.
const COVERAGE: f64 = 0.97;
/// How much louder or softer it may come.
const LEVEL_DB: f64 = 1.5;
/// The same of the reference, which codes Opus in two channels that a decoder to one halves.
const REFERENCE_LEVEL_DB: f64 = 4.0;

/// The program that codes or decodes for a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coder {
    Ffmpeg,
    GStreamer,
    Bcg729,
    /// With voice activity detection, pauses and noise descriptions.
    Bcg729Dtx,
}

/// One party: its codec, and who says and hears for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party {
    pub(super) codec: Codec,
    pub(super) says: Coder,
    pub(super) hears: Coder,
    pub(super) suite: Option<Suite>,
}

impl Party {
    pub(super) const fn new(codec: Codec, coder: Coder) -> Self {
        Self { codec, says: coder, hears: coder, suite: None }
    }

    pub(super) const fn hearing(self, hears: Coder) -> Self {
        Self { hears, ..self }
    }

    pub(super) const fn secured(self, suite: Suite) -> Self {
        Self { suite: Some(suite), ..self }
    }
}

/// G.711 by ffmpeg.
pub(super) const fn ffmpeg(law: Law) -> Party {
    Party::new(Codec::G711(law), Coder::Ffmpeg)
}

/// A party in a call.
struct End<'b> {
    party: Party,
    label: &'static str,
    bench: &'b Bench<'b>,
    wire: Wire,
    /// What it says, and the same in a file for outside programs.
    said: Vec<i16>,
    pcm: PathBuf,
    payload_type: u8,
    key: Option<Keyed>,
}

/// What speaks for a party.
enum Mouth {
    Program(Process),
    /// Packets that are sent from here.
    Packets(Vec<bcg729::Packet>),
}

/// What listens for a party.
enum Ear {
    Recorder(Recorder),
    /// What came is decoded when all is over.
    Afterwards,
}

impl<'b> End<'b> {
    fn new(bench: &'b Bench<'b>, party: Party, index: usize) -> Result<Self, Failure> {
        let label = ["caller", "callee"].get(index).copied().unwrap_or_default();
        let said = speech(index, SECONDS)?;
        let pcm = bench.folder.join(format!("{label}-said.raw"));
        let octets: Vec<u8> = said.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        std::fs::write(&pcm, octets).during(pcm.display().to_string())?;
        let key = party.suite.map(Keyed::random).transpose()?;
        let payload_type = party.codec.sdp().0;
        Ok(Self { party, label, bench, wire: Wire::open()?, said, pcm, payload_type, key })
    }

    fn description(&self, tag: u32) -> Result<String, Failure> {
        let offer = Offer::plain(self.wire.port()?, &[(self.payload_type, self.party.codec.sdp().1)]);
        Ok(match &self.key {
            Some(key) => offer.secured(key.line(tag)),
            None => offer,
        }
        .text())
    }

    /// Starts the program that speaks, or makes the packets that are ours to send.
    fn say(&self) -> Result<Mouth, Failure> {
        let label = format!("{}-say", self.label);
        let folder = &self.bench.folder;
        let ports = (self.wire.inlet(Channel::Rtp)?, self.wire.inlet(Channel::Rtcp)?);
        match self.party.says {
            Coder::Ffmpeg => {
                let line = self.key.as_ref().map(|key| key.line(1));
                let codec = (self.party.codec, self.payload_type);
                tools::ffmpeg_say(folder, &label, &self.pcm, codec, ports, line.as_ref()).map(Mouth::Program)
            }
            Coder::GStreamer => {
                let key = self.key.as_ref();
                let codec = (self.party.codec, self.payload_type);
                tools::gst_say(folder, &label, &self.pcm, codec, ports.0, key).map(Mouth::Program)
            }
            says @ (Coder::Bcg729 | Coder::Bcg729Dtx) => {
                let packets = Bcg729::compile(folder)?.encode(&self.said, says == Coder::Bcg729Dtx)?;
                if says == Coder::Bcg729Dtx {
                    let noise = packets.iter().filter(|packet| packet.payload.len() % 10 == 2).count();
                    ensure!(noise > 1, "there is no pause in this speech");
                }
                Ok(Mouth::Packets(packets))
            }
        }
    }

    /// Starts to listen; `key` is the server's.
    fn listen(&self, key: Option<&Keyed>) -> Result<Ear, Failure> {
        let label = format!("{}-hear", self.label);
        let folder = &self.bench.folder;
        if matches!(self.party.hears, Coder::Bcg729 | Coder::Bcg729Dtx) {
            return Ok(Ear::Afterwards);
        }
        let port = free_pair()?;
        let ssrc = self.wire.first_ssrc(self.label)?;
        let recorder = match self.party.hears {
            Coder::GStreamer => {
                let keyed = key.map(|key| (key, ssrc));
                tools::gst_hear(folder, &label, (self.party.codec, self.payload_type), port, keyed)
            }
            _ => {
                let line = key.map(|key| key.line(1));
                let codec = (self.party.codec, self.payload_type);
                tools::ffmpeg_hear(folder, &label, codec, port, line.as_ref())
            }
        }?;
        self.wire.attach(Channel::Rtp, recorder.port);
        Ok(Ear::Recorder(recorder))
    }

    fn heard(&self, ear: Ear) -> Result<Vec<i16>, Failure> {
        let samples = match ear {
            Ear::Recorder(recorder) => {
                let octets = recorder.finish()?;
                octets.as_chunks().0.iter().map(|octets| i16::from_le_bytes(*octets)).collect()
            }
            Ear::Afterwards => {
                let payloads = in_order(&self.wire.arrivals(Channel::Rtp));
                Bcg729::compile(&self.bench.folder)?.decode(&payloads)?
            }
        };
        keep(&self.bench.folder.join(format!("{}-heard.wav", self.label)), &samples)?;
        Ok(samples)
    }
}

/// The payloads by their numbers, which the wire has already shown to have no gap.
fn in_order(arrivals: &[Arrival]) -> Vec<Option<Vec<u8>>> {
    arrivals.iter().map(|arrival| Some(payload(&arrival.bytes).to_vec())).collect()
}

/// Writes a WAV file.
pub(crate) fn keep(path: &std::path::Path, samples: &[i16]) -> Result<(), Failure> {
    let wrong = |error: hound::Error| Failure::Wrong(format!("{}: {error}", path.display()));
    let rate = u32::try_from(RATE).unwrap_or(8000);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).map_err(wrong)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(wrong)?;
    }
    writer.finalize().map_err(wrong)
}

/// Sends packets in real time.
fn send(wire: &Wire, payload_type: u8, packets: &[bcg729::Packet]) -> Result<(), Failure> {
    let began = Instant::now();
    let mut header = Header { payload_type, sequence: 65_500, timestamp: 0, ssrc: 0x7290_0001 };
    for packet in packets {
        let frame = u32::try_from(packet.frame).unwrap_or(0);
        let due = began + Duration::from_millis(20) * (frame / 2);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        header.timestamp = 0xffff_8000_u32.wrapping_add(frame * 80);
        wire.send(Channel::Rtp, &header.packet(&packet.payload))?;
        header.sequence = header.sequence.wrapping_add(1);
    }
    Ok(())
}

/// Both parties speak at once, each in its codec, and each hears the other.
pub(super) fn transcode(bench: &Bench<'_>, caller: Party, callee: Party) -> Result<(), Failure> {
    let mut ends = [End::new(bench, caller, 0)?, End::new(bench, callee, 1)?];
    let call = Call::new(&bench.server.client);
    let keys = set_up(&call, &mut ends)?;
    let [a, b] = &ends;

    let mut programs = Vec::new();
    let ears = std::thread::scope(|scope| {
        let mut senders = Vec::new();
        for end in [a, b] {
            let (wire, payload_type) = (&end.wire, end.payload_type);
            match end.say()? {
                Mouth::Program(process) => programs.push(process),
                Mouth::Packets(packets) => {
                    senders.push(scope.spawn(move || send(wire, payload_type, &packets)))
                }
            }
        }
        let ears = [a.listen(keys[0].as_ref())?, b.listen(keys[1].as_ref())?];
        for sender in senders {
            sender.join().unwrap_or_else(|_| Err(Failure::Wrong("a sender panicked".to_owned())))?;
        }
        Ok::<_, Failure>(ears)
    });
    let [ear_a, ear_b] = ears?;
    for process in programs {
        process.finish(PLAYED)?;
    }
    a.wire.wait_quiet();
    b.wire.wait_quiet();
    let heard = [a.heard(ear_a)?, b.heard(ear_b)?];
    for end in [a, b] {
        no_seam_at(end.party.codec.clock(), end.label, &end.wire.arrivals(Channel::Rtp))?;
    }
    call.delete()?;
    let [by_a, by_b] = &heard;
    same_speech(bench, "the callee", &a.said, by_b)?;
    same_speech(bench, "the caller", &b.said, by_a)
}

/// Offer and answer; gives the server's keys towards the two.
fn set_up(call: &Call<'_>, [a, b]: &mut [End<'_>; 2]) -> Result<[Option<Keyed>; 2], Failure> {
    let mut flags = Fields::none()
        .with_codec("mask", &[a.party.codec.name()])
        .with_codec("transcode", &[b.party.codec.name()]);
    flags = match (a.party.suite, b.party.suite) {
        (None, None) => flags,
        (_, None) => flags.with("transport-protocol", "RTP/AVP"),
        (_, Some(_)) => flags.with("transport-protocol", "RTP/SAVP").with("DTLS", "off"),
    };
    let to_callee = call.offer(&a.description(1)?, &flags)?;
    b.payload_type = offered_type(&to_callee, b.party.codec)?;
    let (key_to_b, tag) = match b.party.suite {
        Some(suite) => {
            let (key, line) = Keyed::from_server(&to_callee, suite)?;
            (Some(key), line.tag)
        }
        None => (None, 0),
    };
    let to_caller = call.answer(&b.description(tag)?, &Fields::none())?;
    ensure!(
        to_caller.section.formats.first() == Some(&a.payload_type.to_string()),
        "the answer to the caller begins with {:?} instead of {}",
        to_caller.section.formats.first(),
        a.payload_type
    );
    let key_to_a = match a.party.suite {
        Some(suite) => Some(Keyed::from_server(&to_caller, suite)?.0),
        None => None,
    };
    a.wire.connect(to_caller.port);
    b.wire.connect(to_callee.port);
    Ok([key_to_a, key_to_b])
}

/// The payload type under which the server offers a codec.
fn offered_type(invitation: &Invitation, codec: Codec) -> Result<u8, Failure> {
    let (fixed, name) = codec.sdp();
    let mapped = invitation.section.attributes("rtpmap").find_map(|value| {
        let (number, map) = value.split_once(' ')?;
        map.eq_ignore_ascii_case(name).then(|| number.parse().ok())?
    });
    let fixed = (fixed < 96 && invitation.section.formats.contains(&fixed.to_string())).then_some(fixed);
    mapped.or(fixed).ok_or_else(|| {
        let formats = invitation.section.formats.join(" ");
        Failure::Wrong(format!("the server does not offer {name} to the callee, but {formats}"))
    })
}

fn same_speech(bench: &Bench<'_>, who: &str, said: &[i16], heard: &[i16]) -> Result<(), Failure> {
    let likeness = alike(said, heard, &[]);
    let Similarity { band_correlation, level_db, coverage, lag_ms, slip_ms, .. } = likeness;
    let figures = format!(
        "{who}: r {band_correlation:.3}, level {level_db:+.2} dB, {:.0} % heard, at {lag_ms:.1} ms, slips {slip_ms:.1} ms\n",
        coverage * 100.0
    );
    let path = bench.folder.join("figures.txt");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, before + &figures).during(path.display().to_string())?;
    let level = if bench.server.kind == Kind::Rtpengine { REFERENCE_LEVEL_DB } else { LEVEL_DB };
    ensure!(coverage >= COVERAGE, "too little was heard by {figures}");
    ensure!(band_correlation >= SAME, "other speech was heard by {figures}");
    ensure!(level_db.abs() <= level, "the level is not that of what was said for {figures}");
    Ok(())
}
