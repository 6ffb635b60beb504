//! `mediapoint-tools codec decode`.

use std::ops::Range;
use std::time::Instant;

use mediapoint_codec::{Decoder, Signal, decoder};
use mediapoint_g729::Frame;

use super::arguments::DecodeArguments;
use super::coded::{CodedReader, Cut, Piece};
use super::error::{CodecError, Trouble, UsageError};
use super::input::Input;
use super::name::{CodecName, Format};
use super::output::{Output, is_same_file};
use super::plan::{OPUS_RATES, Plan};
use super::progress::Progress;
use super::samples::SampleWriter;
use super::sniff;
use super::summary::Summary;

/// Decodes a file.
pub(super) fn run(arguments: &DecodeArguments) -> Result<Summary, CodecError> {
    let plan = Plan::decode(arguments, sniff::content(&arguments.files.input))?;
    let files = &arguments.files;
    if is_same_file(&files.input, &files.output) {
        return Err(UsageError::SameFile { path: files.output.clone() }.into());
    }
    let started = Instant::now();
    let input = Input::open(&files.input)?;
    let name = input.name.clone();
    let progress = Progress::new("decoding", !files.quiet, input.len, input.count.clone());
    let reader = CodedReader::open(input, plan.codec, plan.coded)?;
    // A WAV file says its rate, so that it can be that of what was coded; whoever reads raw samples has to know it.
    let told = reader.rate().filter(|rate| plan.samples == Format::Wav && OPUS_RATES.contains(rate));
    let rate = plan.rate.or(told).unwrap_or(plan.codec.raw_rate());
    let coder = decoder(&plan.codec.codec(), rate)?;
    let output = Output::create(&files.output, plan.samples)?;
    // Packets of Opus are as long as each says.
    let frame_ms = if plan.codec == CodecName::Opus { 0 } else { plan.codec.frame_ms() };
    let mut summary = Summary::new(plan.codec, frame_ms, name, output.name.clone());
    let writer = SampleWriter::new(output, plan.samples, coder.sample_rate())?;
    let pcm = vec![0; (coder.sample_rate() / 1000 * mediapoint_codec::MAX_PACKET_MS) as usize];
    let mut work = Work { reader, coder, writer, pcm: pcm.into_boxed_slice(), progress };
    work.all(&mut summary)?;
    work.finish(summary, started)
}

struct Work {
    reader: CodedReader,
    coder: Box<dyn Decoder>,
    writer: SampleWriter,
    pcm: Box<[i16]>,
    progress: Progress,
}

impl Work {
    fn all(&mut self, summary: &mut Summary) -> Result<(), CodecError> {
        let mut payload = Vec::new();
        while let Some(piece) =
            self.reader.next(&mut payload).map_err(|trouble| summary.input.error(trouble))?
        {
            if let Piece::Gap(ticks) = piece {
                self.gap(ticks)?;
                continue;
            }
            summary.frames += 1;
            let (samples, cut) = match piece {
                Piece::Gap(_) => (0, Cut::default()),
                Piece::Payload(cut) => (self.payload(&payload, summary)?, cut),
                Piece::Pause => {
                    summary.pauses += 1;
                    (
                        self.frame(|coder, pcm| {
                            if !coder.continue_noise(pcm) {
                                pcm.fill(0);
                            }
                        }),
                        Cut::default(),
                    )
                }
                Piece::Lost => {
                    summary.lost += 1;
                    (self.frame(|coder, pcm| coder.conceal(pcm, None)), Cut::default())
                }
            };
            let heard = self.audible(samples, cut);
            self.write(heard)?;
        }
        if summary.frames == 0 {
            return Err(summary.input.error(Trouble::Empty));
        }
        Ok(())
    }

    /// Writes the samples that are to be heard, as loud as the file says.
    fn write(&mut self, heard: Range<usize>) -> Result<(), CodecError> {
        let gain = self.reader.gain();
        let pcm = self.pcm.get_mut(heard).unwrap_or_default();
        #[expect(clippy::float_cmp, reason = "1 exactly stands for no gain")]
        if gain != 1.0 {
            pcm.iter_mut().for_each(|sample| *sample = louder(*sample, gain));
        }
        self.writer.write(pcm)?;
        self.progress.tick();
        Ok(())
    }

    /// Conceals audio that the file lacks, `ticks` samples at 48 kHz.
    fn gap(&mut self, ticks: u64) -> Result<(), CodecError> {
        let mut left = self.scaled(ticks);
        while left > 0 {
            let count = left.min(self.pcm.len());
            self.coder.conceal(self.pcm.get_mut(..count).unwrap_or_default(), None);
            self.write(0..count)?;
            left -= count;
        }
        Ok(())
    }

    /// Samples of the decoder's for so many at 48 kHz.
    fn scaled(&self, ticks: u64) -> usize {
        usize::try_from(ticks * u64::from(self.coder.sample_rate()) / 48_000).unwrap_or(usize::MAX)
    }

    /// Decodes a payload. Gives the number of samples.
    fn payload(&mut self, payload: &[u8], summary: &mut Summary) -> Result<usize, CodecError> {
        let decoded = self.coder.decode(payload, &mut self.pcm).map_err(|source| {
            let (frame, at) = self.reader.place();
            summary.input.error(Trouble::Frame { frame, at, source })
        })?;
        summary.coded_bytes += payload.len() as u64;
        if decoded.kind == Signal::ComfortNoise {
            summary.noise += 1;
        }
        Ok(decoded.samples)
    }

    /// Makes one frame of G.729 up, the only codec whose files tell of frames that are not there.
    fn frame(&mut self, fill: impl FnOnce(&mut dyn Decoder, &mut [i16])) -> usize {
        fill(self.coder.as_mut(), self.pcm.get_mut(..Frame::SAMPLES).unwrap_or_default());
        Frame::SAMPLES
    }

    /// Which of the samples are to be heard.
    fn audible(&self, samples: usize, cut: Cut) -> Range<usize> {
        let end = samples.saturating_sub(self.scaled(cut.back));
        self.scaled(cut.front).min(end)..end
    }

    fn finish(self, mut summary: Summary, started: Instant) -> Result<Summary, CodecError> {
        summary.remarks = self.reader.remarks();
        let (samples, bytes) = self.writer.finish()?;
        summary.bytes = bytes;
        summary.set_time(samples, self.coder.sample_rate(), started.elapsed());
        self.progress.clear();
        Ok(summary)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a conversion that saturates is what is meant")]
fn louder(sample: i16, gain: f32) -> i16 {
    (f32::from(sample) * gain).round() as i16
}
