//! Steps whose instructions are counted: the same on every machine, from the session's to the kernels'.

use std::hint::black_box;

use mediapoint_conference::{Input, MemberId, MemberSpec, Room, RoomSpec, Tick};
use mediapoint_dtmf::{Detector, Generator, GeneratorSettings};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::step::{Steps, kinds};
use crate::{speech_like, speech_like_at};

/// Samples of 20 ms at 8000 Hz.
const FRAME: usize = 160;
/// Members of the rooms, and how many of them speak.
const MEMBERS: u16 = 20;
const SPEAKERS: usize = 3;

/// What can be counted.
pub struct Counted(Work);

enum Work {
    Step(Box<Steps>),
    Mix(Box<Mix>),
    Digits { detector: Box<Detector>, pcm: Vec<i16>, next: usize },
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

/// A room, and what its speakers say.
struct Mix {
    room: Room,
    speech: Vec<i16>,
    len: usize,
    now: usize,
}

impl Mix {
    fn new(rate: u32) -> Option<Self> {
        let mut room = Room::new(RoomSpec::new(rate, MEMBERS)).ok()?;
        for _ in 0..MEMBERS {
            room.join(MemberSpec::default()).ok()?;
        }
        Some(Self { room, speech: speech_like_at(rate), len: Tick::Ms20.samples(rate), now: 0 })
    }

    fn step(&mut self) {
        let Self { room, speech, len, now } = self;
        *now += 1;
        let frames = (speech.len() / *len).max(1);
        room.tick(Tick::Ms20, &mut |id: MemberId| {
            // Each is elsewhere in the same speech.
            let at = (*now + id.index() * 37) % frames * *len;
            match speech.get(at..at + *len) {
                Some(pcm) if id.index() < SPEAKERS => Input::Audio(pcm),
                _ => Input::Nothing,
            }
        });
        while let Some(event) = room.poll_event() {
            black_box(event);
        }
    }
}

/// A second of digits, 100 ms each with as long a pause.
fn digits() -> Vec<i16> {
    let mut pcm = vec![0; 8000];
    let Ok(mut generator) = Generator::new(8000, &GeneratorSettings::default()) else { return pcm };
    for (part, key) in pcm.chunks_mut(1600).zip("0123456789".chars()) {
        if DtmfDigit::from_char(key).is_some_and(|digit| generator.push(digit).is_ok()) {
            generator.fill(part);
        }
    }
    pcm
}

impl Counted {
    /// The names of all.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let others = ["mix, 20 members, 3 speak", "mix at 48000 Hz", "DTMF in speech", "DTMF in digits"];
        kinds().into_iter().map(|kind| kind.name).chain(others).collect()
    }

    /// The one of a name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let digits = |pcm| Work::Digits { detector: Box::default(), pcm, next: 0 };
        let work = match name {
            "mix, 20 members, 3 speak" => Work::Mix(Box::new(Mix::new(8000)?)),
            "mix at 48000 Hz" => Work::Mix(Box::new(Mix::new(48_000)?)),
            "DTMF in speech" => digits(speech_like(80_000)),
            "DTMF in digits" => digits(self::digits()),
            _ => {
                let kind = kinds().into_iter().find(|kind| kind.name == name)?;
                Work::Step(Box::new(Steps::synthetic(&kind)))
            }
        };
        Some(Self(work))
    }

    /// One step: a packet, or a tick of 20 ms.
    pub fn step(&mut self) {
        match &mut self.0 {
            Work::Step(steps) => steps.step(),
            Work::Mix(mix) => mix.step(),
            Work::Digits { detector, pcm, next } => {
                let frame = pcm.chunks_exact(FRAME).nth(*next);
                *next = (*next + 1) % (pcm.len() / FRAME).max(1);
                detector.process(black_box(frame.unwrap_or_default()), |detection| {
                    black_box(detection);
                });
            }
        }
    }
}
