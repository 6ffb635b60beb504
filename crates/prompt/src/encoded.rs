//! The payloads of a prompt for one codec, ready to be sent.

use mediapoint_codec::{Codec, EncodeError, Encoder};

/// Encoded frames of equal time, back to back.
#[derive(Debug)]
pub struct EncodedPrompt {
    codec: Codec,
    packet_ms: u32,
    payloads: Box<[u8]>,
    /// Where each payload ends in `payloads`.
    ends: Box<[usize]>,
    /// False where the last frame is filled up with silence.
    whole: bool,
}

impl EncodedPrompt {
    pub(crate) fn encode(
        encoder: &mut dyn Encoder,
        codec: &Codec,
        packet_ms: u32,
        samples: &[i16],
    ) -> Result<Self, EncodeError> {
        let frame = (encoder.sample_rate() / 1000 * packet_ms) as usize;
        let mut pcm = vec![0; frame];
        let mut payload = vec![0; frame * 2 + 1500];
        let (mut payloads, mut ends) = (Vec::new(), Vec::new());
        for part in samples.chunks(frame) {
            pcm.fill(0);
            pcm.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            let encoded = encoder.encode(&pcm, &mut payload)?;
            payloads.extend_from_slice(payload.get(..encoded.len).unwrap_or_default());
            ends.push(payloads.len());
        }
        let whole = samples.len().is_multiple_of(frame);
        Ok(Self { codec: codec.clone(), packet_ms, payloads: payloads.into(), ends: ends.into(), whole })
    }

    /// The codec.
    #[must_use]
    pub const fn codec(&self) -> &Codec {
        &self.codec
    }

    /// Milliseconds of a frame.
    #[must_use]
    pub const fn packet_ms(&self) -> u32 {
        self.packet_ms
    }

    /// How many frames there are.
    #[must_use]
    pub const fn frames(&self) -> usize {
        self.ends.len()
    }

    /// A payload by its number from 0. The last one ends with silence where the prompt does not fill it.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.payloads.get(start..end)
    }

    /// True where the prompt fills its last frame.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.payloads.len() + size_of_val(&*self.ends)) as u64
    }
}
