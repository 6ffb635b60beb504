//! `mediapoint-tools codec encode`.

use std::time::Instant;

use mediapoint_codec::{Codec, Encoder, EncoderSettings, OpusParameters, Parameters, Transmission, encoder};

use super::arguments::EncodeArguments;
use super::coded::CodedWriter;
use super::error::{CodecError, Trouble, UsageError};
use super::input::{Count, Input};
use super::name::{CodecName, Format};
use super::output::{Output, is_same_file};
use super::plan::Plan;
use super::progress::Progress;
use super::samples::Samples;
use super::sniff;
use super::summary::Summary;

/// Effort of Opus where none is asked for: a file can wait.
const COMPLEXITY: u8 = 10;
/// The longest payload there is, 120 ms of Opus in frames of 20 ms, and some room.
const MAX_PAYLOAD: usize = 8192;

/// Encodes a file.
pub(super) fn run(arguments: &EncodeArguments) -> Result<Summary, CodecError> {
    let plan = Plan::encode(arguments, sniff::content(&arguments.files.input))?;
    let files = &arguments.files;
    if is_same_file(&files.input, &files.output) {
        return Err(UsageError::SameFile { path: files.output.clone() }.into());
    }
    let started = Instant::now();
    let input = Input::open(&files.input)?;
    let (name, count) = (input.name.clone(), input.count.clone());
    let progress = Progress::new("encoding", !files.quiet, input.len, input.count.clone());
    let raw_rate = plan.rate.unwrap_or(plan.codec.raw_rate());
    let (samples, rate) = Samples::open(input, plan.samples, raw_rate)?;
    let coder = make(&plan, arguments, plan.rate.unwrap_or(rate))?;
    let frame_ms = arguments.ptime.unwrap_or(plan.codec.frame_ms());
    let samples = samples.at_rate(coder.sample_rate())?;
    let output = Output::create(&files.output, plan.coded)?;
    let output_name = output.name.clone();
    let packet = u64::from(frame_ms) * 48;
    let writer = CodedWriter::create(output, plan.coded, coder.sample_rate(), packet)?;
    let mut work = Work {
        plan,
        coder,
        writer,
        samples,
        payload: vec![0; MAX_PAYLOAD].into_boxed_slice(),
        summary: Summary::new(plan.codec, frame_ms, name, output_name),
        progress,
        count,
    };
    let heard = work.all(frame_ms)?;
    work.finish(heard, started)
}

/// The encoder that the arguments ask for.
fn make(plan: &Plan, arguments: &EncodeArguments, rate: u32) -> Result<Box<dyn Encoder>, CodecError> {
    let party = Parameters {
        annex_b: arguments.dtx,
        opus: OpusParameters { use_dtx: arguments.dtx, ..OpusParameters::default() },
        ..Parameters::default()
    };
    let settings = EncoderSettings {
        dtx: arguments.dtx,
        opus_complexity: Some(arguments.complexity.unwrap_or(COMPLEXITY)),
        opus_bitrate: arguments.bitrate,
        ..EncoderSettings::default()
    };
    let codec: Codec = plan.codec.codec();
    Ok(encoder(&codec, rate, &party, &settings)?)
}

struct Work {
    plan: Plan,
    coder: Box<dyn Encoder>,
    writer: CodedWriter,
    samples: Samples,
    payload: Box<[u8]>,
    summary: Summary,
    progress: Progress,
    count: Count,
}

impl Work {
    /// Encodes everything, in packets of `frame_ms`. Gives the samples there were.
    fn all(&mut self, frame_ms: u8) -> Result<u64, CodecError> {
        let mut block = vec![0; self.coder.sample_rate() as usize / 1000 * usize::from(frame_ms)];
        let mut heard: u64 = 0;
        loop {
            let have = self.samples.fill(&mut block)?;
            if have < block.len() {
                if have > 0 {
                    heard += self.last(&mut block, have)?;
                }
                break;
            }
            heard += have as u64;
            self.packet(&block, have)?;
            self.progress.tick();
        }
        if heard == 0 && self.summary.left_out == 0 {
            return Err(self.summary.input.error(Trouble::Empty));
        }
        // What the decoder is late by at the beginning has to come behind the end.
        let per_sample = 48_000 / u64::from(self.coder.sample_rate());
        let wanted = heard * per_sample + self.writer.pre_skip();
        block.fill(0);
        while self.writer.pre_skip() > 0 && self.summary.frames * block.len() as u64 * per_sample < wanted {
            self.packet(&block, block.len())?;
        }
        Ok(heard)
    }

    /// Encodes a block of which only the first `have` samples are there. Gives how many of them count.
    fn last(&mut self, block: &mut [i16], have: usize) -> Result<u64, CodecError> {
        // As the ITU's own programs do, so that their files come out.
        if self.plan.coded == Format::Itu {
            self.summary.left_out = have as u64;
            return Ok(0);
        }
        if let Some(rest) = block.get_mut(have..) {
            rest.fill(0);
        }
        self.packet(block, have)?;
        Ok(have as u64)
    }

    /// Encodes a block, of which `have` samples are audio.
    fn packet(&mut self, block: &[i16], have: usize) -> Result<(), CodecError> {
        let encoded = self.coder.encode(block, &mut self.payload);
        let encoded = encoded
            .map_err(|source| self.summary.input.error(Trouble::Encode { at: self.count.get(), source }))?;
        // Each sample of these has bits of its own, so that the file can end with the last.
        let len = match self.plan.codec {
            CodecName::Pcmu | CodecName::Pcma | CodecName::G722 => (encoded.len * have).div_ceil(block.len()),
            CodecName::G729 | CodecName::Gsm | CodecName::Opus => encoded.len,
        };
        self.summary.frames += 1;
        self.summary.coded_bytes += len as u64;
        match encoded.kind {
            Transmission::Speech => {}
            Transmission::ComfortNoise => self.summary.noise += 1,
            Transmission::Nothing => self.summary.pauses += 1,
        }
        self.writer.write(encoded.kind, self.payload.get(..len).unwrap_or_default())
    }

    fn finish(self, heard: u64, started: Instant) -> Result<Summary, CodecError> {
        let mut summary = self.summary;
        let rate = self.coder.sample_rate();
        summary.remarks = self.samples.remarks();
        summary.bytes = self.writer.finish(heard * 48_000 / u64::from(rate))?;
        summary.set_time(heard, rate, started.elapsed());
        self.progress.clear();
        Ok(summary)
    }
}
