//! What a session weighs, so that thousands of them stay in the cache.

use mediapoint_srtp::{Inbound, InboundOptions, Outbound, Suite};

use crate::support::*;

/// Bytes of one direction with one SSRC: the value itself and what it holds on the heap.
fn weight<T>(make: impl FnOnce() -> T) -> usize {
    let mut made = None;
    let counts = mediapoint_allocations::measure(|| made = Some(make()));
    drop(made);
    size_of::<T>() + usize::try_from(counts.kept).unwrap()
}

#[test]
fn a_direction_stays_small() {
    for suite in Suite::ALL {
        let key = key(suite, 1);
        let sending = weight(|| Outbound::new(&key));
        let receiving = weight(|| Inbound::new(&key, InboundOptions::default()));
        println!("{suite}: sending {sending} bytes, receiving {receiving} bytes");
        let limit = if suite.master_salt_len() == 12 { 1700 } else { 1100 };
        assert!(sending <= limit && receiving <= limit, "{suite}: {sending} and {receiving} bytes");
    }
}
