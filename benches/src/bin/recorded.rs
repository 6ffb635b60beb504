//! Ticks of calls whose parties both talk, recorded or not, to be counted under `valgrind --tool=callgrind`:
//! `recorded KIND TICKS [tap]`, where KIND is a name of `mediapoint_benches::step::kinds`. The instructions of a tick are the
//! difference of two runs by the difference of their ticks.

use std::process::ExitCode;
use std::time::Instant;

use mediapoint_benches::recorded::RecordedCalls;
use mediapoint_benches::step::kinds;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (name, count) = (arguments.next().unwrap_or_default(), arguments.next());
    let recorded = arguments.next().is_some_and(|word| word == "tap");
    let Some(kind) = kinds().into_iter().find(|kind| kind.name == name) else {
        eprintln!("kinds:");
        kinds().iter().for_each(|kind| eprintln!("  {}", kind.name));
        return ExitCode::FAILURE;
    };
    let count = count.and_then(|count| count.parse::<u64>().ok()).unwrap_or(1_000_000);
    let mut calls = RecordedCalls::new(&kind, recorded);
    let begun = Instant::now();
    (0..count).for_each(|_| calls.tick());
    let nanos = begun.elapsed().as_nanos() / u128::from(count.max(1));
    println!("{}{}: {nanos} ns a tick", kind.name, if recorded { ", recorded" } else { "" });
    if calls.all_done() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
