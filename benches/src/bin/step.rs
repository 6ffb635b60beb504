//! Steps of a session without anything around them, to be counted under valgrind or profiled.
//!
//! `step KIND STEPS`, where KIND is a name of `mediapoint_benches::step::kinds`: 400 calls in turn. The instructions of a step
//! are the difference of two runs by the difference of their steps.
//!
//! `step KIND STEPS CALLS [blind]`: both parties of so many calls send, in random order; `blind` asks memory for nothing before
//! it is needed. Lines of memory that a packet misses are
//! counted with `valgrind --tool=callgrind --cache-sim=yes --toggle-collect='*Loaded*handle*'`, again as a difference.

use std::process::ExitCode;

use mediapoint_benches::loaded::Loaded;
use mediapoint_benches::step::{Steps, kinds};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(kind) = kinds().into_iter().find(|kind| kind.name == name) else {
        eprintln!("kinds:");
        kinds().iter().for_each(|kind| eprintln!("  {}", kind.name));
        return ExitCode::FAILURE;
    };
    let mut number = || arguments.next().and_then(|number| number.parse::<u64>().ok());
    let (count, calls) = (number().unwrap_or(1_000_000), number());
    let blind = arguments.next().is_some_and(|word| word == "blind");
    let (time, all_sent) = match calls {
        Some(calls) => {
            let mut loaded = Loaded::new(&kind, calls);
            if blind {
                loaded = loaded.without_look_ahead();
            }
            (loaded.packets(count), loaded.all_sent())
        }
        None => {
            let mut steps = Steps::new(&kind);
            let begun = std::time::Instant::now();
            (0..count).for_each(|_| steps.step());
            (begun.elapsed(), steps.all_sent())
        }
    };
    println!("{}: {} ns a step", kind.name, time.as_nanos() / u128::from(count.max(1)));
    if all_sent { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
