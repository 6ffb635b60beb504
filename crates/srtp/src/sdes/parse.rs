//! Reads `a=crypto`. [RFC4568 9.1, 9.2]

use base64ct::{Base64Unpadded, Encoding as _};
use zeroize::Zeroizing;

use super::{CryptoAttribute, FecOrder, KeyParam, SessionParam, decimal};
use crate::key::Mki;
use crate::{KeyError, MasterKey, Suite};

/// Keys one line may have.
const MAX_KEYS: usize = 16;
/// Session parameters one line may have.
const MAX_PARAMS: usize = 16;

/// Why a value of `a=crypto` was not understood. None of its characters are kept: they may be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdesError {
    /// The suite is not one of ours. The line may be skipped.
    #[error("crypto suite is not known")]
    UnknownSuite,
    /// A mandatory session parameter that is not known. The line may be skipped.
    #[error("session parameter is not known")]
    UnknownParam,
    /// The tag is missing, not a number, or has over 9 digits.
    #[error("crypto tag is not a number of 1 to 9 digits")]
    Tag,
    /// There is no suite or no key.
    #[error("crypto attribute ends too early")]
    Incomplete,
    /// The key does not come by `inline:`.
    #[error("key method is not inline")]
    KeyMethod,
    /// The key is not base64.
    #[error("key is not base64")]
    Base64,
    /// Key and salt together have the wrong length.
    #[error("key and salt are {have} bytes, the suite needs {need}")]
    KeyLength {
        /// Bytes found.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The key's lifetime is not a number from 1 to 2^48.
    #[error("key lifetime is not a number from 1 to 2^48")]
    Lifetime,
    /// The identifier is malformed or does not fit its length of 1 to 128 bytes.
    #[error("master key identifier does not fit 1 to 128 bytes")]
    Mki,
    /// Several keys, and not every one with an identifier of the same length that no other has.
    #[error("keys of one line need distinct identifiers of one length")]
    AmbiguousKeys,
    /// Over 16 keys or over 16 parameters.
    #[error("too many keys or parameters in one line")]
    TooMany,
    /// A session parameter has no value, or one out of its range.
    #[error("session parameter has no valid value")]
    ParamValue,
}

impl From<KeyError> for SdesError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::MkiLength { .. } => Self::Mki,
            KeyError::KeyLength { have, need } | KeyError::SaltLength { have, need } => {
                Self::KeyLength { have, need }
            }
            KeyError::NoRandomness => Self::Incomplete,
        }
    }
}

pub(super) fn attribute(value: &str) -> Result<CryptoAttribute, SdesError> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next().and_then(|word| number(word, 9)).ok_or(SdesError::Tag)?;
    let suite = words.next().ok_or(SdesError::Incomplete)?;
    let suite = Suite::from_name(suite).ok_or(SdesError::UnknownSuite)?;
    let keys = key_params(suite, words.next().ok_or(SdesError::Incomplete)?)?;
    let mut params = Vec::new();
    for word in words {
        if params.len() == MAX_PARAMS {
            return Err(SdesError::TooMany);
        }
        params.push(session_param(suite, word)?);
    }
    Ok(CryptoAttribute { tag, suite, keys, params })
}

fn key_params(suite: Suite, text: &str) -> Result<Vec<KeyParam>, SdesError> {
    let mut keys: Vec<KeyParam> = Vec::new();
    // Some write a semicolon after the last key too.
    for part in text.split(';').filter(|part| !part.is_empty()) {
        if keys.len() == MAX_KEYS {
            return Err(SdesError::TooMany);
        }
        keys.push(key_param(suite, part)?);
    }
    match keys.as_slice() {
        [] => Err(SdesError::Incomplete),
        [_] => Ok(keys),
        [first, ..] => {
            let len = first.mki.as_ref().map(Mki::len);
            let distinct = keys.iter().enumerate().all(|(at, key)| {
                key.mki.is_some()
                    && key.mki.as_ref().map(Mki::len) == len
                    && keys.iter().skip(at + 1).all(|other| other.mki != key.mki)
            });
            if distinct { Ok(keys) } else { Err(SdesError::AmbiguousKeys) }
        }
    }
}

