//! `mediapoint-tools codec`: files in, files out, and what it says where it cannot.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "test support outside of test functions"
)]

#[path = "support/amd.rs"]
mod amd;
#[path = "support/mix.rs"]
mod mix;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mediapoint_caller::{Law, alike};
use rustix::process::{Pid, Signal, kill_process};

/// A new folder of this test run.
fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}-codec-{number}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// `mediapoint-tools codec`, in a folder.
fn codec(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediapoint-tools"));
    command.current_dir(folder).arg("codec").args(line.split_whitespace()).stdin(Stdio::null());
    command
}

/// Runs what should succeed; what it said.
fn done(folder: &Path, line: &str) -> String {
    let output = codec(folder, line).output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    said
}

/// Runs what should fail; its exit code and what it said.
fn failed(folder: &Path, line: &str) -> (i32, String) {
    let Output { status, stderr, .. } = codec(folder, line).output().unwrap();
    (status.code().unwrap(), text(&stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Something like a voice: a wandering pitch with its harmonics, in syllables; pauses between where there are to be.
fn voice(rate: u32, samples: usize, pauses: bool) -> Vec<i16> {
    let mut phase = 0.0_f64;
    (0..samples)
        .map(|n| {
            let time = n as f64 / f64::from(rate);
            phase += (140.0 + 30.0 * (time * 2.1).sin()) / f64::from(rate);
            let syllable = (time * 4.0 * std::f64::consts::PI).sin().powi(2);
            let spoken = !pauses || time % 4.0 < 1.5;
            let sound: f64 = (1..20)
                .map(|harmonic| {
                    let formant = 1.0 / (1.0 + ((f64::from(harmonic) * 140.0 - 500.0) / 300.0).powi(2));
                    formant * (phase * std::f64::consts::TAU * f64::from(harmonic)).sin()
                })
                .sum();
            if spoken { (sound * syllable * 4000.0) as i16 } else { 0 }
        })
        .collect()
}

fn write_wav(path: &Path, rate: u32, channels: u16, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        (0..channels).for_each(|_| writer.write_sample(*sample).unwrap());
    }
    writer.finalize().unwrap();
}

fn read_wav(path: &Path) -> (u32, Vec<i16>) {
    let mut reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().bits_per_sample), (1, 16));
    (reader.spec().sample_rate, reader.samples().map(Result::unwrap).collect())
}

/// Signal to noise in decibels.
fn snr(said: &[i16], heard: &[i16]) -> f64 {
    let power = |it: &mut dyn Iterator<Item = f64>| it.map(|x| x * x).sum::<f64>();
    let signal = power(&mut said.iter().map(|s| f64::from(*s)));
    let noise = power(&mut said.iter().zip(heard).map(|(s, h)| f64::from(*s) - f64::from(*h)));
    10.0 * (signal / noise.max(1e-9)).log10()
}

/// Signal to noise at the best alignment within a quarter of a millisecond, `lag` samples late.
fn aligned_snr(said: &[i16], heard: &[i16], lag: usize, rate: u32) -> f64 {
    let about = rate as usize / 4000;
    let said = &said[about..said.len() - lag - about];
    (lag..=lag + 2 * about).map(|lag| snr(said, &heard[lag..])).fold(f64::NEG_INFINITY, f64::max)
}

/// Names of all files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut files: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    files.sort();
    files
}

#[test]
fn each_codec_brings_a_wav_file_back() {
    let folder = folder();
    for (coded, rate, least_db) in [
        ("a.ulaw", 8000, 30.0),
        ("a.alaw", 8000, 30.0),
        ("a.gsm", 8000, 5.0),
        ("a.g722", 16_000, 20.0),
        ("a.opus", 8000, 10.0),
        ("a.opus", 16_000, 10.0),
        ("a.opus", 48_000, 10.0),
    ] {
        // No whole number of frames.
        let said = voice(rate, rate as usize * 2 + 77, false);
        write_wav(&folder.join("in.wav"), rate, 1, &said);
        let summary = done(&folder, &format!("encode in.wav {coded}"));
        assert!(summary.contains("times real time") && summary.contains("101 frames of 20 ms"), "{summary}");
        done(&folder, &format!("decode {coded} out.wav"));
        let (heard_rate, heard) = read_wav(&folder.join("out.wav"));
        assert_eq!(heard_rate, rate, "{coded}");
        // G.722 has an octet for two samples, GSM a frame for 160.
        let unit = match coded {
            "a.g722" => 2,
            "a.gsm" => 160,
            _ => 1,
        };
        assert_eq!(heard.len(), said.len().next_multiple_of(unit), "{coded}");
        // Of G.722 the filters are late; Ogg Opus says by how much, so that nothing is.
        let lag = if coded == "a.g722" { 22 } else { 0 };
        let db = aligned_snr(&said, &heard, lag, rate);
        assert!(db > least_db, "{coded} at {rate} Hz: {db:.1} dB");
    }
}

