//! Media servers that are not there: none at all, one of two, and one that goes away.

use crate::error::{Failure, ensure};
use crate::kamailio::Kamailio;
use crate::phone::{BOB, SOON};
use crate::scenarios::kamailio::{connect, hang_up, phones, talk};
use crate::scenarios::{Bench, Scenario};
use crate::server::free_port;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new("kamailio-down", "no media server: 503, and the phones stay registered", down),
        Scenario::new(
            "kamailio-failover",
            "of two media servers one dies: the other takes every call",
            failover,
        ),
    ]
}

fn down(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = Kamailio::start(&bench.folder, &format!("udp:{}", free_port()?), &[])?;
    let mut both = phones(bench, &proxy, [&[], &[]])?;
    both[0].command(&format!("call {}", BOB.0))?;
    both[0].expect("state DISCONNECTED 503", SOON)?;
    both[1].expect_none("state")?;
    ensure!(proxy.log().contains("no media server took the offer"), "the proxy's log does not say why");
    for phone in both {
        phone.finish()?;
    }
    proxy.check_alive()
}

/// The module spreads calls over a set by their Call-ID.
fn failover(bench: &Bench<'_>) -> Result<(), Failure> {
    let second = bench.server.another(&bench.folder, &[])?;
    let set = format!("udp:{} udp:{}", bench.server.control, second.control);
    let mut proxy = Kamailio::start(&bench.folder, &set, &[])?;
    let mut both = phones(bench, &proxy, [&[], &[]])?;
    connect(&mut both, BOB.0, "PCMU")?;
    let on = [bench.server.calls()?, second.calls()?];
    ensure!(on.iter().sum::<usize>() == 1, "the two media servers have {on:?} calls");
    hang_up(&mut both, bench.server)?;
    second.check_no_call()?;
    drop(second);
    // Each call has another Call-ID. That all of five would choose the living one is one chance in 32.
    for _ in 0..5 {
        connect(&mut both, BOB.0, "PCMU")?;
        ensure!(bench.server.calls()? == 1, "the call is not on the media server that lives");
        hang_up(&mut both, bench.server)?;
    }
    connect(&mut both, BOB.0, "PCMU")?;
    for phone in &mut both {
        phone.command("speak")?;
    }
    talk(bench, both, bench.server)?;
    proxy.check_alive()
}
