//! What the kernel says of interfaces, routes and neighbours: rtnetlink(7), one question at a time.
//!
//! Calls may wait for the kernel's lock of its configuration: not for a worker.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use mediapoint_packet::frame::Mac;

mod message;

use message::{Attributes, Request};

/// Octets of one answer of the kernel at most.
const ANSWER: usize = 32 * 1024;

/// Types of messages.
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;

/// Attributes, by the kind of message.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_VLAN_ID: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_VIA: u16 = 18;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// The type of a route to one other machine.
const RTN_UNICAST: u8 = 1;

/// A change of a neighbour that only says that it is used.
const NTF_USE: u8 = 0x01;

/// States of a neighbour in which its address may be used: reachable, stale, delay, probe, no ARP, permanent.
const NUD_VALID: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) mac: Mac,
    /// The interface below, and the tag: where it is a VLAN.
    pub(super) vlan: Option<(u32, u16)>,
    /// It is one end of a virtual cable (veth).
    pub(super) is_cable: bool,
}

/// A route to one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) interface: u32,
    /// Whose station takes the frames: the next router, or the machine itself.
    pub(super) next_hop: IpAddr,
}

/// A socket to the kernel's configuration.
#[derive(Debug)]
pub(super) struct Netlink {
    fd: OwnedFd,
    sequence: u32,
    answer: Vec<u8>,
}