#[test]
fn g711_is_exact() {
    let folder = folder();
    let said = voice(8000, 4321, false);
    write_wav(&folder.join("in.wav"), 8000, 1, &said);
    for (coded, law) in [("a.ulaw", Law::Mu), ("a.alaw", Law::A)] {
        done(&folder, &format!("encode in.wav {coded}"));
        done(&folder, &format!("decode {coded} out.wav"));
        assert_eq!(fs::metadata(folder.join(coded)).unwrap().len(), 4321);
        assert!(alike(&said, &read_wav(&folder.join("out.wav")).1, &[law]).identical);
    }
}

#[test]
fn g729_keeps_frames_and_its_two_formats_hold_the_same() {
    let folder = folder();
    let said = voice(8000, 8000, false);
    write_wav(&folder.join("in.wav"), 8000, 1, &said);
    done(&folder, "encode in.wav a.g729");
    done(&folder, "encode in.wav a.bit");
    let sizes = ["a.g729", "a.bit"].map(|name| fs::metadata(folder.join(name)).unwrap().len());
    assert_eq!(sizes, [1000, 100 * 164]);
    done(&folder, "decode a.g729 one.wav");
    done(&folder, "decode --dtx a.bit two.wav");
    let (one, two) = (read_wav(&folder.join("one.wav")), read_wav(&folder.join("two.wav")));
    assert!(one == two);
    // The look-ahead of 5 ms makes it late.
    let db = aligned_snr(&said, &one.1, 40, 8000);
    assert!(db > 5.0, "{db:.1} dB");
}

#[test]
fn any_wav_is_taken() {
    let folder = folder();
    let said = voice(44_100, 44_100, false);
    let path = folder.join("in.wav");
    write_wav(&path, 44_100, 2, &said);
    done(&folder, "encode in.wav wide.g722");
    done(&folder, "encode in.wav narrow.g729");
    done(&folder, "encode in.wav full.opus");
    assert_eq!(fs::metadata(folder.join("wide.g722")).unwrap().len(), 8000);
    assert_eq!(fs::metadata(folder.join("narrow.g729")).unwrap().len(), 1000);
    done(&folder, "decode full.opus out.wav");
    assert_eq!(
        (read_wav(&folder.join("out.wav")).0, read_wav(&folder.join("out.wav")).1.len()),
        (48_000, 48_000)
    );

    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    voice(8000, 800, false).iter().for_each(|s| writer.write_sample(f32::from(*s) / 32_768.0).unwrap());
    writer.finalize().unwrap();
    done(&folder, "encode in.wav float.ulaw");
    write_wav(&path, 8000, 1, &voice(8000, 800, false));
    done(&folder, "encode in.wav whole.ulaw");
    assert!(fs::read(folder.join("float.ulaw")).unwrap() == fs::read(folder.join("whole.ulaw")).unwrap());
}

