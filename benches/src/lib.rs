//! Criterion benches, a file per topic, under `benches/`.
