use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn rtp(from: &str, sequence: u16) -> PacketOrigin {
    PacketOrigin { from: address(from), authenticated: false, ssrc: Ssrc(7), sequence: Some(Seq(sequence)) }
}

fn srtp(from: &str, sequence: u16) -> PacketOrigin {
    PacketOrigin { authenticated: true, ..rtp(from, sequence) }
}

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

const PARTY: &str = "192.168.0.1:4000";
const STRANGER: &str = "198.51.100.9:9";

fn signalled(policy: LatchPolicy, party: &str) -> Signalled {
    Signalled { policy, address: Some(address(party)), source: None, may_send: true, secure: false }
}

/// Packets of a stream, 20 ms apart, and what was decided about each.
fn stream(latch: &mut Latch, from: &str, millis: u64, packets: u16) -> Vec<Admission> {
    let packet = |n: u16| (at(millis + u64::from(n) * 20), rtp(from, 1000 + n));
    (0..packets).map(packet).map(|(now, packet)| latch.observe(now, &packet)).collect()
}

/// A latch whose party is behind NAT.
fn latch(policy: LatchPolicy) -> Latch {
    Latch::new(signalled(policy, PARTY), Learnable::default())
}

#[test]
fn the_signalled_source_is_held_from_its_first_packet() {
    let mut latch = latch(LatchPolicy::Symmetric);
    assert_eq!(latch.observe(at(0), &rtp(PARTY, 1)), Admission::AcceptAndLatch);
    assert!(!latch.admits(at(1), address(STRANGER)));
    assert_eq!(latch.observe(at(1), &rtp(STRANGER, 2)), Admission::Reject);
    assert_eq!(latch.destination(), Some(address(PARTY)));
}

#[test]
fn a_source_behind_nat_is_held_after_four_packets_in_sequence() {
    let mut latch = latch(LatchPolicy::Symmetric);
    let nat = "203.0.113.5:61000";
    let [.., last] = stream(&mut latch, nat, 0, 4)[..] else { unreachable!() };
    assert_eq!(last, Admission::AcceptAndLatch);
    assert_eq!(latch.destination(), Some(address(nat)));
}

#[test]
fn packets_out_of_sequence_never_pass_probation() {
    let mut latch = latch(LatchPolicy::Symmetric);
    for (time, sequence) in [(0, 10), (20, 10), (40, 5000), (60, 200)] {
        assert_eq!(latch.observe(at(time), &rtp(STRANGER, sequence)), Admission::Reject);
    }
}

#[test]
fn the_signalled_source_takes_over_from_a_stranger_at_once_while_settling_and_later_after_probation() {
    for (time, taken) in [(1000, Admission::AcceptAndLatch), (60_000, Admission::Reject)] {
        let mut latch = latch(LatchPolicy::Symmetric);
        assert_eq!(stream(&mut latch, STRANGER, 0, 4).last(), Some(&Admission::AcceptAndLatch));
        assert_eq!(latch.observe(at(time), &rtp(PARTY, 1)), taken);
        latch.observe(at(time + 20), &rtp(PARTY, 2));
        assert_eq!(latch.destination(), Some(address(PARTY)));
        assert_eq!(latch.observe(at(time + 40), &rtp(STRANGER, 3)), Admission::Reject);
    }
}

#[test]
fn a_source_on_the_signalled_host_takes_over_from_a_stranger_only_while_settling() {
    let beside = "192.168.0.1:4002";
    for (time, taken) in [(1000, true), (60_000, false)] {
        let mut latch = latch(LatchPolicy::Symmetric);
        stream(&mut latch, STRANGER, 0, 4);
        latch.observe(at(time), &rtp(beside, 1));
        latch.observe(at(time + 20), &rtp(beside, 2));
        assert_eq!(latch.learnt() == Some(address(beside)), taken);
    }
}

