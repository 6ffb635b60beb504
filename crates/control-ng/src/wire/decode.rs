//! Between bytes and [`Value`].

use super::value::{DictRef, dict_to_json};
use super::{Dict, Format, Scanner, Value};
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
    let value = match format {
        Format::Bencode => bt_bencode::from_slice(payload)
            .map_err(|error| NgError::Broken { format, at: error.byte_offset() }),
        Format::Json => serde_json::from_slice(payload).map_err(|error| {
            let before = payload.split(|b| *b == b'\n').take(error.line().saturating_sub(1));
            let at = before.map(|line| line.len() + 1).sum::<usize>() + error.column().saturating_sub(1);
            NgError::Broken { format, at }
        }),
    }?;
    match value {
        Value::Dict(dict) => Ok(dict),
        _ => Err(NgError::Broken { format, at: 0 }),
    }
}

/// A message: the cookie, a blank and the dictionary.
#[must_use]
pub fn encode(cookie: &[u8], format: Format, dict: &Dict) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(cookie);
    out.push(b' ');
    match format {
        // Writing to a vector cannot fail; a reply must not be empty even if it did.
        Format::Bencode => match bt_bencode::to_vec(&DictRef(dict)) {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(_) => out.extend_from_slice(b"d6:result5:errore"),
        },
        Format::Json => out.extend_from_slice(dict_to_json(dict).to_string().as_bytes()),
    }
    out
}
