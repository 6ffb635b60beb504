//! Members of rooms without anything around them, to be counted under `valgrind --tool=callgrind` or profiled: `rooms MEMBERS STEPS`,
//! MEMBERS being those of a room, and a step a member's packet with its part of the ticks. The instructions of a step are the
//! difference of two runs by the difference of their steps. `joins` in place of STEPS makes the rooms alone.

use std::process::ExitCode;

use mediapoint_benches::rooms::Rooms;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let members = arguments.next().and_then(|members| members.parse::<u64>().ok());
    let steps =
        arguments.next().map(|steps| if steps == "joins" { Some(0) } else { steps.parse::<u64>().ok() });
    let (Some(members), Some(Some(steps))) = (members, steps) else {
        eprintln!("usage: rooms MEMBERS STEPS|joins");
        return ExitCode::FAILURE;
    };
    let mut rooms = Rooms::new(members);
    let begun = std::time::Instant::now();
    (0..steps).for_each(|_| rooms.step());
    let nanos = begun.elapsed().as_nanos() / u128::from(steps.max(1));
    println!("rooms of {members}: {nanos} ns a member and tick");
    if rooms.all_sent(rooms.members()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
