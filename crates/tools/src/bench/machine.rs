//! The machine that figures were taken on, since they mean nothing without it.

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
    let mediapoint_net::Machine { processor, kernel } = mediapoint_net::Machine::this();
    Machine { processor, cores: mediapoint_net::available_cores().len(), kernel }
}
