//! Between bytes and [`Value`].

use mediapoint_packet::SecretBytes;

use super::{Dict, Format, Scanner, Value, bencode, json};
use crate::NgError;

/// Decodes a dictionary that fills `payload`.
///
/// # Errors
/// [`NgError::Broken`] with the place where the bytes are no dictionary or something follows it,
/// [`NgError::TooDeep`], [`NgError::TooLarge`].
pub fn decode(payload: &[u8]) -> Result<Dict, NgError> {
    let first = payload.first().copied().unwrap_or_default();
    let format = Format::of(first).ok_or(NgError::NoDictionary { first })?;
    match Scanner::new(format).advance(payload)? {
        Some(len) if len == payload.len() => {}
        Some(len) => return Err(NgError::Broken { format, at: len }),
        None => return Err(NgError::Broken { format, at: payload.len() }),
    }
    let mut rest = payload;
    let value = match format {
        Format::Bencode => bencode::read(&mut rest),
        Format::Json => json::read(&mut rest),
    };
    match value {
        Some(Value::Dict(dict)) if rest.is_empty() => Ok(dict),
        _ => Err(NgError::Broken { format, at: payload.len() - rest.len() }),
    }
}

/// A dictionary as JSON. Wiped when dropped.
#[must_use]
pub fn to_json(dict: &Dict) -> SecretBytes {
    let mut out = SecretBytes::with_capacity(512);
    json::write(dict, &mut out);
    out
}

/// A message: the cookie, a blank and the dictionary. Wiped when dropped.
#[must_use]
pub fn encode(cookie: &[u8], format: Format, dict: &Dict) -> SecretBytes {
    let mut out = SecretBytes::with_capacity(1024);
    out.extend_from_slice(cookie);
    out.push(b' ');
    match format {
        Format::Bencode => bencode::write(dict, &mut out),
        Format::Json => json::write(dict, &mut out),
    }
    out
}
