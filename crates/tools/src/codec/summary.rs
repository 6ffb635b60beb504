//! What a run came to, in a line.

use std::fmt;
use std::time::Duration;

use super::error::FileName;
use super::name::CodecName;

/// What was encoded or decoded.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    codec: CodecName,
    /// Milliseconds of a frame; 0 where they differ.
    frame_ms: u8,
    pub(super) input: FileName,
    output: FileName,
    /// Frames in all.
    pub(super) frames: u64,
    /// Those that describe noise.
    pub(super) noise: u64,
    /// Those that were not transmitted.
    pub(super) pauses: u64,
    /// Those that were concealed.
    pub(super) lost: u64,
    /// Samples at the end that make up no frame and were left out.
    pub(super) left_out: u64,
    /// Bytes of the coded frames, without what a file has around them.
    pub(super) coded_bytes: u64,
    /// Bytes written.
    pub(super) bytes: u64,
    seconds: f64,
    elapsed: Duration,
    /// What else there is to say.
    pub(super) remarks: Vec<String>,
}

impl Summary {
    pub(super) fn new(codec: CodecName, frame_ms: u8, input: FileName, output: FileName) -> Self {
        Self {
            codec,
            frame_ms,
            input,
            output,
            frames: 0,
            noise: 0,
            pauses: 0,
            lost: 0,
            left_out: 0,
            coded_bytes: 0,
            bytes: 0,
            seconds: 0.0,
            elapsed: Duration::ZERO,
            remarks: Vec::new(),
        }
    }

    /// How long the audio is, and how long it took.
    #[expect(clippy::cast_precision_loss, reason = "no audio is 2^53 samples long")]
    pub(super) fn set_time(&mut self, samples: u64, rate: u32, elapsed: Duration) {
        self.seconds = samples as f64 / f64::from(rate.max(1));
        self.elapsed = elapsed;
    }
}

impl fmt::Display for Summary {
    #[expect(clippy::cast_precision_loss, reason = "no file has 2^53 bytes")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}, {} frames", self.input, self.output, self.codec, self.frames)?;
        if self.frame_ms > 0 {
            write!(f, " of {} ms", self.frame_ms)?;
        }
        for (count, what) in [(self.noise, "of noise"), (self.pauses, "in pauses"), (self.lost, "concealed")]
        {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, "; {:.2} s of audio, {} bytes written", self.seconds, self.bytes)?;
        if self.seconds > 0.0 {
            write!(f, ", {:.1} kbit/s", self.coded_bytes as f64 * 8.0 / self.seconds / 1000.0)?;
        }
        let elapsed = self.elapsed.as_secs_f64();
        write!(f, "; took {elapsed:.2} s, {:.0} times real time", self.seconds / elapsed.max(1e-6))?;
        if self.left_out > 0 {
            write!(
                f,
                "\nnote: {}: the last {} samples make up no frame and are left out",
                self.input, self.left_out
            )?;
        }
        self.remarks.iter().try_for_each(|remark| write!(f, "\nnote: {}: {remark}", self.input))
    }
}