#[test]
fn standard_input_and_output_do_as_files_do() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 16_000, 1, &voice(16_000, 16_000, false));
    for (coded, options) in [
        ("a.opus", "--codec opus --input-format wav --output-format ogg"),
        ("a.bit", "--input-format wav --output-format itu"),
        ("a.g722", "--codec g722 --input-format wav --output-format octets"),
    ] {
        done(&folder, &format!("encode in.wav {coded}"));
        let mut piped = codec(&folder, &format!("encode {options} - -"));
        let piped = piped.stdin(File::open(folder.join("in.wav")).unwrap()).output().unwrap();
        assert!(piped.status.success(), "{}", text(&piped.stderr));
        assert!(piped.stdout == fs::read(folder.join(coded)).unwrap(), "{coded}");

        done(&folder, &format!("decode {coded} out.raw"));
        done(&folder, &format!("decode {coded} out.wav"));
        let back =
            options.replace("--input-format wav --output-format", "--output-format raw --input-format");
        let mut piped = codec(&folder, &format!("decode {back} - -"));
        let piped = piped.stdin(File::open(folder.join(coded)).unwrap()).output().unwrap();
        assert!(piped.status.success(), "{}", text(&piped.stderr));
        assert!(piped.stdout == fs::read(folder.join("out.raw")).unwrap(), "{coded}");

        // The head of a WAV file on a pipe cannot know the length; the samples are the same.
        let back = back.replace("raw", "wav");
        let mut piped = codec(&folder, &format!("decode {back} - -"));
        let piped = piped.stdin(File::open(folder.join(coded)).unwrap()).output().unwrap();
        let whole = fs::read(folder.join("out.wav")).unwrap();
        assert!(piped.stdout[44..] == whole[44..], "{coded}");
        assert_eq!(piped.stdout[40..44], [0xff; 4]);
        fs::write(folder.join("piped.wav"), &piped.stdout).unwrap();
        let said = done(&folder, "encode piped.wav again.ulaw");
        assert!(!said.contains("note"), "{said}");
    }
}

#[test]
fn opus_keeps_pauses_short_and_the_time_line_whole() {
    let folder = folder();
    let said = voice(16_000, 16_000 * 10, true);
    write_wav(&folder.join("in.wav"), 16_000, 1, &said);
    for ptime in [10, 20, 40, 60, 100, 120] {
        done(&folder, &format!("encode --ptime {ptime} in.wav all.opus"));
        let summary = done(&folder, &format!("encode --ptime {ptime} --dtx in.wav short.opus"));
        assert!(summary.contains("in pauses"), "{summary}");
        let sizes = ["all.opus", "short.opus"].map(|name| fs::metadata(folder.join(name)).unwrap().len());
        assert!(sizes[1] < sizes[0], "{ptime} ms: {sizes:?}");
        done(&folder, "decode short.opus out.wav");
        let heard = read_wav(&folder.join("out.wav")).1;
        assert_eq!(heard.len(), said.len(), "{ptime} ms");
        let db = aligned_snr(&said, &heard, 0, 16_000);
        assert!(db > 8.0, "{ptime} ms: {db:.1} dB");
    }
}

#[test]
fn options_of_opus_do_what_they_say() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 48_000, 1, &voice(48_000, 48_000 * 3, false));
    done(&folder, "encode --bitrate 12000 in.wav low.opus");
    done(&folder, "encode --bitrate 64000 in.wav high.opus");
    done(&folder, "encode --rate 8000 in.wav narrow.opus");
    let sizes = ["low.opus", "high.opus"].map(|name| fs::metadata(folder.join(name)).unwrap().len());
    assert!(sizes[0] * 3 < sizes[1], "{sizes:?}");
    done(&folder, "decode narrow.opus out.wav");
    assert_eq!(read_wav(&folder.join("out.wav")).0, 8000);
    done(&folder, "decode --rate 24000 high.opus out.wav");
    let (rate, heard) = read_wav(&folder.join("out.wav"));
    assert_eq!((rate, heard.len()), (24_000, 72_000));
    done(&folder, "decode high.opus out.raw");
    assert_eq!(fs::metadata(folder.join("out.raw")).unwrap().len(), 48_000 * 3 * 2);
}

#[test]
fn erased_frames_and_pauses_are_filled() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 8000, 1, &voice(8000, 8000 * 8, true));
    let summary = done(&folder, "encode --dtx in.wav a.bit");
    assert!(summary.contains("of noise") && summary.contains("in pauses"), "{summary}");
    let mut words = fs::read(folder.join("a.bit")).unwrap();
    // The third frame is erased.
    words[2 * 164 + 10..2 * 164 + 12].fill(0);
    fs::write(folder.join("b.bit"), &words).unwrap();
    let summary = done(&folder, "decode b.bit b.raw");
    assert!(summary.contains("800 frames of 10 ms") && summary.contains("1 concealed"), "{summary}");
    done(&folder, "decode a.bit a.raw");
    let (a, b) = (fs::read(folder.join("a.raw")).unwrap(), fs::read(folder.join("b.raw")).unwrap());
    assert_eq!((a.len(), b.len()), (8000 * 16, 8000 * 16));
    assert!(a[..320] == b[..320] && a[320..480] != b[320..480]);
}

