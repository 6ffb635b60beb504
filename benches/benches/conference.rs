//! Rooms of 3 to 1000 members at 8000 Hz, ticks of 20 ms: the mixer alone, three members speaking and all. Rooms at 16000 and 48000 Hz.
//!
//! Time is that of a tick; `docs/conference.md` has it by member.

#![expect(clippy::indexing_slicing, reason = "lengths that the bench itself sets")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mediapoint_benches::speech;
use mediapoint_conference::{Input, MemberId, MemberSpec, Room, RoomSpec, Tick};

/// A room that has run for a second, and the speech of its speakers.
struct Talk {
    room: Room,
    speech: Vec<i16>,
    speakers: usize,
    len: usize,
    now: usize,
}

impl Talk {
    fn new(rate: u32, members: u16, speakers: usize) -> Option<Self> {
        let mut room = Room::new(RoomSpec::new(rate, members)).ok()?;
        for _ in 0..members {
            room.join(MemberSpec::default()).ok()?;
        }
        let len = Tick::Ms20.samples(rate);
        let mut talk = Self { room, speech: speech(rate), speakers, len, now: 0 };
        (0..50).for_each(|_| talk.step());
        Some(talk)
    }

    fn step(&mut self) {
        let Self { room, speech, speakers, len, now } = self;
        *now += 1;
        let frames = speech.len() / *len;
        room.tick(Tick::Ms20, &mut |id: MemberId| {
            if id.index() >= *speakers {
                return Input::Nothing;
            }
            // Each is elsewhere in the same speech.
            let at = (*now + id.index() * 37) % frames;
            Input::Audio(&speech[at * *len..][..*len])
        });
        while let Some(event) = room.poll_event() {
            black_box(event);
        }
    }
}

fn rooms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conference/20 ms");
    for members in [3_u16, 10, 20, 100, 500, 1000] {
        for (name, speakers) in [("three speak", 3), ("all speak", usize::from(members))] {
            let Some(mut talk) = Talk::new(8000, members, speakers) else { continue };
            group.throughput(Throughput::Elements(members.into()));
            group.bench_function(BenchmarkId::new(name, members), |bencher| bencher.iter(|| talk.step()));
        }
    }
    for rate in [16_000, 48_000] {
        let Some(mut talk) = Talk::new(rate, 20, 3) else { continue };
        group.throughput(Throughput::Elements(20));
        group.bench_function(format!("three speak of 20 at {rate} Hz"), |bencher| {
            bencher.iter(|| talk.step())
        });
    }
    group.finish();
}

criterion_group!(benches, rooms);
criterion_main!(benches);
