//! Speech quality between two phones: baresip speaks PCMU, linphone G.729, the server transcodes.
//!
//! The figure is PESQ of what each phone has decoded, beside that of the codecs alone and that of the reference. Phones
//! and their buffers take a share of it, and a loaded machine does; so the floor is low, and the figures are printed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::audio::Law;
use crate::bcg729::Bcg729;
use crate::error::{Context as _, Failure, ensure};
use crate::ng::{Client, Fields};
use crate::process::{self, Process, is_installed, wait_for_udp_port};
use crate::python;
use crate::scenarios::Bench;
use crate::scenarios::codecs::keep;
use crate::server::{Kind, Server};
use crate::sip::Proxy;
use crate::wire::free_pair;

const SOUNDS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// Octets of a sentence of 5 to 10 s.
const SENTENCE: std::ops::Range<u64> = 80_000..170_000;
/// Sentences that each party speaks. baresip ends the call after its last one, so linphone has one less.
const CALLER_SENTENCES: usize = 4;
const CALLEE_SENTENCES: usize = 3;
/// Samples of silence before the first sentence and between them.
const LEAD: usize = 8000;
const PAUSE: usize = 6400;
/// How much less than the codecs alone a call may have.
const FLOOR: f64 = 0.35;
/// How long a phone takes to end.
const END: Duration = Duration::from_secs(10);

const PESQ: &str = include_str!("../../outside/quality.py");
const BARESIP: &str = include_str!("../../testdata/baresip-config");
const LINPHONE: &str = include_str!("../../testdata/linphonerc");

/// The speech of both parties.
struct Speech {
    sentences: [Vec<PathBuf>; 2],
    said: [Vec<i16>; 2],
}

/// A recording of each direction: by linphone, then by baresip.
type Recordings = [PathBuf; 2];

/// Calls through the server, and through the reference where it is there; prints and compares the figures.
pub(super) fn quality(bench: &Bench<'_>) -> Result<(), Failure> {
    for program in ["baresip", "linphonec", "python3"] {
        if !is_installed(program) {
            return Err(Failure::Unable(format!("{program} is not installed")));
        }
    }
    let python = python_with_pesq()?;
    let speech = Speech::read()?;
    let folder = |name: &str| -> Result<PathBuf, Failure> {
        let folder = bench.folder.join(name);
        // baresip's recordings have the time in their names, and those of a run that was broken off are cut short.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).during(folder.display().to_string())?;
        Ok(folder)
    };
    let score = |recordings: &Recordings| -> Result<[f64; 2], Failure> {
        let script = bench.folder.join("quality.py");
        std::fs::write(&script, PESQ).during(script.display().to_string())?;
        let [to_linphone, to_baresip] = recordings;
        let [caller, callee] = &speech.sentences;
        Ok([pesq(&python, &script, to_linphone, caller)?, pesq(&python, &script, to_baresip, callee)?])
    };
    let alone = score(&speech.coded(&bench.folder)?)?;
    let through = score(&call(&bench.server.client, &folder("server")?, &speech)?)?;
    let reference = if bench.server.kind != Kind::Rtpengine && is_installed("rtpengine") {
        let folder = folder("reference")?;
        let server = Server::start(Kind::Rtpengine, &folder, None, &[])?;
        Some(score(&call(&server.client, &folder, &speech)?)?)
    } else {
        None
    };
    for (at, direction) in ["PCMU to G.729", "G.729 to PCMU"].into_iter().enumerate() {
        let figure = |figures: &[f64; 2]| figures.get(at).copied().unwrap_or(f64::NAN);
        let beside = reference
            .as_ref()
            .map_or_else(String::new, |figures| format!(", through the reference {:.2}", figure(figures)));
        let (alone, through) = (figure(&alone), figure(&through));
        println!("      PESQ, {direction}: {through:.2}, codecs alone {alone:.2}{beside}");
        ensure!(through >= alone - FLOOR, "PESQ, {direction}: {through:.2}, codecs alone {alone:.2}");
    }
    Ok(())
}

impl Speech {
    fn read() -> Result<Self, Failure> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(SOUNDS)
            .map_err(|_| Failure::Unable(format!("there is no recorded speech at {SOUNDS}")))?
            .flatten()
            .filter(|entry| {
                entry.metadata().is_ok_and(|file| file.is_file() && SENTENCE.contains(&file.len()))
            })
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
            .collect();
        files.sort();
        ensure!(files.len() >= CALLER_SENTENCES + CALLEE_SENTENCES, "{} sentences at {SOUNDS}", files.len());
        let callee: Vec<PathBuf> =
            files.iter().skip(CALLER_SENTENCES).take(CALLEE_SENTENCES).cloned().collect();
        files.truncate(CALLER_SENTENCES);
        let said = [clip(&files)?, clip(&callee)?];
        Ok(Self { sentences: [files, callee], said })
    }

    /// What G.711 and G.729 make of the speech without a network, a server or a phone.
    fn coded(&self, folder: &Path) -> Result<Recordings, Failure> {
        let g729 = Bcg729::compile(folder)?;
        let by_g729 = |pcm: &[i16]| -> Result<Vec<i16>, Failure> {
            let packets = g729.encode(pcm, false)?;
            g729.decode(&packets.into_iter().map(|packet| Some(packet.payload)).collect::<Vec<_>>())
        };
        let by_g711 = |pcm: &[i16]| Law::Mu.decode(&Law::Mu.encode(pcm));
        let [caller, callee] = &self.said;
        let paths = ["alone-to-linphone.wav", "alone-to-baresip.wav"].map(|name| folder.join(name));
        let [to_linphone, to_baresip] = &paths;
        keep(to_linphone, &by_g729(&by_g711(caller))?)?;
        keep(to_baresip, &by_g711(&by_g729(callee)?))?;
        Ok(paths)
    }
}

