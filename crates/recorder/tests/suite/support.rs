//! From frames of a tap to a file in memory, and back.

use std::path::PathBuf;
use std::process::Command;

use mediapoint_recorder::{
    Chunk, ChunkKind, Encoder, EncoderSettings, Fact, Facts, Format, LossPlace, TapEnd, TapFrameView,
    TimeLine,
};

/// Where recorded speech is.
const SOUNDS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";

/// A recording in memory.
pub(crate) struct Recorded {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) facts: Vec<Fact>,
    /// Samples of one channel.
    pub(crate) samples: u64,
}

impl Recorded {
    /// The file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for chunk in &self.chunks {
            match chunk.kind {
                ChunkKind::Header if !file.is_empty() => {
                    file[..chunk.bytes.len()].copy_from_slice(&chunk.bytes)
                }
                _ => file.extend_from_slice(&chunk.bytes),
            }
        }
        file
    }
}

/// A recorder that does all it does at once.
pub(crate) struct Harness {
    line: TimeLine,
    encoder: Encoder,
    facts: Facts,
    chunks: Vec<Chunk>,
}

impl Harness {
    pub(crate) fn new(format: Format, rate: u32, complexity: u8) -> Self {
        let settings = EncoderSettings { complexity, ..EncoderSettings::default() };
        let mut encoder = Encoder::new(format, rate, &settings).unwrap();
        let chunks = vec![encoder.header().unwrap()];
        Self { line: TimeLine::new(rate), encoder, facts: Facts::default(), chunks }
    }

    pub(crate) fn push(&mut self, view: &TapFrameView<'_>) {
        self.line.push(view, LossPlace::Tap).unwrap();
        self.drain();
    }

    pub(crate) fn finish(mut self, end: Option<u64>) -> Recorded {
        let end = end.map(|position| TapEnd { position, dropped: 0 });
        self.line.end(end, LossPlace::Tap).unwrap();
        self.drain();
        let samples = self.encoder.samples();
        let (last, header) = self.encoder.finish().unwrap();
        self.chunks.extend(last.into_iter().chain(header));
        Recorded { chunks: self.chunks, facts: self.facts.drain().collect(), samples }
    }

    fn drain(&mut self) {
        while let Some(frame) = self.line.poll(&mut self.facts) {
            self.chunks.extend(self.encoder.encode(&frame).unwrap());
        }
    }
}

/// A recording of two channels without a hole.
pub(crate) fn record(format: Format, rate: u32, left: &[i16], right: &[i16]) -> Recorded {
    let mut harness = Harness::new(format, rate, 0);
    let tick = rate as usize / 50;
    let mut position = 0;
    for (left, right) in left.chunks(tick).zip(right.chunks(tick)) {
        harness.push(&TapFrameView { position, left, right, ..TapFrameView::default() });
        position += left.len() as u64;
    }
    harness.finish(None)
}

/// Recorded speech at 8 kHz.
pub(crate) fn speech(name: &str) -> Vec<i16> {
    let path = format!("{SOUNDS}/{name}.wav");
    let file = hound::WavReader::open(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; `cargo xtask setup test` installs it"));
    file.into_samples().collect::<Result<_, _>>().unwrap()
}

/// A file in cargo's folder for tests.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs an outside program, and returns what it printed; nothing if it is not installed, which is said.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {error}");
            Some(output.stdout)
        }
        Err(error) => {
            println!("skipped, {program} does not start: {error}");
            None
        }
    }
}

/// Splits interleaved 16-bit samples of two channels.
pub(crate) fn split(raw: &[u8]) -> (Vec<i16>, Vec<i16>) {
    raw.as_chunks::<4>()
        .0
        .iter()
        .map(|[a, b, c, d]| (i16::from_le_bytes([*a, *b]), i16::from_le_bytes([*c, *d])))
        .unzip()
}

/// What ffmpeg decodes of a file of two channels, at `rate` hertz.
pub(crate) fn ffmpeg(name: &str, file: &[u8], rate: u32) -> Option<(Vec<i16>, Vec<i16>)> {
    let path = path(name);
    std::fs::write(&path, file).unwrap();
    let (input, rate) = (path.to_str().unwrap(), rate.to_string());
    let arguments = ["-nostdin", "-v", "error", "-i", input, "-ar", &rate, "-ac", "2", "-f", "s16le", "-"];
    run("ffmpeg", &arguments).map(|raw| split(&raw))
}

/// The correlation of `heard` with `said`, at the shift within `most` samples where it is greatest; and that shift.
pub(crate) fn correlation(said: &[i16], heard: &[i16], most: i32) -> (f64, i32) {
    (-most..=most)
        .map(|shift| {
            let (mut both, mut one, mut other) = (0.0, 1e-3, 1e-3);
            for (at, x) in said.iter().enumerate() {
                let at = usize::try_from(i32::try_from(at).unwrap() + shift).ok();
                let Some(y) = at.and_then(|at| heard.get(at)) else { continue };
                let (x, y) = (f64::from(*x), f64::from(*y));
                both += x * y;
                one += x * x;
                other += y * y;
            }
            (both / (one * other).sqrt(), shift)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap()
}

/// Decodes Opus in Ogg of two channels at `rate` hertz, by what the format's definition says of pre-skip and end [RFC7845 4].
pub(crate) fn decode(file: &[u8], rate: u32) -> (Vec<i16>, Vec<i16>) {
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(file));
    let head = reader.read_packet().unwrap().unwrap().data;
    assert_eq!((&head[..8], head[9], &head[18..]), (&b"OpusHead"[..], 2, &[1, 2, 0, 0, 1][..]));
    assert!(reader.read_packet().unwrap().unwrap().data.starts_with(b"OpusTags"));
    let by = u64::from(48_000 / rate);
    let pre_skip = u64::from(u16::from_le_bytes([head[10], head[11]]));
    let mut decoder = opus::MSDecoder::new(rate, 2, 0, &[0, 1]).unwrap();
    let (mut left, mut right, mut pcm) = (Vec::new(), Vec::new(), vec![0; 2 * 5760]);
    let mut end = None;
    while let Some(packet) = reader.read_packet().unwrap() {
        assert_eq!(end, None, "audio behind the end");
        let samples = decoder.decode(&packet.data, &mut pcm, false).unwrap();
        for pair in pcm[..2 * samples].as_chunks::<2>().0 {
            left.push(pair[0]);
            right.push(pair[1]);
        }
        if packet.last_in_page() {
            let so_far = left.len() as u64 * by;
            if packet.last_in_stream() {
                end = Some(packet.absgp_page());
            } else {
                assert_eq!(packet.absgp_page(), so_far, "granule position of a page");
            }
        }
    }
    let end = usize::try_from((end.expect("no end of stream") - pre_skip) / by).unwrap();
    let skip = usize::try_from(pre_skip / by).unwrap();
    for channel in [&mut left, &mut right] {
        channel.drain(..skip);
        channel.truncate(end);
    }
    (left, right)
}