#[test]
fn the_itus_format_ends_with_the_last_whole_frame_and_says_so() {
    let folder = folder();
    fs::write(folder.join("in.raw"), [1; 2 * 200]).unwrap();
    let said = done(&folder, "encode in.raw a.bit");
    assert!(said.contains("2 frames") && said.contains("the last 40 samples make up no frame"), "{said}");
    let said = done(&folder, "encode in.raw a.g729");
    assert!(said.contains("3 frames") && !said.contains("note"), "{said}");
}

#[test]
fn a_wav_file_that_is_cut_off_is_taken_as_far_as_it_goes() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 8000, 1, &voice(8000, 8000, false));
    let whole = fs::read(folder.join("in.wav")).unwrap();
    fs::write(folder.join("in.wav"), &whole[..44 + 8000]).unwrap();
    let said = done(&folder, "encode in.wav a.ulaw");
    assert!(
        said.contains("note: in.wav: cut off: its head announces 1.00 s, and 0.50 s are there"),
        "{said}"
    );
    assert_eq!(fs::metadata(folder.join("a.ulaw")).unwrap().len(), 4000);
}

/// test-of: [RFC7845 3]
#[test]
fn an_ogg_file_that_is_cut_off_between_pages_is_taken_as_far_as_it_goes() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 16_000, 1, &voice(16_000, 16_000 * 3, false));
    done(&folder, "encode in.wav a.opus");
    let bytes = fs::read(folder.join("a.opus")).unwrap();
    let last = bytes.windows(4).rposition(|word| word == b"OggS").unwrap();
    fs::write(folder.join("b.opus"), &bytes[..last]).unwrap();
    let said = done(&folder, "decode b.opus b.wav");
    assert!(said.contains("note: b.opus: cut off: no page ends its stream"), "{said}");
    let heard = read_wav(&folder.join("b.wav")).1.len();
    assert!((30_000..48_000).contains(&heard), "{heard}");
}

/// Where the pages of an Ogg file begin, and its end.
fn pages(bytes: &[u8]) -> Vec<usize> {
    let begins = |at: &usize| bytes[*at..].starts_with(b"OggS\0");
    (0..bytes.len()).filter(begins).chain([bytes.len()]).collect()
}

#[test]
fn an_ogg_page_that_is_missing_is_a_gap_with_its_length() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 16_000, 1, &voice(16_000, 16_000 * 5 + 77, false));
    done(&folder, "encode in.wav a.opus");
    done(&folder, "decode a.opus whole.wav");
    let whole = read_wav(&folder.join("whole.wav")).1;
    assert_eq!(whole.len(), 16_000 * 5 + 77);
    let bytes = fs::read(folder.join("a.opus")).unwrap();
    let pages = pages(&bytes);
    assert_eq!(pages.len(), 2 + 6 + 1);
    for (first, count, gap) in [
        (2, 1, "1.000 s before"),
        (3, 1, "1.000 s before"),
        (3, 3, "3.000 s before"),
        (6, 1, "1.000 s before"),
    ] {
        let file = [&bytes[..pages[first]], &bytes[pages[first + count]..]].concat();
        fs::write(folder.join("b.opus"), &file).unwrap();
        let said = done(&folder, "decode b.opus b.wav");
        let missing =
            if count == 1 { "1 page is missing".to_owned() } else { format!("{count} pages are missing") };
        let wanted = format!("note: b.opus: a gap of {gap} the page at byte {}: {missing}", pages[first]);
        assert!(said.contains(&wanted) && !said.contains("cut off"), "{said}");
        let heard = read_wav(&folder.join("b.wav")).1;
        assert_eq!(heard.len(), whole.len(), "page {first}");
        // Before the gap nothing differs; behind it the decoder finds its way back within a packet or two.
        let (from, to) = ((first - 2) * 16_000, (first - 2 + count) * 16_000);
        let before = from.saturating_sub(200);
        assert!(heard[..before] == whole[..before], "page {first}");
        if to < 5 * 16_000 {
            let db = snr(&whole[to + 3200..], &heard[to + 3200..]);
            assert!(db > 10.0, "page {first}: {db:.1} dB");
        }
    }
    // The comments are missing: nobody needs them.
    let file = [&bytes[..pages[1]], &bytes[pages[2]..]].concat();
    fs::write(folder.join("b.opus"), &file).unwrap();
    done(&folder, "decode b.opus b.wav");
    assert!(read_wav(&folder.join("b.wav")).1 == whole);
}

