//! A phone's two ports.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// How long a receiving thread waits before it looks whether it shall end or change its socket.
const PATIENCE: Duration = Duration::from_millis(20);

/// How often a pair of ports is looked for.
const TRIES: usize = 100;

/// An even port for RTP and the odd one above for RTCP [RFC3550 11].
#[derive(Debug, Clone)]
pub(super) struct Sockets {
    pub(super) rtp: Arc<UdpSocket>,
    pub(super) rtcp: Arc<UdpSocket>,
    pub(super) rtp_addr: SocketAddr,
    pub(super) rtcp_addr: SocketAddr,
}

impl Sockets {
    pub(super) fn bind(address: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            match Self::try_bind(address) {
                Ok(sockets) => return Ok(sockets),
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => last = e,
                Err(e) => return Err(e),
            }
        }
        Err(last)
    }

    fn try_bind(address: IpAddr) -> io::Result<Self> {
        let any = UdpSocket::bind(SocketAddr::new(address, 0))?;
        let port = any.local_addr()?.port();
        let (rtp, rtcp) = if port % 2 == 0 {
            (any, UdpSocket::bind(SocketAddr::new(address, port | 1))?)
        } else {
            (UdpSocket::bind(SocketAddr::new(address, port & !1))?, any)
        };
        rtp.set_read_timeout(Some(PATIENCE))?;
        rtcp.set_read_timeout(Some(PATIENCE))?;
        let (rtp_addr, rtcp_addr) = (rtp.local_addr()?, rtcp.local_addr()?);
        Ok(Self { rtp: Arc::new(rtp), rtcp: Arc::new(rtcp), rtp_addr, rtcp_addr })
    }
}
