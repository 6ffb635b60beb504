//! The interfaces whose media ports are served past the kernel: the program at each, shared by all workers.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::bpf::{AttachMode, Attached};
use super::forward::Partial;
use super::netlink::Netlink;
use super::steer::{Forwarding, Steering};

/// One interface with the program at it.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) mode: AttachMode,
    pub(super) steering: Steering,
    _attached: Attached,
}

/// Where the program of an interface runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum XdpMode {
    /// In the driver where it can, else behind it. With forwarding, at the end of a virtual cable (veth) behind it: in the
    /// driver such a cable drops what is forwarded where the other end has neither a program nor GRO (`ethtool -K DEVICE
    /// gro on`), and nobody but its own statistics (`xdp_tx_errors`) says so.
    #[default]
    Choose,
    /// In the driver. At the end of a virtual cable see [`Self::Choose`].
    Native,
    /// Behind the driver: any card, at a higher cost.
    Generic,
}

/// How programs are attached to interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct XdpOptions {
    /// Rules by which an interface forwards streams at one time ([`PacketIo::forward`](crate::PacketIo::forward)), those of
    /// all workers, 0..=65,536. Each takes 256 octets of the kernel's memory. 0, the default: none, and the program does
    /// not look for any.
    pub forwarding_rules: u32,
    /// Where programs run.
    pub mode: XdpMode,
}

/// Forwarding rules of an interface at most: one a port.
const MAX_RULES: u32 = 65_536;

/// The interfaces that have some local addresses, each with the program that steers media ports. It is taken off when this
/// and all [`XdpIo`](super::XdpIo) of it are dropped, and when the process ends, however it ends.
#[derive(Debug, Clone)]
pub struct XdpInterfaces {
    interfaces: Vec<Arc<Interface>>,
    /// Local addresses.
    addresses: Vec<Local>,
}

/// A local address.
#[derive(Debug, Clone, Copy)]
struct Local {
    address: IpAddr,
    /// The place of its interface.
    place: usize,
    /// It is that of a VLAN.
    tagged: bool,
}

impl XdpInterfaces {
    /// Attaches the program to the interfaces that have these addresses, in the driver where it can, else behind it. An
    /// address of a VLAN is served at the interface below it.
    ///
    /// # Errors
    /// `Unsupported` for an address that no Ethernet interface has (loopback, all addresses); `PermissionDenied` without
    /// CAP_BPF, CAP_NET_ADMIN or CAP_NET_RAW; `ResourceBusy` where another program is at the interface; else the kernel's.
    pub fn attach(addresses: &[IpAddr]) -> io::Result<Self> {
        Self::attach_with(addresses, &XdpOptions::default())
    }

    /// The same, with options.
    ///
    /// # Errors
    /// As [`Self::attach`]; `InvalidInput` for options out of range; the kernel's where a mode is asked for that the driver
    /// does not have.
    pub fn attach_with(addresses: &[IpAddr], options: &XdpOptions) -> io::Result<Self> {
        if options.forwarding_rules > MAX_RULES {
            let why = format!("{} forwarding rules exceed {MAX_RULES}", options.forwarding_rules);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let mut netlink = Netlink::new()?;
        let mut all = Self { interfaces: Vec::new(), addresses: Vec::new() };
        for &address in addresses {
            let found = interface_of(&mut netlink, address)?;
            let place = match all.interfaces.iter().position(|interface| interface.index == found.index) {
                Some(place) => place,
                None => {
                    let interface = attach(&found, options)?;
                    all.interfaces.push(Arc::new(interface));
                    all.interfaces.len() - 1
                }
            };
            all.addresses.push(Local { address, place, tagged: found.tagged });
        }
        Ok(all)
    }

    pub(super) fn interfaces(&self) -> &[Arc<Interface>] {
        &self.interfaces
    }

    /// The interface of a local address, by its place.
    pub(super) fn place_of(&self, address: IpAddr) -> Option<usize> {
        self.find(address).map(|local| local.place)
    }

    /// True for a local address of a VLAN.
    pub(super) fn is_tagged(&self, address: IpAddr) -> bool {
        self.find(address).is_some_and(|local| local.tagged)
    }

    fn find(&self, address: IpAddr) -> Option<&Local> {
        self.addresses.iter().find(|local| local.address == address)
    }
}

impl fmt::Display for XdpInterfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, interface) in self.interfaces.iter().enumerate() {
            let mode = match interface.mode {
                AttachMode::Native => "native",
                AttachMode::Generic => "generic",
            };
            write!(f, "{}{} ({mode})", if number == 0 { "" } else { ", " }, interface.name)?;
        }
        Ok(())
    }
}

/// An interface that a program can be attached to.
struct Found {
    index: u32,
    name: String,
    is_cable: bool,
    /// The address is that of a VLAN over it.
    tagged: bool,
}

/// The Ethernet interface that has an address, or lies below the VLAN that has it.
fn interface_of(netlink: &mut Netlink, address: IpAddr) -> io::Result<Found> {
    let unsupported = |why| io::Error::new(io::ErrorKind::Unsupported, format!("{address} {why}"));
    if address.is_loopback() {
        return Err(unsupported("is of loopback"));
    }
    let index = netlink.interface_of(address)?.ok_or_else(|| unsupported("is of no interface"))?;
    let link = netlink.link(index)?.ok_or_else(|| unsupported("is of no Ethernet interface"))?;
    let Some((below, _)) = link.vlan else {
        return Ok(Found { index, name: link.name, is_cable: link.is_cable, tagged: false });
    };
    let link = netlink.link(below)?.ok_or_else(|| unsupported("is of a VLAN over no Ethernet interface"))?;
    Ok(Found { index: below, name: link.name, is_cable: link.is_cable, tagged: true })
}

fn attach(found: &Found, options: &XdpOptions) -> io::Result<Interface> {
    let forwards = options.forwarding_rules > 0;
    let attach = |mode| -> io::Result<Interface> {
        let partial = match mode {
            AttachMode::Native => Partial::Complete,
            AttachMode::Generic => Partial::Keep,
        };
        let forwarding = forwards.then_some(Forwarding { rules: options.forwarding_rules, partial });
        let steering = Steering::load(forwarding)?;
        let attached = Attached::new(steering.program(), found.index, mode)?;
        let (index, name) = (found.index, found.name.clone());
        Ok(Interface { index, name, mode, steering, _attached: attached })
    };
    let attached = match options.mode {
        XdpMode::Native => attach(AttachMode::Native),
        XdpMode::Generic => attach(AttachMode::Generic),
        XdpMode::Choose if forwards && found.is_cable => attach(AttachMode::Generic),
        XdpMode::Choose => attach(AttachMode::Native).or_else(|error| match error.raw_os_error() {
            // The driver has no place for a program, or not at its present settings.
            Some(libc::EOPNOTSUPP | libc::EINVAL) => attach(AttachMode::Generic),
            _ => Err(error),
        }),
    };
    attached.map_err(|error: io::Error| {
        // Without the right to load programs there is no interface at fault.
        if error.raw_os_error() == Some(libc::EPERM) { error } else { of_interface(&found.name, &error) }
    })
}

fn of_interface(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("interface {name}: {error}"))
}
