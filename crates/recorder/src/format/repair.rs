//! Closing a file whose recording was cut off.

use super::page::{PageError, end_of_stream};
use super::{Channels, FLAC, OPUS, WAV, flac, wav};

/// Why a file cannot be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The format is none of ours.
    #[error("a recording with an unknown format")]
    Format,
    /// The number of channels is none that recordings have.
    #[error("a recording with {0} channels")]
    Channels(u8),
    /// The last chunk is not made of whole pages.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// Makes a whole file of the chunks of a recording that was cut off: `header` is its header chunk, `last` its last chunk of
/// audio, `samples` those of one channel in all chunks. With `extension`, `rate` and `channels` as in the recording's
/// [`Header`](crate::Header). Lengths of both chunks stay as they are. Where there is no audio at all, `last` is the header
/// again and `header` is left alone.
///
/// # Errors
/// See [`RepairError`]; both chunks stay as they were.
pub fn repair(
    (extension, rate, channels): (&str, u32, u8),
    samples: u64,
    header: &mut Vec<u8>,
    last: &mut [u8],
) -> Result<(), RepairError> {
    let channels = match channels {
        1 => Channels::Mono,
        2 => Channels::Stereo,
        other => return Err(RepairError::Channels(other)),
    };
    match extension {
        OPUS => end_of_stream(last)?,
        FLAC => *header = flac::header(channels, rate, Some(samples)),
        WAV => *header = wav::header(channels, rate, Some(samples)),
        _ => return Err(RepairError::Format),
    }
    Ok(())
}
