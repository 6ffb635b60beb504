//! The machine that figures were taken on, since they mean nothing without it.

use std::fs;

use serde::Serialize;

/// What there is to know of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// Cores that the program may use.
    pub(crate) cores: usize,
    /// The kernel's release.
    pub(crate) kernel: String,
}

/// Reads what the kernel says of itself and the processor.
pub(crate) fn describe() -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Machine {
        processor: processor(&cpuinfo).to_owned(),
        cores: mediapoint_net::available_cores().len(),
        kernel: kernel.trim().to_owned(),
    }
}

/// `model name` on x86; elsewhere the kernel has no name for it.
fn processor(cpuinfo: &str) -> &str {
    let mut pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == "model name").map_or("unknown", |(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_name_is_the_processor() {
        assert_eq!(
            processor("processor\t: 0\nmodel name\t: A Chip: 2 GHz\nmodel name\t: B\n"),
            "A Chip: 2 GHz"
        );
        assert_eq!(processor("CPU implementer\t: 0x41\n"), "unknown");
    }
}