impl Netlink {
    /// # Errors
    /// The kernel's, for want of descriptors.
    pub(super) fn new() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: socket(2) takes no memory.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: socket(2) has just made it, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, sequence: 0, answer: vec![0; ANSWER] })
    }

    /// The interface that has a local address; `None` where none has.
    pub(super) fn interface_of(&mut self, address: IpAddr) -> io::Result<Option<u32>> {
        let mut found = None;
        // struct ifaddrmsg: family, prefix, flags, scope, index.
        let request = Request::dump(RTM_GETADDR).fixed(&[0; 8]);
        self.ask(request, |kind, body| {
            let Some((fixed, attributes)) = body.split_first_chunk::<8>() else { return };
            if kind != RTM_NEWADDR {
                return;
            }
            let [.., a, b, c, d] = *fixed;
            let attributes = Attributes::new(attributes);
            let is_it = |kind| attributes.find(kind).and_then(message::address) == Some(address);
            if is_it(IFA_LOCAL) || (attributes.find(IFA_LOCAL).is_none() && is_it(IFA_ADDRESS)) {
                found = Some(u32::from_ne_bytes([a, b, c, d]));
            }
        })?;
        Ok(found)
    }

    /// An interface with an Ethernet address; `None` where there is no such one.
    pub(super) fn link(&mut self, interface: u32) -> io::Result<Option<Link>> {
        let mut found = None;
        // struct ifinfomsg: family, padding, type (16), index (32), flags (32), change (32).
        let [a, b, c, d] = interface.to_ne_bytes();
        let request = Request::get(RTM_GETLINK).fixed(&[0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.ask(request, |kind, body| {
            let attributes = Attributes::new(body.get(16..).unwrap_or_default());
            let mac = attributes.find(IFLA_ADDRESS).and_then(|mac| mac.try_into().ok()).map(Mac);
            if let (RTM_NEWLINK, Some(mac)) = (kind, mac) {
                let name = attributes.find(IFLA_IFNAME).map(message::text).unwrap_or_default();
                let is_cable = kind_of(&attributes).as_deref() == Some("veth");
                found = Some(Link { name, mac, vlan: vlan(&attributes), is_cable });
            }
        })?;
        Ok(found)
    }

    /// The route from a local address to another machine; `None` where there is none, or it is this machine, or a group.
    pub(super) fn route(&mut self, from: IpAddr, to: IpAddr) -> io::Result<Option<Route>> {
        let mut found = None;
        let (family, bits) = if to.is_ipv4() { (libc::AF_INET, 32) } else { (libc::AF_INET6, 128) };
        let family = u8::try_from(family).unwrap_or_default();
        // struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type, flags (32).
        let request = Request::get(RTM_GETROUTE)
            .fixed(&[family, bits, bits, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            .attribute(RTA_DST, &message::octets(to))
            .attribute(RTA_SRC, &message::octets(from));
        self.ask(request, |kind, body| {
            let is_unicast = body.get(7) == Some(&RTN_UNICAST);
            let attributes = Attributes::new(body.get(12..).unwrap_or_default());
            let Some(interface) = attributes.find(RTA_OIF).and_then(message::word) else { return };
            let gateway = attributes.find(RTA_GATEWAY).and_then(message::address);
            // A gateway of the other family stands behind two octets of it.
            let via = attributes.find(RTA_VIA).and_then(|via| message::address(via.get(2..)?));
            if kind == RTM_NEWROUTE && is_unicast {
                found = Some(Route { interface, next_hop: gateway.or(via).unwrap_or(to) });
            }
        })?;
        Ok(found)
    }

    /// The Ethernet address of a neighbour; `None` where the kernel has not found it, or no longer believes it.
    pub(super) fn neighbour(&mut self, interface: u32, address: IpAddr) -> io::Result<Option<Mac>> {
        let mut found = None;
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let family = u8::try_from(family).unwrap_or_default();
        let [a, b, c, d] = interface.to_ne_bytes();
        // struct ndmsg: family, padding, index (32), state (16), flags, type.
        let request = Request::get(RTM_GETNEIGH)
            .fixed(&[family, 0, 0, 0, a, b, c, d, 0, 0, 0, 0])
            .attribute(NDA_DST, &message::octets(address));
        self.ask(request, |kind, body| {
            let state = body.get(8..10).and_then(|state| state.try_into().ok()).map_or(0, u16::from_ne_bytes);
            let attributes = Attributes::new(body.get(12..).unwrap_or_default());
            if kind == RTM_NEWNEIGH && state & NUD_VALID != 0 {
                found = attributes.find(NDA_LLADDR).and_then(|mac| mac.try_into().ok()).map(Mac);
            }
        })?;
        Ok(found)
    }

    /// Has the kernel take it that something went to a neighbour that it knows: an entry that has become old is confirmed.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without CAP_NET_ADMIN.
    pub(super) fn use_neighbour(&mut self, interface: u32, address: IpAddr) -> io::Result<()> {
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let family = u8::try_from(family).unwrap_or_default();
        let [a, b, c, d] = interface.to_ne_bytes();
        // struct ndmsg: family, padding, index (32), state (16), flags, type.
        let request = Request::change(RTM_NEWNEIGH)
            .fixed(&[family, 0, 0, 0, a, b, c, d, 0, 0, NTF_USE, 0])
            .attribute(NDA_DST, &message::octets(address));
        self.ask(request, |_, _| {})
    }

    /// Asks, and shows each message of the answer to `each`. That nothing was found is no error.
    fn ask(&mut self, request: Request, mut each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let (is_dump, octets) = request.finish(self.sequence);
        self.send(&octets)?;
        loop {
            let len = self.receive()?;
            let answer = self.answer.get(..len).unwrap_or_default();
            for message in message::messages(answer) {
                if message.sequence != self.sequence {
                    continue;
                }
                match message.error() {
                    Some(0) => return Ok(()),
                    // No such interface, route or neighbour.
                    Some(libc::ENODEV | libc::ENOENT | libc::ENETUNREACH | libc::EHOSTUNREACH) => {
                        return Ok(());
                    }
                    Some(error) => return Err(io::Error::from_raw_os_error(error)),
                    None => each(message.kind, message.body),
                }
                if !is_dump {
                    return Ok(());
                }
            }
        }
    }

    fn send(&self, octets: &[u8]) -> io::Result<()> {
        // SAFETY: send(2) reads as many octets as the slice has.
        let sent = unsafe { libc::send(self.fd.as_raw_fd(), octets.as_ptr().cast(), octets.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let (fd, room) = (self.fd.as_raw_fd(), self.answer.len());
        // SAFETY: recv(2) writes at most as many octets as the buffer has, which is borrowed mutably.
        let len = unsafe { libc::recv(fd, self.answer.as_mut_ptr().cast(), room, 0) };
        usize::try_from(len).map_err(|_| io::Error::last_os_error())
    }
}

/// What kind of virtual interface it is.
fn kind_of(attributes: &Attributes<'_>) -> Option<String> {
    let info = Attributes::new(attributes.find(IFLA_LINKINFO)?);
    info.find(IFLA_INFO_KIND).map(message::text)
}

/// The interface below and the tag, of a VLAN.
fn vlan(attributes: &Attributes<'_>) -> Option<(u32, u16)> {
    let below = attributes.find(IFLA_LINK).and_then(message::word)?;
    let info = Attributes::new(attributes.find(IFLA_LINKINFO)?);
    let kind = message::text(info.find(IFLA_INFO_KIND)?);
    let data = Attributes::new(info.find(IFLA_INFO_DATA)?);
    let id = u16::from_ne_bytes(data.find(IFLA_VLAN_ID)?.try_into().ok()?);
    (kind == "vlan").then_some((below, id))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn loopback_has_its_address_and_no_way_out() {
        let mut netlink = Netlink::new().unwrap();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let interface = netlink.interface_of(loopback).unwrap().unwrap();
        let link = netlink.link(interface).unwrap();
        assert_eq!(link, Some(Link { name: "lo".into(), mac: Mac([0; 6]), vlan: None, is_cable: false }));
        assert_eq!(netlink.route(loopback, loopback).unwrap(), None, "a local route");
        assert_eq!(netlink.neighbour(interface, "192.0.2.77".parse().unwrap()).unwrap(), None);
    }

    /// Attributes one after the other, values whole words.
    fn attributes(all: &[(u16, &[u8])]) -> Vec<u8> {
        let request =
            all.iter().fold(Request::get(0), |request, (kind, value)| request.attribute(*kind, value));
        request.finish(0).1.split_off(16)
    }

    #[test]
    fn a_vlan_names_the_interface_below_and_its_tag() {
        let below = 7_u32.to_ne_bytes();
        let tag = 100_u16.to_ne_bytes();
        // The value of two octets, and two of padding behind it.
        let mut data = attributes(&[(IFLA_VLAN_ID, &[tag[0], tag[1], 0, 0])]);
        data[..2].copy_from_slice(&6_u16.to_ne_bytes());
        let of_kind = |kind: &[u8]| attributes(&[(IFLA_INFO_KIND, kind), (IFLA_INFO_DATA, &data)]);
        let read = |info: &[u8]| {
            let link = attributes(&[(IFLA_ADDRESS, &[0; 8]), (IFLA_LINK, &below), (IFLA_LINKINFO, info)]);
            vlan(&Attributes::new(&link))
        };
        assert_eq!(read(&of_kind(b"vlan")), Some((7, 100)));
        // A virtual cable names the interface at its other end.
        assert_eq!(read(&of_kind(b"veth")), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn what_does_not_exist_is_none() {
        let mut netlink = Netlink::new().unwrap();
        // Answered all the same: without the right to it, too.
        drop(netlink.use_neighbour(0x7fff_ffff, "192.0.2.77".parse().unwrap()));
        assert_eq!(netlink.interface_of("192.0.2.77".parse().unwrap()).unwrap(), None);
        assert_eq!(netlink.link(0x7fff_ffff).unwrap(), None);
    }
}
