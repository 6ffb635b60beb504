//! What a packet costs between its receive call and its send call: one step of the session. On the media path that is the
//! packet into the jitter buffer and its share of the tick: decoded, encoded again, and put into a packet.
//!
//! `step/KIND`: over 400 calls in turn, one of whose parties sends; all that a packet touches stays in the second-level
//! cache. `step/KIND/2000`: over 2,000 calls in random order, both of whose parties send, as in a loaded worker: what a packet
//! touches has not been touched for 20 ms. Writing the datagrams is not in it.

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_benches::loaded::{self, Loaded};
use mediapoint_benches::step::{Steps, kinds};

/// Kinds that are measured over many calls, too.
const LOADED: [&str; 4] = ["relay", "PCMU to PCMA", "RTP to SRTP AES-CM", "media path, PCMU to G.729"];

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    for kind in kinds() {
        let mut steps = Steps::new(&kind);
        group.bench_function(kind.name, |b| b.iter(|| steps.step()));
        assert!(steps.all_sent(), "{}: every packet goes through", kind.name);
    }
    for kind in kinds().iter().filter(|kind| LOADED.contains(&kind.name)) {
        let mut loaded = Loaded::new(kind, loaded::CALLS);
        // Jitter buffers fill, and codecs settle.
        loaded.packets(20 * loaded::CALLS);
        group.bench_function(format!("{}/{}", kind.name, loaded::CALLS), |b| {
            b.iter_custom(|steps| loaded.packets(steps));
        });
        assert!(loaded.all_sent(), "{}: every packet goes through", kind.name);
    }
    group.finish();
}

criterion_group!(benches, relay);
criterion_main!(benches);
