//! Protecting and unprotecting 172-byte RTP packets (20 ms of G.711) over 2,000 sessions in turn, so that keys
//! and states come from where they lie on a busy worker; `webrtc-srtp` beside it.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mediapoint_srtp::properties::oracle_profile;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};

const SESSIONS: usize = 2000;
const PACKET: usize = 172;

/// Packets for every session, one sequence number further each round.
struct Packets {
    seq: u16,
    buffers: Vec<[u8; 256]>,
}

impl Packets {
    fn new() -> Self {
        Self { seq: 0, buffers: vec![[0xd5; 256]; SESSIONS] }
    }

    fn next_round(&mut self) {
        self.seq = self.seq.wrapping_add(1);
        for (ssrc, buffer) in (1u32..).zip(&mut self.buffers) {
            let mut header = [0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let (front, tail) = header.split_at_mut(8);
            front.iter_mut().skip(2).zip(self.seq.to_be_bytes()).for_each(|(to, from)| *to = from);
            tail.copy_from_slice(&ssrc.to_be_bytes());
            buffer.iter_mut().zip(header).for_each(|(to, from)| *to = from);
        }
    }
}

fn keys(suite: Suite) -> Vec<MasterKey> {
    (0..SESSIONS).map(|_| MasterKey::generate(suite).expect("randomness")).collect()
}

/// With the replay protection that ours always has.
fn context(key: &MasterKey) -> Context {
    let (rtp, rtcp) = (srtp_replay_protection(128), srtcp_replay_protection(128));
    let (secret, salt) = (key.danger_key_bytes(), key.danger_salt_bytes());
    let profile = oracle_profile(key.suite()).expect("a suite that it knows");
    Context::new(secret, salt, profile, Some(rtp), Some(rtcp)).expect("a key of the right length")
}

/// The time of `count` packets, in rounds over the sessions; `prepare` runs before each round, untimed.
fn rounds<S>(
    count: u64,
    state: &mut S,
    mut prepare: impl FnMut(&mut S),
    mut packet: impl FnMut(&mut S, usize),
) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    while left > 0 {
        prepare(state);
        let round = left.min(SESSIONS);
        let start = Instant::now();
        for session in 0..round {
            packet(state, session);
        }
        spent += start.elapsed();
        left -= round;
    }
    spent
}

#[expect(clippy::indexing_slicing, reason = "a bench: every index is below the number of sessions")]
fn ours(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp");
    group.throughput(Throughput::Elements(1));
    for suite in Suite::ALL {
        let keys = keys(suite);
        let senders = || keys.iter().map(Outbound::new).collect::<Vec<_>>();
        let receivers = || keys.iter().map(|key| Inbound::new(key, InboundOptions::default()));
        group.bench_function(format!("protect/{suite}"), |b| {
            let mut state = (senders(), Packets::new());
            b.iter_custom(|count| {
                rounds(
                    count,
                    &mut state,
                    |(_, packets)| packets.next_round(),
                    |(senders, packets), at| {
                        let len = senders[at].protect_rtp(&mut packets.buffers[at], PACKET);
                        assert!(black_box(len).is_ok());
                    },
                )
            });
        });
        group.bench_function(format!("unprotect/{suite}"), |b| {
            let len = PACKET + suite.rtp_tag_len();
            let mut state = (senders(), receivers().collect::<Vec<_>>(), Packets::new());
            b.iter_custom(|count| {
                rounds(
                    count,
                    &mut state,
                    |(senders, _, packets)| {
                        packets.next_round();
                        for (sender, buffer) in senders.iter_mut().zip(&mut packets.buffers) {
                            assert_eq!(sender.protect_rtp(buffer, PACKET), Ok(len));
                        }
                    },
                    |(_, receivers, packets), at| {
                        let plain = receivers[at].unprotect_rtp(&mut packets.buffers[at][..len]);
                        assert!(black_box(plain).is_ok());
                    },
                )
            });
        });
    }
    group.finish();
}

#[expect(clippy::indexing_slicing, reason = "a bench: every index is below the number of sessions")]
fn theirs(c: &mut Criterion) {
    let mut group = c.benchmark_group("webrtc-srtp");
    group.throughput(Throughput::Elements(1));
    for suite in [Suite::AesCm128HmacSha1_80, Suite::Aes256CmHmacSha1_80, Suite::AeadAes128Gcm] {
        let keys = keys(suite);
        let contexts = || keys.iter().map(context).collect::<Vec<_>>();
        group.bench_function(format!("protect/{suite}"), |b| {
            let mut state = (contexts(), Packets::new());
            b.iter_custom(|count| {
                rounds(
                    count,
                    &mut state,
                    |(_, packets)| packets.next_round(),
                    |(contexts, packets), at| {
                        let packet = contexts[at].encrypt_rtp(&packets.buffers[at][..PACKET]);
                        assert!(black_box(packet).is_ok());
                    },
                )
            });
        });
        group.bench_function(format!("unprotect/{suite}"), |b| {
            let mut state = (contexts(), contexts(), Packets::new(), Vec::new());
            b.iter_custom(|count| {
                rounds(
                    count,
                    &mut state,
                    |(senders, _, packets, protected)| {
                        packets.next_round();
                        protected.clear();
                        for (sender, buffer) in senders.iter_mut().zip(&packets.buffers) {
                            protected.push(sender.encrypt_rtp(&buffer[..PACKET]).expect("protected"));
                        }
                    },
                    |(_, receivers, _, protected), at| {
                        let plain = receivers[at].decrypt_rtp(&protected[at]);
                        assert!(black_box(plain).is_ok());
                    },
                )
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = ours, theirs
}
criterion_main!(benches);
