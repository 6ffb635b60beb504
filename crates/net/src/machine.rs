//! The machine that figures of speed belong to.

use std::fs;

/// What the kernel says of the processor and itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The processor's name; `unknown` where the kernel has none for it, as on other processors than those of x86.
    pub processor: String,
    /// The kernel's release.
    pub kernel: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self { processor: processor(&cpuinfo).to_owned(), kernel: kernel.trim().to_owned() }
    }
}

/// `model name` on x86 [proc(5)].
fn processor(cpuinfo: &str) -> &str {
    let mut pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == "model name").map_or("unknown", |(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_name_is_the_processor() {
        let two = "processor\t: 0\nmodel name\t: A Chip: 2 GHz\nmodel name\t: B\n";
        assert_eq!(processor(two), "A Chip: 2 GHz");
        assert_eq!(processor("CPU implementer\t: 0x41\n"), "unknown");
    }

    #[test]
    fn this_machine_has_a_kernel() {
        assert!(!Machine::this().kernel.is_empty());
    }
}