#[test]
fn a_page_that_is_missing_in_other_ogg_files_is_silence_as_long() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 16_000, 1, &voice(16_000, 16_000 * 6, false));
    let arguments = "-nostdin -v error -i in.wav -c:a libvorbis -page_duration 500000 a.ogg";
    let made = Command::new("ffmpeg").current_dir(&folder).args(arguments.split(' ')).status();
    let made = made.unwrap_or_else(|error| panic!("ffmpeg: {error}; `cargo xtask setup test` installs it"));
    assert!(made.success());
    done(&folder, "encode --codec pcmu --output-format octets a.ogg whole.ulaw");
    let whole = fs::read(folder.join("whole.ulaw")).unwrap();
    let bytes = fs::read(folder.join("a.ogg")).unwrap();
    let pages = pages(&bytes);
    for (first, count) in [(5, 1), (4, 3), (pages.len() - 3, 1)] {
        let file = [&bytes[..pages[first]], &bytes[pages[first + count]..]].concat();
        fs::write(folder.join("b.ogg"), &file).unwrap();
        let said = done(&folder, "encode --codec pcmu --output-format octets b.ogg b.ulaw");
        let missing =
            if count == 1 { "1 page is missing".to_owned() } else { format!("{count} pages are missing") };
        assert!(said.contains("note: b.ogg: a gap of ") && said.contains(&missing), "{said}");
        assert!(!said.contains("cut off"), "{said}");
        let heard = fs::read(folder.join("b.ulaw")).unwrap();
        // What ends the file may be cut off by less than a packet.
        assert!(heard.len().abs_diff(whole.len()) < 200, "{} {}", heard.len(), whole.len());
        let silent = heard.chunks(80).filter(|ms| ms.iter().all(|octet| *octet == 0xff)).count();
        assert!(
            (count * 30..=count * 120).contains(&silent),
            "page {first}: {silent} times 10 ms of silence"
        );
        // The end is where it was.
        let end = whole.len() - 1000..whole.len() - 300;
        if first + count + 2 < pages.len() {
            assert!(heard[end.clone()] == whole[end], "page {first}");
        }
    }
}

