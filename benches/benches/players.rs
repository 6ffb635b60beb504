//! What a leg that a player feeds costs a tick of 20 ms: 400 legs in turn, each with a call and a player of its own, from the
//! deadline to the packet that goes out. Beside it, 20 ms of G.711 encoded alone.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_benches::played::{Listeners, Played};
use mediapoint_benches::speech_like;
use mediapoint_g711::{Law, encode_slice};

fn players(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick of a leg");
    for played in Played::ALL {
        let mut listeners = Listeners::new(played);
        group.bench_function(format!("{played:?}"), |bencher| bencher.iter(|| listeners.tick()));
        assert!(listeners.all_sent(), "{played:?}: a packet each tick");
    }
    let (pcm, mut octets) = (speech_like(160), [0; 160]);
    group.bench_function("G.711 alone", |bencher| {
        bencher.iter(|| {
            encode_slice(Law::Mu, black_box(&pcm), &mut octets);
            black_box(octets[0])
        });
    });
    group.finish();
}

criterion_group!(benches, players);
criterion_main!(benches);
