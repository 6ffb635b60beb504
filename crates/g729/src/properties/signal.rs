//! Inputs as samples for an encoder.

use crate::Frame;
use crate::math::Random;

/// Samples of a frame.
pub(super) struct Signal {
    pub(super) samples: [i16; Frame::SAMPLES],
    /// Discontinuous transmission is switched before it.
    pub(super) switches: bool,
}

/// How many streams [`before`] has.
pub(super) const STREAMS: usize = 6;

/// What was coded before the samples of an input: nothing, or what the voice detector has learned from, which takes it 32
/// frames, and 128 until it looks back in full.
pub(super) fn before(stream: usize) -> Vec<Signal> {
    let repeated = |shape: [u8; 4], count: usize| read(&shape.repeat(count), count).into_iter();
    match stream {
        0 | 1 => Vec::new(),
        // Noise of the line.
        2 => repeated([1, 5, 77, 0], 40).collect(),
        3 => repeated([1, 6, 77, 0], 140).collect(),
        // Speech after it, as loud as can be.
        4 => repeated([1, 5, 77, 0], 36).chain(repeated([2, 15, 43, 0], 12)).collect(),
        // Silence.
        _ => repeated([0; 4], 140).collect(),
    }
}

/// Whether it was coded with discontinuous transmission.
pub(super) const fn dtx_before(stream: usize) -> bool {
    stream > 0
}

/// At most `most` frames of any bytes. The highest bit of a frame's first byte switches discontinuous transmission, the lowest
/// three choose a shape. A byte each then says how loud it is (the bits of its peak), what its period is in samples and at
/// which sample it begins; the last shape takes all samples instead, 160 bytes. What is missing is silence.
pub(super) fn read(mut data: &[u8], most: usize) -> Vec<Signal> {
    let mut frames: Vec<Signal> = Vec::new();
    while let [kind, rest @ ..] = data
        && frames.len() < most
    {
        data = rest;
        let mut samples = [0; Frame::SAMPLES];
        if kind % 8 == 7 {
            let (bytes, rest) = data.split_at(data.len().min(2 * Frame::SAMPLES));
            data = rest;
            for (sample, pair) in samples.iter_mut().zip(bytes.as_chunks().0) {
                *sample = i16::from_le_bytes(*pair);
            }
        } else {
            let ([bits, period, begin], rest) = data.split_first_chunk().unwrap_or((&[0; 3], &[]));
            data = rest;
            let peak = i16::MAX >> (15 - bits % 16);
            let mut random = Random(i16::from_le_bytes([*period, frames.len().to_le_bytes()[0]]));
            for (n, sample) in (0_u8..).zip(&mut samples).skip(usize::from(begin % 80)) {
                *sample = shaped(kind % 8, peak, n % period.max(&1), *period, &mut random);
            }
        }
        frames.push(Signal { samples, switches: kind & 0x80 != 0 });
    }
    frames
}

/// A sample at a place within the period.
fn shaped(shape: u8, peak: i16, place: u8, period: u8, random: &mut Random) -> i16 {
    let (at, of) = (i32::from(place), i32::from(period.max(1)));
    match shape {
        0 => 0,
        1 => saturated(i32::from(random.next()) * i32::from(peak) / 32_768),
        // A pulse that decays.
        2 => peak >> place.min(15),
        // A square, and a saw tooth.
        3 => {
            if 2 * at < of {
                peak
            } else {
                -peak
            }
        }
        4 => saturated(i32::from(peak) * (2 * at - of) / of),
        // Full scale, where sums saturate.
        5 => {
            if place.is_multiple_of(2) {
                i16::MIN
            } else {
                i16::MAX
            }
        }
        // A pulse on an offset.
        _ => {
            if place == 0 {
                peak
            } else {
                -1
            }
        }
    }
}

fn saturated(value: i32) -> i16 {
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}