#[test]
fn a_party_to_be_learnt_anew_that_has_not_moved_is_held_again_and_the_leg_does_not_stay_open() {
    let mut latch = latch(LatchPolicy::Symmetric);
    latch.observe(at(0), &rtp(PARTY, 1));
    latch.configure(at(0), signalled(LatchPolicy::Symmetric, PARTY), true);
    for sequence in 2..200 {
        let now = at(u64::from(sequence) * 20);
        assert_eq!(latch.observe(now, &rtp(PARTY, sequence)), Admission::Accept);
        assert_eq!(latch.observe(now, &rtp(STRANGER, sequence)), Admission::Reject);
    }
    assert_eq!(latch.learnt(), Some(address(PARTY)));
}

#[test]
fn a_straggler_of_the_old_source_does_not_keep_the_party_from_being_learnt_anew() {
    let mut latch = latch(LatchPolicy::Symmetric);
    let moved = "203.0.113.5:61000";
    latch.observe(at(0), &rtp(PARTY, 1));
    latch.configure(at(20), signalled(LatchPolicy::Symmetric, PARTY), true);
    assert_eq!(latch.observe(at(25), &rtp(PARTY, 2)), Admission::Accept);
    for (time, sequence) in [(20, 2), (40, 3), (60, 4), (80, 5), (100, 6), (120, 7)] {
        assert_eq!(latch.observe(at(time), &rtp(moved, sequence)), Admission::Reject);
    }
    assert_eq!(latch.observe(at(140), &rtp(moved, 8)), Admission::AcceptAndLatch);
    assert_eq!(latch.destination(), Some(address(moved)));
}

#[test]
fn a_stranger_never_takes_over_from_the_party() {
    let mut latch = latch(LatchPolicy::Symmetric);
    latch.observe(at(0), &rtp(PARTY, 1));
    for sequence in 2..200 {
        assert_eq!(latch.observe(at(u64::from(sequence)), &rtp(STRANGER, sequence)), Admission::Reject);
    }
}

#[test]
fn a_candidate_is_not_displaced_by_strangers_who_send_more_often() {
    let mut latch = latch(LatchPolicy::Symmetric);
    let nat = "203.0.113.5:61000";
    for n in 0..50_u16 {
        latch.observe(at(u64::from(n) * 3), &rtp(&format!("198.51.100.9:{}", 1000 + n), n * 99));
        assert_eq!(latch.observe(at(u64::from(n) * 3), &rtp("198.51.100.8:9", n * 99)), Admission::Reject);
    }
    stream(&mut latch, nat, 150, 3);
    for n in 0..6 {
        latch.observe(at(195), &rtp(&format!("198.51.100.9:{n}"), 1));
    }
    assert_eq!(latch.observe(at(210), &rtp(nat, 1003)), Admission::AcceptAndLatch);
}

#[test]
fn an_authenticated_packet_needs_no_probation() {
    let mut latch = latch(LatchPolicy::Symmetric);
    assert_eq!(latch.observe(at(0), &srtp("203.0.113.5:61000", 10)), Admission::AcceptAndLatch);
}

#[test]
fn a_new_signalled_address_is_sent_to_at_once_and_the_old_source_accepted_until_replaced() {
    let mut latch = latch(LatchPolicy::Symmetric);
    latch.observe(at(0), &rtp(PARTY, 1));
    let moved = "192.168.0.77:5000";
    latch.configure(at(20), signalled(LatchPolicy::Symmetric, moved), false);
    assert_eq!(latch.destination(), Some(address(moved)));
    assert_eq!(latch.observe(at(20), &rtp(PARTY, 2)), Admission::Accept);
    assert_eq!(latch.observe(at(40), &rtp(moved, 3)), Admission::AcceptAndLatch);
    assert_eq!(latch.observe(at(60), &rtp(PARTY, 4)), Admission::Reject);
}

