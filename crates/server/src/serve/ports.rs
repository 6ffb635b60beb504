//! Media ports that the system also gives to programs that ask for any port.

use std::fs;
use std::ops::RangeInclusive;

/// Ports given to programs that ask for any.
const EPHEMERAL: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Ports left out of those.
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// Says where the media ports overlap those, and what to do.
pub(super) fn warn_of_shared(ports: &RangeInclusive<u16>) {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    if let Some((first, last)) = shared(ports, &read(EPHEMERAL), &read(RESERVED)) {
        let reserve = format!("sysctl net.ipv4.ip_local_reserved_ports={first}-{last}");
        tracing::warn!(
            first,
            last,
            reserve,
            "these media ports are also given to other programs: such a port cannot be used for media, and a controller \
             of this machine that has one is ignored"
        );
    }
}

/// The first and last media port that is ephemeral and not reserved.
fn shared(ports: &RangeInclusive<u16>, ephemeral: &str, reserved: &str) -> Option<(u16, u16)> {
    let mut bounds = ephemeral.split_whitespace().map(str::parse::<u16>);
    let ephemeral = bounds.next()?.ok()?..=bounds.next()?.ok()?;
    let reserved: Vec<RangeInclusive<u16>> = reserved.trim().split(',').filter_map(range).collect();
    let is_shared =
        |port: &u16| ephemeral.contains(port) && !reserved.iter().any(|reserved| reserved.contains(port));
    Some((ports.clone().find(is_shared)?, ports.clone().rev().find(is_shared)?))
}

/// `FIRST-LAST`, or one port.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_are_given_to_others_are_found_unless_they_are_reserved() {
        let shared = |ports, reserved| shared(&ports, "32768\t60999\n", reserved);
        assert_eq!(shared(10_000..=32_767, "\n"), None);
        assert_eq!(shared(30_000..=60_000, "\n"), Some((32_768, 60_000)));
        assert_eq!(shared(30_000..=60_000, "8080,32768-39999\n"), Some((40_000, 60_000)));
        assert_eq!(shared(30_000..=60_000, "1-60000\n"), None);
        assert_eq!(super::shared(&(1..=9), "", ""), None);
    }

    #[test]
    fn the_default_ports_are_not_those_that_linux_gives_away() {
        assert_eq!(shared(&crate::config::Config::default().ports, "32768 60999", ""), None);
    }
}
