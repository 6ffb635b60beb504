//! Where both cores' time goes in a run: `perf record` of all that runs, summed by parts of the kernel and of the programs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Error;
use crate::shell::Program;

/// What is put before a program whose run is to be profiled: samples of all cores, at a frequency that is not in step with ticks of a
/// millisecond.
pub(super) fn recording(file: &Path) -> Vec<String> {
    let words = ["perf", "record", "--quiet", "--all-cpus", "--event=cpu-clock", "--freq=2999", "--output"];
    let file = file.display().to_string();
    words.into_iter().map(str::to_owned).chain([file, "--".to_owned()]).collect()
}

/// A part of what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Program,
    Libraries,
    Crossing,
    Sockets,
    Stack,
    Card,
    Xdp,
    Waiting,
    Other,
}

impl Part {
    const ALL: [Self; 9] = [
        Self::Program,
        Self::Libraries,
        Self::Crossing,
        Self::Sockets,
        Self::Stack,
        Self::Card,
        Self::Xdp,
        Self::Waiting,
        Self::Other,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Program => "the program itself",
            Self::Libraries => "its libraries",
            Self::Crossing => "kernel: entry and exit, copies to and from it",
            Self::Sockets => "kernel: sockets, epoll, their locks",
            Self::Stack => "kernel: UDP, IP, routes, netfilter, buffers",
            Self::Card => "kernel: virtual card, its polling",
            Self::Xdp => "kernel: XDP program, AF_XDP",
            Self::Waiting => "kernel: scheduler, timers",
            Self::Other => "kernel: the rest",
        }
    }

    /// By the object and the name of a symbol.
    fn of(object: &str, symbol: &str) -> Self {
        if symbol.starts_with("bpf_") {
            return Self::Xdp;
        }
        if !object.starts_with('[') {
            let is_library = object.contains(".so");
            return if is_library { Self::Libraries } else { Self::Program };
        }
        let begins = |words: &[&str]| {
            words.iter().any(|word| symbol.trim_start_matches('_').starts_with(word.trim_start_matches('_')))
        };
        let has = |words: &[&str]| words.iter().any(|word| symbol.contains(word));
        if has(&["xsk", "xsk_", "xdp", "xp_", "dev_map", "bpf"]) {
            Self::Xdp
        } else if begins(&["entry_", "syscall", "do_syscall", "srso", "copy_", "rep_movs", "x64_sys"])
            || has(&[
                "user_to_",
                "_to_user",
                "_from_user",
                "_from_iter",
                "_to_iter",
                "iovec",
                "retbleed",
                "thunk",
            ])
        {
            Self::Crossing
        } else if has(&[
            "veth",
            "napi",
            "net_rx",
            "softirq",
            "gro",
            "backlog",
            "netif",
            "dev_queue",
            "direct_xmit",
        ]) || begins(&["dev_hard", "enqueue_to", "eth_", "local_bh"])
        {
            Self::Card
        } else if has(&[
            "sock",
            "ep_",
            "epoll",
            "eventpoll",
            "recvmsg",
            "sendmsg",
            "recvmmsg",
            "sendmmsg",
            "sendto",
            "fget",
        ]) || begins(&["fput", "security", "apparmor", "selinux", "aa_", "import_"])
        {
            Self::Sockets
        } else if has(&[
            "udp", "ip_", "ip4", "ipv4", "fib", "nf_", "nft", "skb", "route", "dst_", "csum", "neigh",
        ]) || has(&["kmem", "kmalloc", "kfree", "slab", "page_frag", "page_pool", "inet", "arp"])
        {
            Self::Stack
        } else if has(&[
            "sched", "timer", "schedule", "futex", "wake", "clock", "tick", "switch", "pick_", "dequeue",
        ]) || begins(&[
            "enqueue",
            "update_",
            "ktime",
            "nanosleep",
            "do_nanosleep",
            "rcu",
            "try_to",
            "select_",
            "native_write",
        ]) {
            Self::Waiting
        } else {
            Self::Other
        }
    }
}

