//! What a recording holds: which of the known sounds, from where, and for how long.
//!
//! The way of the example is PCMU throughout, so that a sound that was played is found sample by sample, and nothing
//! else is mistaken for it.

use mediapoint_caller::Law;
use mediapoint_caller::similarity::coded;

use crate::prompts::Sound;

/// Samples that have to be equal, at least: 20 ms.
const BLOCK: usize = 160;
/// A sample louder than this counts as sound.
const LOUD: u16 = 100;
/// Loud samples that a block needs, so that it is found in one place only.
const LOUD_SAMPLES: usize = 40;

/// A part of a recording that is a part of a known sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) name: String,
    /// First sample in the recording.
    pub(crate) at: usize,
    /// First sample in the sound.
    pub(crate) from: usize,
    pub(crate) len: usize,
}

/// Knows sounds.
#[derive(Debug, Clone)]
pub(crate) struct Ear {
    sounds: Vec<Sound>,
}

impl Ear {
    /// Knows these sounds as they are behind PCMU.
    pub(crate) fn new(sounds: &[Sound]) -> Self {
        let coded =
            |sound: &Sound| Sound { name: sound.name.clone(), samples: coded(&sound.samples, &[Law::Mu]) };
        Self { sounds: sounds.iter().map(coded).collect() }
    }

    /// Knows this sound, too.
    pub(crate) fn learn(&mut self, name: &str, samples: &[i16]) {
        self.sounds.push(Sound { name: name.to_owned(), samples: coded(samples, &[Law::Mu]) });
    }

    /// Length of a sound in samples.
    pub(crate) fn length_of(&self, name: &str) -> usize {
        self.sounds.iter().find(|sound| sound.name == name).map_or(0, |sound| sound.samples.len())
    }

    /// What a recording holds from sample `start` on, in order. A sound that goes on behind a gap is one part more.
    pub(crate) fn passages(&self, recording: &[i16], start: usize) -> Vec<Passage> {
        let mut found: Vec<Passage> = Vec::new();
        let mut at = start;
        while let Some(block) = recording.get(at..at + BLOCK) {
            let loud = block.iter().filter(|sample| sample.unsigned_abs() > LOUD).count();
            let part = if loud >= LOUD_SAMPLES { self.find(recording, at) } else { None };
            match part {
                Some(part) => {
                    at = part.at + part.len;
                    join(&mut found, part);
                }
                None => at += BLOCK / 4,
            }
        }
        found
    }

    /// The longest known sound that the recording goes on with.
    fn find(&self, recording: &[i16], at: usize) -> Option<Passage> {
        let rest = recording.get(at..)?;
        let block = rest.get(..BLOCK)?;
        let places = self.sounds.iter().flat_map(|sound| {
            let equal = sound.samples.windows(BLOCK).enumerate().filter(|(_, window)| *window == block);
            equal.map(move |(from, _)| (sound, from))
        });
        let parts = places.map(|(sound, from)| {
            let known = sound.samples.get(from..).unwrap_or_default();
            let len = known.iter().zip(rest).take_while(|(known, heard)| known == heard).count();
            Passage { name: sound.name.clone(), at, from, len }
        });
        parts.max_by_key(|part| part.len)
    }
}

/// Adds a part, or lengthens the last where this one goes on with it.
fn join(found: &mut Vec<Passage>, part: Passage) {
    if let Some(last) = found.last_mut().filter(|last| last.name == part.name)
        && part.at - last.at == part.from.wrapping_sub(last.from)
    {
        last.len = part.at + part.len - last.at;
        return;
    }
    found.push(part);
}

/// The sample behind the last loud one of a stretch of a recording.
pub(crate) fn silent_from(recording: &[i16], from: usize, to: usize) -> usize {
    let stretch = recording.get(from..to.min(recording.len())).unwrap_or_default();
    let loud = stretch.iter().rposition(|sample| sample.unsigned_abs() > LOUD);
    from + loud.map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use mediapoint_caller::speech::{self, Language};

    use super::*;

    #[test]
    fn sounds_are_told_apart_and_placed() {
        let [one, two] = [Language::English, Language::Spanish].map(|each| speech::numbers(each, &[1, 2, 3]));
        let sounds = [("en", &one), ("es", &two)]
            .map(|(name, samples)| Sound { name: name.to_owned(), samples: samples.clone() });
        let ear = Ear::new(&sounds);
        let mut recording = vec![0; 1_000];
        recording.extend(two.iter().skip(2_000).take(4_000));
        recording.extend([0; 500]);
        recording.extend(&one);
        let heard = ear.passages(&coded(&recording, &[Law::Mu]), 0);
        let names: Vec<&str> = heard.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["es", "en"], "{heard:?}");
        let first = &heard[0];
        assert_eq!(first.at - 1_000, first.from - 2_000);
        assert!(first.at + first.len <= 5_100 && first.len > 3_500, "{first:?}");
        assert!(heard[1].len > ear.length_of("en") * 9 / 10, "{heard:?}");
        assert!(ear.passages(&[5_000; 4_000], 0).is_empty());
    }
}
