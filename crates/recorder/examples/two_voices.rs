//! Records pairs of voices, taking turns and both at once, for `benches/quality/recording.sh` to score.
//!
//! usage: two_voices OUT COMPLEXITY BIT_RATE FILE.wav...
//!
//! Of each two files of 16-bit mono it writes OUT/N.turns.opus and OUT/N.both.opus, and what was said in each channel,
//! OUT/N.turns.left.wav and so on; it prints what the encoder took for a second of audio.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use mediapoint_recorder::{Encoder, EncoderSettings, Facts, Format, LossPlace, TapFrameView, TimeLine};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: two_voices OUT COMPLEXITY BIT_RATE FILE.wav...");
    let (out, complexity, bit_rate) = (next()?, next()?.parse()?, next()?.parse()?);
    let files: Vec<String> = arguments.collect();
    let (mut spent, mut seconds, mut bytes) = (Duration::ZERO, 0.0, 0);
    for (n, pair) in files.as_chunks::<2>().0.iter().enumerate() {
        let [(rate, left), (other, right)] = [read(&pair[0])?, read(&pair[1])?];
        if rate != other {
            return Err("both files need one sample rate".into());
        }
        let silence = |like: &[i16]| vec![0; like.len()];
        let turns = ([left.clone(), silence(&right)].concat(), [silence(&left), right.clone()].concat());
        let len = left.len().min(right.len());
        let both = (left.into_iter().take(len).collect(), right.into_iter().take(len).collect());
        for (name, (left, right)) in [("turns", turns), ("both", both)] {
            let began = Instant::now();
            let file = record(bit_rate, rate, complexity, &left, &right)?;
            spent += began.elapsed();
            seconds += left.len() as f64 / f64::from(rate);
            bytes += file.len();
            let stem = format!("{n}.{name}");
            std::fs::write(Path::new(&out).join(format!("{stem}.opus")), file)?;
            write(&Path::new(&out).join(format!("{stem}.left.wav")), rate, &left)?;
            write(&Path::new(&out).join(format!("{stem}.right.wav")), rate, &right)?;
        }
    }
    let millis = spent.as_secs_f64() * 1000.0 / seconds;
    let kbits = bytes as f64 * 8.0 / 1000.0 / seconds;
    println!("complexity {complexity}: {millis:.2} ms for a second of audio, {kbits:.1} kbit/s");
    Ok(())
}

/// Sample rate and samples.
fn read(path: &str) -> Outcome<(u32, Vec<i16>)> {
    let file = hound::WavReader::open(path)?;
    let rate = file.spec().sample_rate;
    Ok((rate, file.into_samples().collect::<Result<_, _>>()?))
}

fn write(path: &Path, rate: u32, pcm: &[i16]) -> Outcome<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec)?;
    pcm.iter().try_for_each(|sample| file.write_sample(*sample))?;
    Ok(file.finalize()?)
}

fn record(bit_rate: u32, rate: u32, complexity: u8, left: &[i16], right: &[i16]) -> Outcome<Vec<u8>> {
    let settings = EncoderSettings { complexity, ..EncoderSettings::default() };
    let mut encoder = Encoder::new(Format::OpusStereo { bit_rate }, rate, &settings)?;
    let (mut line, mut facts) = (TimeLine::new(rate), Facts::default());
    let mut file = encoder.header()?.bytes;
    let (tick, mut position) = (rate as usize / 50, 0);
    for (left, right) in left.chunks(tick).zip(right.chunks(tick)) {
        line.push(&TapFrameView { position, left, right, ..TapFrameView::default() }, LossPlace::Tap)?;
        position += left.len() as u64;
        while let Some(frame) = line.poll(&mut facts) {
            file.extend(encoder.encode(&frame)?.into_iter().flat_map(|chunk| chunk.bytes));
        }
    }
    line.end(None, LossPlace::Tap)?;
    while let Some(frame) = line.poll(&mut facts) {
        file.extend(encoder.encode(&frame)?.into_iter().flat_map(|chunk| chunk.bytes));
    }
    file.extend(encoder.finish()?.0.into_iter().flat_map(|chunk| chunk.bytes));
    Ok(file)
}