/// The generators' name.
const GENERATOR: &str = "load";

/// True for what an idle core runs.
fn is_idle(symbol: &str) -> bool {
    ["pv_native_safe_halt", "native_safe_halt", "default_idle", "mwait_idle", "acpi_idle", "intel_idle"]
        .iter()
        .any(|name| symbol.contains(name))
}

/// Shares of the busy time of both cores, in percent: by part, of the generator and of all else.
#[derive(Debug, Default, PartialEq)]
struct Shares {
    parts: BTreeMap<Part, [f64; 2]>,
    /// The dearest symbols, with the program in which they ran.
    symbols: Vec<(f64, String)>,
}

/// Reads `perf report` with the fields overhead, program, object and symbol between semicolons.
fn read(report: &str, generator: &str) -> Shares {
    let mut shares = Shares::default();
    let mut busy = 0.0;
    for line in report.lines() {
        let fields: Vec<&str> = line.split(';').map(str::trim).collect();
        let [share, program, object, symbol] = fields[..] else { continue };
        let Ok(share) = share.trim_end_matches('%').parse::<f64>() else { continue };
        let symbol = symbol.trim_start_matches("[k] ").trim_start_matches("[.] ");
        if is_idle(symbol) {
            continue;
        }
        busy += share;
        let sums = shares.parts.entry(Part::of(object, symbol)).or_default();
        let [of_server, of_generator] = sums;
        *(if program == generator { of_generator } else { of_server }) += share;
        shares.symbols.push((share, format!("{program}: {symbol}")));
    }
    let scale = if busy > 0.0 { 100.0 / busy } else { 0.0 };
    shares.parts.values_mut().flatten().for_each(|share| *share *= scale);
    shares.symbols.iter_mut().for_each(|(share, _)| *share *= scale);
    shares.symbols.sort_by(|a, b| b.0.total_cmp(&a.0));
    shares
}

/// Prints what the recording of a run says. Threads of a server have names of their own: what is not the generator's is its.
pub(super) fn print(file: &Path, server: &str) -> Result<(), Error> {
    let file = file.display().to_string();
    let words = [
        "report",
        "--stdio",
        "--quiet",
        "--fields=overhead,comm,dso,symbol",
        "--field-separator=;",
        "--input",
    ];
    let report = Program::new("perf", words.into_iter().chain([file.as_str()])).output()?;
    let shares = read(&report, GENERATOR);
    println!("\n{:<52}{:>12}{:>14}", "% of the busy time of both cores", server, GENERATOR);
    for part in Part::ALL {
        let [own, others] = shares.parts.get(&part).copied().unwrap_or_default();
        println!("{:<52}{own:>12.1}{others:>14.1}", part.name());
    }
    for (share, symbol) in shares.symbols.iter().take(12) {
        println!("  {share:>5.1}  {symbol}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_busy_time_and_told_apart_by_program() {
        let report = "50.00%;swapper;[kernel.kallsyms];[k] pv_native_safe_halt\n\
                      20.00%;mediapoint;mediapoint;[.] mediapoint_engine::session::step\n\
                      10.00%;mediapoint;[kernel.kallsyms];[k] udp_sendmsg\n\
                      15.00%;load;[kernel.kallsyms];[k] xsk_generic_xmit\n\
                      5.00%;load;libc.so.6;[.] memcpy\n";
        let shares = read(report, "load");
        assert_eq!(shares.parts.get(&Part::Program), Some(&[40.0, 0.0]));
        assert_eq!(shares.parts.get(&Part::Sockets), Some(&[20.0, 0.0]));
        assert_eq!(shares.parts.get(&Part::Xdp), Some(&[0.0, 30.0]));
        assert_eq!(shares.parts.get(&Part::Libraries), Some(&[0.0, 10.0]));
        assert_eq!(shares.symbols.len(), 4, "{shares:?}");
    }
}
