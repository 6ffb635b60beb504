//! The cipher suites of SRTP that this crate speaks, by their registered names, and the sizes each implies.
//! [RFC4568 6.2], [RFC6188 7], [RFC7714 14.1]

/// A crypto suite: cipher, key lengths and tag lengths in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Suite {
    /// `AEAD_AES_128_GCM` [RFC7714 13.2].
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM` [RFC7714 13.2].
    AeadAes256Gcm,
    /// `AES_CM_128_HMAC_SHA1_80` [RFC4568 6.2.1], the one every peer must know.
    AesCm128HmacSha1_80,
    /// `AES_192_CM_HMAC_SHA1_80` [RFC6188 4].
    Aes192CmHmacSha1_80,
    /// `AES_256_CM_HMAC_SHA1_80` [RFC6188 4].
    Aes256CmHmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32` [RFC4568 6.2.2]: RTP carries a 4-byte tag, RTCP a 10-byte one.
    AesCm128HmacSha1_32,
    /// `AES_192_CM_HMAC_SHA1_32` [RFC6188 4]: RTP carries a 4-byte tag, RTCP a 10-byte one.
    Aes192CmHmacSha1_32,
    /// `AES_256_CM_HMAC_SHA1_32` [RFC6188 4]: RTP carries a 4-byte tag, RTCP a 10-byte one.
    Aes256CmHmacSha1_32,
}

/// What a suite does to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transform {
    /// AES in counter mode, then HMAC-SHA1 cut to `rtp_tag` bytes on RTP and 10 on RTCP.
    CounterHmac { rtp_tag: usize },
    /// AES-GCM.
    Gcm,
}

/// Bytes of an HMAC tag on RTCP, whatever the suite puts on RTP [RFC4568 6.2.2].
pub(crate) const RTCP_HMAC_TAG: usize = 10;
/// Bytes of a GCM tag [RFC7714 13.2].
pub(crate) const GCM_TAG: usize = 16;
/// Bytes of the word that holds the E bit and the SRTCP index [RFC3711 3.4].
pub(crate) const RTCP_INDEX_WORD: usize = 4;

impl Suite {
    /// Every suite, in the order an offer prefers them: AEAD first, long tags before short ones, and the
    /// cheaper key size first among equals.
    pub const ALL: [Self; 8] = [
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::AesCm128HmacSha1_80,
        Self::Aes192CmHmacSha1_80,
        Self::Aes256CmHmacSha1_80,
        Self::AesCm128HmacSha1_32,
        Self::Aes192CmHmacSha1_32,
        Self::Aes256CmHmacSha1_32,
    ];

    /// The registered name, as it stands in `a=crypto`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes192CmHmacSha1_80 => "AES_192_CM_HMAC_SHA1_80",
            Self::Aes256CmHmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes192CmHmacSha1_32 => "AES_192_CM_HMAC_SHA1_32",
            Self::Aes256CmHmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
        }
    }

    /// The suite of that registered name, in any case; `None` for one this crate does not speak.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of the master key, and of the AES session keys made from it.
    #[must_use]
    pub const fn master_key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
            Self::Aes192CmHmacSha1_80 | Self::Aes192CmHmacSha1_32 => 24,
            Self::AeadAes256Gcm | Self::Aes256CmHmacSha1_80 | Self::Aes256CmHmacSha1_32 => 32,
        }
    }

    /// Bytes of the master salt.
    #[must_use]
    pub const fn master_salt_len(self) -> usize {
        match self.transform() {
            Transform::CounterHmac { .. } => 14,
            Transform::Gcm => 12,
        }
    }

    /// Bytes that protecting an RTP packet appends (without an MKI).
    #[must_use]
    pub const fn rtp_tag_len(self) -> usize {
        match self.transform() {
            Transform::CounterHmac { rtp_tag } => rtp_tag,
            Transform::Gcm => GCM_TAG,
        }
    }

    /// Bytes that protecting an RTCP packet appends: tag and index word (without an MKI).
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.rtcp_tag_len() + RTCP_INDEX_WORD
    }

    pub(crate) const fn rtcp_tag_len(self) -> usize {
        match self.transform() {
            Transform::CounterHmac { .. } => RTCP_HMAC_TAG,
            Transform::Gcm => GCM_TAG,
        }
    }

    pub(crate) const fn transform(self) -> Transform {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => Transform::Gcm,
            Self::AesCm128HmacSha1_80 | Self::Aes192CmHmacSha1_80 | Self::Aes256CmHmacSha1_80 => {
                Transform::CounterHmac { rtp_tag: 10 }
            }
            Self::AesCm128HmacSha1_32 | Self::Aes192CmHmacSha1_32 | Self::Aes256CmHmacSha1_32 => {
                Transform::CounterHmac { rtp_tag: 4 }
            }
        }
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
