//! The same phones with no server between them: in pairs, one at each end of a network, so that a packet is sent once and received
//! once over it. That is what the generator spends alone, to be taken off what a server and it spend together.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use mediapoint_net::UdpSocket;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::Serialize;

use super::endpoint::{Endpoint, Keys, Line, bind_phones};
use super::voice::Voice;
use super::{Kind, LoadConfig, LoadError};
use crate::codec::Codec;
use crate::sdes::Crypto;
use crate::sdp::Format;

/// Where phones are that have no server: the other end of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FarEnd {
    /// The network namespace, such as `/proc/PID/ns/net`. Entering it takes CAP_SYS_ADMIN.
    pub namespace: PathBuf,
    /// Its address.
    pub address: IpAddr,
}

/// Sockets with their phones, partners side by side.
pub(super) type Phones = (Vec<UdpSocket>, Vec<Endpoint>);

impl FarEnd {
    /// As many phones as the load has, callers with callers and callees with callees, as each has its codec and keys. Of an odd
    /// number of calls it has two phones more of the callers' kind than of the callees'.
    pub(super) fn wire(&self, config: &LoadConfig, voices: &[Voice; 2]) -> Result<Phones, LoadError> {
        let sockets = self.bind(config.address, config.first_port, config.calls)?;
        let mut endpoints = Vec::with_capacity(sockets.len());
        let pairs = sockets.as_chunks::<2>().0.iter().zip((0_u16..).step_by(2));
        for (([near, far], number), (voice, kind)) in pairs.zip(voices.iter().zip(sides(config.kind)).cycle())
        {
            let lines = lines(kind, [near.local_addr(), far.local_addr()])?;
            endpoints.extend(lines.into_iter().zip(number..).map(|(line, n)| Endpoint::new(n, line, voice)));
        }
        Ok((sockets, endpoints))
    }

    /// Pairs of sockets, the near one first.
    pub(super) fn bind(&self, near: IpAddr, first: u16, pairs: usize) -> Result<Vec<UdpSocket>, LoadError> {
        let near = bind_phones(near, first, pairs)?;
        let far = within(&self.namespace, || bind_phones(self.address, first, pairs))?;
        Ok(near.into_iter().zip(far).flat_map(|(near, far)| [near, far]).collect())
    }
}

/// What both ends of a pair are: a caller, or a callee.
fn sides(kind: Kind) -> [Kind; 2] {
    [Kind::to(Codec::Pcmu), kind]
}

/// Of two phones of the same kind that send to each other.
fn lines(kind: Kind, [near, far]: [SocketAddr; 2]) -> Result<[Line; 2], LoadError> {
    let payload_type = Format::audio(kind.callee).payload_type;
    let [near_keys, far_keys] = match kind.suite {
        None => [None, None],
        Some(suite) => {
            let [to_far, to_near] = [Crypto::random(1, suite), Crypto::random(1, suite)];
            [keys(&to_far, &to_near)?, keys(&to_near, &to_far)?].map(Some)
        }
    };
    Ok([
        Line { remote: far, payload_type, keys: near_keys },
        Line { remote: near, payload_type, keys: far_keys },
    ])
}

fn keys(own: &Crypto, theirs: &Crypto) -> Result<Keys, LoadError> {
    let contexts = own.context().zip(theirs.context());
    let lacking = || LoadError::Lacking { call: 0, lacking: "a usable key".to_owned() };
    contexts.map(|(protect, unprotect)| Keys { protect, unprotect }).ok_or_else(lacking)
}

/// Does something in a network namespace, on a thread of its own that ends in it.
fn within<T: Send>(
    namespace: &Path,
    act: impl FnOnce() -> Result<T, LoadError> + Send,
) -> Result<T, LoadError> {
    let enter = || -> io::Result<()> {
        let handle = File::open(namespace)?;
        Ok(move_into_link_name_space(handle.as_fd(), Some(LinkNameSpaceType::Network))?)
    };
    let entered = || {
        enter().map_err(|source| LoadError::Namespace { path: namespace.to_owned(), source })?;
        act()
    };
    std::thread::scope(|scope| scope.spawn(entered).join()).unwrap_or(Err(LoadError::Panicked))
}

#[cfg(test)]
mod tests {
    use mediapoint_g711::Law;
    use mediapoint_packet::{PacketBuf, Time};

    use super::super::endpoint::Heard;
    use super::*;
    use crate::sdes::Suite;

    #[test]
    fn partners_read_each_other_with_and_without_keys() {
        let addresses = ["192.0.2.1:10", "192.0.2.2:10"].map(|text| text.parse().unwrap());
        for kind in [Kind::RELAY, Kind::RELAY.with_srtp(Suite::ALL[0])] {
            let [near, far] = lines(kind, addresses).unwrap();
            assert_eq!([near.remote, far.remote], [addresses[1], addresses[0]]);
            let voice = Voice::Marks(Law::Mu);
            let [mut near, mut far] = [Endpoint::new(0, near, &voice), Endpoint::new(1, far, &voice)];
            let mut buf = PacketBuf::new();
            assert!(near.write_next(Time::ZERO, &mut buf));
            let plain = buf.bytes().len() == 172;
            assert_eq!(plain, kind.suite.is_none());
            assert_eq!(far.read(Time::ZERO, buf.bytes()), Heard::Packet(0));
            assert!(far.write_next(Time::ZERO, &mut buf));
            assert_eq!(near.read(Time::ZERO, buf.bytes()), Heard::Packet(0));
        }
    }

    #[test]
    fn callers_and_callees_are_as_many_as_in_calls() {
        // The caller is always plain PCMU.
        let kind = Kind::to(Codec::G729).with_srtp(Suite::ALL[0]);
        assert_eq!(sides(kind), [Kind::RELAY, kind]);
    }

    #[test]
    fn a_namespace_that_is_not_there_is_an_error_that_names_it() {
        let far = FarEnd { namespace: "/nonexistent".into(), address: "127.0.0.1".parse().unwrap() };
        let refused = far.bind("127.0.0.1".parse().unwrap(), 40_000, 1).map(drop).unwrap_err();
        assert!(refused.to_string().contains("/nonexistent"), "{refused}");
    }
}
