//! Inputs as frames for a decoder.

use std::iter::{once, repeat_n};

use crate::Frame;
use crate::frame::{LsfIndices, Sid, Speech, Subframe, parity};

/// How many streams [`before`] has.
pub(super) const STREAMS: usize = 8;

/// What was decoded before the frames of an input, `None` for a lost one: nothing, or what brings a decoder to where a few
/// frames do not.
pub(super) fn before(stream: usize) -> Vec<Option<Frame>> {
    let (middling, loudest, faint) = (voice(12, (3, 5)), voice(45, (7, 15)), voice(90, (0, 0)));
    match stream {
        0 => Vec::new(),
        1 => repeat_n(middling, 20).collect(),
        // Full scale, where the synthesis runs out of range.
        2 => repeat_n(loudest, 20).collect(),
        3 => repeat_n(faint, 20).collect(),
        // Lost for so long that all has faded.
        4 => repeat_n(middling, 10).chain(repeat_n(None, 20)).collect(),
        5 => repeat_n(loudest, 10).chain(noise(30, 31)).collect(),
        6 => noise(4, 0).collect(),
        _ => repeat_n(None, 30).collect(),
    }
}

/// A pitch of 43 samples; the gains say how loud it becomes.
fn voice(first: u8, (gain_1, gain_2): (u8, u8)) -> Option<Frame> {
    let subframe = |pitch| Subframe { pitch, positions: 0x0a5a, signs: 5, gain_1, gain_2 };
    let lsf = LsfIndices { predictor: 1, first, lower: 3, upper: 17 };
    let speech = Speech { lsf, parity: parity(72), subframes: [72, 9].map(subframe) };
    Some(Frame::Speech(speech.pack()))
}

/// A SID and the noise after it.
fn noise(first: u8, gain: u8) -> impl Iterator<Item = Option<Frame>> {
    let sid = Sid { predictor: 0, first, second: 6, gain };
    once(Some(Frame::Sid(sid.pack()))).chain(repeat_n(Some(Frame::Untransmitted), 20))
}

/// At most `most` frames of any bytes. A byte says what comes: a speech frame of the ten bytes after it, the last one with an
/// octet changed, a SID of two bytes, nothing sent, or one lost frame to eight.
pub(super) fn read(mut data: &[u8], most: usize) -> Vec<Option<Frame>> {
    let mut frames = Vec::new();
    let mut speech = [0; Frame::SPEECH_LEN];
    while let [kind, rest @ ..] = data
        && frames.len() < most
    {
        data = rest;
        let mut count = 1;
        let frame = match (kind % 8, data.split_first_chunk(), data.split_first_chunk()) {
            (0..=2, Some((octets, rest)), _) => {
                (speech, data) = (*octets, rest);
                Some(Frame::Speech(speech))
            }
            (3, _, Some(([place, value], rest))) => {
                data = rest;
                if let Some(octet) = speech.get_mut(usize::from(place % 16)) {
                    *octet = *value;
                }
                Some(Frame::Speech(speech))
            }
            (4, _, Some((octets, rest))) => {
                data = rest;
                Some(Frame::Sid(*octets))
            }
            (5, ..) => Some(Frame::Untransmitted),
            _ => {
                count = 1 + usize::from(kind / 8 % 8);
                None
            }
        };
        frames.extend(repeat_n(frame, count));
    }
    frames.truncate(most);
    frames
}
