//! Prompts: 20 ms of a playback, and ten seconds of a file of each format.

#![expect(clippy::unwrap_used, reason = "a bench that cannot set up has nothing to measure")]

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mediapoint_benches::speech_like;
use mediapoint_codec::{Codec, Parameters};
use mediapoint_prompt::{
    Audio, FileFormat, Hint, Limits, Playback, Playlist, Prompt, Repeat, SharedClock, decode_bytes,
};

const SECONDS: usize = 10;

fn playlist() -> Playlist {
    let prompt = Prompt::new("speech", Audio { rate: 8_000, samples: speech_like(8_000 * SECONDS) });
    Playlist { repeat: Repeat::FOREVER, ..Playlist::of([prompt]) }
}

fn playing(c: &mut Criterion) {
    let mut group = c.benchmark_group("playback");
    let playlist = playlist();
    let mut out = [0; 160];
    let mut playback = Playback::new(&playlist, 8_000).unwrap();
    group.bench_function("read", |b| b.iter(|| playback.read(black_box(&mut out))));
    let quiet = Playlist { volume_db: -6.0, ..playlist.clone() };
    let mut playback = Playback::new(&quiet, 8_000).unwrap();
    group.bench_function("read at -6 dB", |b| b.iter(|| playback.read(black_box(&mut out))));
    let mut playback = Playback::new(&playlist, 8_000).unwrap();
    let key = playback.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20).unwrap();
    group.bench_function("payload", |b| b.iter(|| black_box(playback.payload(key).map(<[u8]>::len))));
    let clock = SharedClock { epoch: Duration::ZERO };
    let mut playback = Playback::shared(&playlist, 8_000, clock).unwrap();
    let key = playback.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20).unwrap();
    let mut now = Duration::ZERO;
    group.bench_function("payload of a shared clock", |b| {
        b.iter(|| {
            playback.follow(now);
            now += Duration::from_millis(20);
            black_box(playback.payload(key).map(<[u8]>::len))
        });
    });
    group.finish();
}

/// Ten seconds of speech at 48 kHz as ffmpeg writes them; `None` where it does not.
fn file(name: &str, arguments: &[&str]) -> Option<Arc<[u8]>> {
    let folder = std::env::temp_dir().join(format!("prompt-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).ok()?;
    let (raw, path) = (folder.join("speech.raw"), folder.join(name));
    let samples = speech_like(8_000 * SECONDS);
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&raw, bytes).ok()?;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-f", "s16le", "-ar", "8000", "-ac", "1", "-i"]).arg(&raw);
    ffmpeg.args(["-ar", "48000"]).args(arguments).arg(&path);
    let is_written = ffmpeg.status().is_ok_and(|status| status.success());
    let bytes = std::fs::read(&path).ok().filter(|_| is_written);
    let _ = std::fs::remove_dir_all(&folder);
    bytes.map(Into::into)
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SECONDS as u64));
    let formats: [(&str, &[&str]); 7] = [
        ("pcm.wav", &["-c:a", "pcm_s16le"]),
        ("mulaw.wav", &["-ar", "8000", "-c:a", "pcm_mulaw"]),
        ("flac.flac", &["-c:a", "flac"]),
        ("mp3.mp3", &["-c:a", "libmp3lame"]),
        ("vorbis.ogg", &["-c:a", "libvorbis"]),
        ("opus.opus", &["-c:a", "libopus"]),
        ("g722.g722", &["-ar", "16000", "-c:a", "g722"]),
    ];
    for (name, arguments) in formats {
        let Some(bytes) = file(name, arguments) else {
            eprintln!("{name}: left out, ffmpeg does not write it");
            continue;
        };
        let hint = FileFormat::of_path(name.as_ref()).map_or(Hint::None, Hint::Likely);
        let limits = Limits::default();
        group.bench_function(name, |b| b.iter(|| decode_bytes(Arc::clone(&bytes), hint, &limits).unwrap()));
    }
    let audio = Audio { rate: 8_000, samples: speech_like(8_000 * SECONDS) }.at_rate(48_000).unwrap();
    group.bench_function("48 to 8 kHz", |b| b.iter(|| audio.at_rate(8_000).unwrap()));
    group.finish();
}

criterion_group!(benches, playing, decoding);
criterion_main!(benches);
