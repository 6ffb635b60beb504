//! What we want of an encoder beyond what the party asked for.

/// Settings of an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Send less or nothing in pauses, where the codec can and the party agrees. Off by default: a gap in the stream
    /// is what networks and recorders cope with worst.
    pub dtx: bool,
    /// Effort of the Opus encoder, 0 to 10; larger values count as 10. `None`: what the audio is worth, see
    /// [`opus_complexity_for`](Self::opus_complexity_for).
    pub opus_complexity: Option<u8>,
    /// Opus bit rate in bit/s, unless the party wants less; `None` is a rate for voice at the audio bandwidth, with 8000
    /// bit/s more where there is forward error correction.
    pub opus_bitrate: Option<u32>,
    /// Loss to expect on the way to the party, in percent, 0 to 100: how much Opus spends on forward error correction,
    /// where the party takes it. With 0 nothing.
    pub expected_loss_percent: u8,
}

impl EncoderSettings {
    /// Effort of the Opus encoder for audio of more than 8 kHz, unless told otherwise.
    pub const OPUS_COMPLEXITY: u8 = 5;
    /// The same for audio of 8 kHz, which comes from G.711, G.729 or GSM: the least whose PESQ is within 0.05 of the best
    /// (`benches/quality/opus.sh`).
    pub const OPUS_COMPLEXITY_AT_8K: u8 = 3;
    /// The same where packets carry error correction. Below it libopus leaves the correction out.
    pub const OPUS_COMPLEXITY_AT_8K_WITH_FEC: u8 = 2;
    /// Loss to expect unless told otherwise: a party that takes error correction gets it.
    pub const EXPECTED_LOSS_PERCENT: u8 = 5;

    /// Effort of the Opus encoder for audio at `rate` hertz, with or without forward error correction, 0 to 10.
    #[must_use]
    pub fn opus_complexity_for(&self, rate: u32, fec: bool) -> u8 {
        let usual = match (rate, fec) {
            (..=8000, true) => Self::OPUS_COMPLEXITY_AT_8K_WITH_FEC,
            (..=8000, false) => Self::OPUS_COMPLEXITY_AT_8K,
            _ => Self::OPUS_COMPLEXITY,
        };
        self.opus_complexity.unwrap_or(usual).min(10)
    }
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            dtx: false,
            opus_complexity: None,
            opus_bitrate: None,
            expected_loss_percent: Self::EXPECTED_LOSS_PERCENT,
        }
    }
}
