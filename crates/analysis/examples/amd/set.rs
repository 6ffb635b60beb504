//! The labelled set: calls built from recordings, synthesised greetings and tones, each with noise, level and codec of its own.

use std::path::Path;

use mediapoint_codec::{Codec, EncoderSettings, Parameters, decoder, encoder};

use crate::onset;
use crate::prompts::{self, Recording};
use crate::signal::{
    Random, add_noise, answer_tone, cadence, samples, scale, silence, speech_level, to_pcm, tone,
};
use crate::synth::{self, Kind};

/// Coefficients and thresholds are found on the tuning part, and the test part is only reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Tuning,
    Test,
}

/// What answers. The first two are those that the classic rule knows.
pub const CLASSES: [&str; 9] =
    ["person", "machine", "beep", "fax", "sit", "busy", "reorder", "ringing", "silence"];
pub const MODEM: &str = "modem";

/// A call from answer on.
pub struct Call {
    pub class: &'static str,
    pub language: &'static str,
    pub codec: &'static str,
    pub pcm: Vec<i16>,
    /// End of the first greeting in ms.
    pub greeting_end_ms: f64,
    /// Start of the beep in ms, if there is one.
    pub beep_ms: Option<f64>,
    /// Start of the speech in ms, by [`onset`].
    pub first_ms: f64,
    /// Start of the recording in ms, with whatever is before its speech.
    pub sound_ms: f64,
    /// Whether it is a person's greeting for a firm, or a machine's of few words.
    pub unusual: bool,
    /// The same for calls of the same text.
    pub group: u32,
    /// Calls of a set with [`UNUSUAL`] of such greetings for which it stands.
    pub weight: f64,
}

/// Sources of one part.
#[derive(Default)]
pub struct Sources {
    /// Recordings by their length, in ms: 220 to 1300, to 2200, from 1800.
    short: Vec<Recording>,
    middle: Vec<Recording>,
    long: Vec<Recording>,
    hellos: Vec<Recording>,
    firms: Vec<Recording>,
    greetings: Vec<Recording>,
    notes: Vec<Recording>,
}

impl Sources {
    /// Reads and synthesises all, and gives each to one part: a text is in the same part in every language.
    pub fn gather(folder: &Path) -> [Self; 2] {
        let mut parts = [Self::default(), Self::default()];
        for recording in prompts::all() {
            let part = &mut parts[(hash(&recording.name) >> 4 & 1) as usize];
            let ms = recording.ms();
            if (1300.0..2200.0).contains(&ms) {
                part.middle.push(recording.clone());
            }
            if (220.0..1300.0).contains(&ms) {
                part.short.push(recording);
            } else if ms >= 1800.0 {
                part.long.push(recording);
            }
        }
        for spoken in synth::all(folder) {
            let part = &mut parts[usize::from(spoken.part == Part::Test)];
            let list = match spoken.kind {
                Kind::Hello => &mut part.hellos,
                Kind::Firm => &mut part.firms,
                Kind::Greeting => &mut part.greetings,
                Kind::Note => &mut part.notes,
            };
            list.push(spoken.sound);
        }
        parts
    }

    pub fn is_empty(&self) -> bool {
        [&self.short, &self.middle, &self.long, &self.hellos, &self.greetings].iter().any(|of| of.is_empty())
    }

    pub fn describe(&self) -> String {
        format!(
            "{} short, {} middling and {} long recordings; by synthesis {} hellos, {} firms, {} greetings, {} notes",
            self.short.len(),
            self.middle.len(),
            self.long.len(),
            self.hellos.len(),
            self.firms.len(),
            self.greetings.len(),
            self.notes.len()
        )
    }

    /// Another recording of the same voice.
    fn same_voice<'a>(of: &'a [Recording], voice: &str, random: &mut Random) -> &'a Recording {
        for _ in 0..200 {
            let pick = random.pick(of);
            if pick.voice == voice {
                return pick;
            }
        }
        random.pick(of)
    }
}

fn hash(name: &str) -> u32 {
    name.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)))
}

/// Builds the calls of a part: `persons` persons, as many machines, an eighth of that of each kind of tone unless calls are cut. No call
/// is longer than `most_ms`, and a share `unusual` of the greetings is it.
pub fn build(sources: &Sources, persons: usize, seed: u64, most_ms: f64, unusual: f64) -> Vec<Call> {
    // Training has no need of tones.
    let each = if most_ms < f64::MAX { 0 } else { persons / 8 };
    let kinds = (0..each).flat_map(|_| CLASSES.into_iter().skip(2).chain([MODEM]));
    let classes: Vec<&str> = (0..persons).flat_map(|_| ["person", "machine"]).chain(kinds).collect();
    parallel(classes.len(), |at| {
        let mut random = Random::new(seed << 32 | (at as u64 + 1));
        match classes[at] {
            "person" => person(sources, most_ms, unusual, &mut random),
            "machine" => machine(sources, most_ms, unusual, &mut random),
            class => tones(class, sources, &mut random),
        }
    })
}

