//! Synthesised greetings by espeak-ng, flite and festival, kept in the build folder.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use mediapoint_codec::resample::Resampler;

use crate::prompts::{Recording, trimmed};
use crate::set::{Part, parallel};
use crate::texts::{MORE, TEXTS, Texts};

/// A program and one of its voices.
#[derive(Clone, Copy)]
enum Voice {
    /// A variant of espeak-ng's voice of any language, with words a minute.
    Espeak(&'static str, &'static str),
    Flite(&'static str),
    Festival(&'static str),
}
use Part::{Test, Tuning};
use Voice::{Espeak, Festival, Flite};

/// Voices, the only language of each that has one, and parts: no voice is in both. The voices `slt` and `kal` of flite and of
/// festival are the same two speakers.
const VOICES: [(Voice, Option<&str>, Part); 42] = [
    (Espeak("+m1", "165"), None, Tuning),
    (Espeak("+m2", "180"), None, Tuning),
    (Espeak("+m4", "155"), None, Tuning),
    (Espeak("+m6", "170"), None, Tuning),
    (Espeak("+m7", "165"), None, Tuning),
    (Espeak("+m8", "190"), None, Tuning),
    (Espeak("+f1", "165"), None, Tuning),
    (Espeak("+f2", "165"), None, Tuning),
    (Espeak("+f3", "185"), None, Tuning),
    (Espeak("+Annie", "160"), None, Tuning),
    (Espeak("+Andrea", "175"), None, Tuning),
    (Espeak("+steph", "195"), None, Tuning),
    (Espeak("+Michael", "160"), None, Tuning),
    (Espeak("+Gene", "180"), None, Tuning),
    (Espeak("+belinda", "170"), None, Tuning),
    (Espeak("+Alex", "175"), None, Tuning),
    (Espeak("+Alicia", "150"), None, Tuning),
    (Espeak("+Andy", "185"), None, Tuning),
    (Espeak("+Mario", "165"), None, Tuning),
    (Espeak("+linda", "175"), None, Tuning),
    (Espeak("+klatt2", "160"), None, Tuning),
    (Espeak("+john", "170"), None, Tuning),
    (Espeak("+rob", "155"), None, Tuning),
    (Espeak("+paul", "185"), None, Tuning),
    (Espeak("+aunty", "165"), None, Tuning),
    (Espeak("+shelby", "175"), None, Tuning),
    (Espeak("+victor", "160"), None, Tuning),
    (Espeak("+caleb", "180"), None, Tuning),
    (Espeak("+anika", "170"), None, Tuning),
    (Espeak("+m3", "165"), None, Test),
    (Espeak("+f4", "165"), None, Test),
    (Espeak("+m5", "180"), None, Test),
    (Espeak("+f5", "155"), None, Test),
    (Flite("kal"), Some("en"), Tuning),
    (Flite("rms"), Some("en"), Tuning),
    (Flite("awb"), Some("en"), Test),
    (Flite("slt"), Some("en"), Test),
    (Festival("kal_diphone"), Some("en"), Tuning),
    (Festival("ked_diphone"), Some("en"), Tuning),
    (Festival("cmu_us_slt_arctic_hts"), Some("en"), Test),
    (Festival("lp_diphone"), Some("it"), Tuning),
    (Festival("pc_diphone"), Some("it"), Test),
];

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person's short greeting.
    Hello,
    /// A person's greeting for a firm.
    Firm,
    /// A machine's greeting.
    Greeting,
    /// A machine's greeting of few words.
    Note,
}

/// A synthesised text: what it is, its part and its sound.
pub struct Spoken {
    pub kind: Kind,
    pub part: Part,
    pub sound: Recording,
}

/// A text to be spoken.
struct Line {
    kind: Kind,
    part: Part,
    voice: Voice,
    texts: &'static Texts,
    text: &'static str,
    name: String,
}

/// Voices, one of which says a text of [`MORE`].
const TURNS: usize = 3;

/// Every text by every voice of its language whose program is installed.
pub fn all(folder: &Path) -> Vec<Spoken> {
    let mut lines = Vec::new();
    for texts in &TEXTS {
        let voices = VOICES.iter().filter(|(_, only, _)| only.is_none_or(|only| only == texts.language));
        for (turn, &(voice, _, part)) in voices.enumerate() {
            of_voice(&mut lines, texts, voice, part, turn);
        }
    }
    parallel(lines.len(), |at| speak(folder, &lines[at])).into_iter().flatten().collect()
}

fn of_voice(lines: &mut Vec<Line>, texts: &'static Texts, voice: Voice, part: Part, turn: usize) {
    let none: &[&str] = &[];
    let more = MORE.iter().find(|more| more.language == texts.language && part == Tuning);
    let (hellos, firms, greetings, notes) =
        more.map_or((none, none, none, none), |more| (more.hellos, more.firms, more.greetings, more.notes));
    let kinds: [(Kind, &[&str], &[&str]); 4] = [
        (Kind::Hello, &texts.hellos, hellos),
        (Kind::Firm, &texts.firms, firms),
        (Kind::Greeting, &texts.greetings, greetings),
        (Kind::Note, &texts.notes, notes),
    ];
    for (kind, both, more) in kinds {
        for (index, text) in both.iter().chain(more).enumerate() {
            // All but a short hello is in one part, whoever says it.
            if kind != Kind::Hello && index < both.len() && (index % 2 == 0) != (part == Test) {
                continue;
            }
            // Of the texts that are in the tuning part alone each voice says a third.
            if index >= both.len() && !(index + turn).is_multiple_of(TURNS) {
                continue;
            }
            let name = format!("{}-{kind:?}-{index}", texts.language).to_lowercase();
            lines.push(Line { kind, part, voice, texts, text, name });
        }
    }
}

fn speak(folder: &Path, line: &Line) -> Option<Spoken> {
    let Line { kind, part, voice, texts, text, name } = line;
    let who = voice.name(texts);
    let pcm = sound(&folder.join(format!("{who}-{name}.wav")), *voice, texts, text)?;
    let sound = Recording { name: name.clone(), language: texts.language, voice: who, pcm };
    Some(Spoken { kind: *kind, part: *part, sound })
}

impl Voice {
    fn name(self, texts: &Texts) -> String {
        match self {
            Espeak(variant, rate) => format!("espeak-{}{variant}-{rate}", texts.espeak),
            Flite(voice) => format!("flite-{voice}"),
            Festival(voice) => format!("festival-{voice}"),
        }
    }