#[test]
fn the_same_signalled_address_again_changes_nothing() {
    let mut latch = latch(LatchPolicy::Symmetric);
    let nat = "203.0.113.5:61000";
    stream(&mut latch, nat, 0, 4);
    latch.configure(at(20), signalled(LatchPolicy::Symmetric, PARTY), false);
    assert_eq!(latch.destination(), Some(address(nat)));
    assert_eq!(latch.observe(at(10_000), &rtp(STRANGER, 12)), Admission::Reject);
}

#[test]
fn an_address_withheld_on_hold_keeps_what_was_learnt() {
    let mut latch = latch(LatchPolicy::Symmetric);
    latch.observe(at(0), &rtp(PARTY, 1));
    latch.configure(at(20), Signalled { address: None, ..signalled(LatchPolicy::Symmetric, PARTY) }, false);
    assert_eq!(latch.destination(), Some(address(PARTY)));
}

#[test]
fn the_signalled_policy_takes_no_other_source() {
    let mut latch = latch(LatchPolicy::Signalled);
    assert_eq!(latch.observe(at(0), &srtp(STRANGER, 1)), Admission::Reject);
    assert_eq!(latch.observe(at(1), &rtp(PARTY, 1)), Admission::AcceptAndLatch);
}

#[test]
fn asymmetric_accepts_one_source_and_sends_to_the_signalled() {
    let mut latch = latch(LatchPolicy::Asymmetric);
    let other = "203.0.113.5:61000";
    assert_eq!(stream(&mut latch, other, 0, 4).last(), Some(&Admission::AcceptAndLatch));
    assert_eq!(latch.destination(), Some(address(PARTY)));
    assert_eq!(latch.observe(at(5000), &rtp(STRANGER, 3)), Admission::Reject);
}

#[test]
fn handover_follows_the_stream_and_no_other() {
    let mut latch = latch(LatchPolicy::Handover);
    latch.observe(at(0), &rtp(PARTY, 100));
    let moved = "203.0.113.5:61000";
    let alien = PacketOrigin { ssrc: Ssrc(99), ..rtp(STRANGER, 101) };
    assert_eq!(latch.observe(at(5000), &alien), Admission::Reject);
    assert_eq!(latch.observe(at(5000), &rtp(moved, 101)), Admission::Reject);
    assert_eq!(latch.observe(at(5020), &rtp(moved, 102)), Admission::AcceptAndLatch);
    assert_eq!(latch.destination(), Some(address(moved)));
}

/// A party whose address needs no translation, and who else can win its leg.
#[test]
fn beside_a_public_address_no_other_host_is_learnt() {
    let public = "192.0.2.1:4000";
    for policy in [LatchPolicy::Symmetric, LatchPolicy::Handover] {
        let mut latch = Latch::new(signalled(policy, public), Learnable::default());
        assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
        // Another port of its host is, after two packets.
        let ported = stream(&mut latch, "192.0.2.1:61000", 2000, 2);
        assert_eq!(ported, [Admission::Reject, Admission::AcceptAndLatch]);
    }
    // Nor by authenticated packets: those are the party's, wherever they come from.
    let mut latch = Latch::new(signalled(LatchPolicy::Symmetric, public), Learnable::default());
    assert_eq!(latch.observe(at(0), &srtp(STRANGER, 1)), Admission::AcceptAndLatch);
}

#[test]
fn a_private_address_that_the_signalling_comes_from_is_not_behind_nat() {
    let source = Some(address(PARTY).ip());
    let config = Signalled { source, ..signalled(LatchPolicy::Symmetric, PARTY) };
    let mut latch = Latch::new(config, Learnable::default());
    assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
}