/// What `make` returns for 0 to `count`, in order, made by as many threads as there are cores.
pub fn parallel<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let made = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                let make = &make;
                scope.spawn(move || (first..count).step_by(threads).map(|at| (at, make(at))).collect())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|_| Vec::new())).collect()
    });
    let mut made: Vec<(usize, T)> = made;
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, value)| value).collect()
}

/// Share of persons who greet for a firm, and of machines that say few words before the beep.
pub const UNUSUAL: f64 = 0.05;

/// Weight of a call of a set where the share of unusual ones is `share`.
fn weight(unusual: bool, share: f64) -> f64 {
    if unusual { UNUSUAL / share } else { (1.0 - UNUSUAL) / (1.0 - share) }
}

/// Longest greeting of a person that is not for a firm, in ms.
const LONGEST_MS: f64 = 2000.0;

/// A person says something short, waits, and mostly asks again. A few greet for a firm.
fn person(sources: &Sources, most_ms: f64, unusual: f64, random: &mut Random) -> Call {
    let firm = random.unit() < unusual;
    let first = if firm {
        let of = if random.unit() < 0.5 { &sources.firms } else { &sources.middle };
        random.pick(of)
    } else if random.unit() < 0.5 {
        random.pick(&sources.hellos)
    } else {
        random.pick(&sources.short)
    };
    let first_ms = random.between(100.0, 1000.0);
    let mut signal = silence(first_ms);
    signal.extend(&first.pcm);
    // Some say two things, a few three: "Acme. John Miller speaking."
    let more = if firm { 1.0 } else { random.unit() };
    let of = if first.name.contains("-hello-") { &sources.hellos } else { &sources.short };
    for chance in [0.3, 0.08] {
        let pause = random.between(120.0, 350.0);
        let next = Sources::same_voice(of, &first.voice, random);
        let length = signal.len() as f64 / 8.0 - first_ms + pause + next.ms();
        if more < chance && length <= LONGEST_MS {
            signal.extend(silence(pause));
            signal.extend(&next.pcm);
        }
    }
    let end = signal.len() as f64 / 8.0;
    let again = signal.len() + samples(random.between(1500.0, 3000.0));
    signal.resize(again, 0.0);
    if random.unit() < 0.6 {
        signal.extend(&first.pcm);
    }
    signal.extend(silence(2500.0));
    signal.truncate(samples(most_ms));
    Call {
        unusual: firm,
        weight: weight(firm, unusual),
        first_ms: first_ms + onset::ms(&first.pcm),
        sound_ms: first_ms,
        group: hash(&first.name) >> 5,
        ..call("person", first.language, signal, end, None, random)
    }
}

/// A machine says a greeting, often after a short word and a pause, then it beeps.
fn machine(sources: &Sources, most_ms: f64, unusual: f64, random: &mut Random) -> Call {
    let synthesised = random.unit() < 0.35;
    let brief = random.unit() < unusual;
    let main = random.pick(match (brief, synthesised) {
        (false, true) => &sources.greetings,
        (false, false) => &sources.long,
        (true, true) => &sources.notes,
        (true, false) => &sources.middle,
    });
    let first_ms = random.between(100.0, 1000.0);
    let mut signal = silence(first_ms);
    let mut first = main;
    if !brief && !synthesised && random.unit() < 0.3 {
        first = Sources::same_voice(&sources.short, &main.voice, random);
        signal.extend(&first.pcm);
        signal.extend(silence(random.between(100.0, 600.0)));
    }
    signal.extend(&main.pcm);
    while !brief && signal.len() < samples(4500.0) {
        signal.extend(silence(random.between(200.0, 700.0)));
        let of = if synthesised { &sources.greetings } else { &sources.long };
        signal.extend(&Sources::same_voice(of, &main.voice, random).pcm);
    }
    signal.truncate(samples(12_000.0));
    let end = signal.len() as f64 / 8.0;
    let mut beep_at = None;
    if brief || random.unit() < 0.7 {
        signal.extend(silence(random.between(200.0, if brief { 600.0 } else { 1000.0 })));
        beep_at = Some(signal.len() as f64 / 8.0);
        let level = speech_level(&signal);
        signal.extend(beep(level, random));
    }
    signal.extend(silence(2500.0));
    signal.truncate(samples(most_ms));
    Call {
        unusual: brief,
        weight: weight(brief, unusual),
        first_ms: first_ms + onset::ms(&first.pcm),
        sound_ms: first_ms,
        group: hash(&main.name) >> 5,
        ..call("machine", main.language, signal, end, beep_at, random)
    }
}

fn beep(level: f64, random: &mut Random) -> Vec<f64> {
    let hz = random.between(500.0, 1900.0);
    let ms = random.between(150.0, 1200.0);
    let level = level + random.between(-6.0, 3.0);
    if random.unit() < 0.2 { tone(&[hz, hz * 0.8], ms, level) } else { tone(&[hz], ms, level) }
}

const EU: &[f64] = &[425.0];
const US: &[f64] = &[480.0, 620.0];

