//! The interfaces whose media ports are served past the kernel: the program at each, shared by all workers.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::bpf::{AttachMode, Attached};
use super::netlink::Netlink;
use super::steer::Steering;

/// One interface with the program at it.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) mode: AttachMode,
    pub(super) steering: Steering,
    _attached: Attached,
}

/// The interfaces that have some local addresses, each with the program that steers media ports. It is taken off when this
/// and all [`XdpIo`](super::XdpIo) of it are dropped, and when the process ends, however it ends.
#[derive(Debug, Clone)]
pub struct XdpInterfaces {
    interfaces: Vec<Arc<Interface>>,
    /// Local addresses and the place of their interface.
    addresses: Vec<(IpAddr, usize)>,
}

impl XdpInterfaces {
    /// Attaches the program to the interfaces that have these addresses, in the driver where it can, else behind it. An
    /// address of a VLAN is served at the interface below it.
    ///
    /// # Errors
    /// `Unsupported` for an address that no Ethernet interface has (loopback, all addresses); `PermissionDenied` without
    /// CAP_BPF, CAP_NET_ADMIN or CAP_NET_RAW; `ResourceBusy` where another program is at the interface; else the kernel's.
    pub fn attach(addresses: &[IpAddr]) -> io::Result<Self> {
        let mut netlink = Netlink::new()?;
        let mut all = Self { interfaces: Vec::new(), addresses: Vec::new() };
        for &address in addresses {
            let (index, name) = interface_of(&mut netlink, address)?;
            let place = match all.interfaces.iter().position(|interface| interface.index == index) {
                Some(place) => place,
                None => {
                    let interface = attach(index, name)?;
                    all.interfaces.push(Arc::new(interface));
                    all.interfaces.len() - 1
                }
            };
            all.addresses.push((address, place));
        }
        Ok(all)
    }

    pub(super) fn interfaces(&self) -> &[Arc<Interface>] {
        &self.interfaces
    }

    /// The interface of a local address, by its place.
    pub(super) fn place_of(&self, address: IpAddr) -> Option<usize> {
        self.addresses.iter().find(|(local, _)| *local == address).map(|(_, place)| *place)
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

/// The Ethernet interface that has an address, or lies below the VLAN that has it.
fn interface_of(netlink: &mut Netlink, address: IpAddr) -> io::Result<(u32, String)> {
    let unsupported = |why| io::Error::new(io::ErrorKind::Unsupported, format!("{address} {why}"));
    if address.is_loopback() {
        return Err(unsupported("is of loopback"));
    }
    let index = netlink.interface_of(address)?.ok_or_else(|| unsupported("is of no interface"))?;
    let link = netlink.link(index)?.ok_or_else(|| unsupported("is of no Ethernet interface"))?;
    let Some((below, _)) = link.vlan else { return Ok((index, link.name)) };
    let link = netlink.link(below)?.ok_or_else(|| unsupported("is of a VLAN over no Ethernet interface"))?;
    Ok((below, link.name))
}

fn attach(index: u32, name: String) -> io::Result<Interface> {
    let steering = Steering::load()?;
    let attach = |mode| Attached::new(steering.program(), index, mode).map(|attached| (attached, mode));
    let attached = attach(AttachMode::Native).or_else(|error| match error.raw_os_error() {
        // The driver has no place for a program, or not at its present settings.
        Some(libc::EOPNOTSUPP | libc::EINVAL) => attach(AttachMode::Generic),
        _ => Err(error),
    });
    let (attached, mode) =
        attached.map_err(|error| io::Error::new(error.kind(), format!("interface {name}: {error}")))?;
    Ok(Interface { index, name, mode, steering, _attached: attached })
}
