//! Codecs whose silence is not an octet: they are encoded meanwhile.

use super::*;

#[test]
fn every_codec_is_silenced_in_its_own_packets() {
    let all = [
        codec(9, "G722", 8000),
        codec(3, "GSM", 8000),
        codec(18, "G729", 8000),
        codec(97, "L16", 8000),
        // With the feature `amr`.
        codec(112, "AMR", 8000),
    ];
    for entry in all.into_iter().filter(|entry| entry.codec.is_convertible()) {
        let name = entry.codec.name().to_owned();
        let rate = if name == "g722" { 16_000 } else { 8000 };
        let mut world = World::new(6);
        let call = world.add_call();
        let [a, b] = [(); 2].map(|()| world.add_peer(call, audio([entry.clone()])));
        world.connect(a, b);
        world.peer_mut(b).heard.keep_packets = true;
        let stream = &mut world.peer_mut(a).stream;
        stream.voice = Some(Voice::new(&entry, rate, &EncoderSettings::default(), tone(TONE)));
        world.start(a);
        world.run_for(Duration::from_millis(1005));
        world.reinvite(a, |config| config.media = MediaPolicy::Silence);
        let begin = world.now();
        world.run_for(Duration::from_secs(1));
        world.reinvite(a, |config| config.media = MediaPolicy::Forward);
        let end = world.now();
        world.run_for(Duration::from_secs(1));
        let heard = &world.peer(b).heard;
        assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0), "{name}");
        assert!(heard.log.len() > 145, "{name}: {}", heard.log.len());
        let ear = Ear::new(&heard.log, std::slice::from_ref(&entry), rate);
        let sample = |at: Time| ear.arrivals.iter().find(|(came, _)| *came >= at + ON_THE_WAY).unwrap().1;
        let silent = &ear.pcm[sample(begin) + 800..sample(end) - 800];
        assert!(silent.len() > 5000 && peak(silent) < 200, "{name}: {}", peak(silent));
        assert!(peak(&ear.pcm[sample(end) + 1600..]) > 6000, "{name}: the tone is back");
        assert_eq!(world.buffers_lost(), 0);
    }
}

/// What the engine knows no silence of is not let through.
#[test]
fn what_cannot_be_silenced_is_blocked() {
    let mut world = World::new(6);
    let call = world.add_call();
    let unknown = codec(98, "EVRC", 8000);
    let [a, b] = [(); 2].map(|()| world.add_peer(call, audio([unknown.clone()])));
    world.connect(a, b);
    world.start(a);
    world.run_for(Duration::from_millis(205));
    let before = world.peer(b).heard.packets;
    assert!(before >= 10);
    world.reinvite(a, |config| config.media = MediaPolicy::Silence);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.peer(b).heard.packets, before);
    assert_eq!(world.leg_statistics(a).received.dropped.blocked, 50);
    world.reinvite(a, |config| config.media = MediaPolicy::Forward);
    world.run_for(Duration::from_secs(1));
    let heard = &world.peer(b).heard;
    assert_eq!((heard.packets, heard.missing(), heard.seam.check()), (before + 50, 0, Ok(())));
}
