//! Each thing that keeps a stream from being handed over, and nothing but that.

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::packet::PacketTap;
use mediapoint_engine::{
    DigitMethod, DigitSpec, Direction, EventPolicy, LegConfig, LegKind, MediaPolicy, PacketTapSpec,
    PacketTarget, SecureInput, Source, TapId, TapSide, ToneSpec,
};
use mediapoint_packet::rtp::PayloadType;
use mediapoint_packet::telephone_event::DtmfDigit;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Library, LinkProfile, PeerId, World, audio, pcma, pcmu, telephone_event};

use super::{is_handed_over, seconds};

/// A call of `a`, who speaks, and `b`.
fn call(of_a: LegConfig, of_b: LegConfig) -> (World, PeerId, PeerId) {
    let mut world = World::new(1).through_kernel();
    let call = world.add_call();
    let [a, b] = [of_a, of_b].map(|config| world.add_peer(call, config));
    world.connect(a, b);
    (world, a, b)
}

fn pcmu_leg() -> LegConfig {
    audio([pcmu(), telephone_event(101)])
}

/// Whether the stream of `a` was ever handed over within 8 s.
fn ever(mut world: World, a: PeerId) -> bool {
    world.start(a);
    for _ in 0..80 {
        world.run_for(Duration::from_millis(100));
        if is_handed_over(&mut world, a) {
            return true;
        }
    }
    false
}

#[track_caller]
fn never_by_config(name: &str, change: impl Fn(&mut LegConfig, &mut LegConfig)) {
    let (mut of_a, mut of_b) = (pcmu_leg(), pcmu_leg());
    change(&mut of_a, &mut of_b);
    let (world, a, _) = call(of_a, of_b);
    assert!(!ever(world, a), "{name}");
}

#[track_caller]
fn never(name: &str, change: impl Fn(&mut World, PeerId, PeerId)) {
    let (mut world, a, b) = call(pcmu_leg(), pcmu_leg());
    change(&mut world, a, b);
    assert!(!ever(world, a), "{name}");
}

#[test]
fn nothing_in_the_way_lets_it_be_handed_over() {
    let (world, a, _) = call(pcmu_leg(), pcmu_leg());
    assert!(ever(world, a));
    // Nor another payload type for the same codec, nor a tap on telephone events alone.
    let other = |number| mediapoint_testkit::codec(number, "opus", 48_000);
    let (mut world, a, _) = call(audio([other(96)]), audio([other(111)]));
    let stream = &mut world.peer_mut(a).stream;
    (stream.payload_type, stream.clock_rate) = (PayloadType::new(96).unwrap(), 48_000);
    assert!(ever(world, a), "another number");
    let (mut world, a, _) = call(pcmu_leg(), pcmu_leg());
    let _keys = world.tap_keys(a);
    assert!(ever(world, a), "a tap on telephone events");
}

#[test]
fn what_is_configured_keeps_it() {
    never_by_config("the party is on hold", |a, _| a.direction = Direction::SendOnly);
    never_by_config("the listener is on hold", |_, b| b.direction = Direction::ReceiveOnly);
    never_by_config("the party is silenced", |a, _| a.media = MediaPolicy::Silence);
    never_by_config("the listener is sent silence", |_, b| b.sent_media = MediaPolicy::Silence);
    never_by_config("the party is blocked", |a, _| a.media = MediaPolicy::Block);
    never_by_config("the listener is sent nothing", |_, b| b.sent_media = MediaPolicy::Block);
    never_by_config("the law is converted", |_, b| b.codecs = vec![pcma()]);
    never_by_config("audio is encoded in any case", |_, b| b.force_transcode = true);
    never_by_config("digits are secret", |a, _| a.secure_input = SecureInput::Silence);
    never_by_config("digits are delayed", |a, _| a.digit_delay = seconds(1));
    never_by_config("tones become events", |a, _| a.tones_as_events = true);
    never_by_config("it is near its rate", |a, _| a.max_packet_rate = Some(60));
    never_by_config("packets are passed as they are", |a, b| {
        (a.kind, b.kind) = (LegKind::OpaqueRtp, LegKind::OpaqueRtp);
    });
}

#[test]
fn what_policies_of_events_say_does_not_keep_it() {
    let (world, a, _) = call(LegConfig { events: EventPolicy::Block, ..pcmu_leg() }, pcmu_leg());
    assert!(ever(world, a));
}

