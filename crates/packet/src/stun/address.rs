//! XOR-MAPPED-ADDRESS [RFC8489 14.2]: an address mixed with cookie and transaction, so that no translator on
//! the way rewrites it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::cursor::Cursor;
use crate::error::Malformed;

use super::{MAGIC_COOKIE, TransactionId};

const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;
/// The upper half of the cookie, which ports are mixed with.
const PORT_MASK: u16 = 0x2112;

fn mask_v4() -> u32 {
    MAGIC_COOKIE
}

fn mask_v6(transaction: TransactionId) -> u128 {
    let TransactionId([a, b, c, d, e, f, g, h, i, j, k, l]) = transaction;
    let low = u128::from_be_bytes([0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l]);
    u128::from(MAGIC_COOKIE) << 96 | low
}

/// Reads the value of attribute `kind`, which is only for the error.
pub(super) fn read(kind: u16, value: &[u8], transaction: TransactionId) -> Result<SocketAddr, Malformed> {
    let wrong_length = |asked| Malformed::StunAttribute { kind, declared: value.len(), available: asked };
    let mut cur = Cursor::new(value);
    // [RFC8489 14.2] The first byte is reserved and ignored.
    let [_, family] = cur.array().map_err(|_| wrong_length(8))?;
    let (ip, len) = match family {
        FAMILY_IPV4 => {
            let port = cur.u16();
            let bits = cur.u32().map_err(|_| wrong_length(8))?;
            (port.map(|port| (IpAddr::V4(Ipv4Addr::from_bits(bits ^ mask_v4())), port)), 8)
        }
        FAMILY_IPV6 => {
            let port = cur.u16();
            let bits = cur.array().map(u128::from_be_bytes).map_err(|_| wrong_length(20))?;
            (port.map(|port| (IpAddr::V6(Ipv6Addr::from_bits(bits ^ mask_v6(transaction))), port)), 20)
        }
        other => return Err(Malformed::StunFamily(other)),
    };
    let (ip, port) = ip.map_err(|_| wrong_length(len))?;
    if !cur.is_empty() {
        return Err(wrong_length(len));
    }
    Ok(SocketAddr::new(ip, port ^ PORT_MASK))
}

/// The value of an address, in the first bytes of the array, and their number.
pub(super) fn write(address: SocketAddr, transaction: TransactionId) -> ([u8; 20], usize) {
    let [p0, p1] = (address.port() ^ PORT_MASK).to_be_bytes();
    let mut value = [0; 20];
    match address.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = (ip.to_bits() ^ mask_v4()).to_be_bytes();
            if let Some(head) = value.first_chunk_mut() {
                *head = [0, FAMILY_IPV4, p0, p1, a, b, c, d];
            }
            (value, 8)
        }
        IpAddr::V6(ip) => {
            let bits = (ip.to_bits() ^ mask_v6(transaction)).to_be_bytes();
            if let Some((head, tail)) = value.split_first_chunk_mut() {
                *head = [0, FAMILY_IPV6, p0, p1];
                tail.copy_from_slice(&bits);
            }
            (value, 20)
        }
    }
}
