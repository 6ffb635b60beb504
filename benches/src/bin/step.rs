//! Steps of a session without anything around them, to be counted under `valgrind --tool=callgrind` or profiled:
//! `step KIND STEPS`, where KIND is a name of `mediapoint_benches::step::kinds`. The instructions of a step are the
//! difference of two runs by the difference of their steps.

use std::process::ExitCode;

use mediapoint_benches::step::{Steps, kinds};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (name, count) = (arguments.next().unwrap_or_default(), arguments.next());
    let Some(kind) = kinds().into_iter().find(|kind| kind.name == name) else {
        eprintln!("kinds:");
        kinds().iter().for_each(|kind| eprintln!("  {}", kind.name));
        return ExitCode::FAILURE;
    };
    let count = count.and_then(|count| count.parse::<u64>().ok()).unwrap_or(1_000_000);
    let mut steps = Steps::new(&kind);
    let begun = std::time::Instant::now();
    (0..count).for_each(|_| steps.step());
    let nanos = begun.elapsed().as_nanos() / u128::from(count.max(1));
    println!("{}: {nanos} ns a step", kind.name);
    if steps.all_sent() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
