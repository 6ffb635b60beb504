//! STUN messages [RFC8489 5]: a validated view with its attributes, and a writer for short answers. The HMAC
//! of MESSAGE-INTEGRITY is not computed here: the view says which bytes it covers, the writer asks for it.

mod address;
mod attribute;
mod writer;

use std::net::SocketAddr;

pub use attribute::{Attribute, Attributes, FingerprintCheck, Integrity};
pub use writer::MessageWriter;

pub use crate::error::{Malformed, TooShort};

use crate::cursor::Cursor;

/// Bytes of the header.
pub const HEADER_LEN: usize = 20;
/// The fixed value that tells STUN from what preceded it [RFC8489 5].
pub const MAGIC_COOKIE: u32 = 0x2112_a442;

/// Attribute types [RFC8489 18.3].
pub mod attribute_kind {
    /// USERNAME [RFC8489 14.3].
    pub const USERNAME: u16 = 0x0006;
    /// MESSAGE-INTEGRITY [RFC8489 14.5].
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    /// MESSAGE-INTEGRITY-SHA256 [RFC8489 14.6].
    pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    /// XOR-MAPPED-ADDRESS [RFC8489 14.2].
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    /// PRIORITY [RFC8445 16.1].
    pub const PRIORITY: u16 = 0x0024;
    /// USE-CANDIDATE [RFC8445 16.1].
    pub const USE_CANDIDATE: u16 = 0x0025;
    /// FINGERPRINT [RFC8489 14.7].
    pub const FINGERPRINT: u16 = 0x8028;
}

/// What a message is [RFC8489 5].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Asks for none.
    Indication,
    /// The answer to a request that succeeded.
    Success,
    /// The answer to a request that failed.
    Error,
}

/// What a message is about, 12 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(u16);

impl Method {
    /// Binding [RFC8489 18.2], the method of ICE checks.
    pub const BINDING: Self = Self(1);

    /// The number, 0 to 4095.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// The 96 bits that tie an answer to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionId(pub [u8; 12]);

/// Class and method are interleaved in the 14 bits of the type [RFC8489 5]: M11-7, C1, M6-4, C0, M3-0.
const CLASS_LOW: u16 = 0x0010;
const CLASS_HIGH: u16 = 0x0100;

const fn split_type(kind: u16) -> (Class, Method) {
    let class = match (kind & CLASS_HIGH != 0, kind & CLASS_LOW != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    let method = (kind & 0x000f) | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2;
    (class, Method(method))
}

const fn join_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0,
        Class::Indication => CLASS_LOW,
        Class::Success => CLASS_HIGH,
        Class::Error => CLASS_HIGH | CLASS_LOW,
    };
    let Method(method) = method;
    class | (method & 0x000f) | (method & 0x0070) << 1 | (method & 0x0f80) << 2
}

/// A STUN message whose header and attributes are all in place, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct StunView<'a> {
    message: Cursor<'a>,
    class: Class,
    method: Method,
    transaction_id: TransactionId,
    attributes: Cursor<'a>,
}

impl<'a> StunView<'a> {
    /// Reads a message, and refuses it unless its length is that of the datagram and every attribute ends
    /// inside it. Values are looked at when asked for.
    ///
    /// # Errors
    /// [`Malformed`] with the reason: too short, type bits set that must not be, another cookie, another
    /// length, or an attribute that runs past the end.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let message = Cursor::new(datagram);
        let mut cur = message;
        let mut header = Cursor::new(cur.take(HEADER_LEN)?);
        let kind = header.u16()?;
        let declared = usize::from(header.u16()?);
        let cookie = header.u32()?;
        let transaction_id = TransactionId(header.array()?);
        // [RFC8489 5] The two top bits are zero, which tells STUN from what shares its port.
        if kind & 0xc000 != 0 {
            let [first, _] = kind.to_be_bytes();
            return Err(Malformed::StunType(first));
        }
        if cookie != MAGIC_COOKIE {
            return Err(Malformed::StunCookie(cookie));
        }
        if declared != cur.remaining() || !declared.is_multiple_of(4) {
            return Err(Malformed::StunLength { declared, available: cur.remaining() });
        }
        let mut rest = cur;
        while !rest.is_empty() {
            attribute::read(&mut rest)?;
        }
        let (class, method) = split_type(kind);
        Ok(Self { message, class, method, transaction_id, attributes: cur })
    }

    /// Request, indication or answer.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// What the message is about.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The type field, class and method interleaved.
    #[must_use]
    pub const fn message_type(&self) -> u16 {
        join_type(self.class, self.method)
    }

    /// The length field: bytes that follow the header.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.attributes.remaining()
    }

    /// What ties an answer to its request.
    #[must_use]
    pub const fn transaction_id(&self) -> TransactionId {
        self.transaction_id
    }

    /// All attributes in the order sent, also those that a receiver ignores.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { cur: self.attributes }
    }

    /// The first attribute of type `kind` that is not to be ignored for standing after
    /// MESSAGE-INTEGRITY [RFC8489 14.5].
    #[must_use]
    pub fn attribute(&self, kind: u16) -> Option<Attribute<'a>> {
        let mut protected = false;
        for attribute in self.attributes() {
            if attribute.kind == kind && (!protected || attribute::may_follow_integrity(kind)) {
                return Some(attribute);
            }
            protected |= attribute.kind == attribute_kind::MESSAGE_INTEGRITY;
        }
        None
    }

    /// The user name, in UTF-8 by the specification, not by the peer's word.
    #[must_use]
    pub fn username(&self) -> Option<&'a [u8]> {
        self.attribute(attribute_kind::USERNAME).map(|attribute| attribute.value)
    }

    /// The address that the sender of this answer saw the request come from; `None` where it says none.
    ///
    /// # Errors
    /// [`Malformed::StunFamily`] or [`Malformed::StunAttribute`] where the value is no address.
    pub fn xor_mapped_address(&self) -> Result<Option<SocketAddr>, Malformed> {
        self.attribute(attribute_kind::XOR_MAPPED_ADDRESS)
            .map(|attribute| address::read(attribute.kind, attribute.value, self.transaction_id))
            .transpose()
    }

    /// What FINGERPRINT says of the message [RFC8489 14.7].
    #[must_use]
    pub fn fingerprint(&self) -> FingerprintCheck {
        attribute::check_fingerprint(self.message.rest(), self.attributes)
    }

    /// The first MESSAGE-INTEGRITY and the bytes it covers; `None` where there is none of twenty bytes.
    #[must_use]
    pub fn message_integrity(&self) -> Option<Integrity<'a>> {
        attribute::find_integrity(self.message.rest(), self.attributes)
    }
}

#[cfg(test)]
mod tests;
