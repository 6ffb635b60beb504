//! JSON [RFC8259]. Its values become those that bencode has: `true` is `yes`, `null` an empty string, a number that is no
//! integer its digits.

use std::fmt::Write as _;

use mediapoint_packet::SecretBytes;

use super::{Dict, Value};

/// Reads the value at the front of `rest` and leaves what follows it; `None` where there is none, with `rest` from
/// where it went wrong. The depth was checked before.
pub(super) fn read(rest: &mut &[u8]) -> Option<Value> {
    blanks(rest);
    Some(match rest.first()? {
        b'"' => Value::Bytes(string(rest)?),
        b'{' => {
            let mut dict = Dict::new();
            members(rest, b'}', |rest| {
                let key = string(rest)?;
                blanks(rest);
                take(rest, b":").then_some(())?;
                dict.insert(key.to_vec(), read(rest)?);
                Some(())
            })?;
            Value::Dict(dict)
        }
        b'[' => {
            let mut list = Vec::new();
            members(rest, b']', |rest| {
                list.push(read(rest)?);
                Some(())
            })?;
            Value::List(list)
        }
        b'-' | b'0'..=b'9' => number(rest)?,
        _ if take(rest, b"true") => "yes".into(),
        _ if take(rest, b"false") => "no".into(),
        _ if take(rest, b"null") => "".into(),
        _ => return None,
    })
}

/// What stands between brackets, with commas in between.
fn members(rest: &mut &[u8], end: u8, mut member: impl FnMut(&mut &[u8]) -> Option<()>) -> Option<()> {
    skip(rest, 1);
    blanks(rest);
    if take(rest, &[end]) {
        return Some(());
    }
    loop {
        blanks(rest);
        member(rest)?;
        blanks(rest);
        if take(rest, &[end]) {
            return Some(());
        }
        take(rest, b",").then_some(())?;
    }
}

/// A string without its quotes and escapes [RFC8259 7].
fn string(rest: &mut &[u8]) -> Option<SecretBytes> {
    take(rest, b"\"").then_some(())?;
    // Escapes are longer than what they stand for.
    let mut out = SecretBytes::with_capacity(quoted_len(rest));
    loop {
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        let (text, after) = rest.split_at(plain);
        out.extend_from_slice(text);
        *rest = after;
        match rest.first()? {
            b'"' => {
                std::str::from_utf8(&out).ok()?;
                skip(rest, 1);
                return Some(out);
            }
            b'\\' => escape(rest, &mut out)?,
            // A control character must be escaped.
            _ => return None,
        }
    }
}

/// Bytes up to the closing quote.
fn quoted_len(rest: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(rest.len())
}

fn escape(rest: &mut &[u8], out: &mut SecretBytes) -> Option<()> {
    let byte = match rest.get(1)? {
        byte @ (b'"' | b'\\' | b'/') => *byte,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(rest, out),
        _ => return None,
    };
    skip(rest, 2);
    out.push(byte);
    Some(())
}

/// `\u00e9`, or a pair of surrogates.
fn unicode(rest: &mut &[u8], out: &mut SecretBytes) -> Option<()> {
    let first = code_unit(rest)?;
    let second = if matches!(first, 0xd800..0xdc00) { Some(code_unit(rest)?) } else { None };
    let mut decoded = char::decode_utf16(std::iter::once(first).chain(second));
    let character = decoded.next()?.ok()?;
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

fn code_unit(rest: &mut &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let unit = digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })?;
    skip(rest, 6);
    Some(unit)
}

/// A number [RFC8259 6].
fn number(rest: &mut &[u8]) -> Option<Value> {
    let from = *rest;
    take(rest, b"-");
    let whole = digits(rest)?;
    if whole.starts_with(b"0") && whole.len() > 1 {
        return None;
    }
    let mut is_integer = true;
    if take(rest, b".") {
        digits(rest)?;
        is_integer = false;
    }
    if take(rest, b"e") || take(rest, b"E") {
        let _ = take(rest, b"+") || take(rest, b"-");
        digits(rest)?;
        is_integer = false;
    }
    let text = std::str::from_utf8(from.get(..from.len() - rest.len())?).ok()?;
    if is_integer {
        if let Ok(n) = text.parse::<i64>() {
            return Some(Value::Int(n));
        }
        if let Ok(n) = text.parse::<u64>() {
            return Some(n.into());
        }
    }
    let n: f64 = text.parse().ok()?;
    n.is_finite().then(|| n.to_string().into())
}

fn digits<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    (!digits.is_empty()).then_some(digits)
}

fn blanks(rest: &mut &[u8]) {
    let count = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    skip(rest, count);
}

/// Passes over `word`, where it is there.
fn take(rest: &mut &[u8], word: &[u8]) -> bool {
    let is_there = rest.starts_with(word);
    if is_there {
        skip(rest, word.len());
    }
    is_there
}

fn skip(rest: &mut &[u8], count: usize) {
    *rest = rest.get(count..).unwrap_or_default();
}

/// Appends a dictionary. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn write(dict: &Dict, out: &mut SecretBytes) {
    out.push(b'{');
    for (at, (key, value)) in dict.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

fn write_value(value: &Value, out: &mut SecretBytes) {
    match value {
        Value::Bytes(bytes) => write_string(bytes, out),
        // Writing to a buffer cannot fail.
        Value::Int(n) => {
            let _ = write!(out, "{n}");
        }
        Value::List(list) => {
            out.push(b'[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(value, out);
            }
            out.push(b']');
        }
        Value::Dict(dict) => write(dict, out),
    }
}

fn write_string(bytes: &[u8], out: &mut SecretBytes) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..0x20 => {
                    let _ = write!(out, "\\u{byte:04x}");
                }
                _ => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}
