//! Streams of chance: what a party does with SSRCs and numbers never makes two packets of one number, nor a packet twice.

use std::collections::HashSet;

use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_testkit::for_each_seed;

use crate::streams_of_a_party_are_kept_apart::{Scene, Stream, WAYS};

#[test]
fn no_number_goes_out_twice_whatever_comes() {
    for way in WAYS.into_iter().filter(|way| !way.secure) {
        for_each_seed(40, |seed| {
            let mut scene = Scene::new(way);
            let mut random = mediapoint_testkit::Random::new(seed);
            let mut streams: Vec<Stream> = (0..random.below(12) + 1)
                .map(|_| Stream::new(random.next_u32(), random.next_u16(), random.next_u32()))
                .collect();
            let mut at = 0;
            for _ in 0..1500 {
                if random.chance(0.05) {
                    at = usize::try_from(random.below(streams.len() as u64)).unwrap();
                }
                let stream = &mut streams[at];
                match random.below(60) {
                    0 => stream.sequence = random.next_u16(),
                    1 => stream.timestamp = random.next_u32(),
                    2 => stream.sequence = stream.sequence.wrapping_sub(random.next_u16() % 200),
                    3 => stream.sequence = stream.sequence.wrapping_add(random.next_u16() % 200),
                    4 => scene.pass(random.below(3000)),
                    5..10 => {
                        let begin = stream.timestamp;
                        let block =
                            EventBlock { code: 1, end: random.chance(0.3), volume: 10, duration: 160 };
                        scene.event(stream, begin, false, block);
                    }
                    10 => {
                        let mut copy = *stream;
                        copy.sequence = copy.sequence.wrapping_sub(random.next_u16() % 5);
                        scene.say(&mut copy);
                    }
                    _ => scene.say(stream),
                }
                if random.chance(0.8) {
                    scene.pass(20);
                }
                scene.room.give();
            }
            scene.world.session().check_invariants();
            let mut numbers = HashSet::new();
            // Fewer than a cycle of numbers.
            assert!(scene.log().all(|packet| numbers.insert(packet.sequence.0)), "a number twice");
            let ssrcs: HashSet<u32> = scene.log().map(|packet| packet.ssrc.0).collect();
            assert_eq!(ssrcs.len(), 1);
            assert_eq!(scene.world.buffers_lost(), 0);
        });
    }
}
