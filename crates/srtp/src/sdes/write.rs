//! Writes `a=crypto`.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::{CryptoAttribute, FecOrder, KeyParam, SessionParam, decimal};

pub(super) fn attribute(attribute: &CryptoAttribute) -> String {
    let mut out = format!("{} {} ", attribute.tag, attribute.suite);
    key_params(&mut out, &attribute.keys);
    for param in &attribute.params {
        out.push(' ');
        session_param(&mut out, param);
    }
    out
}

fn key_params(out: &mut String, keys: &[KeyParam]) {
    for (at, param) in keys.iter().enumerate() {
        if at > 0 {
            out.push(';');
        }
        key_param(out, param);
    }
}

fn key_param(out: &mut String, param: &KeyParam) {
    out.push_str("inline:");
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
        out.push_str(text);
    }
    if let Some(packets) = param.lifetime {
        // Writing to a string cannot fail.
        let _ = match packets.is_power_of_two() {
            true => write!(out, "|2^{}", packets.trailing_zeros()),
            false => write!(out, "|{packets}"),
        };
    }
    if let Some(mki) = &param.mki {
        let _ = write!(out, "|{}:{}", decimal::write(mki.bytes()), mki.len());
    }
}

fn session_param(out: &mut String, param: &SessionParam) {
    let _ = match param {
        SessionParam::KeyDerivationRate(rate) => write!(out, "KDR={rate}"),
        SessionParam::UnencryptedSrtp => write!(out, "UNENCRYPTED_SRTP"),
        SessionParam::UnencryptedSrtcp => write!(out, "UNENCRYPTED_SRTCP"),
        SessionParam::UnauthenticatedSrtp => write!(out, "UNAUTHENTICATED_SRTP"),
        SessionParam::FecOrder(FecOrder::FecThenSrtp) => write!(out, "FEC_ORDER=FEC_SRTP"),
        SessionParam::FecOrder(FecOrder::SrtpThenFec) => write!(out, "FEC_ORDER=SRTP_FEC"),
        SessionParam::FecKey(keys) => {
            out.push_str("FEC_KEY=");
            key_params(out, keys);
            Ok(())
        }
        SessionParam::WindowSizeHint(hint) => write!(out, "WSH={hint}"),
        SessionParam::Optional(rest) => write!(out, "-{rest}"),
    };
}
