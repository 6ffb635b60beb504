//! Tones that go on as events: the far end gets each digit once, as an event, and hears no tone.

use mediapoint_engine::PayloadCodec;
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_testkit::{codec, pcma, pcmu};

use super::{Method, NUMBER, OFF, ON, Scene, spoken};

/// Types the number in tones, converted from the first second on.
fn converted(from: &PayloadCodec, to: &PayloadCodec, method: Method) -> Scene {
    const LEAD: usize = 2 * 8000;
    let spoken = spoken(NUMBER, if method == Method::Both { 40 } else { ON });
    let sound = super::after(LEAD, spoken);
    let mut scene = Scene::new(from, to, sound);
    scene.world.start(scene.party);
    scene.run(1000);
    scene.world.reinvite(scene.party, |config| config.tones_as_events = true);
    scene.run(1000);
    match method {
        Method::Both => scene.press(NUMBER, 40),
        _ => scene.run((ON + OFF) * u64::try_from(NUMBER.len()).unwrap()),
    }
    scene.run(1000);
    scene
}

#[test]
fn tones_go_on_as_events_and_are_not_heard() {
    let (g729, l16, opus) = (codec(18, "G729", 8000), codec(97, "L16", 16_000), codec(111, "opus", 48_000));
    for (from, to) in [(pcmu(), pcmu()), (pcmu(), pcma()), (pcmu(), g729), (l16, opus)] {
        let scene = converted(&from, &to, Method::Tones);
        let name = format!("{} to {}", from.codec, to.codec);
        let found = scene.found();
        let at = |place: &str| found.iter().find(|(known, _)| *known == place).unwrap().1.clone();
        assert_eq!(at("far end, events"), NUMBER, "{name}");
        assert_eq!(at("far end, audio"), "", "{name}");
        assert_eq!(scene.reported(), NUMBER, "{name}");
        let heard = &scene.world.peer(scene.far).heard;
        assert_eq!(heard.missing(), 0, "{name}");
        assert_eq!(scene.world.buffers_lost(), 0, "{name}");
    }
}

#[test]
fn what_comes_both_ways_goes_on_once() {
    let scene = converted(&pcmu(), &pcmu(), Method::Both);
    let found = scene.found();
    assert_eq!(found.iter().find(|(place, _)| *place == "far end, events").unwrap().1, NUMBER);
    assert_eq!(found.iter().find(|(place, _)| *place == "far end, audio").unwrap().1, "");
}

#[test]
fn a_tone_that_goes_on_as_an_event_ends_where_the_conversion_does() {
    let sound = super::after(1000 * 8, spoken("7", 3000));
    let mut scene = Scene::new(&pcmu(), &pcmu(), sound);
    scene.world.start(scene.party);
    scene.world.reinvite(scene.party, |config| config.tones_as_events = true);
    scene.run(1500);
    scene.world.reinvite(scene.party, |config| config.tones_as_events = false);
    scene.run(3000);
    let log = scene.world.peer(scene.far).heard.log.iter();
    let of_event = log.filter(|packet| packet.payload_type.get() == 101);
    let blocks: Vec<_> = of_event.map(|packet| EventBlock::read(&packet.payload).unwrap()).collect();
    assert_eq!(blocks.iter().filter(|block| block.end).count(), 3);
    let longest = blocks.iter().map(|block| block.duration).max().unwrap();
    assert!((400 * 8..700 * 8).contains(&u32::from(longest)), "{longest}");
    let found = scene.found();
    let at = |place: &str| found.iter().find(|(known, _)| *known == place).unwrap().1.clone();
    assert_eq!(at("far end, events"), "7");
    assert_eq!(at("far end, audio"), "", "nor is its rest heard as a tone");
}
