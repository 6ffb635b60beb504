//! Files of coded audio: what `mediapoint-tools codec` writes, ffmpeg reads, and the reverse.

use std::path::Path;

use super::Bench;
use crate::audio::{likeness, speech};
use crate::error::{Context as _, Failure, ensure};
use crate::process::output;
use crate::server::tools_binary;

/// Seconds of speech in each file.
const SECONDS: usize = 8;

/// Least signal to noise of the same frames decoded by two decoders that are exact, but for rounding.
const EXACT_DB: f64 = 60.0;
/// The same where a decoder filters in its own way.
const SAME_SOUND_DB: f64 = 10.0;

/// One scenario of files: its name, what it shows, and how.
type FileScenario = (&'static str, &'static str, fn(&Bench<'_>) -> Result<(), Failure>);

/// All of them.
pub(super) const ALL: [FileScenario; 4] = [
    ("files-octets", "PCMU, PCMA, GSM and G.722 files go to ffmpeg and back, sample by sample", octets),
    ("files-g729", "ffmpeg decodes our G.729 files, packed and serial", g729),
    ("files-opus", "Ogg Opus goes to ffmpeg and back, with pauses and packets of any length", opus),
    ("files-audio", "audio files of ffmpeg's are encoded: WAV of all kinds, FLAC, AIFF, MP3, Vorbis", audio),
];

/// Samples of a WAV file.
fn samples(path: &Path) -> Result<Vec<i16>, Failure> {
    let wrong = |error: hound::Error| Failure::Wrong(format!("{}: {error}", path.display()));
    let mut reader = hound::WavReader::open(path).map_err(wrong)?;
    reader.samples().collect::<Result<_, _>>().map_err(wrong)
}

/// The folder of one scenario, with the speech in it.
struct Files<'b> {
    bench: &'b Bench<'b>,
}

impl<'b> Files<'b> {
    /// Writes the speech as `speech.wav`.
    fn begin(bench: &'b Bench<'b>) -> Result<Self, Failure> {
        let path = bench.folder.join("speech.wav");
        let wrong = |error: hound::Error| Failure::Wrong(format!("{}: {error}", path.display()));
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).map_err(wrong)?;
        for sample in speech(0, SECONDS)? {
            writer.write_sample(sample).map_err(wrong)?;
        }
        writer.finalize().map_err(wrong)?;
        Ok(Self { bench })
    }

    /// Runs a program with arguments, of which those with a dot are files of the folder.
    fn run(&self, program: &str, line: &str) -> Result<(), Failure> {
        let word = |word: &str| match word.contains('.') {
            true => self.bench.folder.join(word).display().to_string(),
            false => word.to_owned(),
        };
        let args: Vec<String> = line.split_whitespace().map(word).collect();
        output(program, &args).map(|_| ())
    }

    /// `mediapoint-tools codec`.
    fn ours(&self, line: &str) -> Result<(), Failure> {
        self.run(&tools_binary()?, &format!("codec {line}"))
    }

    fn ffmpeg(&self, line: &str) -> Result<(), Failure> {
        self.run("ffmpeg", &format!("-hide_banner -nostdin -loglevel error -y {line}"))
    }

    /// Checks that two WAV files are equally long and alike, and gives the samples of the first.
    fn alike(&self, one: &str, other: &str, least_db: f64) -> Result<Vec<i16>, Failure> {
        let said = samples(&self.bench.folder.join(one))?;
        let heard = samples(&self.bench.folder.join(other))?;
        ensure!(!said.is_empty(), "{one} is empty");
        ensure!(heard.len() == said.len(), "{one} has {} samples, {other} {}", said.len(), heard.len());
        // A decoder that resamples is late by a part of a sample, and shows best one later.
        let db = likeness(&said, &heard, usize::from(least_db < EXACT_DB));
        ensure!(db >= least_db, "{one} and {other} are alike by {db:.1} dB, less than {least_db} dB");
        Ok(said)
    }

    /// Both decode the same file.
    fn both_decode(&self, coded: &str, ffmpeg: &str, least_db: f64) -> Result<Vec<i16>, Failure> {
        self.ours(&format!("decode {coded} {coded}-ours.wav"))?;
        self.ffmpeg(&format!("{ffmpeg} -i {coded} -c:a pcm_s16le {coded}-ffmpeg.wav"))?;
        self.alike(&format!("{coded}-ours.wav"), &format!("{coded}-ffmpeg.wav"), least_db)
    }

    /// Checks that a file holds what was said, at a rate of 8 kHz.
    fn holds_speech(&self, decoded: &[i16], late: usize, least_db: f64) -> Result<(), Failure> {
        let said = samples(&self.bench.folder.join("speech.wav"))?;
        let db = likeness(&said, decoded, late);
        ensure!(db >= least_db, "what was decoded is like the speech by {db:.1} dB, less than {least_db} dB");
        Ok(())
    }
}

/// G.711, GSM and G.722, octets back to back, both ways.
fn octets(bench: &Bench<'_>) -> Result<(), Failure> {
    let files = Files::begin(bench)?;
    for (coded, format, coder, rate) in [
        ("ours.ulaw", "mulaw", "pcm_mulaw", 8000),
        ("ours.alaw", "alaw", "pcm_alaw", 8000),
        ("ours.gsm", "gsm", "libgsm", 8000),
        ("ours.g722", "g722", "g722", 16_000),
    ] {
        let reading = match format {
            "g722" => "-f g722".to_owned(),
            "gsm" => "-f gsm -c:a libgsm".to_owned(),
            _ => format!("-f {format} -ar 8000 -ac 1"),
        };
        files.ours(&format!("encode speech.wav {coded}"))?;
        let decoded = files.both_decode(coded, &reading, f64::INFINITY)?;
        if rate == 8000 {
            files.holds_speech(&decoded, 0, if format == "gsm" { 8.0 } else { 30.0 })?;
        }
        let theirs = coded.replace("ours", "ffmpeg");
        files.ffmpeg(&format!("-i speech.wav -ar {rate} -c:a {coder} -f {format} {theirs}"))?;
        files.both_decode(&theirs, &reading, f64::INFINITY)?;
    }
    Ok(())
}

