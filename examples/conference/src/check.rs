//! Who heard what, and what stands in the recording, measured.

use std::fmt;
use std::io::Cursor;

use mediapoint_recorder::Decoder;

use crate::failure::Failure;
use crate::picture::{Talk, Talks};
use crate::scene::{AGENT, COACH, MONITOR, PARTIES, Phrase, Scene, name};

/// Samples of a voice that are looked for: half a second.
const TEMPLATE: usize = 4000;
/// Samples by which the recording may be off what the recorder's phone was sent: a tenth of a second.
const MARGIN: usize = 800;
/// A likeness above it is the same voice saying the same, another voice beside it; half a second of one voice is up to 0.5 like
/// another of it.
const SAME: f64 = 0.55;
/// How much longer or shorter than what was said a reported talk may be: the end of a word is soft, and the gate waits.
const TALK_OFF_MS: u64 = 700;

/// One thing that has to hold.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) what: &'static str,
    pub(crate) found: String,
    pub(crate) holds: bool,
}

/// The audio of both channels of a recording together, at 8 kHz.
pub(crate) fn decode(file: &[u8]) -> Result<Vec<i16>, Failure> {
    let mut decoder = Decoder::new(Cursor::new(file))?;
    let channels = usize::from(decoder.channels()).max(1);
    let mut samples = Vec::new();
    loop {
        let block = decoder.read()?;
        if block.is_empty() {
            return Ok(samples);
        }
        let sum = |frame: &[i16]| frame.iter().fold(0_i16, |sum, sample| sum.saturating_add(*sample));
        samples.extend(block.chunks_exact(channels).map(sum));
    }
}

/// How like each phrase is to what each party heard at its time, and to the recording.
pub(crate) struct Matrix<'a> {
    phrases: &'a [Phrase],
    rows: Vec<Row>,
}

struct Row {
    parties: Vec<f64>,
    mix: f64,
}

impl<'a> Matrix<'a> {
    pub(crate) fn of(scene: &'a Scene, mix: &[i16]) -> Self {
        let row = |phrase: &Phrase| {
            let part = |all: &[i16], from: usize, to: usize| {
                likeness(&phrase.audio, all.get(from..to.min(all.len())).unwrap_or_default())
            };
            let parties =
                scene.heard.iter().zip(&phrase.heard).map(|(heard, (from, to))| part(heard, *from, *to));
            let (from, to) = phrase.heard.last().copied().unwrap_or_default();
            let at = |position: usize| position.saturating_sub(scene.recording.1);
            let mix = part(mix, at(from).saturating_sub(MARGIN), at(to) + MARGIN);
            Row { parties: parties.collect(), mix }
        };
        Self { phrases: &scene.phrases, rows: scene.phrases.iter().map(row).collect() }
    }

    /// Every phrase with every place that it could be heard in, whether it has to be, and how like it is.
    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.phrases.iter().zip(&self.rows).flat_map(|(phrase, row)| {
            let party = move |(party, likeness): (usize, &f64)| Cell {
                phrase,
                place: Some(party),
                wanted: phrase.heard_by.contains(&party),
                likeness: *likeness,
            };
            let mix = Cell { phrase, place: None, wanted: phrase.in_mix, likeness: row.mix };
            row.parties.iter().enumerate().map(party).chain([mix])
        })
    }

    /// A check of some of the cells: those that have to be heard are, and the others are not.
    fn check(&self, what: &'static str, of: impl Fn(&Cell<'_>) -> bool) -> Check {
        let (mut least, mut most): (Option<f64>, Option<f64>) = (None, None);
        let mut holds = true;
        for cell in self.cells().filter(of) {
            holds &= cell.is_right();
            if cell.wanted {
                least = Some(least.unwrap_or(1.0).min(cell.likeness));
            } else {
                most = Some(most.unwrap_or(0.0).max(cell.likeness));
            }
        }
        let least = least.map(|least| format!("likeness {least:.2} at least where it is to be heard"));
        let most = most.map(|most| format!("likeness {most:.2} at most where it is not"));
        let found: Vec<String> = [least, most].into_iter().flatten().collect();
        Check { what, holds: holds && !found.is_empty(), found: found.join(", ") }
    }
}

/// A phrase and a place where it could be heard.
struct Cell<'a> {
    phrase: &'a Phrase,
    /// A party, or the recording.
    place: Option<usize>,
    wanted: bool,
    likeness: f64,
}

impl Cell<'_> {
    fn is_right(&self) -> bool {
        (self.likeness > SAME) == self.wanted
    }

    fn is_own(&self) -> bool {
        self.place == Some(self.phrase.who)
    }
}