fn tones(class: &'static str, sources: &Sources, random: &mut Random) -> Call {
    let mut signal = silence(random.between(50.0, 800.0));
    let level = random.between(-28.0, -10.0);
    let off = random.between(0.995, 1.005);
    let repeated = |hz: &[f64], beats: &[f64], ms: f64| {
        let hz: Vec<f64> = hz.iter().map(|hz| hz * off).collect();
        cadence(&hz, beats, ms, level)
    };
    match class {
        "beep" => {
            signal.extend(beep(level, random));
            signal.extend(silence(6500.0));
        }
        "fax" => match random.below(3) {
            0 => signal.extend(repeated(&[1100.0], &[500.0, 3000.0], 8000.0)),
            reversals => {
                signal.extend(answer_tone(random.between(2600.0, 4000.0), level, reversals == 2, false, off));
                signal.extend(silence(1500.0));
            }
        },
        "modem" => match random.below(3) {
            0 => signal.extend(repeated(&[2225.0], &[], 3000.0)),
            reversals => signal.extend(answer_tone(3500.0, level, reversals == 2, true, off)),
        },
        "sit" => {
            let (first, second) = (
                *random.pick(&[(913.8, 276.0), (985.2, 380.0)]),
                *random.pick(&[(1370.6, 276.0), (1428.5, 380.0)]),
            );
            for (hz, ms) in [first, second, (1776.7, 380.0)] {
                signal.extend(tone(&[hz], ms, level));
                signal.extend(silence(random.between(0.0, 30.0)));
            }
            signal.extend(silence(300.0));
            signal.extend(&random.pick(&sources.long).pcm);
        }
        "busy" => {
            let (hz, beats): (&[f64], &[f64]) = *random.pick(&[
                (US, &[500.0, 500.0] as &[f64]),
                (EU, &[480.0, 480.0]),
                (EU, &[375.0, 375.0]),
                (&[400.0], &[375.0, 375.0]),
                (EU, &[500.0, 500.0]),
            ]);
            signal.extend(repeated(hz, beats, 7000.0));
        }
        "reorder" => {
            let (hz, beats): (&[f64], &[f64]) = *random.pick(&[
                (US, &[250.0, 250.0] as &[f64]),
                (EU, &[200.0, 200.0]),
                (EU, &[240.0, 240.0]),
                (&[400.0], &[400.0, 350.0, 225.0, 525.0]),
            ]);
            signal.extend(repeated(hz, beats, 7000.0));
        }
        "ringing" => {
            let (hz, beats): (&[f64], &[f64]) = *random.pick(&[
                (&[440.0, 480.0] as &[f64], &[2000.0, 4000.0] as &[f64]),
                (EU, &[1000.0, 4000.0]),
                (&[400.0, 450.0], &[400.0, 200.0, 400.0, 2000.0]),
                (&[440.0], &[1500.0, 3500.0]),
            ]);
            signal.extend(repeated(hz, beats, 12_000.0));
        }
        _ => signal = silence(8000.0),
    }
    call(class, "-", signal, 0.0, None, random)
}

/// Level, noise and codec of a call.
fn call(
    class: &'static str,
    language: &'static str,
    mut signal: Vec<f64>,
    greeting_end_ms: f64,
    beep_ms: Option<f64>,
    random: &mut Random,
) -> Call {
    let speech = ["person", "machine"].contains(&class);
    let level = if speech {
        let level = random.between(-32.0, -14.0);
        let now = speech_level(&signal);
        scale(&mut signal, level - now);
        level
    } else {
        -26.0
    };
    let snr = *random.pick(&[45.0, 35.0, 25.0, 20.0, 15.0]);
    let noise = if class == "silence" {
        random.between(-70.0, -45.0)
    } else {
        (level - snr).min(-42.0).max(level - 45.0)
    };
    let white = random.unit() < 0.4;
    add_noise(&mut signal, noise, white, random);
    let (name, codec) = *random.pick(&[("G.711 µ", 0), ("G.711 A", 1), ("G.729", 2), ("Opus", 3)]);
    let codec = [Codec::PCMU, Codec::PCMA, Codec::G729, Codec::OPUS][codec].clone();
    let pcm = coded(&to_pcm(&signal), &codec);
    Call {
        class,
        language,
        codec: name,
        pcm,
        greeting_end_ms,
        beep_ms,
        first_ms: 0.0,
        sound_ms: 0.0,
        unusual: false,
        weight: 1.0,
        group: 0,
    }
}

/// Through a codec, 20 ms at a time.
fn coded(pcm: &[i16], codec: &Codec) -> Vec<i16> {
    let party = Parameters::parse(codec, "");
    let (Ok(mut encoder), Ok(mut decoder)) =
        (encoder(codec, 8000, &party, &EncoderSettings::default()), decoder(codec, 8000))
    else {
        unreachable!("every codec of the set is built in");
    };
    let mut out = Vec::with_capacity(pcm.len());
    for frame in pcm.as_chunks::<160>().0 {
        let (mut payload, mut block) = ([0; 1500], [0; 960]);
        let samples = encoder
            .encode(frame, &mut payload)
            .ok()
            .and_then(|encoded| decoder.decode(&payload[..encoded.len], &mut block).ok())
            .map_or(160, |decoded| decoded.samples);
        out.extend_from_slice(&block[..samples]);
    }
    out
}
