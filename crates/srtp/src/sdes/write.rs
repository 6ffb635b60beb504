//! Writes `a=crypto`.

use std::fmt::{self, Write};

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::{CryptoAttribute, FecOrder, KeyParam, SessionParam, decimal};

/// Counts what is written.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

pub(super) fn attribute(attribute: &CryptoAttribute) -> Zeroizing<String> {
    // Written twice, the first time for its length: a string that grows leaves a copy behind.
    let mut len = Length(0);
    // Writing to a counter or a string cannot fail.
    let _ = write(&mut len, attribute);
    let mut out = Zeroizing::new(String::with_capacity(len.0));
    let _ = write(&mut *out, attribute);
    debug_assert_eq!(out.len(), len.0, "both times the same");
    out
}

fn write(out: &mut impl Write, attribute: &CryptoAttribute) -> fmt::Result {
    write!(out, "{} {} ", attribute.tag, attribute.suite)?;
    key_params(out, &attribute.keys)?;
    for param in &attribute.params {
        out.write_char(' ')?;
        session_param(out, param)?;
    }
    Ok(())
}

fn key_params(out: &mut impl Write, keys: &[KeyParam]) -> fmt::Result {
    for (at, param) in keys.iter().enumerate() {
        if at > 0 {
            out.write_char(';')?;
        }
        key_param(out, param)?;
    }
    Ok(())
}

fn key_param(out: &mut impl Write, param: &KeyParam) -> fmt::Result {
    out.write_str("inline:")?;
    let (key, salt) = (param.key.danger_key_bytes(), param.key.danger_salt_bytes());
    let mut bytes = Zeroizing::new([0u8; 46]);
    let mut len = 0;
    for (to, from) in bytes.iter_mut().zip(key.iter().chain(salt)) {
        *to = *from;
        len += 1;
    }
    let mut text = Zeroizing::new([0u8; 64]);
    // 46 bytes make 64 characters: it always fits.
    if let Ok(text) = Base64::encode(bytes.get(..len).unwrap_or_default(), text.as_mut_slice()) {
        out.write_str(text)?;
    }
    if let Some(packets) = param.lifetime {
        match packets.is_power_of_two() {
            true => write!(out, "|2^{}", packets.trailing_zeros())?,
            false => write!(out, "|{packets}")?,
        }
    }
    if let Some(mki) = &param.mki {
        write!(out, "|{}:{}", decimal::write(mki.bytes()), mki.len())?;
    }
    Ok(())
}

fn session_param(out: &mut impl Write, param: &SessionParam) -> fmt::Result {
    match param {
        SessionParam::KeyDerivationRate(rate) => write!(out, "KDR={rate}"),
        SessionParam::UnencryptedSrtp => write!(out, "UNENCRYPTED_SRTP"),
        SessionParam::UnencryptedSrtcp => write!(out, "UNENCRYPTED_SRTCP"),
        SessionParam::UnauthenticatedSrtp => write!(out, "UNAUTHENTICATED_SRTP"),
        SessionParam::FecOrder(FecOrder::FecThenSrtp) => write!(out, "FEC_ORDER=FEC_SRTP"),
        SessionParam::FecOrder(FecOrder::SrtpThenFec) => write!(out, "FEC_ORDER=SRTP_FEC"),
        SessionParam::FecKey(keys) => {
            out.write_str("FEC_KEY=")?;
            key_params(out, keys)
        }
        SessionParam::WindowSizeHint(hint) => write!(out, "WSH={hint}"),
        SessionParam::Optional(rest) => write!(out, "-{rest}"),
    }
}