/// G.729: ffmpeg decodes both of our formats. Its postfilter is the main body's, so that it does not sound the same.
fn g729(bench: &Bench<'_>) -> Result<(), Failure> {
    let files = Files::begin(bench)?;
    for (coded, format) in [("ours.g729", "g729"), ("ours.bit", "bit")] {
        files.ours(&format!("encode speech.wav {coded}"))?;
        files.ours(&format!("decode {coded} {coded}-ours.wav"))?;
        files.ffmpeg(&format!("-f {format} -i {coded} -c:a pcm_s16le {coded}-ffmpeg.wav"))?;
        let ours = samples(&bench.folder.join(format!("{coded}-ours.wav")))?;
        let heard = samples(&bench.folder.join(format!("{coded}-ffmpeg.wav")))?;
        // Its reader of serial files leaves the last frame out.
        ensure!(ours.len() - heard.len() <= 80, "{coded}: {} samples, and {}", ours.len(), heard.len());
        let db = likeness(ours.get(..heard.len()).unwrap_or_default(), &heard, 0);
        ensure!(db >= SAME_SOUND_DB, "{coded}: alike by {db:.1} dB, less than {SAME_SOUND_DB} dB");
        files.holds_speech(&ours, 60, 3.0)?;
    }
    Ok(())
}

/// Ogg Opus both ways: every rate, long packets, pauses left out.
fn opus(bench: &Bench<'_>) -> Result<(), Failure> {
    let files = Files::begin(bench)?;
    for (coded, options) in [
        ("plain.opus", ""),
        ("wide.opus", "--rate 48000 --bitrate 48000"),
        ("pauses.opus", "--dtx"),
        ("long.opus", "--ptime 60 --dtx"),
        ("short.opus", "--ptime 10 --complexity 0"),
    ] {
        files.ours(&format!("encode {options} speech.wav {coded}"))?;
        files.ours(&format!("decode --rate 48000 {coded} {coded}-ours.wav"))?;
        for (decoder, least_db) in [("libopus", EXACT_DB), ("opus", SAME_SOUND_DB)] {
            let heard = format!("{coded}-{decoder}.wav");
            files.ffmpeg(&format!("-c:a {decoder} -i {coded} -c:a pcm_s16le {heard}"))?;
            files.alike(&format!("{coded}-ours.wav"), &heard, least_db)?;
        }
        files.ours(&format!("decode --rate 8000 {coded} {coded}-8000.wav"))?;
        let decoded = samples(&bench.folder.join(format!("{coded}-8000.wav")))?;
        ensure!(decoded.len() == SECONDS * 8000, "{coded} is {} samples long", decoded.len());
    }
    for (theirs, options) in [("voip.opus", "-application voip -b:a 24k"), ("music.opus", "-ac 2 -b:a 96k")] {
        files.ffmpeg(&format!("-i speech.wav -c:a libopus {options} {theirs}"))?;
        files.ours(&format!("decode --rate 48000 {theirs} {theirs}-ours.wav"))?;
        files.ffmpeg(&format!("-c:a libopus -i {theirs} -ac 1 -c:a pcm_s16le {theirs}-ffmpeg.wav"))?;
        files.alike(&format!("{theirs}-ours.wav"), &format!("{theirs}-ffmpeg.wav"), EXACT_DB / 2.0)?;
    }
    Ok(())
}

/// Audio files of other programs are taken as they come.
fn audio(bench: &Bench<'_>) -> Result<(), Failure> {
    let files = Files::begin(bench)?;
    files.ours("encode speech.wav whole.ulaw")?;
    let path = bench.folder.join("whole.ulaw");
    let whole = std::fs::read(&path).during(path.display().to_string())?;
    for (audio, options) in [
        ("exact.flac", ""),
        ("exact.aiff", ""),
        ("stereo.wav", "-ac 2 -af pan=stereo|c0=c0|c1=c0"),
        ("float.wav", "-c:a pcm_f32le"),
        ("deep.wav", "-c:a pcm_s24le"),
    ] {
        files.ffmpeg(&format!("-i speech.wav {options} {audio}"))?;
        files.ours(&format!("encode {audio} same.ulaw"))?;
        let path = bench.folder.join("same.ulaw");
        let same = std::fs::read(&path).during(path.display().to_string())?;
        ensure!(same == whole, "{audio} became other audio than speech.wav");
    }
    for (audio, options) in [
        ("other.wav", "-ar 44100 -ac 2"),
        ("other.mp3", "-ar 22050"),
        ("other.ogg", "-c:a libvorbis -ar 48000"),
        ("ulaw.wav", "-c:a pcm_mulaw"),
        ("adpcm.wav", "-c:a adpcm_ima_wav"),
    ] {
        files.ffmpeg(&format!("-i speech.wav {options} {audio}"))?;
        files.ours(&format!("encode {audio} {audio}.ulaw"))?;
        files.ours(&format!("decode {audio}.ulaw {audio}.ulaw.wav"))?;
        let decoded = samples(&bench.folder.join(format!("{audio}.ulaw.wav")))?;
        files.holds_speech(&decoded, 1200, SAME_SOUND_DB)?;
    }
    Ok(())
}