fn key_param(suite: Suite, text: &str) -> Result<KeyParam, SdesError> {
    let (method, info) = text.split_once(':').ok_or(SdesError::KeyMethod)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(SdesError::KeyMethod);
    }
    let mut fields = info.split('|');
    let key = master_key(suite, fields.next().unwrap_or_default())?;
    let mut param = KeyParam { key, lifetime: None, mki: None };
    for field in fields {
        match field.split_once(':') {
            Some((value, len)) if param.mki.is_none() => param.mki = Some(mki(value, len)?),
            None if param.lifetime.is_none() && param.mki.is_none() => {
                param.lifetime = Some(lifetime(field).ok_or(SdesError::Lifetime)?);
            }
            Some(_) => return Err(SdesError::Mki),
            None => return Err(SdesError::Lifetime),
        }
    }
    Ok(param)
}

fn master_key(suite: Suite, text: &str) -> Result<MasterKey, SdesError> {
    let need = suite.master_key_len() + suite.master_salt_len();
    let bare = text.trim_end_matches('=');
    if text.len() - bare.len() > 2 {
        return Err(SdesError::Base64);
    }
    // The longest key and salt are 46 bytes; what decodes to more than the buffer holds is too long anyway.
    let mut bytes = Zeroizing::new([0u8; 64]);
    let bytes = Base64Unpadded::decode(bare, bytes.as_mut_slice()).map_err(|error| match error {
        base64ct::Error::InvalidLength => SdesError::KeyLength { have: bare.len() / 4 * 3, need },
        base64ct::Error::InvalidEncoding => SdesError::Base64,
    })?;
    match bytes.split_at_checked(suite.master_key_len()) {
        Some((key, salt)) if bytes.len() == need => Ok(MasterKey::new(suite, key, salt)?),
        _ => Err(SdesError::KeyLength { have: bytes.len(), need }),
    }
}

/// `2^n` or a plain number of packets [RFC4568 6.1].
fn lifetime(text: &str) -> Option<u64> {
    let packets = match text.strip_prefix("2^") {
        Some(power) => 1u64.checked_shl(number(power, 2)?)?,
        None if (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().ok()?
        }
        None => return None,
    };
    (1..=1 << 48).contains(&packets).then_some(packets)
}

fn mki(value: &str, len: &str) -> Result<Mki, SdesError> {
    let len = number(len, 3).and_then(|len| usize::try_from(len).ok()).ok_or(SdesError::Mki)?;
    let mut bytes = [0u8; Mki::MAX_LEN];
    let bytes = bytes.get_mut(..len).ok_or(SdesError::Mki)?;
    if !decimal::read(value, bytes) {
        return Err(SdesError::Mki);
    }
    Ok(Mki::new(bytes)?)
}

fn session_param(suite: Suite, word: &str) -> Result<SessionParam, SdesError> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let valued = |digits| value.and_then(|value| number(value, digits)).ok_or(SdesError::ParamValue);
    Ok(match (name.to_ascii_uppercase().as_str(), value) {
        ("KDR", _) => {
            let rate = u8::try_from(valued(2)?).ok().filter(|&rate| rate <= 24);
            SessionParam::KeyDerivationRate(rate.ok_or(SdesError::ParamValue)?)
        }
        ("UNENCRYPTED_SRTP", None) => SessionParam::UnencryptedSrtp,
        ("UNENCRYPTED_SRTCP", None) => SessionParam::UnencryptedSrtcp,
        ("UNAUTHENTICATED_SRTP", None) => SessionParam::UnauthenticatedSrtp,
        ("FEC_ORDER", Some(order)) if order.eq_ignore_ascii_case("FEC_SRTP") => {
            SessionParam::FecOrder(FecOrder::FecThenSrtp)
        }
        ("FEC_ORDER", Some(order)) if order.eq_ignore_ascii_case("SRTP_FEC") => {
            SessionParam::FecOrder(FecOrder::SrtpThenFec)
        }
        ("FEC_ORDER", _) => return Err(SdesError::ParamValue),
        ("FEC_KEY", Some(keys)) => SessionParam::FecKey(key_params(suite, keys)?),
        ("FEC_KEY", None) => return Err(SdesError::ParamValue),
        ("WSH", _) => match valued(9)? {
            hint if hint >= 64 => SessionParam::WindowSizeHint(hint),
            _ => return Err(SdesError::ParamValue),
        },
        // [RFC4568 6.3.7] A leading dash says that who does not know the parameter may ignore it.
        _ => match word.strip_prefix('-') {
            Some(rest) => SessionParam::Optional(rest.to_owned()),
            None => return Err(SdesError::UnknownParam),
        },
    })
}

/// A number of 1 to `digits` digits, nothing else: no sign, no space.
fn number(text: &str, digits: usize) -> Option<u32> {
    let plain = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
