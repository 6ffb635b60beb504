//! A day of virtual time, with loss, reports both ways and a re-INVITE every few minutes, and thousands of calls that
//! come and go, hold no more memory at the end than after the first hour. The counting allocator sees the whole process,
//! so this file has one test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of the test: what is missing fails it")]

use std::time::Duration;

use mediapoint_engine::{Direction, Event, RemoteAddress};
use mediapoint_packet::rtp::{RtpTicks, Ssrc};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Burst, Library, LinkProfile, PeerId, World, audio, pcma, pcmu, telephone_event};

const HOUR: Duration = Duration::from_secs(3600);

/// Heap bytes in use by the process.
fn live_bytes() -> i64 {
    mediapoint_allocations::of_process().kept
}

#[test]
fn a_day_of_calls_leaves_memory_flat() {
    one_call_for_a_day();
    many_calls_that_come_and_go();
}

fn one_call_for_a_day() {
    let mut world = World::new(24);
    let call = world.add_call();
    let a = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
    let b = world.add_peer(call, audio([pcma(), telephone_event(96)]));
    world.connect(a, b);
    world.secure(b, Suite::AeadAes128Gcm, Library::Own);
    let burst = Burst { enter: 0.002, leave: 0.2, loss: 0.7 };
    for (peer, every) in [(a, 5), (b, 7)] {
        let profile = LinkProfile { burst: Some(burst), ..LinkProfile::rough() };
        world.peer_mut(peer).up.set_profile(profile);
        world.peer_mut(peer).reports_every = Some(Duration::from_secs(every));
        world.peer_mut(peer).heard.keep_reports = false;
        // Every re-INVITE may move the timestamps by some jitter, and a day has hundreds of them.
        world.peer_mut(peer).heard.seam.set_tolerance(Duration::from_secs(5));
        world.start(peer);
    }
    // After an hour every kind of re-INVITE has been seen twice, and what is kept of each, such as the key before, is there.
    let mut start = 0;
    for hour in 0..24 {
        for part in 0..12 {
            world.run_for(HOUR / 12);
            a_few_reinvites(&mut world, a, b, hour * 12 + part);
        }
        world.events.clear();
        if hour == 0 {
            start = live_bytes();
        }
    }
    let end = live_bytes();
    let grown = end.saturating_sub(start);
    assert!(grown < 1024, "{start} bytes after an hour, {end} after a day");

    let inputs = world.inputs;
    assert!(inputs > 8_000_000, "{inputs} packets and timers");
    assert_eq!(world.buffers_lost(), 0);
    for (from, to) in [(a, b), (b, a)] {
        let sent = world.peer(from).stream.packets;
        let lost = world.peer(from).up.counts().lost;
        let heard = world.peer(to).heard.packets;
        assert_eq!(world.peer(to).heard.seam.check(), Ok(()));
        assert!(heard + lost + sent / 50 > sent, "{heard} heard of {sent}, {lost} lost");
    }
}

/// What re-INVITEs do in life: refresh, hold, move, another SSRC, new keys.
fn a_few_reinvites(world: &mut World, a: PeerId, b: PeerId, round: u32) {
    match round % 6 {
        0 => world.reinvite(a, |_| {}),
        1 => {
            world.reinvite(a, |config| config.direction = Direction::Inactive);
            world.after(Duration::from_secs(20), move |world| {
                world.reinvite(a, |config| config.direction = Direction::SendReceive);
            });
        }
        2 => {
            let rtp = format!("203.0.113.5:{}", 10_000 + round * 2).parse().unwrap();
            world.move_peer(a, rtp);
            world.reinvite(a, |config| config.remote = Some(RemoteAddress { rtp, rtcp: None }));
        }
        3 => world.peer_mut(a).stream.ssrc = Ssrc(round),
        4 => world.peer_mut(a).stream.timestamp = RtpTicks(round.wrapping_mul(0x9e37_79b9)),
        _ => world.secure(b, Suite::AeadAes128Gcm, Library::Own),
    }
    world.peer_mut(b).stream.press(7, Duration::from_millis(300));
}

/// Calls that are made, used and ended, by command, by time-out and leg by leg. Drives the session itself: a world keeps
/// the parties of calls that are gone.
fn many_calls_that_come_and_go() {
    use mediapoint_engine::session::command::CallCommand;
    use mediapoint_engine::session::{Session, SessionConfig};
    use mediapoint_engine::{CallId, EndReason, LegId, Source};
    use mediapoint_packet::Time;
    use mediapoint_testkit::{Outbox, leg_ports, rtp_port};

    let mut session = Session::new(SessionConfig {
        max_legs: 600,
        media_timeout: Duration::from_secs(10),
        hold_timeout: Duration::from_secs(20),
        seed: [7; 32],
        wall_at_zero: Duration::from_secs(1_700_000_000),
        remotes: Default::default(),
        kernel_forwarding: false,
    });
    let mut out = Outbox::new(64);
    let mut packet = [0_u8; 172];
    packet[0] = 0x80;
    let mut live = Vec::with_capacity(1024);
    let mut ended = 0_u64;
    let mut start = 0;
    const CALLS: u64 = 60_000;
    for number in 0..CALLS {
        let now = Time::from_millis(number * 50);
        while session.next_deadline().is_some_and(|at| at <= now) {
            session.handle_timeouts(now, &mut out);
        }
        let call = CallId::from_u64(number);
        session.add_call(now, call).expect("room");
        let legs = [LegId::from_u64(number * 2), LegId::from_u64(number * 2 + 1)];
        let party = "192.0.2.1:4000".parse().unwrap();
        let remote = Some(RemoteAddress { rtp: party, rtcp: None });
        for leg in legs {
            let config = Box::new(mediapoint_engine::LegConfig { remote, ..audio([pcmu()]) });
            let slot = u32::try_from(leg.as_u64() % 2000).expect("a number");
            let add = CallCommand::AddLeg { leg, config, ports: leg_ports(slot) };
            session.apply(now, call, add, &mut out).expect("room");
            let buffer = out.filled(&packet).expect("a buffer");
            session.handle_datagram(now, rtp_port(slot), party, buffer, &mut out);
        }
        for (leg, other) in [(legs[0], legs[1]), (legs[1], legs[0])] {
            let feed = CallCommand::SetSource { leg, source: Source::Leg(other) };
            session.apply(now, call, feed, &mut out).expect("a leg");
        }
        live.push((call, legs));
        // A third end by command, a third lose their legs first, a third are left to the time-out.
        if live.len() > 100 {
            let (call, legs) = live.swap_remove(usize::try_from(number * 31 % 100).unwrap());
            match call.as_u64() % 3 {
                0 => session.end_call(now, call, EndReason::Command, &mut out).expect("a call"),
                1 => {
                    for leg in legs {
                        let remove = CallCommand::RemoveLeg { leg };
                        session.apply(now, call, remove, &mut out).expect("a leg");
                    }
                }
                _ => {}
            }
        }
        out.recycle();
        ended += out.events.iter().filter(|event| matches!(event, Event::CallEnded { .. })).count() as u64;
        out.events.clear();
        out.closed.clear();
        live.retain(|(call, _)| session.call(*call).is_some_and(|call| call.ports().next().is_some()));
        if number == CALLS / 10 {
            start = live_bytes();
        }
    }
    let end = live_bytes();
    assert!(ended > CALLS - 600, "{ended} calls ended");
    assert!(session.calls() < 400, "{} calls left", session.calls());
    assert!(end.saturating_sub(start) < 64 * 1024, "{start} bytes after 6,000 calls, {end} after {CALLS}");
    assert_eq!(out.buffers_out(), 0);
}
