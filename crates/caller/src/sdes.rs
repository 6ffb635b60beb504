//! SDES keys and the `a=crypto` line that carries them [RFC4568 9], and the SRTP contexts made from them.
//!
//! The transforms themselves are `webrtc-srtp`'s, with replay protection switched on.

use std::fmt;

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use webrtc_srtp::protection_profile::ProtectionProfile;
use zeroize::Zeroizing;

/// Packets the replay window holds, twice the least that [RFC3711 3.3.2] asks for.
const REPLAY_WINDOW: usize = 128;

/// A crypto suite of SDES.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(into = "&'static str")]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80` [RFC4568 6.2.1].
    AesCm128Sha80,
    /// `AES_CM_128_HMAC_SHA1_32` [RFC4568 6.2.2].
    AesCm128Sha32,
    /// `AES_256_CM_HMAC_SHA1_80` [RFC6188 4].
    AesCm256Sha80,
    /// `AES_256_CM_HMAC_SHA1_32` [RFC6188 4].
    AesCm256Sha32,
    /// `AEAD_AES_128_GCM` [RFC7714 14.2].
    Gcm128,
    /// `AEAD_AES_256_GCM` [RFC7714 14.2].
    Gcm256,
}

impl Suite {
    /// Every suite, the most common first.
    pub const ALL: [Self; 6] = [
        Self::AesCm128Sha80,
        Self::AesCm128Sha32,
        Self::AesCm256Sha80,
        Self::AesCm256Sha32,
        Self::Gcm128,
        Self::Gcm256,
    ];

    /// The name an `a=crypto` line carries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128Sha80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128Sha32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm256Sha80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256Sha32 => "AES_256_CM_HMAC_SHA1_32",
            Self::Gcm128 => "AEAD_AES_128_GCM",
            Self::Gcm256 => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of that name, in any case; `None` where there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    fn profile(self) -> ProtectionProfile {
        match self {
            Self::AesCm128Sha80 => ProtectionProfile::Aes128CmHmacSha1_80,
            Self::AesCm128Sha32 => ProtectionProfile::Aes128CmHmacSha1_32,
            Self::AesCm256Sha80 => ProtectionProfile::Aes256CmHmacSha1_80,
            Self::AesCm256Sha32 => ProtectionProfile::Aes256CmHmacSha1_32,
            Self::Gcm128 => ProtectionProfile::AeadAes128Gcm,
            Self::Gcm256 => ProtectionProfile::AeadAes256Gcm,
        }
    }

    fn key_and_salt_len(self) -> usize {
        self.profile().key_len() + self.profile().salt_len()
    }
}

impl From<Suite> for &'static str {
    fn from(suite: Suite) -> Self {
        suite.name()
    }
}

/// Why an `a=crypto` line cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdesError {
    /// The line has not the three parts tag, suite and key.
    #[error("crypto line has no tag, suite and inline key")]
    Incomplete,
    /// The suite is none that is known here.
    #[error("crypto suite is unknown")]
    UnknownSuite,
    /// The key is not base64.
    #[error("crypto key is not base64")]
    NotBase64,
    /// The key and salt have the wrong length.
    #[error("crypto key and salt are {found} bytes, the suite needs {needed}")]
    Length {
        /// Bytes the line carried.
        found: usize,
        /// Bytes the suite asks for.
        needed: usize,
    },
}

/// A suite with its master key and salt, and the tag that names them in an offer and its answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Decimal tag of the line; the answer repeats the tag of the offer's line it accepts [RFC4568 5.1.2].
    pub tag: u32,
    /// The transforms.
    pub suite: Suite,
    secret: Zeroizing<Vec<u8>>,
}

impl Crypto {
    /// A line with a new random key and salt.
    #[must_use]
    pub fn random(tag: u32, suite: Suite) -> Self {
        let mut secret = Zeroizing::new(vec![0; suite.key_and_salt_len()]);
        rand::fill(secret.as_mut_slice());
        Self { tag, suite, secret }
    }