impl fmt::Display for Matrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<36}", "")?;
        for name in PARTIES.into_iter().chain(["recording"]) {
            write!(f, "{name:>10}")?;
        }
        writeln!(f)?;
        for (phrase, row) in self.phrases.iter().zip(&self.rows) {
            write!(f, "{:<36}", format!("{}, {}", name(phrase.who), phrase.what))?;
            for likeness in row.parties.iter().chain([&row.mix]) {
                let mark = if *likeness > SAME { "heard" } else { "." };
                write!(f, "{mark:>10}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// All that has to hold. `sealed`: the recording is whole, and without the identity it is a file of age.
pub(crate) fn all(scene: &Scene, matrix: &Matrix<'_>, sealed: (bool, bool)) -> Vec<Check> {
    let to_all = |cell: &Cell<'_>| cell.phrase.heard_by.len() > 2 && cell.place.is_some();
    let of = |who: usize| move |cell: &Cell<'_>| cell.phrase.who == who;
    vec![
        matrix.check("everyone hears the others of the room", |cell| to_all(cell) && cell.wanted),
        matrix.check("nobody hears himself", |cell| cell.is_own()),
        matrix.check("the coach is heard by the agent and the monitor, not by the customer", of(COACH)),
        matrix.check("the monitor is heard by nobody", of(MONITOR)),
        matrix.check("an agent who is muted is heard by nobody", |cell| cell.phrase.what == "muted"),
        matrix.check("what is said in the other room stays there", |cell| cell.phrase.room == 1),
        matrix.check("who is in the other room, or has left, hears nothing of the room", |cell| {
            matches!(cell.phrase.what, "meanwhile" | "after the agent left") && cell.place == Some(AGENT)
        }),
        matrix.check("the recording has all that the room heard, and nothing else", |cell| {
            cell.place.is_none()
        }),
        Check {
            what: "the recording is whole, and opens with the identity alone",
            found: format!(
                "{}, {}",
                if sealed.0 { "verified" } else { "not whole" },
                if sealed.1 { "without the identity the file is sealed" } else { "not sealed" }
            ),
            holds: sealed.0 && sealed.1,
        },
        reported(scene),
    ]
}

/// The server reported a talk for everything that was said to somebody, and none for anything else.
fn reported(scene: &Scene) -> Check {
    let talks = Talks::of(scene);
    let mut unmatched: Vec<&Talk> = talks.talks.iter().collect();
    let mut missing = 0;
    for phrase in scene.phrases.iter().filter(|phrase| phrase.is_reported) {
        let length = phrase.audio.len() as u64 / 8;
        let (begin, end) = (phrase.began_ms, phrase.began_ms + length);
        let is_it = |talk: &&Talk| {
            talk.party == phrase.who
                && talk.room == phrase.room
                && talk.from_ms.abs_diff(begin) < TALK_OFF_MS
                && talk.to_ms.abs_diff(end) < TALK_OFF_MS
        };
        match unmatched.iter().position(is_it) {
            Some(at) => drop(unmatched.swap_remove(at)),
            None => missing += 1,
        }
    }
    Check {
        what: "the server reports who speaks, when and where",
        found: format!("{} talks, {missing} missing, {} too many", talks.talks.len(), unmatched.len()),
        holds: missing == 0 && unmatched.is_empty(),
    }
}

/// How much something heard holds of a voice at the place where it fits best: the cosine, 0 to 1.
fn likeness(voice: &[i16], heard: &[i16]) -> f64 {
    // From its loudest part on, at half the rate.
    let thin = |samples: &[i16]| -> Vec<f64> {
        samples.chunks_exact(2).map(|two| two.iter().map(|sample| f64::from(*sample)).sum::<f64>()).collect()
    };
    let energy =
        |part: &&[i16]| part.iter().map(|sample| u64::from(sample.unsigned_abs()).pow(2)).sum::<u64>();
    let loudest = voice.windows(TEMPLATE).step_by(800).max_by_key(energy);
    let (wanted, all) = (thin(loudest.unwrap_or(voice)), thin(heard));
    let square = |samples: &[f64]| samples.iter().map(|sample| sample * sample).sum::<f64>();
    let whole = square(&wanted);
    // What is fainter than a tenth of the voice is not it, whatever its form.
    let floor = whole / 100.0;
    let places = all.windows(wanted.len().max(1)).map(|part| {
        let product: f64 = part.iter().zip(&wanted).map(|(one, other)| one * other).sum();
        product / (square(part).max(floor) * whole).sqrt().max(1.0)
    });
    places.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use mediapoint_caller::speech::{self, Language};

    use super::*;

    #[test]
    fn a_voice_is_found_under_another_and_what_was_not_said_is_not() {
        let voice = speech::numbers(Language::Spanish, &[1, 2]);
        let other = speech::numbers(Language::English, &[5, 6, 4]);
        let both: Vec<i16> = (0..other.len().max(voice.len() + 1000))
            .map(|at| {
                let sample = |of: &[i16], at: Option<usize>| {
                    at.and_then(|at| of.get(at)).map_or(0, |sample| sample / 2)
                };
                sample(&voice, at.checked_sub(1000)) + sample(&other, Some(at))
            })
            .collect();
        let third = speech::numbers(Language::Spanish, &[6, 7]);
        let found = [&voice, &other, &third].map(|voice| likeness(voice, &both));
        assert!(found[0] > SAME && found[1] > SAME && found[2] < SAME, "{found:?}");
        let faint: Vec<i16> = voice.iter().map(|sample| sample / 100).collect();
        assert!(likeness(&voice, &faint) < 0.2);
    }
}
