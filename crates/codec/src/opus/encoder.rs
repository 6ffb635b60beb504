//! Samples to payloads.

use opus::{Application, Bandwidth, Bitrate, Channels, Signal};

use super::join::{Frames, MAX_FRAMES};
use super::{rate_for, rate_within, unsupported};
use crate::coder::{Encoded, Encoder, MAX_PACKET_MS, Transmission, check_length};
use crate::error::{EncodeError, Unsupported};
use crate::parameters::OpusParameters;
use crate::settings::EncoderSettings;

/// Bit rates that Opus has, in bit/s [RFC7587 3.1.1].
const BITRATES: std::ops::RangeInclusive<u32> = 6000..=510_000;
/// A frame that came out this short need not be sent: it says that there is a pause [RFC7587 3.1.3].
const PAUSE: usize = 2;
/// Octets below which libopus would rather leave audio out than refuse.
const LEAST_ROOM: usize = 128;
/// The longest that one frame can be in octets [RFC6716 3.4].
const MAX_FRAME: usize = 1275;

/// Samples to Opus.
pub(crate) struct OpusEncoder {
    library: opus::Encoder,
    rate: u32,
    /// One frame of a packet that takes several, before they are joined; its first octet says what it is.
    frame: Box<[u8; MAX_FRAME + 1]>,
    spending: Spending,
    /// The party takes pauses, and is in one.
    dtx: bool,
    paused: bool,
    /// True while frames must all have the same bandwidth, since they share a packet.
    fixed_bandwidth: bool,
}

impl OpusEncoder {
    /// An encoder of audio at `rate_hint` hertz or less for a party that asked for `party`.
    pub(crate) fn new(
        rate_hint: u32,
        party: &OpusParameters,
        settings: &EncoderSettings,
    ) -> Result<Self, Unsupported> {
        let rate = rate_for(rate_hint).min(rate_within(party.max_playback_rate));
        let spending = Spending::new(rate, party, settings);
        let mut library = configured(rate, party, settings).map_err(|error| unsupported(&error))?;
        spending.apply(&mut library, settings.expected_loss_percent).map_err(|error| unsupported(&error))?;
        let frame = Box::new([0; MAX_FRAME + 1]);
        let dtx = settings.dtx && party.use_dtx;
        Ok(Self { library, rate, frame, spending, dtx, paused: false, fixed_bandwidth: false })
    }

