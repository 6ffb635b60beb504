//! Recorded speech through a codec, a seeded lossy link and a `Playout`: pairs of WAV files to be scored.
//!
//! `lossy_link OUT SEEDS FILE...` writes for each 8 kHz mono 16-bit WAV file and each pattern of loss:
//! `OUT/FILE.wav` the reference, `OUT/FILE.coded.wav` what a link without loss delivers, and for each pattern
//! `OUT/PATTERN/PERCENT/SEED/FILE.losses` (a character for each packet of 20 ms: `0` came, `1` lost), `.zero.wav` (silence
//! in place of what was lost), `.blind.wav` (a `Concealer` that knows nothing of what follows) and `.ours.wav`. `benches/quality/run.sh` does the rest.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use mediapoint_g711::{Law, decode_slice, encode_slice};
use mediapoint_jitter::{Arrived, Concealer, ConfigError, Playout, PlayoutConfig};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

const FRAME: usize = 160;
const PERCENTS: [u8; 4] = [1, 3, 5, 10];
/// Chance that the packet after a lost one is lost too, where losses come in bursts: 2.5 packets on average.
const BURST_GOES_ON: f64 = 0.6;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(out), Some(seeds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lossy_link OUT SEEDS FILE...".into());
    };
    let out = PathBuf::from(out);
    let seeds: u64 = seeds.to_string_lossy().parse()?;
    for (number, file) in (0..).zip(arguments.map(PathBuf::from)) {
        let stem = file.file_stem().ok_or("a file without a name")?.to_string_lossy().into_owned();
        let pcm = hound::WavReader::open(&file)?.into_samples::<i16>().collect::<Result<Vec<_>, _>>()?;
        degrade(&out, &stem, &pcm, seeds, number)?;
    }
    Ok(())
}

/// All patterns of loss for one recording.
fn degrade(out: &Path, stem: &str, pcm: &[i16], seeds: u64, number: u64) -> Result<(), Box<dyn Error>> {
    let whole = pcm.len() / FRAME * FRAME;
    let pcm = pcm.get(..whole).unwrap_or_default();
    let mut codes = vec![0; whole];
    encode_slice(Law::Mu, pcm, &mut codes);
    let mut coded = vec![0; whole];
    decode_slice(Law::Mu, &codes, &mut coded);
    fs::create_dir_all(out)?;
    write(&out.join(format!("{stem}.wav")), pcm)?;
    write(&out.join(format!("{stem}.coded.wav")), &coded)?;
    for (pattern, bursty) in [("random", false), ("bursty", true)] {
        for percent in PERCENTS {
            for seed in 0..seeds {
                let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(number));
                let lost = losses(whole / FRAME, f64::from(percent) / 100.0, bursty, &mut random);
                let folder = out.join(pattern).join(percent.to_string()).join(seed.to_string());
                fs::create_dir_all(&folder)?;
                let trace: String = lost.iter().map(|lost| if *lost { '1' } else { '0' }).collect();
                fs::write(folder.join(format!("{stem}.losses")), trace)?;
                write(&folder.join(format!("{stem}.zero.wav")), &zero_filled(&coded, &lost))?;
                write(&folder.join(format!("{stem}.blind.wav")), &concealed(&coded, &lost)?)?;
                write(&folder.join(format!("{stem}.ours.wav")), &played(&codes, &lost)?)?;
            }
        }
    }
    Ok(())
}

fn zero_filled(coded: &[i16], lost: &[bool]) -> Vec<i16> {
    coded
        .chunks(FRAME)
        .zip(lost)
        .flat_map(|(frame, lost)| frame.iter().map(|sample| if *lost { 0 } else { *sample }))
        .collect()
}

/// What a `Concealer` makes of it, frame by frame.
fn concealed(coded: &[i16], lost: &[bool]) -> Result<Vec<i16>, ConfigError> {
    let mut concealer = Concealer::new(8000)?;
    let mut heard = coded.to_vec();
    for (frame, lost) in heard.chunks_mut(FRAME).zip(lost) {
        if *lost { concealer.conceal(frame) } else { concealer.good(frame) }
    }
    Ok(heard)
}

/// Output of a `Playout` that is pulled each 20 ms from 25 ms after its first packet on, as the engine does.
fn played(codes: &[u8], lost: &[bool]) -> Result<Vec<i16>, Box<dyn Error>> {
    let payloads = [(PayloadType::PCMU, mediapoint_codec::Codec::PCMU)];
    let mut playout = Playout::new(PlayoutConfig::new(8000)?, &payloads)?;
    let mut heard = Vec::new();
    let mut pcm = [0; FRAME];
    let mut frames = codes.chunks(FRAME).zip(lost);
    for tick in 0.. {
        let sent = Time::from_millis(tick * 20);
        match frames.next() {
            Some((_, true)) => {}
            Some((payload, false)) => {
                let arrived = Arrived {
                    epoch: 0,
                    index: tick,
                    timestamp: RtpTicks(u32::try_from(tick * FRAME as u64)?),
                    payload_type: PayloadType::PCMU,
                    marker: tick == 0,
                    payload,
                };
                playout.insert(sent, &arrived);
            }
            None if heard.len() > codes.len() + 10 * FRAME => break,
            None => {}
        }
        if tick > 0 {
            playout.pull(sent + std::time::Duration::from_millis(5), &mut pcm);
            heard.extend_from_slice(&pcm);
        }
    }
    Ok(heard)
}

/// Which packets are lost: each by itself, or by Gilbert's model of two states.
fn losses(packets: usize, share: f64, bursty: bool, random: &mut Random) -> Vec<bool> {
    let begins = share * (1.0 - BURST_GOES_ON) / (1.0 - share);
    let mut lost = false;
    (0..packets)
        .map(|_| {
            let chance = match (bursty, lost) {
                (false, _) => share,
                (true, false) => begins,
                (true, true) => BURST_GOES_ON,
            };
            lost = random.next() < chance;
            lost
        })
        .collect()
}

/// `SplitMix64`, from 0 to 1.
struct Random(u64);

impl Random {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn write(path: &Path, pcm: &[i16]) -> Result<(), hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in pcm {
        writer.write_sample(*sample)?;
    }
    writer.finalize()
}
