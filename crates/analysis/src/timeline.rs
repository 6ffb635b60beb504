//! The time line: what the analyser found, for people who ask why.

use core::fmt;

use crate::tone::ToneSegment;

/// What was found in an interval. Between intervals there was silence.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Signal {
    /// Speech.
    Speech {
        /// Mean level in dBm0.
        level_dbm0: f32,
        /// Mean pitch in Hz; 0 where nothing is voiced.
        pitch_hz: f32,
    },
    /// A tone.
    Tone {
        /// Mean level in dBm0.
        level_dbm0: f32,
        /// Frequencies in Hz; the second is 0 where there is one only.
        hz: [f32; 2],
    },
}

/// An interval of the time line, in ms of audio processed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Interval {
    /// What was found.
    pub signal: Signal,
    /// Its start.
    pub start_ms: u32,
    /// Its end.
    pub end_ms: u32,
}

/// The first intervals that were found, as many as are kept. It prints as a line each.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timeline {
    intervals: Vec<Interval>,
    most: usize,
    last_tone_ms: Option<u32>,
}

/// Most intervals that are kept, whatever is asked for.
const MOST: usize = 4096;

impl Timeline {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.min(MOST);
        Self { intervals: Vec::with_capacity(most), most, last_tone_ms: None }
    }

    /// The intervals, in order of their ends.
    #[must_use]
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    pub(crate) fn push(&mut self, signal: Signal, start_ms: u32, end_ms: u32) {
        if self.intervals.len() < self.most {
            self.intervals.push(Interval { signal, start_ms, end_ms });
        }
    }

    /// Takes a tone that ended, once.
    pub(crate) fn tone(&mut self, tone: Option<ToneSegment>) {
        let Some(tone) = tone.filter(|tone| self.last_tone_ms != Some(tone.start_ms)) else { return };
        self.last_tone_ms = Some(tone.start_ms);
        self.push(Signal::Tone { level_dbm0: tone.level_dbm0, hz: tone.hz }, tone.start_ms, tone.end_ms());
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut silent_from = 0;
        for Interval { signal, start_ms, end_ms } in &self.intervals {
            if *start_ms > silent_from {
                writeln!(f, "{silent_from:6} to {start_ms:6} ms  silence")?;
            }
            write!(f, "{start_ms:6} to {end_ms:6} ms  ")?;
            match signal {
                Signal::Speech { level_dbm0, pitch_hz } => {
                    writeln!(f, "speech   {level_dbm0:5.1} dBm0, pitch {pitch_hz:.0} Hz")?;
                }
                Signal::Tone { level_dbm0, hz: [hz, 0.0] } => {
                    writeln!(f, "tone     {level_dbm0:5.1} dBm0, {hz:.0} Hz")?;
                }
                Signal::Tone { level_dbm0, hz: [low, high] } => {
                    writeln!(f, "tone     {level_dbm0:5.1} dBm0, {low:.0} + {high:.0} Hz")?;
                }
            }
            silent_from = *end_ms;
        }
        Ok(())
    }
}