#[test]
fn keys_keep_it() {
    never("of the party", |world, a, _| {
        world.secure(a, Suite::AesCm128HmacSha1_80, Library::Own);
    });
    never("of the listener", |world, _, b| {
        world.secure(b, Suite::AesCm128HmacSha1_80, Library::Own);
    });
}

#[test]
fn who_listens_keeps_it() {
    never("nobody", |world, _, b| world.set_source(b, None));
    never("two", |world, a, _| {
        let call = world.peer(a).call;
        let c = world.add_peer(call, pcmu_leg());
        world.set_source(c, Some(a));
    });
    never("itself", |world, a, b| {
        world.set_source(b, None);
        world.set_source(a, Some(a));
    });
    never("a mix, too", |world, a, b| {
        let call = world.peer(a).call;
        let c = world.add_peer(call, pcmu_leg());
        let inputs = [world.source_of(a), world.source_of(b)];
        let mix = world.add_mix(call, &inputs);
        world.feed(c, Source::Mix(mix));
    });
}

#[test]
fn taps_keep_it() {
    for side in [TapSide::Received, TapSide::Sent, TapSide::Both] {
        for of_a in [true, false] {
            let (mut world, a, b) = call(pcmu_leg(), pcmu_leg());
            let (_, _reader) = world.tap_audio(if of_a { a } else { b }, side, 8000, 1000);
            let touched = (side != TapSide::Sent) == of_a || side == TapSide::Both;
            assert_eq!(ever(world, a), !touched, "audio, {side:?}, of the party: {of_a}");
        }
    }
    never("digits in its audio", |world, a, _| drop(world.tap_digits(a)));
    for (side, of_a) in [(TapSide::Received, true), (TapSide::Sent, false)] {
        never("its packets", move |world, a, b| {
            let on = world.peer(if of_a { a } else { b });
            let on = (on.call, on.leg);
            let tap = TapId::from_u64(world.new_id());
            let target = PacketTarget::Address("203.0.113.9:4000".parse().unwrap());
            let spec = PacketTapSpec { leg: on.1, side, target };
            let made = Box::new(Tap::Packets(PacketTap { id: tap, spec }));
            world.apply(on.0, CallCommand::AddTap { tap: made }).unwrap();
        });
    }
}

#[test]
fn what_the_listener_is_sent_beside_keeps_it() {
    let (mut world, a, b) = call(pcmu_leg(), pcmu_leg());
    world.start(a);
    world.run_for(Duration::from_millis(100));
    let digit = DtmfDigit::from_code(5).unwrap();
    let digit = DigitSpec { duration: seconds(4), method: DigitMethod::Event, ..DigitSpec::new(digit) };
    let (id, leg) = (world.peer(b).call, world.peer(b).leg);
    let digits = vec![digit; 2];
    world.apply(id, CallCommand::SendDigits { leg, digits }).unwrap();
    assert!(!ever(world, a), "digits");
    never("a tone in its place", |world, a, b| {
        let call = world.peer(a).call;
        let tone = world.add_tone(call, ToneSpec::continuous(440.0, -10.0));
        world.feed(b, Source::Player(tone));
    });
}

#[test]
fn what_comes_keeps_it() {
    never("packets that come late", |world, a, _| {
        let profile = LinkProfile { reorder: 0.2, ..LinkProfile::default() };
        world.peer_mut(a).up.set_profile(profile);
    });
    never("packets that come twice", |world, a, _| {
        let profile = LinkProfile { duplicate: 0.2, ..LinkProfile::default() };
        world.peer_mut(a).up.set_profile(profile);
    });
    never("a long event", |world, a, _| world.peer_mut(a).stream.press(5, seconds(9)));
    let (mut world, a, _) = call(pcmu_leg(), pcmu_leg());
    world.peer_mut(a).up.set_profile(LinkProfile { loss: 0.05, ..LinkProfile::default() });
    assert!(ever(world, a), "loss does not");
}

#[test]
fn a_stranger_who_sends_all_the_time_keeps_it() {
    let (mut world, a, _) = call(pcmu_leg(), pcmu_leg());
    let stranger = world.add_stranger(a, "203.0.113.7:4000".parse().unwrap());
    world.start(a);
    world.run_for(Duration::from_millis(100));
    world.start(stranger);
    assert!(!ever(world, a));
}