/// Sentences with pauses, a whole number of packets long.
fn clip(files: &[PathBuf]) -> Result<Vec<i16>, Failure> {
    let mut pcm = vec![0; LEAD];
    for path in files {
        let wrong = |error: hound::Error| Failure::Wrong(format!("{}: {error}", path.display()));
        let mut reader = hound::WavReader::open(path).map_err(wrong)?;
        for sample in reader.samples() {
            pcm.push(sample.map_err(wrong)?);
        }
        pcm.resize(pcm.len() + PAUSE, 0);
    }
    pcm.resize(pcm.len().next_multiple_of(crate::audio::PACKET), 0);
    Ok(pcm)
}

/// baresip calls linphone through a server; ends when the caller has spoken.
fn call(client: &Client, folder: &Path, speech: &Speech) -> Result<Recordings, Failure> {
    let file = |name: &str| folder.join(name);
    let [caller, callee] = &speech.said;
    keep(&file("caller.wav"), caller)?;
    keep(&file("callee.wav"), callee)?;
    let (baresip_port, linphone_port, media_port) = (free_pair()?, free_pair()?, free_pair()?);
    let fill = |template: &str| {
        template
            .replace("FOLDER", &folder.display().to_string())
            .replace("SIP-PORT-A", &baresip_port.to_string())
            .replace("SIP-PORT-B", &linphone_port.to_string())
            .replace("MEDIA-PORT", &media_port.to_string())
    };
    let flags = Fields::none().with_codec("mask", &["PCMU"]).with_codec("transcode", &["G729"]);
    let mut proxy = Proxy::open(client, linphone_port, flags)?;

    write(&file("linphonerc"), &fill(LINPHONE))?;
    // Without its folder for a database it does not start.
    let data = file(".local/share/linphone");
    std::fs::create_dir_all(&data).during(data.display().to_string())?;
    let home = format!("HOME={}", folder.display());
    let args = [home, "linphonec".to_owned(), "-a".to_owned(), "-c".to_owned()];
    let args: Vec<String> = args.into_iter().chain([file("linphonerc").display().to_string()]).collect();
    let mut linphone = Process::start_for_commands(folder, "linphone", "env", &args)?;
    wait_for_udp_port(linphone_port, &mut linphone)?;
    let recording = file("to-linphone.wav");
    linphone.command("soundcard use files")?;
    linphone.command(&format!("play {}", file("callee.wav").display()))?;
    linphone.command(&format!("record {}", recording.display()))?;

    write(&file("config"), &fill(BARESIP))?;
    write(&file("accounts"), "<sip:caller@127.0.0.1>;regint=0;audio_codecs=PCMU/8000/1;ptime=20\n")?;
    write(&file("contacts"), "")?;
    let dial = format!("/dial sip:callee@127.0.0.1:{}", proxy.port);
    let args = ["-f".to_owned(), folder.display().to_string(), "-e".to_owned(), dial];
    let mut baresip = Process::start(folder, "baresip", "baresip", &args)?;

    let millis = caller.len() as u64 / 8;
    let end = Instant::now() + Duration::from_millis(millis) + Duration::from_secs(5);
    while Instant::now() < end {
        proxy.step()?;
        ensure!(linphone.is_running() && baresip.is_running(), "a phone ended in the call");
    }
    baresip.interrupt(END)?;
    linphone.command("quit")?;
    linphone.finish(END)?;
    let decoded = std::fs::read_dir(folder).during(folder.display().to_string())?.flatten();
    let decoded = decoded.map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with("-dec.wav"));
    let decoded = decoded.ok_or_else(|| Failure::Wrong("baresip has recorded nothing".to_owned()))?;
    Ok([recording, decoded])
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).during(path.display().to_string())
}

/// The mean of the sentences' figures.
fn pesq(python: &Path, script: &Path, recording: &Path, sentences: &[PathBuf]) -> Result<f64, Failure> {
    let args: Vec<String> =
        [script, recording].into_iter().chain(sentences.iter().map(PathBuf::as_path)).map(text).collect();
    let printed = process::output(&text(python), &args)?;
    let figures: Vec<f64> = printed.lines().filter_map(|line| line.trim().parse().ok()).collect();
    ensure!(figures.len() == sentences.len(), "{} figures of {} sentences", figures.len(), sentences.len());
    Ok(figures.iter().sum::<f64>() / figures.len() as f64)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Python with PyPI's `pesq`, in the environment that `benches/quality` uses too.
fn python_with_pesq() -> Result<PathBuf, Failure> {
    python::with("quality-venv", "pesq", &["numpy", "scipy", "pesq"])
}
