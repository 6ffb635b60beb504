//! What stands in a recording, measured.

use std::io::Cursor;

use mediapoint_dtmf::{Detection, Detector, DetectorSettings};
use mediapoint_recorder::Decoder;
use serde_json::Value;

use crate::failure::Failure;
use crate::talk::RecordedCall;

/// Samples of a voice that are looked for: half a second.
const TEMPLATE: usize = 4000;
/// What a crash may cost at most: a second.
const LOST_MOST: u64 = 8000;

/// One thing that has to hold.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) found: String,
    pub(crate) holds: bool,
}

impl Check {
    pub(crate) fn new(what: &str, found: &str, holds: bool) -> Self {
        Self { what: what.to_owned(), found: found.replace('\n', "\n         "), holds }
    }
}

/// A part of the time line that something is known of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: String,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// An exported recording.
pub(crate) struct Exported {
    pub(crate) name: &'static str,
    /// Samples at 8 kHz: the agent's, then the caller's.
    pub(crate) channels: [Vec<i16>; 2],
    pub(crate) parts: Vec<Part>,
    recovered: bool,
    picture: String,
}

impl Exported {
    /// Decodes the audio; `shown` is what `mediapoint recording show --json` printed.
    pub(crate) fn read(
        name: &'static str,
        audio: &[u8],
        shown: &str,
        picture: &str,
    ) -> Result<Self, Failure> {
        let mut decoder = Decoder::new(Cursor::new(audio))?;
        let mut channels = [Vec::new(), Vec::new()];
        loop {
            let block = decoder.read()?;
            if block.is_empty() {
                break;
            }
            for (number, channel) in channels.iter_mut().enumerate() {
                channel.extend(block.iter().skip(number).step_by(2));
            }
        }
        let shown: Value = serde_json::from_str(shown)?;
        let number =
            |fact: &Value, key: &str| fact[key].as_u64().and_then(|number| usize::try_from(number).ok());
        let part = |fact: &Value| {
            let kind = fact["kind"].as_str().unwrap_or("other").to_owned();
            Some(Part { kind, start: number(fact, "start")?, len: number(fact, "samples")? })
        };
        let parts = shown
            .get("facts")
            .and_then(|facts| facts.as_array())
            .into_iter()
            .flatten()
            .filter_map(part)
            .collect();
        let recovered = shown.get("recovered").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { name, channels, parts, recovered, picture: picture.to_owned() })
    }

    fn samples(&self) -> u64 {
        self.channels[0].len() as u64
    }

    fn masked(&self) -> Option<&Part> {
        self.parts.iter().find(|part| part.kind == "masked")
    }
}

/// All that has to hold of one recording.
pub(crate) fn of_recording(said: &RecordedCall, exported: &Exported) -> Result<Vec<Check>, Failure> {
    let mut checks = Vec::new();
    let mut check = |what: &str, found: String, holds| {
        checks.push(Check::new(&format!("{}: {what}", exported.name), &found, holds));
    };
    let [left, right] = &exported.channels;
    let found = [likeness(&said.agent, left), likeness(&said.caller, right)];
    let crossed = [likeness(&said.agent, right), likeness(&said.caller, left)];
    check(
        "the agent is on the left, the caller on the right",
        format!(
            "likeness {:.2} and {:.2}; on the other side {:.2} and {:.2}",
            found[0], found[1], crossed[0], crossed[1]
        ),
        // Half a second of one synthetic voice is up to 0.5 like another.
        found.iter().all(|found| *found > 0.8) && crossed.iter().all(|crossed| *crossed < 0.6),
    );
    if said.card {
        let sent = digits(&said.sent, &DetectorSettings::default())?;
        let heard = [left, right].map(|channel| digits(channel, &DetectorSettings::default()));
        let [on_left, on_right] = heard;
        let recorded = on_left?.len() + on_right?.len();
        check(
            "no digit of the card number is in it",
            format!("{} tones sent, {recorded} recorded", sent.len()),
            sent.len() == 8 && recorded == 0,
        );
        let loudest = exported.masked().map(|part| {
            let of = |channel: &[i16]| {
                let masked = channel.iter().skip(part.start).take(part.len);
                // An encoder rings on for some milliseconds where speech ends at once.
                let inner = masked.skip(400).take(part.len.saturating_sub(800));
                inner.map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
            };
            (part.len, of(left).max(of(right)))
        });
        check(
            "silence stands for all of secure input, and the manifest says so",
            loudest.map_or_else(
                || "nothing is masked".to_owned(),
                |(len, loudest)| format!("{} ms masked, loudest sample {loudest}", len / 8),
            ),
            loudest.is_some_and(|(len, loudest)| len > 16_000 && loudest < 50),
        );
    }
    let missing = said.recorded.saturating_sub(exported.samples());
    let allowed = if said.killed { LOST_MOST } else { 0 };
    check(
        if said.killed { "at most a second of it is missing" } else { "nothing of it is missing" },
        format!("{} ms recorded, {} ms missing", said.recorded / 8, missing / 8),
        missing <= allowed,
    );
    let says = if exported.recovered { "recovered" } else { "not recovered" };
    check("the catalogue says how it ended", says.to_owned(), exported.recovered == said.killed);
    let rows = exported.picture.matches("stroke=\"#20639b\"").count();
    check(
        "the picture has a wave form for each party",
        format!("{rows} rows, {} octets", exported.picture.len()),
        rows == 2 && exported.picture.len() < 100_000,
    );
    Ok(checks)
}

/// How much a recording holds of a voice at the place where it fits best: the cosine, 0 to 1.
fn likeness(voice: &[i16], recording: &[i16]) -> f64 {
    // From its loudest part on, at half the rate.
    let thin = |samples: &[i16]| -> Vec<f64> {
        samples.chunks_exact(2).map(|two| two.iter().map(|sample| f64::from(*sample)).sum::<f64>()).collect()
    };
    let loudest = voice.windows(TEMPLATE).step_by(800).max_by_key(|part| energy(part));
    let (wanted, all) = (thin(loudest.unwrap_or(voice)), thin(recording));
    let square = |samples: &[f64]| samples.iter().map(|sample| sample * sample).sum::<f64>();
    let whole = square(&wanted);
    let places = all.windows(wanted.len().max(1)).map(|part| {
        let product: f64 = part.iter().zip(&wanted).map(|(one, other)| one * other).sum();
        product / (square(part) * whole).sqrt().max(1.0)
    });
    places.fold(0.0, f64::max)
}

fn energy(samples: &[i16]) -> u64 {
    samples.iter().map(|sample| u64::from(sample.unsigned_abs()).pow(2)).sum()
}

/// The digits that a detector finds.
fn digits(samples: &[i16], settings: &DetectorSettings) -> Result<String, Failure> {
    let mut detector = Detector::new(settings)?;
    let mut found = String::new();
    let mut take = |detection: Detection| {
        if let Detection::Digit(digit) = detection {
            found.push(digit.digit.as_char());
        }
    };
    for frame in samples.chunks(160) {
        detector.process(frame, &mut take);
    }
    detector.flush(&mut take);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use mediapoint_caller::speech::{self, Language};

    use super::*;

    #[test]
    fn a_voice_is_found_and_another_is_not() {
        let voice = speech::numbers(Language::English, &[4, 7]);
        let other = speech::numbers(Language::Spanish, &[3, 8]);
        let mut recording = vec![0; 1234];
        recording.extend(voice.iter().map(|sample| sample / 2));
        let found = [likeness(&voice, &recording), likeness(&other, &recording)];
        assert!(found[0] > 0.95 && found[1] < 0.4, "{found:?}");
    }
}
