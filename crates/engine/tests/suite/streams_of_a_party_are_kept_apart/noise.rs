//! CN/8000 and telephone-event/8000 beside audio of another clock: neither moves the time line of the audio.

use mediapoint_engine::EncoderSettings;
use mediapoint_testkit::Voice;

use super::*;

/// How the party tells the time of its comfort noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// By the timestamps of its audio.
    Audio,
    /// By a clock of its own, from a base of its own.
    Own,
    /// By a clock of its own that begins where that of the audio does.
    Together,
}

struct Call {
    world: World,
    party: PeerId,
    far: PeerId,
    rate: u32,
    base: u32,
    clock: Clock,
}

impl Call {
    fn new(rate: u32, decoded: bool, clock: Clock) -> Self {
        let mut world = World::new(4);
        let call = world.add_call();
        let name = if rate == 48_000 { "opus" } else { "L16" };
        let channels = if rate == 48_000 { 2 } else { 1 };
        let codec_of = mediapoint_engine::Codec::new(name, rate, channels);
        let speech = PayloadCodec::new(PayloadType::new(96).unwrap(), codec_of);
        let noise = codec(13, "CN", 8000);
        let party = world.add_peer(call, audio([speech.clone(), noise.clone(), telephone_event(101)]));
        let far = if decoded {
            world.add_peer(call, audio([codec(97, "L16", 8000), telephone_event(101)]))
        } else {
            world.add_peer(call, audio([speech.clone(), noise, telephone_event(101)]))
        };
        world.connect(party, far);
        let heard = &mut world.peer_mut(far).heard;
        heard.keep_packets = true;
        heard.clock_rate = if decoded { 8000 } else { rate };
        let stream = &mut world.peer_mut(party).stream;
        stream.voice = Some(Voice::new(&speech, rate, &EncoderSettings::default(), tone(437.0)));
        stream.payload_type = speech.payload_type;
        stream.clock_rate = rate;
        let base = stream.timestamp.0;
        world.start(party);
        Self { world, party, far, rate, base, clock }
    }

    fn run(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    /// A packet of the stream of 4 octets or less, between its audio.
    fn send(&mut self, number: u8, timestamp: u32, payload: &[u8]) {
        let peer = self.world.peer_mut(self.party);
        let stream = &mut peer.stream;
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::new(number).unwrap(),
            sequence: stream.sequence,
            timestamp: RtpTicks(timestamp),
            ssrc: stream.ssrc,
        };
        stream.sequence = stream.sequence.wrapping_add(1);
        let mut packet = vec![0; 12];
        header.write(&mut packet).unwrap();
        packet.extend(payload);
        let (key, from) = (rtp_port(peer.slot), peer.address);
        self.world.inject(key, from, &packet);
    }

    fn noise(&mut self) {
        let millis = u32::try_from(self.world.now().as_nanos() / 1_000_000).unwrap();
        let timestamp = match self.clock {
            Clock::Audio => self.base.wrapping_add(millis * (self.rate / 1000)),
            Clock::Own => 4_000_000_000_u32.wrapping_add(millis * 8),
            Clock::Together => self.base.wrapping_add(millis * 8),
        };
        self.send(13, timestamp, &[60]);
    }
}

#[test]
fn comfort_noise_of_another_clock_does_not_move_the_audio() {
    for rate in [48_000, 16_000] {
        for decoded in [false, true] {
            for clock in [Clock::Audio, Clock::Own, Clock::Together] {
                let mut call = Call::new(rate, decoded, clock);
                let name = format!("{rate} Hz, decoded {decoded}, {clock:?}");
                for turn in 0..6_u64 {
                    call.run(405);
                    // A pause, in which noise is described.
                    call.world.peer_mut(call.party).stream.speaking = false;
                    call.run(35);
                    for _ in 0..3 {
                        call.noise();
                        call.run(160 + turn);
                    }
                    if turn == 3 {
                        let begin = call.base.wrapping_add(7);
                        for n in 1..=5_u8 {
                            call.send(101, begin, &[5, if n > 3 { 0x80 } else { 0 }, 0, 160]);
                            call.run(20);
                        }
                    }
                    call.world.peer_mut(call.party).stream.speaking = true;
                }
                call.run(400);
                let heard = &call.world.peer(call.far).heard;
                assert_eq!(heard.missing(), 0, "{name}");
                let speech = if decoded { 97 } else { 96 };
                let per_milli = i64::from(heard.clock_rate / 1000);
                let spoken = heard.log.iter().filter(|packet| packet.payload_type.get() == speech);
                let spoken: Vec<_> = spoken.collect();
                // How far the timestamps are from the clock: the very same throughout where they are forwarded.
                let first = spoken[0];
                let off = |packet: &HeardPacket| {
                    let ticks = i64::from(packet.timestamp.distance_from(first.timestamp));
                    let passed = packet.at.since(first.at).as_millis();
                    ticks - i64::try_from(passed).unwrap() * per_milli
                };
                let offs: Vec<i64> = spoken.iter().map(|packet| off(packet)).collect();
                let (least, most) = (*offs.iter().min().unwrap(), *offs.iter().max().unwrap());
                let allowed = if decoded { 60 * per_milli } else { 0 };
                assert!(most - least <= allowed, "{name}: off by {least} to {most} ticks");
                assert!(spoken.len() > 120, "{name}: {}", spoken.len());
                if !decoded {
                    let noises: Vec<_> =
                        heard.log.iter().filter(|packet| packet.payload_type.get() == 13).collect();
                    assert_eq!(noises.len(), 18, "{name}");
                    // And the noise stands where it was described, within what its clock may say of it.
                    let worst = noises.iter().map(|packet| off(packet).abs()).max().unwrap();
                    assert!(worst <= 210 * per_milli, "{name}: {worst}");
                    let marked = spoken.iter().filter(|packet| packet.marker).count();
                    assert!(marked <= 7, "{name}: {marked} talkspurts");
                }
                let events = heard.log.iter().filter(|packet| packet.payload_type.get() == 101);
                let mut events: Vec<u32> = events.map(|packet| packet.timestamp.0).collect();
                assert_eq!(events.len(), 5, "{name}");
                events.dedup();
                assert_eq!(events.len(), 1, "{name}: one timestamp");
            }
        }
    }
}
