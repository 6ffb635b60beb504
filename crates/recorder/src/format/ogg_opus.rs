//! Opus in Ogg [RFC 7845].
//!
//! Two parties are two voices that have nothing in common: each has a stream of its own, uncoupled (channel mapping family 1
//! with two streams). At 16 kbit/s a coupled stream loses what is said where both talk.

use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Encoder, MSEncoder, Signal};

use super::{Channels, EncoderSettings, FormatError};

/// Duration of a packet in milliseconds. Longer ones spend less on what every packet has: 60 ms would not divide a chunk.
pub(super) const BLOCK_MILLIS: usize = 40;
/// The longest packet: two streams of 40 ms, which have at most two frames of 1275 octets each [RFC6716 3.4].
const MAX_PACKET: usize = 8000;
/// Packets of silence until the encoder is taken to have settled, and its last packet stands for all that follow.
const SETTLED: u32 = 25;
/// Clock of granule positions in hertz.
pub(crate) const GRANULES: u64 = 48_000;

enum Library {
    Mono(Encoder),
    Stereo(MSEncoder),
}

/// Opus in Ogg.
pub(super) struct OggOpus {
    library: Library,
    channels: Channels,
    rate: u32,
    /// Samples of a packet, all channels.
    block_len: usize,
    serial: u32,
    /// Samples at 48 kHz that a player leaves out at the start: what the encoder looks ahead.
    pre_skip: u16,
    /// Samples of one channel that were encoded.
    encoded: u64,
    writer: PacketWriter<'static, Vec<u8>>,
    packet: Box<[u8]>,
    len: usize,
    /// Packets of silence in a row.
    silent: u32,
}

impl OggOpus {
    pub(super) fn new(
        channels: Channels,
        rate: u32,
        bit_rate: u32,
        settings: &EncoderSettings,
    ) -> Result<Self, FormatError> {
        let (library, look_ahead) =
            library(channels, rate, bit_rate, settings).map_err(|error| refused(&error))?;
        let look_ahead = u32::try_from(look_ahead).unwrap_or(0);
        let pre_skip = u16::try_from(look_ahead * (48_000 / rate)).map_err(|_| FormatError::Rate(rate))?;
        Ok(Self {
            library,
            channels,
            rate,
            block_len: rate as usize / 1000 * BLOCK_MILLIS * usize::from(channels.count()),
            serial: settings.serial,
            pre_skip,
            encoded: 0,
            writer: PacketWriter::new(Vec::new()),
            packet: vec![0; MAX_PACKET].into_boxed_slice(),
            len: 0,
            silent: 0,
        })
    }

    /// The identification and the comment header, a page each [RFC7845 3].
    pub(super) fn header(&mut self) -> Result<Vec<u8>, FormatError> {
        self.write(self.identification(), PacketWriteEndInfo::EndPage, 0)?;
        let mut tags = b"OpusTags".to_vec();
        let vendor = b"mediapoint";
        tags.extend(u32::try_from(vendor.len()).unwrap_or(0).to_le_bytes());
        tags.extend(vendor);
        tags.extend(0_u32.to_le_bytes());
        self.write(tags, PacketWriteEndInfo::EndPage, 0)?;
        Ok(self.take())
    }

    /// [RFC7845 5.1] Version, channels, pre-skip, original rate, gain, channel mapping family; and where that is 1, streams,
    /// coupled streams, and the stream of each channel.
    fn identification(&self) -> Vec<u8> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(self.channels.count());
        head.extend(self.pre_skip.to_le_bytes());
        head.extend(self.rate.to_le_bytes());
        head.extend(0_i16.to_le_bytes());
        match self.channels {
            Channels::Mono => head.push(0),
            Channels::Stereo => head.extend([1, 2, 0, 0, 1]),
        }
        head
    }

    /// Encodes a packet; `last` closes the page.
    pub(super) fn block(&mut self, pcm: &[i16], silent: bool, last: bool) -> Result<(), FormatError> {
        self.silent = if silent { self.silent.saturating_add(1) } else { 0 };
        if self.silent <= SETTLED {
            self.encode(pcm)?;
        }
        self.encoded += (pcm.len() / usize::from(self.channels.count())) as u64;
        let end = if last { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
        let granule = self.granule(self.encoded);
        self.write(self.packet.get(..self.len).unwrap_or_default().to_vec(), end, granule)
    }

    /// Encodes what is left, and enough silence for the decoder to have all of it; the last granule position cuts the rest
    /// off [RFC7845 4.4].
    pub(super) fn finish(&mut self, rest: &mut Vec<i16>, total: u64) -> Result<(), FormatError> {
        let end = self.granule(total) + u64::from(self.pre_skip);
        loop {
            rest.resize(self.block_len, 0);
            self.encode(rest)?;
            rest.clear();
            self.encoded += (self.block_len / usize::from(self.channels.count())) as u64;
            let encoded = self.granule(self.encoded);
            let last = encoded >= end;
            let info = if last { PacketWriteEndInfo::EndStream } else { PacketWriteEndInfo::NormalPacket };
            let packet = self.packet.get(..self.len).unwrap_or_default().to_vec();
            self.write(packet, info, encoded.min(end))?;
            if last {
                return Ok(());
            }
        }
    }

    pub(super) fn set_complexity(&mut self, complexity: u8) -> Result<(), FormatError> {
        let complexity = i32::from(complexity.min(10));
        let set = match &mut self.library {
            Library::Mono(library) => library.set_complexity(complexity),
            Library::Stereo(library) => library.set_complexity(complexity),
        };
        set.map_err(|error| refused(&error))
    }

    /// What was written since.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    fn encode(&mut self, pcm: &[i16]) -> Result<(), FormatError> {
        let encoded = match &mut self.library {
            Library::Mono(library) => library.encode(pcm, &mut self.packet),
            Library::Stereo(library) => library.encode(pcm, &mut self.packet),
        };
        self.len = encoded.map_err(|error| refused(&error))?;
        Ok(())
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) -> Result<(), FormatError> {
        self.writer.write_packet(packet, self.serial, end, granule).map_err(|_| FormatError::Page)
    }

    const fn granule(&self, samples: u64) -> u64 {
        samples * (GRANULES / self.rate as u64)
    }
}

/// An encoder of libopus, and how many samples it looks ahead.
fn library(
    channels: Channels,
    rate: u32,
    bit_rate: u32,
    settings: &EncoderSettings,
) -> Result<(Library, i32), opus::Error> {
    let bit_rate = Bitrate::Bits(bit_rate.cast_signed());
    let complexity = i32::from(settings.complexity.min(10));
    Ok(match channels {
        Channels::Mono => {
            let mut library = Encoder::new(rate, opus::Channels::Mono, Application::Voip)?;
            library.set_bitrate(bit_rate)?;
            library.set_signal(Signal::Voice)?;
            library.set_complexity(complexity)?;
            let look_ahead = library.get_lookahead()?;
            (Library::Mono(library), look_ahead)
        }
        Channels::Stereo => {
            let mut library = MSEncoder::new(rate, 2, 0, &[0, 1], Application::Voip)?;
            library.set_bitrate(bit_rate)?;
            library.set_signal(Signal::Voice)?;
            library.set_complexity(complexity)?;
            let look_ahead = library.get_lookahead()?;
            (Library::Stereo(library), look_ahead)
        }
    })
}

fn refused(error: &opus::Error) -> FormatError {
    FormatError::Opus(error.code() as i32)
}
