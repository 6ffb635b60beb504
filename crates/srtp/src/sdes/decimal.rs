//! Numbers of up to 128 bytes in decimal digits: the value of a master key identifier. [RFC4568 6.1]

/// Reads digits into big-endian bytes; false where a character is no digit or the number does not fit.
pub(super) fn read(digits: &str, out: &mut [u8]) -> bool {
    out.fill(0);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit() && append(digit - b'0', out))
}

/// `out = 10 * out + digit`; false where that does not fit.
#[expect(clippy::cast_possible_truncation, reason = "the carry takes what does not fit a byte")]
fn append(digit: u8, out: &mut [u8]) -> bool {
    let mut carry = u16::from(digit);
    for byte in out.iter_mut().rev() {
        let value = u16::from(*byte) * 10 + carry;
        *byte = value as u8;
        carry = value >> 8;
    }
    carry == 0
}

/// The decimal digits of a big-endian number, without leading zeros.
#[expect(clippy::cast_possible_truncation, reason = "quotient and remainder of a division by 10 fit a byte")]
pub(super) fn write(bytes: &[u8]) -> String {
    let mut rest = bytes.to_vec();
    let mut digits = Vec::new();
    while rest.iter().any(|&byte| byte != 0) {
        let mut remainder = 0u16;
        for byte in &mut rest {
            let value = remainder << 8 | u16::from(*byte);
            *byte = (value / 10) as u8;
            remainder = value % 10;
        }
        digits.push(char::from(b'0' + remainder as u8));
    }
    if digits.is_empty() {
        digits.push('0');
    }
    digits.into_iter().rev().collect()
}