#[test]
fn the_host_that_the_signalling_came_from_is_as_good_as_the_signalled_one() {
    let router = "203.0.113.5:61000";
    let source = Some(address(router).ip());
    let config = Signalled { source, ..signalled(LatchPolicy::Symmetric, PARTY) };
    let mut latch = Latch::new(config, Learnable::default());
    assert_eq!(stream(&mut latch, router, 0, 2), [Admission::Reject, Admission::AcceptAndLatch]);
    assert!(latch.is_expected(address(router)) && !latch.is_expected(address(STRANGER)));
    // It takes the leg back from a stranger who was faster.
    let mut latch = Latch::new(config, Learnable::default());
    stream(&mut latch, STRANGER, 0, 4);
    stream(&mut latch, router, 100, 2);
    assert_eq!(latch.destination(), Some(address(router)));
}

#[test]
fn a_party_that_is_to_be_silent_is_learnt_on_its_own_host_only() {
    let config = Signalled { may_send: false, ..signalled(LatchPolicy::Symmetric, PARTY) };
    let mut latch = Latch::new(config, Learnable::default());
    assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
    // Fax has neither SSRC nor sequence numbers.
    let datagram = PacketOrigin { sequence: None, ..rtp(STRANGER, 0) };
    assert!((0..50).all(|n| latch.observe(at(2000 + n * 20), &datagram) == Admission::Reject));
    assert_eq!(latch.observe(at(5000), &rtp(PARTY, 1)), Admission::AcceptAndLatch);
}

#[test]
fn before_an_address_is_signalled_nobody_is_learnt() {
    let config = Signalled { address: None, ..signalled(LatchPolicy::Symmetric, PARTY) };
    let mut latch = Latch::new(config, Learnable::default());
    assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
    assert_eq!(latch.destination(), None);
}

#[test]
fn an_address_that_media_may_not_be_sent_to_is_not_learnt_even_from_authenticated_packets() {
    let control = "10.0.0.1:2223";
    let policy = RemotePolicy::default().own(address(control).ip(), 2223..=2223);
    let learnable = Learnable { policy: Arc::new(policy), scope: LocalScope::Global };
    for from in [control, "127.0.0.1:5060"] {
        let mut latch = Latch::new(signalled(LatchPolicy::Symmetric, PARTY), learnable.clone());
        assert!(stream(&mut latch, from, 0, 50).iter().all(|each| *each == Admission::Reject));
        assert_eq!(latch.observe(at(5000), &srtp(from, 1)), Admission::Reject);
    }
}

const REBOUND: &str = "192.168.0.1:61000";

/// A party that was heard until 980 ms, and then sends from another port.
fn heard_until_980(policy: LatchPolicy) -> Latch {
    let mut latch = latch(policy);
    stream(&mut latch, PARTY, 0, 50);
    latch
}

#[test]
fn a_stream_that_goes_on_from_another_port_of_its_host_after_a_silence_is_held() {
    for policy in [LatchPolicy::Symmetric, LatchPolicy::Asymmetric, LatchPolicy::Handover] {
        let mut latch = heard_until_980(policy);
        let decided: Vec<Admission> = (0..60)
            .map(|n: u16| latch.observe(at(1000 + u64::from(n) * 20), &rtp(REBOUND, 1050 + n)))
            .collect();
        let taken = decided.iter().position(|each| *each == Admission::AcceptAndLatch);
        // A second of silence, and two packets in sequence; where a stream may be handed over, those two.
        let first = if policy == LatchPolicy::Handover { 1 } else { 50 };
        assert_eq!(taken, Some(first), "{policy:?}");
        assert!(decided[first + 1..].iter().all(|each| *each == Admission::Accept));
        let to = if policy == LatchPolicy::Asymmetric { PARTY } else { REBOUND };
        assert_eq!(latch.destination(), Some(address(to)));
    }
}