    /// Speaks a text into a file.
    fn speak(self, texts: &Texts, text: &str, file: &Path) -> bool {
        let ran = match self {
            Espeak(variant, rate) => {
                let voice = format!("{}{variant}", texts.espeak);
                Command::new("espeak-ng").args(["-v", &voice, "-s", rate, "-w"]).arg(file).arg(text).status()
            }
            Flite(voice) => {
                Command::new("flite").args(["-voice", voice, "-t", text, "-o"]).arg(file).status()
            }
            Festival(voice) => festival(voice, text, file),
        };
        ran.is_ok_and(|status| status.success()) && file.exists()
    }
}

/// Festival reads Latin-1.
fn festival(voice: &str, text: &str, file: &Path) -> std::io::Result<std::process::ExitStatus> {
    let text: Vec<u8> = text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let mut child = Command::new("text2wave")
        .args(["-eval", &format!("(voice_{voice})"), "-o"])
        .arg(file)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&text)?;
    }
    child.wait()
}

fn sound(file: &Path, voice: Voice, texts: &Texts, text: &str) -> Option<Vec<f64>> {
    if !file.exists() && !voice.speak(texts, text, file) {
        return None;
    }
    let mut reader = hound::WavReader::open(file).ok()?;
    let rate = reader.spec().sample_rate;
    let pcm: Vec<i16> = reader.samples::<i16>().flatten().collect();
    // 22.05 kHz as 22 kHz, and 16 kHz: a voice that is 0.2 % higher is as good a voice.
    let pcm = if rate == 22_050 { decimate(&pcm, rate) } else { resample(&pcm, rate) };
    Some(trimmed(&pcm))
}

fn resample(pcm: &[i16], rate: u32) -> Vec<f64> {
    if rate == 8000 {
        return pcm.iter().map(|&sample| f64::from(sample)).collect();
    }
    let Ok(mut resampler) = Resampler::new(rate, 8000) else {
        return decimate(pcm, rate);
    };
    let mut out = vec![0; pcm.len() + 960];
    let mut written = 0;
    for chunk in pcm.chunks(160) {
        written += resampler.process(chunk, &mut out[written..]);
    }
    out[..written].iter().map(|&sample| f64::from(sample)).collect()
}

/// Band-limited interpolation to 8 kHz by a windowed sinc of 32 zero crossings.
fn decimate(pcm: &[i16], rate: u32) -> Vec<f64> {
    let ratio = 8000.0 / f64::from(rate);
    let half = (16.0 / ratio) as isize;
    // Samples fall between those of the source at few places only.
    let phases = 8000 / common_divisor(8000, rate) as usize;
    let kernels: Vec<Vec<f64>> = (0..phases).map(|at| kernel(at as f64 / ratio, half, ratio)).collect();
    (0..(pcm.len() as f64 * ratio) as usize)
        .map(|at| {
            let from = (at as u64 * u64::from(rate) / 8000) as isize - half;
            let taps = kernels[at % phases].iter().zip(from..);
            taps.filter_map(|(tap, index)| Some(f64::from(*pcm.get(usize::try_from(index).ok()?)?) * tap))
                .sum()
        })
        .collect()
}

/// Weights of the samples from `half` before `centre` on.
fn kernel(centre: f64, half: isize, ratio: f64) -> Vec<f64> {
    let from = centre.floor() as isize - half;
    (from..=from + 2 * half)
        .map(|index| {
            let x = (index as f64 - centre) * ratio * 0.95;
            let angle = std::f64::consts::PI * x;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
            let window = 0.5 + 0.5 * (angle / 16.0).cos();
            if x.abs() < 16.0 { sinc * window * ratio * 0.95 } else { 0.0 }
        })
        .collect()
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
