//! `mediapoint-tools mix`: files as members of one conference room, and what each of them hears.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mediapoint_conference::{
    Input, JoinError, MemberId, MemberSpec, RATES, Role, Room, RoomEvent, RoomSpec, SpecError, Tick,
};
use mediapoint_prompt::{DecodeFailure, FileFormat, Hint, Limits, decode};
use serde::Serialize;
use thiserror::Error;

use crate::cli::{FAILED, UNUSABLE, refuse};
use crate::codec::wav_head;

pub(crate) const EXAMPLES: &str = "\
Examples:
  mediapoint-tools mix --out heard alice.wav bob.wav carol.wav
  mediapoint-tools mix --rate 8000 --loudest 3 --out heard calls/*.wav
  mediapoint-tools mix --json --out heard a.wav b.wav | jq '.members[].talks'

All files begin at once. For each, --out gets NUMBER-NAME.wav with what it
hears, all others without itself, and mix.wav with what a listener hears. Files
are WAV, MP3, FLAC, Ogg, or bare G.711, G.722, G.729 by the name.

Exit codes: 0 done, 1 a file cannot be read or written, 2 unusable arguments.";

/// The command line of `mediapoint-tools mix`.
#[derive(Debug, Args)]
pub(crate) struct MixArguments {
    /// Rate of the room in Hz: 8000, 12000, 16000, 24000, 32000 or 48000. The
    /// highest of the files' unless given
    #[arg(long, value_name = "HZ", value_parser = rate)]
    rate: Option<u32>,
    /// Folder for what is heard, made where it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Most speakers that are mixed at a time
    #[arg(long, value_name = "N", default_value_t = 8)]
    loudest: u16,
    /// Mix all audio, not only voice
    #[arg(long)]
    no_gate: bool,
    /// Print who spoke when as a JSON object
    #[arg(long)]
    json: bool,
    /// Audio files, a member each
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

fn rate(text: &str) -> Result<u32, String> {
    let known = text.parse().ok().filter(|rate| RATES.contains(rate));
    known.ok_or_else(|| format!("a room has one of {RATES:?}"))
}

/// Why nothing was mixed, or not all of it.
#[derive(Debug, Error)]
enum MixError {
    #[error("{}: {source}", file.display())]
    Audio { file: PathBuf, source: DecodeFailure },
    #[error("cannot write {}: {source}", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error(transparent)]
    Room(#[from] SpecError),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// When a member spoke, hangovers among it.
#[derive(Debug, Clone, Copy, Serialize)]
struct Talk {
    start_ms: u64,
    end_ms: u64,
    /// Greatest level in dBov.
    level_dbov: i16,
}

/// What became of a file.
#[derive(Debug, Serialize)]
struct MemberOutput {
    file: String,
    hears: String,
    talked_ms: u64,
    talks: Vec<Talk>,
}

/// From when on who was the active speaker.
#[derive(Debug, Serialize)]
struct Active {
    at_ms: u64,
    file: Option<String>,
}

/// The report of `--json`.
#[derive(Debug, Serialize)]
struct Report {
    rate: u32,
    length_ms: u64,
    mix: String,
    /// Ticks of a mix in which its limiter was at work.
    limited: u64,
    most_mixes: u16,
    members: Vec<MemberOutput>,
    active: Vec<Active>,
}

/// `mediapoint-tools mix`.
pub(crate) fn command(arguments: &MixArguments) -> ExitCode {
    match mix(arguments).and_then(|report| Ok(print(&report, arguments.json)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ (MixError::Room(_) | MixError::Join(_))) => refuse(UNUSABLE, &error),
        Err(error) => refuse(FAILED, &error),
    }
}

/// A file of what is heard, whose length is known.
struct WavFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl WavFile {
    fn create(path: PathBuf, rate: u32, samples: usize) -> Result<Self, MixError> {
        let bytes = u32::try_from(samples * 2).unwrap_or(u32::MAX);
        let file = File::create(&path).map(BufWriter::new);
        let written = file.and_then(|mut out| out.write_all(&wav_head(rate, bytes)).map(|()| out));
        match written {
            Ok(out) => Ok(Self { path, out }),
            Err(source) => Err(MixError::Write { file: path, source }),
        }
    }

    fn write(&mut self, samples: &[i16]) -> Result<(), MixError> {
        let mut each = samples.iter();
        let written = each.try_for_each(|sample| self.out.write_all(&sample.to_le_bytes()));
        written.map_err(|source| MixError::Write { file: self.path.clone(), source })
    }

    fn finish(mut self) -> Result<(), MixError> {
        self.out.flush().map_err(|source| MixError::Write { file: self.path, source })
    }
}

/// A file on its way through the room.
struct Party<'a> {
    file: &'a Path,
    id: MemberId,
    samples: Vec<i16>,
    heard: WavFile,
    talks: Vec<Talk>,
}

fn mix(arguments: &MixArguments) -> Result<Report, MixError> {
    let (rate, audio) = decoded(arguments)?;
    let len = Tick::Ms20.samples(rate);
    let ticks = audio.iter().map(|samples| samples.len().div_ceil(len)).max().unwrap_or(0);
    let capacity = u16::try_from(audio.len() + 1).unwrap_or(u16::MAX);
    let mut spec = RoomSpec { loudest: arguments.loudest, ..RoomSpec::new(rate, capacity) };
    spec.gate.enabled = !arguments.no_gate;
    let mut room = Room::new(spec)?;
    let out = &arguments.out;
    fs::create_dir_all(out).map_err(|source| MixError::Write { file: out.clone(), source })?;
    let mut parties = Vec::new();
    for ((file, samples), number) in arguments.files.iter().zip(audio).zip(1..) {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let heard = WavFile::create(out.join(format!("{number}-{stem}.wav")), rate, ticks * len)?;
        let id = room.join(MemberSpec::default())?;
        parties.push(Party { file, id, samples, heard, talks: Vec::new() });
    }
    let listener = room.join(MemberSpec { role: Role::Listener, ..MemberSpec::default() })?;
    let mut all = WavFile::create(out.join("mix.wav"), rate, ticks * len)?;
    let mut active = Vec::new();
    for n in 0..ticks {
        room.tick(Tick::Ms20, &mut |id: MemberId| {
            let samples = parties.get(id.index()).and_then(|party| party.samples.get(n * len..));
            samples.map_or(Input::Nothing, |rest| Input::Audio(rest.get(..len).unwrap_or(rest)))
        });
        for party in &mut parties {
            party.heard.write(room.output(party.id).samples)?;
        }
        all.write(room.output(listener).samples)?;
        note(&mut room, &mut parties, &mut active);
    }
    room.end();
    note(&mut room, &mut parties, &mut active);
    // Nobody speaks once all have left.
    active.pop_if(|active| active.file.is_none() && active.at_ms == room.statistics().lasted_ms);
    let mix = all.path.display().to_string();
    all.finish()?;
    report(&room, rate, mix, parties, active)
}

/// The files' audio at the room's rate.
fn decoded(arguments: &MixArguments) -> Result<(u32, Vec<Vec<i16>>), MixError> {
    let mut audio = Vec::new();
    for file in &arguments.files {
        let hint = FileFormat::of_path(file).map_or(Hint::None, Hint::Likely);
        let opened = File::open(file).map_err(DecodeFailure::from);
        let read = opened.and_then(|source| decode(source, hint, &Limits::default()));
        audio.push(read.map_err(|source| MixError::Audio { file: file.clone(), source })?);
    }
    let highest = audio.iter().map(|audio| audio.rate).max().unwrap_or(0);
    let fitting = RATES.into_iter().find(|rate| *rate >= highest).unwrap_or(48_000);
    let rate = arguments.rate.unwrap_or(fitting);
    let mut samples = Vec::new();
    for (audio, file) in audio.into_iter().zip(&arguments.files) {
        let converted = if audio.rate == rate { Ok(audio) } else { audio.at_rate(rate) };
        let converted = converted.map_err(|source| MixError::Audio { file: file.clone(), source })?;
        samples.push(converted.samples);
    }
    Ok((rate, samples))
}

/// Takes what the room reports.
fn note(room: &mut Room, parties: &mut [Party<'_>], active: &mut Vec<Active>) {
    while let Some(event) = room.poll_event() {
        match event {
            RoomEvent::TalkStopped { member, at_ms, level, talked_ms } => {
                if let Some(party) = parties.get_mut(member.index()) {
                    let start_ms = at_ms.saturating_sub(talked_ms.into());
                    party.talks.push(Talk { start_ms, end_ms: at_ms, level_dbov: -i16::from(level) });
                }
            }
            RoomEvent::ActiveSpeaker(member) => {
                let party = member.and_then(|member| parties.get(member.index()));
                let file = party.map(|party| party.file.display().to_string());
                active.push(Active { at_ms: room.statistics().lasted_ms, file });
            }
            _ => {}
        }
    }
}

fn report(
    room: &Room,
    rate: u32,
    mix: String,
    parties: Vec<Party<'_>>,
    active: Vec<Active>,
) -> Result<Report, MixError> {
    let mut members = Vec::new();
    for party in parties {
        let talked_ms = party.talks.iter().map(|talk| talk.end_ms - talk.start_ms).sum();
        members.push(MemberOutput {
            file: party.file.display().to_string(),
            hears: party.heard.path.display().to_string(),
            talked_ms,
            talks: party.talks,
        });
        party.heard.finish()?;
    }
    let figures = room.statistics();
    let (limited, most_mixes, length_ms) = (figures.limited, figures.most_groups, figures.lasted_ms);
    Ok(Report { rate, length_ms, mix, limited, most_mixes, members, active })
}

fn print(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", serde_json::to_string_pretty(report)?);
    }
    let seconds = |ms: u64| u32::try_from(ms).map_or(f64::INFINITY, f64::from) / 1000.0;
    let length = seconds(report.length_ms);
    writeln!(out, "room of {} at {} Hz, {length:.2} s", report.members.len(), report.rate)?;
    for MemberOutput { file, hears, talked_ms, talks, .. } in &report.members {
        writeln!(out, "{file}: spoke for {:.2} s, hears {hears}", seconds(*talked_ms))?;
        for talk in talks {
            let (from, to) = (seconds(talk.start_ms), seconds(talk.end_ms));
            writeln!(out, "  {from:8.2} to {to:8.2} s, {:4} dBov", talk.level_dbov)?;
        }
    }
    writeln!(out, "all of it: {}", report.mix)
}
