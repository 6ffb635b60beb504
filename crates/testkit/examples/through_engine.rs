//! Recorded speech through the engine's media path on a virtual clock: what a party on a bad network says, as the other
//! side hears it. The far leg is uncompressed, so that what is heard is what was decoded and concealed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a tool of the laboratory: it ends with the reason")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use mediapoint_engine::{Codec, EncoderSettings, LegConfig, PayloadCodec, PayloadType};
use mediapoint_testkit::{Burst, Ear, LinkProfile, Voice, World, codec};

/// Sends WAV files (mono, 16 bit, 8 or 16 kHz) through the engine over a bad network, and writes what was heard.
#[derive(Parser)]
struct Arguments {
    /// Codec of the speaking party.
    #[arg(long, default_value = "pcmu")]
    codec: String,
    /// Share of packets lost, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Mean length of a run of lost packets; 1 is loss at random.
    #[arg(long, default_value_t = 1.0)]
    burst: f64,
    /// Jitter in milliseconds, uniform.
    #[arg(long, default_value_t = 0)]
    jitter: u64,
    /// Audio in a packet, in milliseconds.
    #[arg(long, default_value_t = 20)]
    ptime: u64,
    /// Seed of the network.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Send less in pauses, where the codec can.
    #[arg(long)]
    dtx: bool,
    /// Folder for what was heard.
    #[arg(long)]
    out: PathBuf,
    /// WAV files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.out).unwrap();
    for (number, file) in (0..).zip(&arguments.files) {
        let (said, rate) = read(file);
        let heard = transmit(&arguments, number, said, rate);
        write(&arguments.out.join(file.file_name().unwrap()), &heard, rate);
    }
}

fn spoken(name: &str) -> PayloadCodec {
    let (number, codec) = match name {
        "pcmu" => (0, Codec::PCMU),
        "pcma" => (8, Codec::PCMA),
        "g722" => (9, Codec::G722),
        "g729" => (18, Codec::G729),
        "opus" => (96, Codec::OPUS),
        "l16" => (97, Codec::new("L16", 8000, 1)),
        _ => panic!("no codec is called {name}"),
    };
    PayloadCodec::new(PayloadType::new(number).unwrap(), codec)
}

fn transmit(arguments: &Arguments, number: u64, said: Vec<i16>, rate: u32) -> Vec<i16> {
    let mut world = World::new(arguments.seed * 1000 + number);
    let call = world.add_call();
    let (entry, heard_as) = (spoken(&arguments.codec), codec(97, "L16", rate));
    let leg = |codec: &PayloadCodec| LegConfig { codecs: vec![codec.clone()], ..LegConfig::default() };
    let a = world.add_peer(call, leg(&entry));
    let b = world.add_peer(call, leg(&heard_as));
    world.connect(a, b);
    world.peer_mut(b).heard.keep_packets = true;
    let leave = 1.0 / arguments.burst.max(1.0);
    let enter = arguments.loss * leave / (1.0 - arguments.loss);
    world.peer_mut(a).up.set_profile(LinkProfile {
        jitter: Duration::from_millis(arguments.jitter),
        loss: if arguments.burst > 1.0 { 0.0 } else { arguments.loss },
        burst: (arguments.burst > 1.0).then_some(Burst { enter, leave, loss: 1.0 }),
        ..LinkProfile::default()
    });
    let length = said.len();
    let said = Arc::new(said);
    let settings = EncoderSettings { dtx: arguments.dtx, ..EncoderSettings::default() };
    let sound = move |n: u64, at: u32| {
        let sample = usize::try_from(n * u64::from(rate) / u64::from(at)).unwrap();
        said.get(sample).copied().unwrap_or(0)
    };
    let stream = &mut world.peer_mut(a).stream;
    stream.voice = Some(Voice::new(&entry, rate, &settings, sound));
    stream.payload_type = entry.payload_type;
    stream.clock_rate = entry.codec.clock_rate;
    stream.ptime = Duration::from_millis(arguments.ptime);
    world.start(a);
    world.run_for(Duration::from_secs(length as u64) / rate + Duration::from_millis(600));
    Ear::new(&world.peer(b).heard.log, &[heard_as], rate).pcm
}

fn read(file: &Path) -> (Vec<i16>, u32) {
    let mut wav = hound::WavReader::open(file).unwrap();
    let spec = wav.spec();
    assert_eq!((spec.channels, spec.bits_per_sample), (1, 16), "{} is not mono of 16 bit", file.display());
    (wav.samples().map(Result::unwrap).collect(), spec.sample_rate)
}

fn write(file: &Path, pcm: &[i16], rate: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(file, spec).unwrap();
    for &sample in pcm {
        wav.write_sample(sample).unwrap();
    }
    wav.finalize().unwrap();
}
