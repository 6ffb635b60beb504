//! Bencode: `i42e`, `4:text`, `l...e`, `d...e` with the keys in any order.

use std::fmt::Write as _;

use mediapoint_packet::SecretBytes;

use super::{Dict, Value};

/// Reads the value at the front of `rest` and leaves what follows it; `None` where there is none, with `rest` from
/// where it went wrong. The depth was checked before.
pub(super) fn read(rest: &mut &[u8]) -> Option<Value> {
    Some(match rest.first()? {
        b'i' => {
            skip(rest);
            Value::Int(number(rest, b'e')?)
        }
        b'l' => {
            skip(rest);
            let mut list = Vec::new();
            while !ends(rest) {
                list.push(read(rest)?);
            }
            Value::List(list)
        }
        b'd' => {
            skip(rest);
            let mut dict = Dict::new();
            while !ends(rest) {
                let key = string(rest)?.to_vec();
                dict.insert(key, read(rest)?);
            }
            Value::Dict(dict)
        }
        _ => Value::from(string(rest)?),
    })
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    rest.first().filter(|byte| byte.is_ascii_digit())?;
    let len = usize::try_from(number(rest, b':')?).ok()?;
    let (text, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(text)
}

/// Digits up to `end`.
fn number(rest: &mut &[u8], end: u8) -> Option<i64> {
    let at = rest.iter().position(|byte| *byte == end)?;
    let (digits, after) = rest.split_at(at);
    let digits = std::str::from_utf8(digits).ok()?;
    // Counters past the largest `i64` stay there.
    let past = || digits.parse::<u64>().map(|_| i64::MAX);
    let number = digits.parse().or_else(|_| past()).ok()?;
    *rest = after;
    skip(rest);
    Some(number)
}

/// Passes over the end of a list or dictionary, where it is there.
fn ends(rest: &mut &[u8]) -> bool {
    let is_end = rest.first() == Some(&b'e');
    if is_end {
        skip(rest);
    }
    is_end
}

fn skip(rest: &mut &[u8]) {
    *rest = rest.get(1..).unwrap_or_default();
}

/// Appends a dictionary, its keys in order.
pub(super) fn write(dict: &Dict, out: &mut SecretBytes) {
    out.push(b'd');
    for (key, value) in dict {
        write_string(key, out);
        write_value(value, out);
    }
    out.push(b'e');
}

fn write_value(value: &Value, out: &mut SecretBytes) {
    match value {
        Value::Bytes(bytes) => write_string(bytes, out),
        // Writing to a buffer cannot fail.
        Value::Int(n) => {
            let _ = write!(out, "i{n}e");
        }
        Value::List(list) => {
            out.push(b'l');
            list.iter().for_each(|value| write_value(value, out));
            out.push(b'e');
        }
        Value::Dict(dict) => write(dict, out),
    }
}

fn write_string(bytes: &[u8], out: &mut SecretBytes) {
    let _ = write!(out, "{}:", bytes.len());
    out.extend_from_slice(bytes);
}