    /// A packet that is one frame, or several that libopus joins itself.
    fn encode_whole(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<(usize, bool), EncodeError> {
        self.fix_bandwidth(false)?;
        let have = payload.len();
        let len = self.library.encode(pcm, payload).map_err(|error| refused(&error, have))?;
        Ok((len, has_voice(payload.get(..len).unwrap_or_default())))
    }

    /// A packet of a length that Opus only has as several frames of 10 ms [RFC6716 3.2.5].
    fn encode_parts(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<(usize, bool), EncodeError> {
        self.fix_bandwidth(true)?;
        let have = payload.len();
        let mut frames = Frames::new(payload);
        let mut voice = false;
        for part in pcm.chunks(self.granule()) {
            let room = frames.room().min(self.frame.len());
            if room < LEAST_ROOM / 8 {
                return Err(EncodeError::NoRoom { need: have + LEAST_ROOM, have });
            }
            let frame = self.frame.get_mut(..room).unwrap_or_default();
            let len = self.library.encode(part, frame).map_err(|error| refused(&error, room))?;
            let packet = frame.get(..len).unwrap_or_default();
            voice |= has_voice(packet);
            frames.push(packet);
        }
        Ok((frames.finish(), voice))
    }

    fn fix_bandwidth(&mut self, fixed: bool) -> Result<(), EncodeError> {
        if fixed != self.fixed_bandwidth {
            let bandwidth = if fixed { bandwidth(self.rate) } else { Bandwidth::Auto };
            self.library.set_bandwidth(bandwidth).map_err(|error| refused(&error, 0))?;
            self.fixed_bandwidth = fixed;
        }
        Ok(())
    }
}

impl Encoder for OpusEncoder {
    fn sample_rate(&self) -> u32 {
        self.rate
    }

    fn granule(&self) -> usize {
        (self.rate / 100) as usize
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        let granule = self.granule();
        check_length(pcm.len(), granule, (self.rate / 1000 * MAX_PACKET_MS) as usize)?;
        if payload.len() < LEAST_ROOM {
            return Err(EncodeError::NoRoom { need: LEAST_ROOM, have: payload.len() });
        }
        let (len, voice) = match pcm.len() / granule {
            1 | 2 | 4 | 6 | 8 | 10 | 12 => self.encode_whole(pcm, payload)?,
            parts if parts <= MAX_FRAMES => self.encode_parts(pcm, payload)?,
            _ => return Err(EncodeError::Length { samples: pcm.len() }),
        };
        if len <= PAUSE {
            self.paused = true;
            return Ok(Encoded::NOTHING);
        }
        // What is sent within a pause tells how the noise is now.
        self.paused &= self.dtx && !voice;
        let kind = if self.paused { Transmission::ComfortNoise } else { Transmission::Speech };
        Ok(Encoded::whole(len, kind))
    }

    fn expect_loss(&mut self, percent: u8) {
        // Cannot fail with values in range.
        let _ = self.spending.apply(&mut self.library, percent);
    }

    fn reset(&mut self) {
        // Cannot fail on an encoder that was made.
        let _ = self.library.reset_state();
        self.paused = false;
    }
}

/// What an encoder may spend: bits per second, and effort.
#[derive(Clone, Copy)]
struct Spent {
    bitrate: u32,
    complexity: u8,
}

/// The same without and with error correction.
struct Spending {
    plain: Spent,
    /// Where lost packets are to be recovered from later ones. libopus leaves that out where the rate has no room.
    with_correction: Spent,
}

impl Spending {
    fn new(rate: u32, party: &OpusParameters, settings: &EncoderSettings) -> Self {
        let most = party.max_average_bitrate.unwrap_or(u32::MAX);
        let within = |wanted: u32| wanted.min(most).clamp(*BITRATES.start(), *BITRATES.end());
        let usual = default_bitrate(rate);
        let correction = if party.use_in_band_fec { CORRECTION } else { 0 };
        let spent = |usual: u32, fec: bool| Spent {
            bitrate: within(settings.opus_bitrate.unwrap_or(usual)),
            complexity: settings.opus_complexity_for(rate, fec),
        };
        Self { plain: spent(usual, false), with_correction: spent(usual + correction, party.use_in_band_fec) }
    }

    /// Tells the encoder to reckon with so much loss, in percent.
    fn apply(&self, library: &mut opus::Encoder, loss: u8) -> Result<(), opus::Error> {
        let Spent { bitrate, complexity } = if loss == 0 { self.plain } else { self.with_correction };
        library.set_complexity(complexity.into())?;
        library.set_bitrate(Bitrate::Bits(bitrate.cast_signed()))?;
        library.set_packet_loss_perc(i32::from(loss.min(100)))
    }
}

/// False for a packet whose encoder found no voice in it, as far as a packet of one frame tells: a flag for each 20 ms or
/// less comes first in what SILK codes [RFC6716 4.2.3].
pub(super) fn has_voice(packet: &[u8]) -> bool {
    let [toc, first, ..] = packet else { return packet.len() > PAUSE };
    let flags = match (toc & 3, toc >> 3) {
        // 40 and 60 ms of SILK.
        (0, 2 | 6 | 10) => 0b1100_0000,
        (0, 3 | 7 | 11) => 0b1110_0000,
        // 10 and 20 ms of SILK, alone or below MDCT.
        (0, 0..16) => 0b1000_0000,
        _ => return true,
    };
    first & flags != 0
}

/// An encoder that does what the party wants and the settings say.
fn configured(
    rate: u32,
    party: &OpusParameters,
    settings: &EncoderSettings,
) -> Result<opus::Encoder, opus::Error> {
    let mut library = opus::Encoder::new(rate, Channels::Mono, Application::Voip)?;
    library.set_vbr(!party.cbr)?;
    library.set_signal(Signal::Voice)?;
    library.set_inband_fec(party.use_in_band_fec)?;
    library.set_dtx(settings.dtx && party.use_dtx)?;
    Ok(library)
}

/// What error correction takes: the least that had libopus put it in at 10 and 20 ms, with a loss of 1 % and more to
/// expect.
const CORRECTION: u32 = 8000;

/// Bit rates for voice in the middle of what RFC 7587 3.1.1 recommends, or a little above.
const fn default_bitrate(rate: u32) -> u32 {
    match rate {
        8000 => 16_000,
        12_000 => 18_000,
        16_000 => 24_000,
        24_000 => 28_000,
        _ => 32_000,
    }
}

const fn bandwidth(rate: u32) -> Bandwidth {
    match rate {
        8000 => Bandwidth::Narrowband,
        12_000 => Bandwidth::Mediumband,
        16_000 => Bandwidth::Wideband,
        24_000 => Bandwidth::Superwideband,
        _ => Bandwidth::Fullband,
    }
}

fn refused(error: &opus::Error, have: usize) -> EncodeError {
    match error.code() {
        opus::ErrorCode::BufferTooSmall => EncodeError::NoRoom { need: have + 1, have },
        code => EncodeError::Library(code as i32),
    }
}
