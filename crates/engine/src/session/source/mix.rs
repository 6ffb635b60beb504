//! A mix: the sum of its inputs, for each leg that it feeds without that leg's own audio.

use crate::api::id::{LegId, MixId};
use crate::api::leg::MediaPolicy;
use crate::api::source::Source;
use crate::session::frame::{Frame, FrameKind, MAX_TICK_MILLIS, samples};
use crate::session::wiring::Feed;

/// Milliseconds in which an input rises or falls.
const FADE_MILLIS: u32 = 5;

/// What one leg gets of a mix.
struct Output {
    leg: LegId,
    place: usize,
    frame: Frame,
}

/// How an input sounds in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gain {
    Whole,
    Nothing,
    /// It rises or falls within 5 ms, so that nothing clicks.
    Rises,
    Falls,
}

impl Gain {
    fn apply(self, n: usize, fade: usize, sample: i16) -> i32 {
        let sample = i32::from(sample);
        let part =
            |of: usize| sample * i32::try_from(of).unwrap_or(0) / i32::try_from(fade.max(1)).unwrap_or(1);
        match self {
            Self::Whole => sample,
            Self::Nothing => 0,
            Self::Rises if n < fade => part(n),
            Self::Rises => sample,
            Self::Falls if n < fade => part(fade - n),
            Self::Falls => 0,
        }
    }
}

/// An input of a mix.
#[derive(Debug, Clone, Copy)]
struct Input {
    feed: Feed,
    source: Source,
    policy: MediaPolicy,
    /// What it was in the tick before.
    open: bool,
    gain: Gain,
}

/// A mix of a call.
pub struct Mix {
    /// Its name.
    pub id: MixId,
    /// What it adds up.
    pub inputs: Vec<Source>,
    /// Where those are.
    pub(in crate::session) feeds: Vec<Feed>,
    /// The same, with what becomes of each.
    gated: Vec<Input>,
    rate: u32,
    sum: Vec<i32>,
    outputs: Vec<Output>,
}

impl Mix {
    /// A mix that feeds nobody yet.
    pub fn new(id: MixId, inputs: Vec<Source>) -> Self {
        Self {
            id,
            inputs,
            feeds: Vec::new(),
            gated: Vec::new(),
            rate: 8000,
            sum: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Rate at which it adds up, in hertz.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// True where it feeds a leg.
    pub const fn is_wanted(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Sets its inputs, where they are, and what becomes of their media.
    pub(in crate::session) fn set_inputs(&mut self, inputs: Vec<(Source, Feed, MediaPolicy)>) {
        let before = std::mem::take(&mut self.gated);
        self.inputs = inputs.iter().map(|(source, ..)| *source).collect();
        self.feeds = inputs.iter().map(|(_, feed, _)| *feed).collect();
        let input = |(source, feed, policy)| {
            let open = policy == MediaPolicy::Forward;
            let known = before.iter().find(|input| input.source == source);
            Input { feed, source, policy, open: known.map_or(open, |known| known.open), gain: Gain::Whole }
        };
        self.gated = inputs.into_iter().map(input).collect();
    }

    /// Sets the legs that it feeds, by place and name; a leg that it fed before keeps its frame.
    pub fn set_outputs(&mut self, rate: u32, legs: &[(usize, LegId)]) {
        let mut before = std::mem::take(&mut self.outputs);
        self.rate = rate;
        self.sum = vec![0; samples(rate, MAX_TICK_MILLIS)];
        for &(place, leg) in legs {
            let known = before.iter().position(|output| output.leg == leg);
            let mut output = match known {
                Some(at) => before.swap_remove(at),
                None => Output { leg, place, frame: Frame::new(rate) },
            };
            output.place = place;
            output.frame.set_rate(rate);
            self.outputs.push(output);
        }
    }

    /// Adds up a tick. `input` calls back with the frame of a source.
    pub(in crate::session) fn sum(
        &mut self,
        millis: u32,
        mut input: impl FnMut(Feed, &mut dyn FnMut(&mut Frame)),
    ) {
        if self.outputs.is_empty() {
            return;
        }
        let rate = self.rate;
        let len = samples(rate, millis);
        let sum = self.sum.get_mut(..len).unwrap_or_default();
        sum.fill(0);
        let (mut audio, mut noise) = (0_usize, 0_usize);
        let fade = samples(rate, FADE_MILLIS);
        for Input { feed, policy, open, gain, .. } in &mut self.gated {
            let was_open = std::mem::replace(open, *policy == MediaPolicy::Forward);
            *gain = match (was_open, *open) {
                (true, true) => Gain::Whole,
                (true, false) => Gain::Falls,
                (false, true) => Gain::Rises,
                (false, false) => Gain::Nothing,
            };
            if *gain == Gain::Nothing && *policy == MediaPolicy::Block {
                continue;
            }
            let gain = *gain;
            input(*feed, &mut |frame| {
                match frame.kind() {
                    FrameKind::Audio => audio += 1,
                    FrameKind::ComfortNoise => noise += 1,
                    FrameKind::Nothing => return,
                }
                let samples = sum.iter_mut().zip(frame.at(rate));
                match gain {
                    Gain::Nothing => {}
                    Gain::Whole => samples.for_each(|(sum, sample)| *sum += i32::from(*sample)),
                    _ => samples
                        .enumerate()
                        .for_each(|(n, (sum, sample))| *sum += gain.apply(n, fade, *sample)),
                }
            });
        }
        for output in &mut self.outputs {
            let own = u16::try_from(output.place).ok().map(Feed::Leg);
            let own = own.and_then(|own| self.gated.iter().find(|input| input.feed == own));
            let own = own.filter(|own| own.gain != Gain::Nothing || own.policy != MediaPolicy::Block);
            let gain = own.map_or(Gain::Whole, |own| own.gain);
            let (mut others_audio, mut others_noise) = (audio, noise);
            let target = &mut output.frame;
            let mut minus = |own: Option<&mut Frame>| {
                target.fill(millis, |pcm| {
                    let own = match own {
                        Some(frame) if frame.kind() != FrameKind::Nothing => {
                            match frame.kind() {
                                FrameKind::Audio => others_audio -= 1,
                                _ => others_noise -= 1,
                            }
                            frame.at(rate)
                        }
                        _ => &[],
                    };
                    let own = own.iter().copied().chain(std::iter::repeat(0)).enumerate();
                    let own = own.map(|(n, sample)| gain.apply(n, fade, sample));
                    for ((sample, sum), own) in pcm.iter_mut().zip(sum.iter()).zip(own) {
                        let value = (sum - own).clamp(i16::MIN.into(), i16::MAX.into());
                        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
                        let value = value as i16;
                        *sample = value;
                    }
                    match (others_audio, others_noise) {
                        (1.., _) => FrameKind::Audio,
                        (0, 1..) => FrameKind::ComfortNoise,
                        _ => FrameKind::Nothing,
                    }
                });
            };
            match own {
                Some(own) => {
                    let mut done = false;
                    input(own.feed, &mut |frame| {
                        done = true;
                        minus(Some(frame));
                    });
                    if !done {
                        minus(None);
                    }
                }
                None => minus(None),
            }
        }
    }

    /// What a leg gets in the present tick.
    pub fn frame_for(&mut self, leg: LegId) -> Option<&mut Frame> {
        self.outputs.iter_mut().find(|output| output.leg == leg).map(|output| &mut output.frame)
    }
}
