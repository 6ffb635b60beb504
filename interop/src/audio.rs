//! Recorded speech in, and how alike what was heard is to what was said.

use std::path::{Path, PathBuf};

use crate::error::{Context as _, Failure, ensure};
use crate::g711;

/// Samples per second of everything here.
pub(crate) const RATE: usize = 8000;
/// Samples in a packet of 20 ms.
pub(crate) const PACKET: usize = 160;

/// Where the recorded speech comes from: Asterisk's English prompts.
const SPEECH: [&str; 2] = [
    "/usr/share/asterisk/sounds/en_US_f_Allison/demo-abouttotry.wav",
    "/usr/share/asterisk/sounds/en_US_f_Allison/demo-moreinfo.wav",
];

/// One of the two G.711 laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// PCMU.
    Mu,
    /// PCMA.
    A,
}

impl Law {
    /// The payload type and name in SDP.
    pub(crate) const fn codec(self) -> (u8, &'static str) {
        match self {
            Self::Mu => crate::sdp::PCMU,
            Self::A => crate::sdp::PCMA,
        }
    }

    /// Codes samples.
    pub(crate) fn encode(self, samples: &[i16]) -> Vec<u8> {
        let code = if self == Self::Mu { g711::to_mulaw } else { g711::to_alaw };
        samples.iter().map(|sample| code(*sample)).collect()
    }

    /// Decodes code words.
    pub(crate) fn decode(self, words: &[u8]) -> Vec<i16> {
        let decode = if self == Self::Mu { g711::from_mulaw } else { g711::from_alaw };
        words.iter().map(|word| decode(*word)).collect()
    }
}

/// A few seconds of speech, coded, in a file that outside programs can read.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    /// Raw G.711 words.
    pub(crate) file: PathBuf,
    /// The same words.
    pub(crate) words: Vec<u8>,
    /// Their law.
    pub(crate) law: Law,
}

impl Clip {
    /// Cuts `seconds` of the `index`th recording, codes them and writes them to `folder`.
    pub(crate) fn cut(folder: &Path, index: usize, seconds: usize, law: Law) -> Result<Self, Failure> {
        let samples = speech(index, seconds)?;
        let words = law.encode(&samples);
        let file = folder.join(format!("speech{index}.{}", if law == Law::Mu { "ul" } else { "al" }));
        std::fs::write(&file, &words).during(file.display().to_string())?;
        Ok(Self { file, words, law })
    }
}

/// Reads speech, a whole number of packets long.
pub(crate) fn speech(index: usize, seconds: usize) -> Result<Vec<i16>, Failure> {
    let path = SPEECH.get(index % SPEECH.len()).copied().unwrap_or_default();
    let wrong = |error: hound::Error| Failure::Wrong(format!("{path}: {error}"));
    let mut reader = hound::WavReader::open(path).map_err(wrong)?;
    let spec = reader.spec();
    ensure!(spec.sample_rate as usize == RATE && spec.channels == 1, "{path} is not 8 kHz mono");
    let wanted = seconds * RATE / PACKET * PACKET;
    let samples: Vec<i16> = reader.samples().take(wanted).collect::<Result<_, _>>().map_err(wrong)?;
    ensure!(samples.len() == wanted, "{path} is shorter than {seconds} s");
    Ok(samples)
}

/// Checks that every word arrived, once, in order and unchanged. A receiver may pad the end with silence.
pub(crate) fn same_words(who: &str, sent: &[u8], heard: &[u8]) -> Result<(), Failure> {
    ensure!(heard.len() >= sent.len(), "{who} heard {} of {} samples", heard.len(), sent.len());
    let differing = sent.iter().zip(heard).position(|(a, b)| a != b);
    if let Some(first) = differing {
        return Err(Failure::Wrong(format!(
            "{who} heard another sample than was sent at {first} of {}",
            sent.len()
        )));
    }
    ensure!(
        heard.len() < sent.len() + 2 * PACKET,
        "{who} heard {} samples too many",
        heard.len() - sent.len()
    );
    Ok(())
}

/// Signal to noise in decibels of what was heard against what was said, at the best alignment within `most` samples.
pub(crate) fn likeness(said: &[i16], heard: &[i16], most: usize) -> f64 {
    (0..=most).map(|lag| snr(said, heard.get(lag..).unwrap_or_default())).fold(f64::NEG_INFINITY, f64::max)
}

fn snr(said: &[i16], heard: &[i16]) -> f64 {
    let mut signal = 0.0;
    let mut noise = 0.0;
    for (index, sample) in said.iter().enumerate() {
        let sample = f64::from(*sample);
        let other = heard.get(index).copied().map_or(0.0, f64::from);
        signal += sample * sample;
        noise += (sample - other) * (sample - other);
    }
    if noise == 0.0 { f64::INFINITY } else { 10.0 * (signal / noise).log10() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_finds_the_delay_and_falls_with_loss() {
        let said: Vec<i16> =
            (0..1600).map(|n: i32| i16::try_from((n * 7919) % 20_011 - 10_000).unwrap()).collect();
        let mut heard = vec![0; 37];
        heard.extend_from_slice(&said);
        assert_eq!(likeness(&said, &heard, 100), f64::INFINITY);
        for sample in &mut heard[200..360] {
            *sample = 0;
        }
        assert!(likeness(&said, &heard, 100) < 15.0);
    }

    #[test]
    fn missing_or_changed_words_are_noticed() {
        let sent = [1, 2, 3, 4];
        assert!(same_words("b", &sent, &sent).is_ok());
        assert!(same_words("b", &sent, &sent[..3]).is_err());
        assert!(same_words("b", &sent, &[1, 2, 9, 4]).is_err());
    }
}
