//! One listener of several, mixes, and media that is no audio.

use mediapoint_engine::{LegConfig, LegKind, Source};

use super::*;

#[test]
fn one_listener_is_blocked_and_the_others_are_not() {
    for media in [MediaPolicy::Block, MediaPolicy::Silence] {
        let mut world = World::new(8);
        let call = world.add_call();
        let a = world.add_peer(call, audio([pcmu()]));
        let others =
            [pcmu(), pcma(), codec(97, "L16", 8000)].map(|codec| world.add_peer(call, audio([codec])));
        for other in others {
            world.set_source(other, Some(a));
            world.peer_mut(other).heard.keep_packets = true;
        }
        world.peer_mut(a).stream.voice =
            Some(Voice::new(&pcmu(), 8000, &EncoderSettings::default(), tone(TONE)));
        world.start(a);
        for (n, gated) in others.into_iter().enumerate() {
            world.run_for(Duration::from_millis(500));
            world.reinvite(gated, |config| config.sent_media = media);
            let begin = world.now();
            world.run_for(Duration::from_millis(1000));
            for (other, heard) in others.iter().enumerate() {
                let heard = &world.peer(*heard).heard;
                let came = heard.log.iter().filter(|packet| packet.at >= begin + ON_THE_WAY).count();
                let expected = if other == n && media == MediaPolicy::Block { 0..=0 } else { 48..=51 };
                assert!(expected.contains(&came), "{came} came to {other} while {n} was gated");
            }
            world.reinvite(gated, |config| config.sent_media = MediaPolicy::Forward);
        }
        world.run_for(Duration::from_millis(500));
        for other in others {
            let heard = &world.peer(other).heard;
            assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0));
        }
    }
}

#[test]
fn in_a_mix_the_party_is_not_heard_and_the_others_are() {
    for media in [MediaPolicy::Block, MediaPolicy::Silence] {
        let mut world = World::new(8);
        let call = world.add_call();
        let entry = codec(97, "L16", 8000);
        let parties = [(); 3].map(|()| world.add_peer(call, audio([entry.clone()])));
        let inputs: Vec<Source> = parties.iter().map(|party| world.source_of(*party)).collect();
        let mix = world.add_mix(call, &inputs);
        for (party, hertz) in parties.into_iter().zip([400.0, 700.0, 1100.0]) {
            world.feed(party, Source::Mix(mix));
            world.peer_mut(party).heard.keep_packets = true;
            world.peer_mut(party).stream.voice =
                Some(Voice::new(&entry, 8000, &EncoderSettings::default(), tone(hertz)));
            world.start(party);
        }
        world.run_for(Duration::from_millis(2000));
        world.reinvite(parties[0], |config| config.media = media);
        world.run_for(Duration::from_millis(2000));
        world.reinvite(parties[0], |config| config.media = MediaPolicy::Forward);
        world.run_for(Duration::from_millis(2000));
        let level = |party: usize, seconds: f64, hertz: f64| {
            let heard = &world.peer(parties[party]).heard;
            assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0));
            let ear = Ear::new(&heard.log, std::slice::from_ref(&entry), 8000);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
            let from = (seconds * 8000.0) as usize;
            mediapoint_testkit::level_of(&ear.pcm[from..from + 4000], hertz, 8000)
        };
        for (party, other) in [(1, 1100.0), (2, 700.0)] {
            assert!(level(party, 1.0, 400.0) > -12.0 && level(party, 5.0, 400.0) > -12.0);
            assert!(level(party, 3.0, 400.0) < -60.0, "{media:?}: {}", level(party, 3.0, 400.0));
            for seconds in [1.0, 3.0, 5.0] {
                assert!(level(party, seconds, other) > -12.0);
            }
        }
        // Who is not heard hears all the same, without itself.
        for seconds in [1.0, 3.0, 5.0] {
            assert!(level(0, seconds, 700.0) > -12.0 && level(0, seconds, 1100.0) > -12.0);
            assert!(level(0, seconds, 400.0) < -60.0);
        }
    }
}

/// The only party heard: blocked nothing is sent, silenced silence is.
#[test]
fn a_mix_of_one_that_is_silenced_goes_on_in_silence() {
    for (media, expected) in [(MediaPolicy::Block, 0..=2), (MediaPolicy::Silence, 48..=51)] {
        let mut world = World::new(8);
        let call = world.add_call();
        let [a, b] = [(); 2].map(|()| world.add_peer(call, audio([pcmu()])));
        let mix = world.add_mix(call, &[world.source_of(a), world.source_of(b)]);
        world.feed(b, Source::Mix(mix));
        world.peer_mut(b).heard.keep_packets = true;
        world.peer_mut(a).stream.voice =
            Some(Voice::new(&pcmu(), 8000, &EncoderSettings::default(), tone(TONE)));
        world.start(a);
        world.run_for(Duration::from_millis(1005));
        world.reinvite(a, |config| config.media = media);
        let begin = world.now();
        world.run_for(Duration::from_millis(1000));
        let heard = &world.peer(b).heard;
        let came = heard.log.iter().filter(|packet| packet.at >= begin + ON_THE_WAY);
        assert!(expected.contains(&came.count()), "{media:?}");
        assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0));
    }
}

#[test]
fn video_and_fax_are_dropped_either_way() {
    for kind in [LegKind::OpaqueRtp, LegKind::Datagrams] {
        for media in [MediaPolicy::Block, MediaPolicy::Silence] {
            let mut world = World::new(8);
            let call = world.add_call();
            let [a, b] = [(); 2].map(|()| world.add_peer(call, LegConfig { kind, ..LegConfig::default() }));
            world.connect(a, b);
            world.start(a);
            world.run_for(Duration::from_millis(205));
            let before = world.peer(b).heard.packets;
            assert!(before >= 10, "{kind:?}");
            world.reinvite(a, |config| config.media = media);
            world.run_for(Duration::from_secs(1));
            assert_eq!(world.peer(b).heard.packets, before, "{kind:?} {media:?}");
            assert_eq!(world.leg_statistics(a).received.dropped.blocked, 50);
            world.reinvite(a, |config| config.media = MediaPolicy::Forward);
            world.run_for(Duration::from_secs(1));
            assert_eq!(world.peer(b).heard.packets, before + 50, "{kind:?} {media:?}");
            assert_eq!(world.buffers_lost(), 0);
        }
    }
}
