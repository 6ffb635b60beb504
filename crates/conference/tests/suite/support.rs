//! What tests share: a generator of numbers, signals, and levels of tones.

use mediapoint_conference::{Input, MemberId, MemberSpec, Role, Room, RoomSpec, Tick};

/// Numbers by a seed (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 0 to `most` - 1.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() >> 11) as usize % most.max(1)
    }

    pub(crate) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub(crate) fn sample(&mut self, amplitude: i32) -> i16 {
        let value = (self.next() >> 32) as i32 % (amplitude + 1);
        value as i16
    }
}

/// A sine of `len` samples from sample `from` on.
pub(crate) fn sine(rate: u32, hz: f64, amplitude: f64, from: usize, len: usize) -> Vec<i16> {
    let step = std::f64::consts::TAU * hz / f64::from(rate);
    (from..from + len).map(|n| (amplitude * (n as f64 * step).sin()).round() as i16).collect()
}

/// Amplitude of the sine of `hz` in `pcm`, which holds whole periods of it.
pub(crate) fn amplitude(pcm: &[i16], rate: u32, hz: f64) -> f64 {
    let step = std::f64::consts::TAU * hz / f64::from(rate);
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let angle = n as f64 * step;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
    }
    2.0 * re.hypot(im) / pcm.len() as f64
}

/// A ratio of amplitudes in dB.
pub(crate) fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-9).log10()
}

/// A room at 8000 Hz, and members in it.
pub(crate) fn room_of(count: usize) -> (Room, Vec<MemberId>) {
    let mut room = Room::new(RoomSpec::new(8000, 1000)).unwrap();
    let members = (0..count).map(|_| room.join(MemberSpec::default()).unwrap()).collect();
    (room, members)
}

pub(crate) fn with_role(role: Role) -> MemberSpec {
    MemberSpec { role, ..MemberSpec::default() }
}

/// A tick of 20 ms with a frame of audio of each of these.
pub(crate) fn tick(room: &mut Room, frames: &[(MemberId, &[i16])]) {
    room.tick(Tick::Ms20, &mut |member| {
        let of = frames.iter().find(|(id, _)| *id == member);
        of.map_or(Input::Nothing, |(_, pcm)| Input::Audio(pcm))
    });
}

/// What members hear while they send tones, each its own, as long as `ticks` of 20 ms; the first 20 ticks are left out.
pub(crate) fn hear_tones(
    room: &mut Room,
    tones: &[(MemberId, f64)],
    ticks: usize,
    level: f64,
) -> Vec<Vec<i16>> {
    let rate = room.spec().rate;
    let len = Tick::Ms20.samples(rate);
    let mut heard = vec![Vec::new(); tones.len()];
    for n in 0..ticks + 20 {
        let frames: Vec<_> =
            tones.iter().map(|(id, hz)| (*id, sine(rate, *hz, level, n * len, len))).collect();
        let frames: Vec<_> = frames.iter().map(|(id, pcm)| (*id, pcm.as_slice())).collect();
        tick(room, &frames);
        for ((id, _), heard) in tones.iter().zip(&mut heard).filter(|_| n >= 20) {
            heard.extend(room.output(*id).samples);
        }
    }
    heard
}