    /// Reads what follows `a=crypto:`. A life time and an MKI behind the key are passed over.
    ///
    /// # Errors
    /// Where a part is missing, the suite is unknown, or the key does not fit it.
    pub fn parse(value: &str) -> Result<Self, SdesError> {
        let mut words = value.split_ascii_whitespace();
        let (Some(tag), Some(suite), Some(key)) = (words.next(), words.next(), words.next()) else {
            return Err(SdesError::Incomplete);
        };
        let tag = tag.parse().map_err(|_| SdesError::Incomplete)?;
        let suite = Suite::from_name(suite).ok_or(SdesError::UnknownSuite)?;
        let key = key.strip_prefix("inline:").ok_or(SdesError::Incomplete)?;
        let key = key.split(['|', ';']).next().unwrap_or_default().trim_end_matches('=');
        let secret = Zeroizing::new(Base64Unpadded::decode_vec(key).map_err(|_| SdesError::NotBase64)?);
        let needed = suite.key_and_salt_len();
        if secret.len() != needed {
            return Err(SdesError::Length { found: secret.len(), needed });
        }
        Ok(Self { tag, suite, secret })
    }

    /// What follows `a=crypto:`, the key padded because some phones refuse it otherwise.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {} inline:{}", self.tag, self.suite.name(), Base64::encode_string(&self.secret))
    }

    /// The same key under another tag, for an answer that repeats the offer's.
    #[must_use]
    pub fn with_tag(&self, tag: u32) -> Self {
        Self { tag, ..self.clone() }
    }

    /// True where suite, key and salt are the same, whatever the tag.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.suite == other.suite && self.secret == other.secret
    }

    /// A context for one direction. `None` never happens for a value made by this type, because the
    /// lengths were checked when it was made.
    #[must_use]
    pub fn context(&self) -> Option<Context> {
        let profile = self.suite.profile();
        let (key, salt) = self.secret.split_at_checked(profile.key_len())?;
        let rtp = Some(srtp_replay_protection(REPLAY_WINDOW));
        let rtcp = Some(srtcp_replay_protection(REPLAY_WINDOW));
        Context::new(key, salt, profile, rtp, rtcp).ok()
    }
}

impl fmt::Debug for Crypto {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto").field("tag", &self.tag).field("suite", &self.suite).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC4568 9] [RFC4568 6.2.1] [RFC4568 6.2.2] [RFC6188 4] [RFC7714 14.2]
    #[test]
    fn a_line_survives_being_written_and_read() {
        for suite in Suite::ALL {
            let crypto = Crypto::random(7, suite);
            assert_eq!(Crypto::parse(&crypto.line()), Ok(crypto.clone()));
            assert!(crypto.context().is_some(), "{}", suite.name());
        }
    }

    // test-of: [RFC4568 6.1]
    #[test]
    fn life_time_and_mki_are_passed_over() {
        let crypto = Crypto::random(1, Suite::AesCm128Sha80);
        let line = format!("{}|2^20|1:32 UNENCRYPTED_SRTCP", crypto.line());
        assert_eq!(Crypto::parse(&line), Ok(crypto));
    }

    #[test]
    fn a_missing_pad_is_accepted_and_a_short_key_is_not() {
        let line = Crypto::random(1, Suite::Gcm256).line();
        assert!(Crypto::parse(line.trim_end_matches('=')).is_ok());
        assert_eq!(
            Crypto::parse("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"),
            Err(SdesError::Length { found: 3, needed: 30 })
        );
        assert_eq!(Crypto::parse("1 F8_128_HMAC_SHA1_80 inline:AAAA"), Err(SdesError::UnknownSuite));
        assert_eq!(Crypto::parse("1 AES_CM_128_HMAC_SHA1_80"), Err(SdesError::Incomplete));
    }

    #[test]
    fn debug_shows_no_key() {
        let crypto = Crypto::random(1, Suite::Gcm128);
        let shown = format!("{crypto:?}");
        assert!(!shown.contains("inline") && !shown.contains("secret"), "{shown}");
    }
}
