//! `counted NAME STEPS` takes so many steps of [`Counted`]; without arguments it prints the names. `cargo xtask instructions`
//! runs it under valgrind.

use std::process::ExitCode;

use mediapoint_benches::counted::Counted;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        Counted::names().iter().for_each(|name| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let count = arguments.next().and_then(|count| count.parse::<u64>().ok());
    let (Some(mut counted), Some(count)) = (Counted::new(&name), count) else {
        eprintln!("usage: counted NAME STEPS");
        return ExitCode::FAILURE;
    };
    (0..count).for_each(|_| counted.step());
    ExitCode::SUCCESS
}
