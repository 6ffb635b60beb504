//! What we want of an encoder beyond what the party asked for.

/// Settings of an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Send less or nothing in pauses, where the codec can and the party agrees. Off by default: a gap in the stream
    /// is what networks and recorders cope with worst.
    pub dtx: bool,
    /// Effort of the Opus encoder, 0 to 10; larger values count as 10.
    pub opus_complexity: u8,
    /// Opus bit rate in bit/s, unless the party wants less; `None` is a rate for voice at the audio bandwidth, with 8000
    /// bit/s more where there is forward error correction.
    pub opus_bitrate: Option<u32>,
    /// Loss to expect on the way to the party, in percent, 0 to 100: how much Opus spends on forward error correction,
    /// where the party takes it. With 0 nothing.
    pub expected_loss_percent: u8,
}

impl EncoderSettings {
    /// Effort of the Opus encoder unless told otherwise.
    pub const OPUS_COMPLEXITY: u8 = 5;
    /// Loss to expect unless told otherwise: a party that takes error correction gets it.
    pub const EXPECTED_LOSS_PERCENT: u8 = 5;
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            dtx: false,
            opus_complexity: Self::OPUS_COMPLEXITY,
            opus_bitrate: None,
            expected_loss_percent: Self::EXPECTED_LOSS_PERCENT,
        }
    }
}
