//! What a packet costs between its receive call and its send call: one step of the session, over 400 calls in turn, so that
//! every packet finds its legs out of the first-level cache as it would in life. On the media path that is the packet
//! into the jitter buffer and its share of the tick: decoded, encoded again, and put into a packet.

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_benches::step::{Steps, kinds};

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    for kind in kinds() {
        let mut steps = Steps::new(&kind);
        group.bench_function(kind.name, |b| b.iter(|| steps.step()));
        assert!(steps.all_sent(), "{}: every packet goes through", kind.name);
    }
    group.finish();
}

criterion_group!(benches, relay);
criterion_main!(benches);
