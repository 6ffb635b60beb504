//! Pauses that a party leaves out: the other side hears noise of the level that was described, whether it knows comfort
//! noise or not, and is told of it in its own terms.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::{LegConfig, PayloadCodec, PayloadType};
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_testkit::{Ear, PeerId, World, codec, pcma, pcmu};

/// Level of the noise, in dB below overload [RFC3389 3.1].
const LEVEL: u8 = 50;

fn noise() -> PayloadCodec {
    codec(13, "CN", 8000)
}

fn call(of_a: &[PayloadCodec], of_b: &[PayloadCodec]) -> (World, PeerId, PeerId) {
    let mut world = World::new(2);
    let call = world.add_call();
    let [a, b] = [of_a, of_b]
        .map(|codecs| world.add_peer(call, LegConfig { codecs: codecs.to_vec(), ..LegConfig::default() }));
    world.connect(a, b);
    world.peer_mut(b).heard.keep_packets = true;
    (world, a, b)
}

/// Half a second of speech, a second of pause with the noise described every 200 ms, and so on.
fn speak(world: &mut World, a: PeerId, speech: u8, turns: u32) {
    let (mut sequence, mut tick) = (0_u16, 0_u32);
    for _ in 0..turns {
        for n in 0..75_u32 {
            let (number, payload): (u8, Vec<u8>) = match n {
                0..25 => (speech, (0..160).map(|n| if n % 16 < 8 { 0x20 } else { 0xa0 }).collect()),
                n if n % 10 == 5 => (13, vec![LEVEL]),
                _ => {
                    tick += 1;
                    world.run_for(Duration::from_millis(20));
                    continue;
                }
            };
            let header = RtpHeader {
                marker: n == 0,
                payload_type: PayloadType::new(number).unwrap(),
                sequence: Seq(sequence),
                timestamp: RtpTicks(tick * 160),
                ssrc: Ssrc(9),
            };
            let mut packet = vec![0; 12];
            header.write(&mut packet).unwrap();
            packet.extend(payload);
            let (key, from) = (mediapoint_testkit::rtp_port(world.peer(a).slot), world.peer(a).address);
            world.inject(key, from, &packet);
            sequence += 1;
            tick += 1;
            world.run_for(Duration::from_millis(20));
        }
    }
}

/// The level of a stretch in dB below overload.
fn level(pcm: &[i16]) -> f64 {
    let energy: f64 = pcm.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / pcm.len() as f64;
    20.0 * (32_768.0 / energy.sqrt().max(1e-9)).log10()
}

/// Finds a stretch of 400 ms in the middle of the second pause, a second behind its first sound.
fn second_pause(ear: &Ear) -> &[i16] {
    let start = 8000 * 3 / 2 + 8000 / 2 + 8000 * 3 / 10;
    &ear.pcm[start..start + 3200]
}

#[test]
fn a_party_that_does_not_know_comfort_noise_hears_it_as_audio() {
    for (speaks, hears) in [(pcmu(), pcma()), (pcmu(), pcmu()), (pcma(), codec(97, "L16", 8000))] {
        let number = speaks.payload_type.get();
        let (mut world, a, b) = call(&[speaks, noise()], std::slice::from_ref(&hears));
        speak(&mut world, a, number, 3);
        let heard = &world.peer(b).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        assert!(heard.log.iter().all(|packet| packet.payload_type == hears.payload_type));
        let ear = Ear::new(&heard.log, std::slice::from_ref(&hears), 8000);
        let level = level(second_pause(&ear));
        assert!((level - f64::from(LEVEL)).abs() < 2.5, "{}: {level} dB below overload", hears.codec.name());
    }
}

#[test]
fn a_party_that_knows_it_is_sent_descriptions_and_nothing_else_in_pauses() {
    for speaks in [codec(0, "PCMU", 8000), codec(97, "L16", 8000)] {
        let number = speaks.payload_type.get();
        let (mut world, a, b) = call(&[speaks, noise()], &[pcmu(), noise()]);
        speak(&mut world, a, number, 3);
        let heard = &world.peer(b).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        let (described, said): (Vec<_>, Vec<_>) =
            heard.log.iter().partition(|packet| packet.payload_type.get() == 13);
        assert!((6..=20).contains(&described.len()), "{} descriptions", described.len());
        assert!((75..=110).contains(&said.len()), "{} packets of speech", said.len());
        for packet in &described {
            let off = i16::from(packet.payload[0]) - i16::from(LEVEL);
            assert!(off.abs() <= 3, "described at {} dB below overload", packet.payload[0]);
        }
        // A packet after a pause begins a talkspurt [RFC3551 4.1].
        assert_eq!(said.iter().filter(|packet| packet.marker).count(), 3);
    }
}
