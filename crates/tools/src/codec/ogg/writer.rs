//! Writes packets into Ogg pages.

use mediapoint_codec::Transmission;
use mediapoint_prompt::audio::opus::{Head, tags};
use ogg::{PacketWriteEndInfo, PacketWriter};

use super::{PRE_SKIP, nothing};
use crate::codec::error::{CodecError, Trouble};
use crate::codec::output::Output;

/// Audio of a page, at most: a second.
const SECOND: u64 = 48_000;
/// Which stream of the file it is. There is one only, and the same audio makes the same file.
const SERIAL: u32 = 1;

/// Writes an Ogg Opus file.
pub(crate) struct OggWriter {
    packets: PacketWriter<'static, Output>,
    /// The packet that came last; the end of the stream is said with it.
    held: Option<Vec<u8>>,
    /// Samples of all packets up to the held one.
    position: u64,
    /// Samples since a page began.
    in_page: u64,
    /// Samples of a packet.
    length: u64,
    /// How audio is coded, as the last packet with audio said.
    toc: u8,
}

/// What pauses before any audio are said with: frames of 10 ms of wideband.
const FIRST_TOC: u8 = 8 << 3;

impl OggWriter {
    /// Writes the headers.
    pub(crate) fn begin(output: Output, rate: u32, length: u64) -> Result<Self, CodecError> {
        let mut packets = PacketWriter::new(output);
        let head = Head { pre_skip: u16::try_from(PRE_SKIP).unwrap_or(0), rate, gain: 0 };
        for header in [head.bytes(), tags()] {
            put(&mut packets, header, PacketWriteEndInfo::EndPage, 0)?;
        }
        Ok(Self { packets, held: None, position: 0, in_page: 0, length, toc: FIRST_TOC })
    }

    pub(crate) fn write(&mut self, kind: Transmission, payload: &[u8]) -> Result<(), CodecError> {
        let packet = match (kind, payload.first()) {
            (Transmission::Nothing, _) | (_, None) => nothing(self.toc, self.length),
            (_, Some(toc)) => {
                self.toc = *toc;
                payload.to_vec()
            }
        };
        if let Some(held) = self.held.replace(packet) {
            self.position += self.length;
            self.in_page += self.length;
            let full = self.in_page >= SECOND;
            let end = if full { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            put(&mut self.packets, held, end, self.position)?;
            if full {
                self.in_page = 0;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, heard: u64) -> Result<u64, CodecError> {
        // A stream without any audio has a packet all the same: the page that ends it needs one.
        let last = self.held.take().unwrap_or_else(|| nothing(FIRST_TOC, self.length));
        put(&mut self.packets, last, PacketWriteEndInfo::EndStream, PRE_SKIP + heard)?;
        self.packets.into_inner().finish()
    }
}

fn put(
    packets: &mut PacketWriter<'static, Output>,
    packet: Vec<u8>,
    end: PacketWriteEndInfo,
    position: u64,
) -> Result<(), CodecError> {
    let written = packets.write_packet(packet, SERIAL, end, position);
    written.map_err(|source| packets.inner().name.error(Trouble::Write(source)))
}
