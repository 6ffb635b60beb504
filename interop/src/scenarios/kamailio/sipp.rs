//! sipp registers, calls and echoes: several calls at once, and calls whose offer comes with the answer to the INVITE.

use std::time::Duration;

use crate::audio::{Clip, Law};
use crate::error::{Context as _, Failure, ensure};
use crate::kamailio::Kamailio;
use crate::phone::{ALICE, BOB, User};
use crate::process::{Process, wait_for_udp_port, wait_until};
use crate::scenarios::kamailio::proxy;
use crate::scenarios::{Bench, Scenario};
use crate::server::Kind;
use crate::wire::free_pair;

const REGISTER: &str = include_str!("../../../testdata/sipp-register.xml");
pub(super) const CALLER: &str = include_str!("../../../testdata/sipp-registered-caller.xml");
const CALLEE: &str = include_str!("../../../testdata/sipp-registered-callee.xml");
/// The description of the caller.
const BODY: &str = "v=0\n      o=caller 1 1 IN IP4 [local_ip]\n      s=-\n      c=IN IP4 [media_ip]\n      t=0 0\n      \
                    m=audio [rtpstream_audio_port] RTP/AVP 0\n      a=rtpmap:0 PCMU/8000\n";
/// Calls, and how many begin in a second.
const CALLS: usize = 4;
const RATE: usize = 4;
/// Seconds of speech in each call, and packets of it that must have reached the server: the last may be under way.
const SECONDS: usize = 2;
const PACKETS: u64 = 95;
const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn all() -> Vec<Scenario> {
    let reason = "the packets are counted in the server's log";
    vec![
        Scenario::new("kamailio-sipp", "sipp calls sipp, four calls at once, echoed", |bench| {
            calls(bench, false, &[])
        })
        .only(Kind::Mediapoint, reason),
        Scenario::new(
            "kamailio-late-offer",
            "the same with the offer in the 200 and the answer in the ACK, by both ways of the configuration",
            |bench| {
                calls(bench, true, &[])?;
                calls(bench, true, &["WITH_MANAGE"])
            },
        )
        .only(Kind::Mediapoint, reason),
    ]
}

fn calls(bench: &Bench<'_>, late: bool, definitions: &[&str]) -> Result<(), Failure> {
    let mut proxy = proxy(bench, definitions)?;
    let clip = Clip::cut(&bench.folder, 0, SECONDS, Law::Mu)?;
    let before = bench.server.log().len();
    let (caller_port, stream_port) = (free_pair()?, free_pair()?);
    let callee_port = register_callee(bench, &proxy)?;
    let callee = start_callee(bench, &proxy, callee_port, CALLS)?;

    let (with, without) = if late { ("ACK", "INVITE") } else { ("INVITE", "ACK") };
    let scenario = fill(CALLER, ALICE)
        .replace("SPEECH", &clip.file.display().to_string())
        .replace(&format!("{with}-TYPE"), "Content-Type: application/sdp")
        .replace(&format!("{with}-BODY"), BODY)
        .replace(&format!("      {without}-TYPE\n"), "")
        .replace(&format!("      {without}-BODY\n"), "");
    let caller = format!(
        "-s {} -p {caller_port} -mp {stream_port} -m {CALLS} -r {RATE} 127.0.0.1:{}",
        BOB.0, proxy.port
    );
    sipp(bench, &proxy, "caller", &scenario, &caller)?.finish(LIMIT)?;
    callee.finish(LIMIT)?;
    bench.server.check_no_call()?;

    let mut ended = Vec::new();
    let all = wait_until(Duration::from_secs(3), || {
        ended = counts(bench.server.log().get(before..).unwrap_or_default());
        ended.len() == CALLS
    });
    ensure!(all, "{} of {CALLS} calls ended on the media server", ended.len());
    for counts in ended {
        let enough = counts.len() == 2 && counts.iter().all(|received| *received >= PACKETS);
        ensure!(enough, "the server counted {counts:?} packets from caller and echo, of {PACKETS} at least");
    }
    proxy.check_alive()
}

/// Registers a port for the second user, and returns it.
pub(super) fn register_callee(bench: &Bench<'_>, proxy: &Kamailio) -> Result<u16, Failure> {
    let port = free_pair()?;
    let args = format!("-m 1 -s {} -p {port} 127.0.0.1:{}", BOB.0, proxy.port);
    sipp(bench, proxy, "register", &fill(REGISTER, BOB), &args)?.finish(LIMIT)?;
    Ok(port)
}

/// sipp answering so many calls on that port, with an echo.
pub(super) fn start_callee(
    bench: &Bench<'_>,
    proxy: &Kamailio,
    port: u16,
    calls: usize,
) -> Result<Process, Failure> {
    let args = format!("-p {port} -mp {} -rtp_echo -m {calls} 127.0.0.1:{}", free_pair()?, proxy.port);
    let mut callee = sipp(bench, proxy, "callee", CALLEE, &args)?;
    wait_for_udp_port(port, &mut callee)?;
    Ok(callee)
}

/// What the server received from the parties of each call that ended, by its log.
fn counts(log: &str) -> Vec<Vec<u64>> {
    let received = |line: &str| -> Vec<u64> {
        line.split(" received ").skip(1).filter_map(|rest| rest.split(',').next()?.parse().ok()).collect()
    };
    log.lines().filter(|line| line.contains("call ended")).map(received).collect()
}

pub(super) fn fill(scenario: &str, (user, password): User) -> String {
    scenario.replace("USER", user).replace("PASSWORD", password)
}

pub(super) fn sipp(
    bench: &Bench<'_>,
    proxy: &Kamailio,
    label: &str,
    scenario: &str,
    args: &str,
) -> Result<Process, Failure> {
    let file = bench.folder.join(format!("{label}-{}.xml", proxy.port));
    std::fs::write(&file, scenario).during(file.display().to_string())?;
    let common = "-i 127.0.0.1 -mi 127.0.0.1 -nostdin -trace_err -timeout 25 -timeout_error -sf";
    let mut all: Vec<String> = common.split_whitespace().map(str::to_owned).collect();
    all.push(file.display().to_string());
    all.extend(args.split_whitespace().map(str::to_owned));
    Process::start(&bench.folder, &format!("sipp-{label}"), "sipp", &all)
}
