//! Figures of each stream by itself: packets, octets, numbers and loss by SSRC.

use mediapoint_engine::{LegConfig, LegKind, SsrcStatistics};

use super::*;

const fn row(stream: &SsrcStatistics) -> (u32, u64, u64, u32, u32) {
    (stream.ssrc.0, stream.packets, stream.octets, stream.sequence, stream.timestamp.0)
}

#[test]
fn each_stream_has_figures_of_its_own() {
    on_every_way(|scene| {
        let mut speech = Stream::new(0x1111, 65_534, 1000);
        let mut digits = Stream::new(0x2222, 7, 1000);
        scene.talk(&mut speech, 10);
        let begin = speech.timestamp;
        for _ in 0..5 {
            let block = EventBlock { code: 3, end: false, volume: 10, duration: 160 };
            scene.event(&mut digits, begin, false, block);
            scene.say(&mut speech);
            scene.pass(20);
        }
        // A pause, and music under a third SSRC, of which one packet is lost.
        scene.pass(300);
        let mut music = Stream::new(0x3333, 100, 50_000);
        scene.talk(&mut music, 4);
        music.sequence += 1;
        music.pass(PTIME);
        scene.talk(&mut music, 4);
        scene.pass(300);
        speech.pass(PTIME * 50);
        scene.talk(&mut speech, 2);
        let figures = scene.world.leg_statistics(scene.party);
        let mut rows: Vec<_> = figures.received_streams.iter().map(row).collect();
        assert_eq!(rows[0].0, 0x1111, "that of the audio first");
        rows.sort_unstable();
        let expected = [
            (0x1111, 17, 17 * 160, 65_550, speech.timestamp - PTIME),
            (0x2222, 5, 20, 11, begin),
            (0x3333, 8, 8 * 160, 108, music.timestamp - PTIME),
        ];
        assert_eq!(rows, expected, "{:?}", scene.way);
        let lost: u64 = figures.received_streams.iter().map(|stream| stream.lost).sum();
        assert_eq!((lost, figures.received.lost), (1, 1));
        assert_eq!(figures.received.octets, 30 * 160 - 5 * 160 + 20);
        let [sent] = figures.sent_streams[..] else { panic!("one stream is sent") };
        assert_eq!(Some(sent.ssrc), figures.sent.ssrc);
        let far = scene.world.leg_statistics(scene.far);
        let sent = far.sent_streams[0];
        assert_eq!((sent.packets, sent.octets), (far.sent.packets, far.sent.octets));
        let last = scene.log().last().unwrap();
        assert_eq!((sent.sequence & 0xffff, sent.timestamp), (last.sequence.0.into(), last.timestamp));
    });
}

#[test]
fn they_go_on_in_another_process() {
    let mut scene = Scene::new(WAYS[0]);
    let (mut speech, mut other) = (Stream::new(1, 0, 0), Stream::new(2, 0, 0));
    scene.talk(&mut speech, 5);
    scene.pass(300);
    scene.talk(&mut other, 5);
    let before = scene.world.leg_statistics(scene.party).received_streams;
    let call = scene.world.peer(scene.party).call;
    let text = serde_json::to_string(&scene.world.snapshot(call).unwrap()).unwrap();
    scene.world.kill_session();
    scene.world.restore(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(scene.world.leg_statistics(scene.party).received_streams, before);
    scene.talk(&mut other, 5);
    let after = scene.world.leg_statistics(scene.party).received_streams;
    let packets: Vec<_> = after.iter().map(|stream| (stream.ssrc.0, stream.packets, stream.octets)).collect();
    assert_eq!(packets, [(2, 10, 1600), (1, 5, 800)]);
}

#[test]
fn video_is_counted_by_ssrc_on_both_sides() {
    let mut world = World::new(2);
    let call = world.add_call();
    let video = || LegConfig { kind: LegKind::OpaqueRtp, ..LegConfig::default() };
    let [a, b] = [video(), video()].map(|config| world.add_peer(call, config));
    world.connect(a, b);
    let (key, from) = (rtp_port(world.peer(a).slot), world.peer(a).address);
    for n in 0..6_u8 {
        let ssrc = 1 + n % 3;
        let packet = [0x80, 99, 0, n, 0, 0, 0, n * 10, 0, 0, 0, ssrc, 1, 2, 3, 4, 5];
        world.inject(key, from, &packet);
        world.run_for(Duration::from_millis(10));
    }
    let rows = |streams: &[SsrcStatistics]| streams.iter().map(row).collect::<Vec<_>>();
    let expected = [(1, 2, 10, 3, 30), (2, 2, 10, 4, 40), (3, 2, 10, 5, 50)];
    assert_eq!(rows(&world.leg_statistics(a).received_streams), expected);
    assert_eq!(rows(&world.leg_statistics(b).sent_streams), expected);
    assert_eq!(rows(&world.leg_statistics(b).received_streams), []);
}