/// Makes a file that is wrong in some way out of a good one.
fn damaged(folder: &Path, from: &str, to: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(folder.join(from)).unwrap();
    change(&mut bytes);
    fs::write(folder.join(to), bytes).unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place_and_nothing_is_left() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 8000, 1, &voice(8000, 8000 * 3, false));
    for coded in ["in.bit", "in.g729", "in.opus"] {
        done(&folder, &format!("encode in.wav {coded}"));
    }
    fs::create_dir(folder.join("folder.wav")).unwrap();
    fs::write(folder.join("text.wav"), "no audio at all").unwrap();
    fs::write(folder.join("text.flac"), "no audio at all").unwrap();
    fs::write(folder.join("text.opus"), "no audio at all, far from it").unwrap();
    fs::write(folder.join("empty.raw"), "").unwrap();
    fs::write(folder.join("empty.wav"), "").unwrap();
    fs::write(folder.join("empty.opus"), "").unwrap();
    fs::write(folder.join("empty.g729"), "").unwrap();
    fs::write(folder.join("odd.raw"), [0; 2001]).unwrap();
    fs::write(folder.join("cut.g729"), [0; 10 * 56 + 2]).unwrap();
    damaged(&folder, "in.bit", "sync.bit", |bytes| bytes[164 * 3] = 0x22);
    damaged(&folder, "in.bit", "word.bit", |bytes| bytes[164 * 3 + 24] = 0x80);
    damaged(&folder, "in.bit", "bits.bit", |bytes| bytes[164 * 3 + 2] = 79);
    damaged(&folder, "in.bit", "cut.bit", |bytes| bytes.truncate(164 * 7 + 33));
    damaged(&folder, "in.bit", "swapped.bit", |bytes| {
        bytes.chunks_exact_mut(2).for_each(|word| word.swap(0, 1))
    });
    damaged(&folder, "in.g729", "packed.bit", |_| ());
    damaged(&folder, "in.opus", "flipped.opus", |bytes| bytes[200] ^= 1);
    damaged(&folder, "in.opus", "cut.opus", |bytes| bytes.truncate(300));
    damaged(&folder, "in.opus", "junk.opus", |bytes| bytes.extend(b"trailing junk"));
    damaged(&folder, "in.wav", "coding.wav", |bytes| bytes[20] = 0x61);
    damaged(&folder, "in.wav", "head.wav", |bytes| bytes.truncate(30));
    let before = files(&folder);
    for (line, part) in [
        ("encode coding.wav out.g729", "coding.wav: cannot be read as audio: "),
        ("encode head.wav out.g729", "head.wav: cannot be read as audio: it ends at byte 20"),
        ("encode missing.wav out.g729", "missing.wav: cannot open it: No such file"),
        ("encode in.wav no/such/folder/out.g729", "no/such/folder/out.g729: cannot create it: No such file"),
        ("encode folder.wav out.g729", "folder.wav: it is a folder"),
        ("encode in.wav --codec g729 --output-format itu folder.wav", "folder.wav: it is a folder"),
        (
            "encode text.wav out.g729",
            "cannot be read as audio: it begins with \"no audio at \", a WAV file with RIFF",
        ),
        ("encode text.flac out.g729", "text.flac: cannot be read as audio"),
        ("encode empty.raw out.g729", "empty.raw: it is empty"),
        ("encode empty.wav out.g729", "empty.wav: cannot be read as audio: it is empty"),
        ("decode empty.opus out.wav", "empty.opus: it is empty"),
        ("decode empty.g729 out.wav", "empty.g729: it is empty"),
        ("encode odd.raw out.g729", "ends in the middle of a sample, at byte 2000"),
        ("decode cut.g729 out.wav", "ends inside frame 57, which begins at byte 560: 2 of its 10 bytes"),
        (
            "decode sync.bit out.wav",
            "frame 4 at byte 492: a frame begins with 0x6b22, where 0x6b21 should be",
        ),
        ("decode word.bit out.wav", "frame 4 at byte 516: 0x0080 is no bit"),
        ("decode bits.bit out.wav", "frame 4 at byte 494: no frame has 79 bits"),
        ("decode cut.bit out.wav", "frame 8 at byte 1181: the stream ends inside a frame; the rest"),
        ("decode swapped.bit out.wav", "swap the bytes of each"),
        ("decode packed.bit out.wav", "--input-format octets reads packed frames"),
        ("decode text.opus out.wav", "no Ogg file: it begins with \"no audio\", not with OggS"),
        ("decode flipped.opus out.wav", "it is damaged: checksum"),
        ("decode cut.opus out.wav", "the file ends inside the Ogg page that begins at byte"),
        ("decode junk.opus out.wav", "an Ogg page should begin at byte"),
    ] {
        let (code, said) = failed(&folder, line);
        assert!(said.starts_with("error: ") && said.contains(part), "{line}: {said}");
        assert_eq!(code, 1, "{line}: {said}");
        assert_eq!(files(&folder), before, "{line}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused_before_anything_is_opened() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 8000, 1, &voice(8000, 800, false));
    std::os::unix::fs::symlink("in.wav", folder.join("link.wav")).unwrap();
    let before = files(&folder);
    for (line, part) in [
        ("encode in.wav out.xyz", "out.xyz: its extension does not say what it holds; known here: .g729"),
        ("encode in.wav out", "name a format with --output-format"),
        ("encode in.wav --codec opus --output-format octets out.bin", "write Ogg Opus"),
        ("encode --dtx in.wav out.g729", "cannot be told apart"),
        ("encode --dtx in.wav out.ulaw", "PCMU has no DTX"),
        ("encode --ptime 60 in.wav out.g729", "--ptime is an option of Opus"),
        ("encode --ptime 25 in.wav out.opus", "allowed: 10, 20, 30"),
        ("encode --codec pcmu --output-format octets in.wav in.wav", "input and output are one file"),
        ("encode --codec pcmu --output-format octets in.wav link.wav", "input and output are one file"),
        ("decode in.wav out.wav", "is it `encode` that you want?"),
        ("encode --codec speex in.wav out.spx", "possible values: g729, opus"),
    ] {
        let (code, said) = failed(&folder, line);
        assert!(said.starts_with("error: ") && said.contains(part), "{line}: {said}");
        assert_eq!(code, 2, "{line}: {said}");
        assert_eq!(files(&folder), before, "{line}");
    }
}

#[test]
fn a_failure_leaves_what_was_there_and_a_success_replaces_it() {
    let folder = folder();
    let good = voice(8000, 1600, false);
    write_wav(&folder.join("in.wav"), 8000, 1, &good);
    fs::write(folder.join("odd.raw"), [7; 321]).unwrap();
    fs::write(folder.join("out.ulaw"), "was here before").unwrap();
    std::os::unix::fs::symlink("out.ulaw", folder.join("link.ulaw")).unwrap();
    failed(&folder, "encode odd.raw out.ulaw");
    assert_eq!(fs::read(folder.join("out.ulaw")).unwrap(), b"was here before");
    done(&folder, "encode in.wav link.ulaw");
    assert!(folder.join("link.ulaw").is_symlink());
    assert_eq!(fs::read(folder.join("out.ulaw")).unwrap().len(), 1600);
    // What is no file stays what it is.
    done(&folder, "encode --codec pcmu --output-format octets in.wav /dev/null");
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_signal_leaves_nothing_half_done() {
    let folder = folder();
    let mut encoding = codec(&folder, "encode --input-format raw - out.ulaw");
    let mut child = encoding.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // The input stays open, so that the program waits for more of it.
    let mut input = child.stdin.take().unwrap();
    input.write_all(&[0; 4000]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while files(&folder).is_empty() {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert!(files(&folder)[0].ends_with(".part"), "{:?}", files(&folder));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
    drop(input);
    assert_eq!(files(&folder), [""; 0]);
}

#[test]
fn quiet_says_nothing_and_list_says_all() {
    let folder = folder();
    write_wav(&folder.join("in.wav"), 8000, 1, &voice(8000, 800, false));
    assert_eq!(done(&folder, "encode --quiet in.wav out.g729"), "");
    let list = codec(&folder, "list").output().unwrap();
    assert!(list.status.success());
    let list = text(&list.stdout);
    for part in ["PCMU", "PCMA", "G722", "G729", "GSM", "opus", "clock", "PLC", ".bit", ".opus"] {
        assert!(list.contains(part), "{part}: {list}");
    }
}

#[test]
fn a_file_is_what_its_first_bytes_say_whatever_its_name() {
    let folder = folder();
    let said = voice(8000, 8000, false);
    write_wav(&folder.join("named.wav"), 8000, 1, &said);
    done(&folder, "encode named.wav wanted.g729");
    let wanted = fs::read(folder.join("wanted.g729")).unwrap();
    // AU with 16-bit samples, most significant octet first.
    let mut au = b".snd".to_vec();
    for word in [24, 2 * 8000, 3, 8000, 1_u32] {
        au.extend(word.to_be_bytes());
    }
    au.extend(said.iter().flat_map(|sample| sample.to_be_bytes()));
    fs::write(folder.join("named.au"), &au).unwrap();
    fs::write(folder.join("nameless"), &au).unwrap();
    fs::copy(folder.join("named.wav"), folder.join("wrong.mp3")).unwrap();
    fs::copy(folder.join("named.wav"), folder.join("wrong.raw")).unwrap();
    for input in ["named.au", "nameless", "wrong.mp3", "wrong.raw"] {
        done(&folder, &format!("encode {input} out.g729"));
        assert_eq!(fs::read(folder.join("out.g729")).unwrap(), wanted, "{input}");
    }
    // What is named is believed: here the head of the file is audio, too.
    done(&folder, "encode --input-format raw wrong.raw out.g729");
    assert_ne!(fs::read(folder.join("out.g729")).unwrap(), wanted);
    // The other way: coded files that nobody named.
    done(&folder, "encode named.wav coded.bit");
    done(&folder, "encode --bitrate 16k named.wav coded.opus");
    for (coded, nameless) in [("coded.bit", "bits"), ("coded.opus", "song.mp3")] {
        fs::copy(folder.join(coded), folder.join(nameless)).unwrap();
        done(&folder, &format!("decode {coded} wanted.wav"));
        done(&folder, &format!("decode {nameless} heard.wav"));
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        assert_eq!(read("heard.wav"), read("wanted.wav"), "{nameless}");
    }
    let (code, said) = failed(&folder, "encode song.mp3 out.g729");
    assert!(code == 2 && said.contains("is it `decode` that you want?"), "{said}");
    let (code, said) = failed(&folder, "encode --bitrate 5k named.wav out.opus");
    assert!(code == 2 && said.contains("allowed: 6k to 510k"), "{said}");
}

#[test]
fn help_shows_formats_and_examples() {
    for line in ["--help", "encode --help", "decode --help"] {
        let help = text(&codec(Path::new("."), line).output().unwrap().stdout);
        assert!(help.contains("Examples:") && help.contains("mediapoint-tools codec"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
    }
}

/// A WAV file of silence with the tones of `2`, `A` and `#`, 80 ms each from 0.5 s on, each second.
fn keys(path: &Path, rate: u32) {
    let pairs = [(697.0, 1336.0), (697.0, 1633.0), (941.0, 1477.0)];
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for (low, high) in pairs {
        for n in 0..rate {
            let time = f64::from(n) / f64::from(rate);
            let tone = |hz: f64, peak: f64| peak * (std::f64::consts::TAU * hz * time).sin();
            let sounds = (0.5..0.58).contains(&time);
            let sample = if sounds { tone(low, 4000.0) + tone(high, 5650.0) } else { 0.0 };
            writer.write_sample(sample as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
}

#[test]
fn dtmf_lists_the_digits_of_files_and_goes_on_after_one_it_cannot_read() {
    let folder = folder();
    keys(&folder.join("low.wav"), 8000);
    keys(&folder.join("high.wav"), 44_100);
    fs::write(folder.join("text.txt"), "no audio").unwrap();
    let run = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mediapoint-tools"));
        command.current_dir(&folder).arg("dtmf").args(line.split_whitespace()).output().unwrap()
    };
    let output = run("--json low.wav text.txt missing.wav high.wav");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("text.txt: ") && said.contains("missing.wav: "), "{said}");
    let printed = text(&output.stdout);
    let found: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: String = found.iter().map(|digit| digit["digit"].as_str().unwrap()).collect();
    assert_eq!(keys, "2A#2A#");
    for (digit, (file, start)) in found.iter().zip(
        ["low.wav", "high.wav"].iter().flat_map(|file| [500.0, 1500.0, 2500.0].map(|start| (file, start))),
    ) {
        let number = |name: &str| digit[name].as_f64().unwrap();
        assert_eq!(digit["file"], *file);
        assert!((number("start_ms") - start).abs() < 4.0, "{digit}");
        assert!((number("duration_ms") - 80.0).abs() < 5.0, "{digit}");
        // 4000 of 32,767 is 18.3 dB below full scale, which is at 3.14 dBm0.
        assert!((number("low_dbm0") + 15.1).abs() < 0.4, "{digit}");
        assert!((number("high_dbm0") + 12.1).abs() < 0.4, "{digit}");
        assert!((number("twist_db") - 3.0).abs() < 0.3, "{digit}");
    }
    let table = run("low.wav");
    let lines = text(&table.stdout);
    assert!(table.status.success() && lines.lines().count() == 3);
    assert!(lines.starts_with("low.wav  2     0.5"), "{lines}");
    assert!(lines.lines().all(|line| line.chars().count() <= 80));
    assert_eq!(run("").status.code(), Some(2), "no file is no command line");
}
