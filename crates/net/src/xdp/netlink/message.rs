//! Messages of rtnetlink(7): a header, a fixed part by the kind, attributes. Numbers are in the machine's order.

use std::net::IpAddr;

/// Octets of `struct nlmsghdr`: length (32), type (16), flags (16), sequence (32), port (32).
const HEADER: usize = 16;

/// Octets of `struct rtattr`: length (16), type (16).
const ATTRIBUTE: usize = 4;

/// Flags of a request.
const REQUEST: u16 = 0x01;
const DUMP: u16 = 0x300;
/// It is answered by an error of zero where nothing else is to be said.
const ACKNOWLEDGE: u16 = 0x04;

/// Types of messages that end an answer.
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// The part of an attribute's type that is its number.
const NUMBER: u16 = 0x3fff;

/// A request being written.
pub(super) struct Request {
    octets: Vec<u8>,
    kind: u16,
    flags: u16,
}

impl Request {
    /// A request for one thing.
    pub(super) fn get(kind: u16) -> Self {
        Self { octets: vec![0; HEADER], kind, flags: REQUEST }
    }

    /// A request for all things of a kind.
    pub(super) fn dump(kind: u16) -> Self {
        Self { flags: REQUEST | DUMP, ..Self::get(kind) }
    }

    /// A change of something.
    pub(super) fn change(kind: u16) -> Self {
        Self { flags: REQUEST | ACKNOWLEDGE, ..Self::get(kind) }
    }

    /// Adds the fixed part, whole words.
    pub(super) fn fixed(mut self, octets: &[u8]) -> Self {
        self.octets.extend_from_slice(octets);
        self
    }

    /// Adds an attribute of whole words.
    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(ATTRIBUTE + value.len()).unwrap_or(u16::MAX);
        self.octets.extend_from_slice(&len.to_ne_bytes());
        self.octets.extend_from_slice(&kind.to_ne_bytes());
        self.octets.extend_from_slice(value);
        self
    }

    /// Whether it asks for all of a kind, and its octets.
    pub(super) fn finish(mut self, sequence: u32) -> (bool, Vec<u8>) {
        let len = u32::try_from(self.octets.len()).unwrap_or(u32::MAX);
        let head = len.to_ne_bytes().into_iter().chain(self.kind.to_ne_bytes());
        let head = head.chain(self.flags.to_ne_bytes()).chain(sequence.to_ne_bytes());
        for (to, from) in self.octets.iter_mut().zip(head) {
            *to = from;
        }
        (self.flags & DUMP != 0, self.octets)
    }
}

/// A message of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
}

impl Message<'_> {
    /// The error by which it ends the answer, 0 where all went well; `None` where it ends nothing.
    pub(super) fn error(&self) -> Option<i32> {
        match self.kind {
            ERROR => {
                let code = self.body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                Some(code.saturating_neg())
            }
            DONE => Some(0),
            _ => None,
        }
    }
}

/// The messages of an answer; what is malformed ends them.
pub(super) fn messages(mut answer: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let (head, _) = answer.split_first_chunk::<HEADER>()?;
        let [l0, l1, l2, l3, k0, k1, _, _, s0, s1, s2, s3, ..] = *head;
        let len = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let body = answer.get(HEADER..len)?;
        answer = answer.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            body,
        })
    })
}

/// Attributes; what is malformed ends them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The value of the first of a kind.
    pub(super) fn find(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.0;
        loop {
            let (head, _) = rest.split_first_chunk::<ATTRIBUTE>()?;
            let [l0, l1, k0, k1] = *head;
            let len = usize::from(u16::from_ne_bytes([l0, l1]));
            let value = rest.get(ATTRIBUTE..len)?;
            if u16::from_ne_bytes([k0, k1]) & NUMBER == wanted {
                return Some(value);
            }
            rest = rest.get(len.next_multiple_of(4)..)?;
        }
    }
}

/// A value of 32 bits.
pub(super) fn word(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_ne_bytes)
}

/// A text, which may end with a zero.
pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}

/// An IP address by its length.
pub(super) fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

/// An IP address as the value of an attribute.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_read_back_as_a_message_with_its_attributes() {
        let request =
            Request::get(26).fixed(&[2, 32, 0, 0]).attribute(1, &[192, 0, 2, 1]).attribute(4, &[7; 4]);
        let (is_dump, octets) = request.finish(9);
        assert!(!is_dump);
        let all: Vec<_> = messages(&octets).collect();
        let [message] = &all[..] else { panic!("{all:?}") };
        assert_eq!((message.kind, message.sequence, message.error()), (26, 9, None));
        let attributes = Attributes::new(&message.body[4..]);
        assert_eq!(attributes.find(1).and_then(address), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(attributes.find(4), Some(&[7; 4][..]));
        assert_eq!(attributes.find(2), None);
        assert!(Request::dump(22).fixed(&[0; 8]).finish(1).0);
    }

    #[test]
    fn an_error_is_given_as_a_positive_number() {
        for (code, error) in [(-19, 19), (0, 0), (i32::MIN, i32::MAX)] {
            let body = &i32::to_ne_bytes(code)[..];
            assert_eq!(Message { kind: ERROR, sequence: 1, body }.error(), Some(error));
        }
        assert_eq!(Message { kind: DONE, sequence: 1, body: &[] }.error(), Some(0));
    }

    proptest! {
        #[test]
        fn any_answer_ends(octets in vec(prop_oneof![0..20_u8, any::<u8>()], 0..200)) {
            for message in messages(&octets) {
                let _ = (message.error(), Attributes::new(message.body).find(3));
            }
        }
    }
}