#[test]
fn who_does_not_go_on_with_the_stream_or_comes_too_soon_is_not_held() {
    let try_it = |from: &str, ssrc, first: u16, from_millis: u64| {
        let mut latch = heard_until_980(LatchPolicy::Symmetric);
        let packets = (0..20_u16).map(|n| PacketOrigin { ssrc: Ssrc(ssrc), ..rtp(from, first + n) });
        let mut times = (0..20).map(|n| at(from_millis + n * 20));
        let decide = |packet: PacketOrigin| latch.observe(times.next().unwrap(), &packet);
        packets.map(decide).any(|each| each != Admission::Reject)
    };
    assert!(try_it(REBOUND, 7, 1050, 5000), "the party");
    assert!(try_it(REBOUND, 7, 1250, 2000), "which has sent meanwhile");
    assert!(!try_it(REBOUND, 8, 1050, 5000), "another SSRC");
    assert!(!try_it(REBOUND, 7, 1000, 5000), "numbers that came before");
    assert!(!try_it(REBOUND, 7, 1400, 2000), "more numbers than there was time for");
    assert!(!try_it(REBOUND, 7, 4500, 600_000), "more numbers than any loss");
    assert!(!try_it(STRANGER, 7, 1050, 5000), "another host");
    assert!(!try_it(REBOUND, 7, 1050, 1100), "while the party may still be there");
    let mut latch = heard_until_980(LatchPolicy::Signalled);
    assert_eq!(latch.observe(at(9000), &rtp(REBOUND, 1050)), Admission::Reject);
    assert_eq!(latch.observe(at(9020), &rtp(REBOUND, 1051)), Admission::Reject);
}

#[test]
fn any_of_the_partys_streams_can_go_on_from_another_port() {
    let of = |ssrc, packet: PacketOrigin| PacketOrigin { ssrc: Ssrc(ssrc), ..packet };
    let mut latch = latch(LatchPolicy::Symmetric);
    for n in 0..10 {
        for ssrc in [1, 2, 3] {
            let sequence = n + 1000 * u16::try_from(ssrc).unwrap();
            latch.observe(at(u64::from(n) * 20), &of(ssrc, rtp(PARTY, sequence)));
        }
    }
    // A fourth packet of the first stream was the last that came.
    assert_eq!(latch.observe(at(2000), &of(2, rtp(REBOUND, 2010))), Admission::Reject);
    assert_eq!(latch.observe(at(2020), &of(2, rtp(REBOUND, 2011))), Admission::AcceptAndLatch);
}

#[test]
fn an_authenticated_stream_goes_on_from_anywhere_once_the_source_is_silent() {
    let secure = Signalled { secure: true, ..signalled(LatchPolicy::Symmetric, PARTY) };
    let mut latch = Latch::new(secure, Learnable::default());
    let moved = "203.0.113.5:61000";
    assert_eq!(latch.observe(at(0), &srtp(PARTY, 1)), Admission::AcceptAndLatch);
    // A copy that overtakes the party's own packet does not move it.
    assert!(!latch.admits(at(99), address(moved)));
    assert_eq!(latch.observe(at(100), &srtp(moved, 7)), Admission::AcceptAndLatch);
    assert_eq!(latch.destination(), Some(address(moved)));
}

#[test]
fn a_silence_in_which_nobody_listened_is_none() {
    let latch = heard_until_980(LatchPolicy::Symmetric);
    let saved = latch.save(at(1000));
    let config = signalled(LatchPolicy::Symmetric, PARTY);
    let mut restored = Latch::restored(at(9000), config, Learnable::default(), &saved);
    assert_eq!(restored.observe(at(9000), &rtp(REBOUND, 1050)), Admission::Reject);
    assert_eq!(restored.observe(at(9020), &rtp(REBOUND, 1051)), Admission::Reject);
    assert_eq!(restored.observe(at(9040), &rtp(PARTY, 1052)), Admission::Accept);
    assert_eq!(restored.observe(at(10_100), &rtp(REBOUND, 1055)), Admission::Reject);
    assert_eq!(restored.observe(at(10_120), &rtp(REBOUND, 1056)), Admission::AcceptAndLatch);
}
