//! No packet costs an allocation: sending, receiving, and refusing, in every suite.

use crate::support::*;
use mediapoint_srtp::{Inbound, InboundOptions, Outbound, Suite};

/// Allocations while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    mediapoint_allocations::measure(work).allocations
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![0u8; 100]))) > 0);
}

#[test]
fn packets_cost_no_allocation() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let media = rtp(SSRC, 0, 160);
        let control = rtcp(SSRC, 10);
        let mut buffer = [0u8; 2048];
        // From the very first packet on, over a wrap of the sequence number.
        let count = allocations(|| {
            for at in 0..70_000u32 {
                buffer[..media.len()].copy_from_slice(&media);
                buffer[2..4].copy_from_slice(&(at as u16).to_be_bytes());
                let len = sender.protect_rtp(&mut buffer, media.len()).unwrap();
                assert_eq!(receiver.unprotect_rtp(&mut buffer[..len]).unwrap().len(), media.len());
                if at % 50 == 0 {
                    buffer[..control.len()].copy_from_slice(&control);
                    let len = sender.protect_rtcp(&mut buffer, control.len()).unwrap();
                    assert_eq!(receiver.unprotect_rtcp(&mut buffer[..len]).unwrap().len(), control.len());
                }
            }
        });
        assert_eq!(count, 0, "{suite}");
    }
}

#[test]
fn refused_packets_cost_no_allocation() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let good = protect_rtp(&mut sender, &rtp(SSRC, 1, 160));
        unprotect_rtp(&mut receiver, &good).unwrap();
        let fresh = protect_rtp(&mut sender, &rtp(SSRC, 2, 160));
        let mut buffer = [0u8; 256];
        let count = allocations(|| {
            for ssrc in 0..1000u32 {
                let packet = &mut buffer[..fresh.len()];
                packet.copy_from_slice(&fresh);
                packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
                assert!(receiver.unprotect_rtp(packet).is_err());
                packet.copy_from_slice(&good);
                assert!(receiver.unprotect_rtp(packet).is_err());
                assert!(receiver.unprotect_rtcp(packet).is_err());
            }
        });
        assert_eq!(count, 0, "{suite}");
    }
}

#[test]
fn packets_cost_no_allocation_while_keys_change() {
    for suite in Suite::ALL {
        let (mut sender, _) = pair(suite);
        let options = InboundOptions { old_key_packets: 250, ..InboundOptions::default() };
        let mut receiver = Inbound::new(&key(suite, 1), options);
        let mut changed = Outbound::new(&key(suite, 2));
        let first = protect_rtp(&mut sender, &rtp(SSRC, 0, 160));
        unprotect_rtp(&mut receiver, &first).unwrap();
        receiver.rekey(&key(suite, 2));
        let media = rtp(SSRC, 0, 160);
        let mut buffer = [0u8; 2048];
        let count = allocations(|| {
            for at in 1..300u16 {
                let from = if at < 100 { &mut sender } else { &mut changed };
                buffer[..media.len()].copy_from_slice(&media);
                buffer[2..4].copy_from_slice(&at.to_be_bytes());
                let len = from.protect_rtp(&mut buffer, media.len()).unwrap();
                assert!(receiver.unprotect_rtp(&mut buffer[..len]).is_ok());
            }
        });
        assert!(receiver.is_rekeying());
        assert_eq!(count, 0, "{suite}");
    }
}
