//! The parameters of Opus [RFC7587 6.1].

use std::fmt::Write;

use super::pairs;

/// Sample rates that a party can name [RFC7587 6.1]; others count as 48 kHz.
const RATES: std::ops::RangeInclusive<u32> = 8000..=48_000;
/// Bit rates that Opus has, in bit/s [RFC7587 3.1.1]; others count as not given.
const BITRATES: std::ops::RangeInclusive<u32> = 6000..=510_000;

/// What a party says of its Opus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusParameters {
    /// The highest sample rate in hertz that the party can play.
    pub max_playback_rate: u32,
    /// The highest sample rate in hertz that the party is likely to send.
    pub sprop_max_capture_rate: u32,
    /// The most bits per second that the party wants to receive, on average.
    pub max_average_bitrate: Option<u32>,
    /// The party can use forward error correction.
    pub use_in_band_fec: bool,
    /// The party would like discontinuous transmission.
    pub use_dtx: bool,
    /// The party would like two channels. One is always sent.
    pub stereo: bool,
    /// The party is likely to send two channels.
    pub sprop_stereo: bool,
    /// The party would like a constant bit rate.
    pub cbr: bool,
    /// Audio in a packet in milliseconds that the party prefers.
    pub ptime: Option<u8>,
    /// The least audio in a packet in milliseconds that the party wants.
    pub min_ptime: Option<u8>,
    /// The most audio in a packet in milliseconds that the party takes.
    pub max_ptime: Option<u8>,
}

impl Default for OpusParameters {
    fn default() -> Self {
        Self {
            max_playback_rate: 48_000,
            sprop_max_capture_rate: 48_000,
            max_average_bitrate: None,
            use_in_band_fec: false,
            use_dtx: false,
            stereo: false,
            sprop_stereo: false,
            cbr: false,
            ptime: None,
            min_ptime: None,
            max_ptime: None,
        }
    }
}

impl OpusParameters {
    pub(super) fn parse(fmtp: &str) -> Self {
        let mut it = Self::default();
        for (key, value) in pairs(fmtp) {
            let flag = value == "1";
            let number = value.parse::<u32>().ok();
            let rate = number.filter(|rate| RATES.contains(rate)).unwrap_or(48_000);
            let time = number.and_then(|ms| u8::try_from(ms).ok()).filter(|ms| (1..=120).contains(ms));
            match key.to_ascii_lowercase().as_str() {
                "maxplaybackrate" => it.max_playback_rate = rate,
                "sprop-maxcapturerate" => it.sprop_max_capture_rate = rate,
                "maxaveragebitrate" => it.max_average_bitrate = number.filter(|rate| BITRATES.contains(rate)),
                "useinbandfec" => it.use_in_band_fec = flag,
                "usedtx" => it.use_dtx = flag,
                "stereo" => it.stereo = flag,
                "sprop-stereo" => it.sprop_stereo = flag,
                "cbr" => it.cbr = flag,
                "ptime" => it.ptime = time,
                "minptime" => it.min_ptime = time,
                "maxptime" => it.max_ptime = time,
                _ => {}
            }
        }
        it
    }

    pub(super) fn to_fmtp(self) -> Option<String> {
        let rate = |rate: u32| (rate != 48_000).then_some(rate);
        let time = |time: Option<u8>| time.map(u32::from);
        let flag = |flag: bool| flag.then_some(1);
        let values = [
            ("maxplaybackrate", rate(self.max_playback_rate)),
            ("sprop-maxcapturerate", rate(self.sprop_max_capture_rate)),
            ("maxaveragebitrate", self.max_average_bitrate),
            ("stereo", flag(self.stereo)),
            ("sprop-stereo", flag(self.sprop_stereo)),
            ("cbr", flag(self.cbr)),
            ("useinbandfec", flag(self.use_in_band_fec)),
            ("usedtx", flag(self.use_dtx)),
            ("ptime", time(self.ptime)),
            ("minptime", time(self.min_ptime)),
            ("maxptime", time(self.max_ptime)),
        ];
        let mut line = String::new();
        for (key, value) in values.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            let separator = if line.is_empty() { "" } else { ";" };
            // Writing to a string cannot fail.
            let _ = write!(line, "{separator}{key}={value}");
        }
        (!line.is_empty()).then_some(line)
    }
}
