//! A mix: the sum of its inputs, for each leg that it feeds without that leg's own audio.

use crate::api::id::{LegId, MixId};
use crate::api::source::Source;
use crate::session::frame::{Frame, FrameKind, MAX_TICK_MILLIS, samples};
use crate::session::wiring::Feed;

/// What one leg gets of a mix.
struct Output {
    leg: LegId,
    place: usize,
    frame: Frame,
}

/// A mix of a call.
pub struct Mix {
    /// Its name.
    pub id: MixId,
    /// What it adds up.
    pub inputs: Vec<Source>,
    /// Where those are.
    pub(in crate::session) feeds: Vec<Feed>,
    rate: u32,
    sum: Vec<i32>,
    outputs: Vec<Output>,
}

impl Mix {
    /// A mix that feeds nobody yet.
    pub fn new(id: MixId, inputs: Vec<Source>) -> Self {
        Self { id, inputs, feeds: Vec::new(), rate: 8000, sum: Vec::new(), outputs: Vec::new() }
    }

    /// Rate at which it adds up, in hertz.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// True where it feeds a leg.
    pub const fn is_wanted(&self) -> bool {
        !self.outputs.is_empty()
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
        for feed in &self.feeds {
            input(*feed, &mut |frame| {
                match frame.kind() {
                    FrameKind::Audio => audio += 1,
                    FrameKind::ComfortNoise => noise += 1,
                    FrameKind::Nothing => return,
                }
                sum.iter_mut().zip(frame.at(rate)).for_each(|(sum, sample)| *sum += i32::from(*sample));
            });
        }
        for output in &mut self.outputs {
            let own = u16::try_from(output.place).ok().map(Feed::Leg).filter(|own| self.feeds.contains(own));
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
                    let own = own.iter().copied().chain(std::iter::repeat(0));
                    for ((sample, sum), own) in pcm.iter_mut().zip(sum.iter()).zip(own) {
                        let value = (sum - i32::from(own)).clamp(i16::MIN.into(), i16::MAX.into());
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
                    input(own, &mut |frame| {
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
