//! sipp calls sipp through a proxy of ours. The callee echoes, so every packet passes the server twice.

use std::time::{Duration, Instant};

use crate::audio::{Clip, Law};
use crate::error::{Context as _, Failure, ensure};
use crate::ng::Fields;
use crate::process::{Process, wait_for_udp_port};
use crate::scenarios::Bench;
use crate::sip::Proxy;
use crate::wire::free_pair;

/// Calls to make, and how many begin in a second: several run at once.
const CALLS: usize = 6;
const RATE: usize = 3;
/// Seconds of speech in each call.
const SECONDS: usize = 2;
/// Packets of that speech; the last may still be under way when the call ends.
const PACKETS: u64 = 95;
/// When everything must be over.
const LIMIT: Duration = Duration::from_secs(40);

/// The caller's scenario, with the speech file still to be named.
const CALLER: &str = include_str!("../../testdata/sipp-caller.xml");

/// Six calls; each party's packets reach the server and come out on the other side.
pub(super) fn calls(bench: &Bench<'_>) -> Result<(), Failure> {
    let clip = Clip::cut(&bench.folder, 0, SECONDS, Law::Mu)?;
    let scenario = bench.folder.join("caller.xml");
    std::fs::write(&scenario, CALLER.replace("SPEECH", &clip.file.display().to_string()))
        .during(scenario.display().to_string())?;
    let (callee_port, caller_port, echo_port, stream_port) =
        (free_pair()?, free_pair()?, free_pair()?, free_pair()?);
    let mut proxy = Proxy::open(&bench.server.client, callee_port, Fields::none())?;

    let common = "-i 127.0.0.1 -mi 127.0.0.1 -nostdin -trace_err -timeout 35 -timeout_error";
    let callee = format!("-sn uas {common} -p {callee_port} -mp {echo_port} -rtp_echo -m {CALLS}");
    let mut callee = sipp(bench, "callee", &callee, &[])?;
    wait_for_udp_port(callee_port, &mut callee)?;
    let caller =
        format!("{common} -p {caller_port} -mp {stream_port} -m {CALLS} -r {RATE} 127.0.0.1:{}", proxy.port);
    let mut caller = sipp(bench, "caller", &caller, &["-sf".to_owned(), scenario.display().to_string()])?;

    let deadline = Instant::now() + LIMIT;
    while caller.is_running() && Instant::now() < deadline {
        proxy.step()?;
    }
    caller.finish(Duration::from_secs(1))?;
    ensure!(proxy.ended.len() == CALLS, "{} of {CALLS} calls ended with a BYE", proxy.ended.len());
    for (id, counts) in &proxy.ended {
        let [caller, callee] = *counts;
        ensure!(
            caller >= PACKETS && callee >= PACKETS,
            "call {id}: the server counted {caller} packets from the caller and {callee} echoed, of {PACKETS} at least"
        );
    }
    Ok(())
}

fn sipp(bench: &Bench<'_>, label: &str, args: &str, more: &[String]) -> Result<Process, Failure> {
    let args: Vec<String> = args.split_whitespace().map(str::to_owned).chain(more.iter().cloned()).collect();
    Process::start(&bench.folder, &format!("sipp-{label}"), "sipp", &args)
}
