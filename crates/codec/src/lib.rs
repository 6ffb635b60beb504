//! The codecs of telephone audio behind one pair of traits: payloads to 16-bit mono samples and back.
//!
//! It knows payloads, not packets: no sequence numbers, no clock, no jitter buffer. It does not negotiate; it reads and
//! writes what `a=rtpmap` and `a=fmtp` say of one payload type. Everything allocates at construction only, is
//! deterministic, and takes any bytes without a panic.
//!
//! ```
//! use mediapoint_codec::{Codec, EncoderSettings, Parameters, decoder, encoder};
//!
//! let party = Parameters::parse(&Codec::PCMU, "");
//! let mut encoder = encoder(&Codec::PCMU, 8000, &party, &EncoderSettings::default())?;
//! let mut decoder = decoder(&Codec::PCMU, 8000)?;
//!
//! let mut payload = [0; 160];
//! let encoded = encoder.encode(&[1000; 160], &mut payload)?;
//! let mut pcm = [0; 160];
//! let decoded = decoder.decode(&payload[..encoded.len], &mut pcm)?;
//! assert_eq!((decoded.samples, pcm[0]), (160, 988));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Order of calls: [`Codec::new`] from the session description, [`decoder`] and [`encoder`] once a stream, then a
//! [`Decoder::decode`], [`Decoder::conceal`] or [`Decoder::continue_noise`] for each packet's time.
//!
//! | codec | specification |
//! | --- | --- |
//! | PCMU, PCMA | ITU-T G.711, RFC 3551 |
//! | G.722 at 64 kbit/s | ITU-T G.722, RFC 3551 |
//! | GSM full rate | GSM 06.10 (ETSI EN 300 961), RFC 3551 |
//! | AMR and AMR-WB, their payloads in [`amr`] | RFC 4867 |
//! | G.729 with Annexes A and B | ITU-T G.729, RFC 3551 |
//! | Opus, by libopus | RFC 6716, RFC 7587 |
//! | L16 | RFC 3551 |
//! | comfort noise, in [`comfort_noise`] | RFC 3389 |
//! | sample rates, in [`resample`] | |
//!
//! | feature | effect |
//! | --- | --- |
//! | `amr` | coders of AMR and AMR-WB, by the system's opencore-amr and vo-amrwbenc |
//! | `properties` | `properties`, the checks that fuzz targets run |

pub mod amr;
mod codec;
mod coder;
pub mod comfort_noise;
mod error;
mod g711;
mod g722;
mod g729;
mod gsm;
mod l16;
mod opus;
mod parameters;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
mod registry;
pub mod resample;
mod settings;

pub use codec::{Codec, Encoding};
pub use coder::{Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission};
pub use error::{DecodeError, EncodeError, Unsupported};
pub use parameters::{AmrParameters, Fit, OpusParameters, Parameters};
pub use registry::{check_decoder, decoder, encoder};
pub use settings::EncoderSettings;
