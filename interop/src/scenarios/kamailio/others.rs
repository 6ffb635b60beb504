//! The same proxy with other phones: linphone, which speaks G.729, and baresip, which speaks SRTP.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::audio::{RATE, speech};
use crate::error::{Context as _, Failure, ensure};
use crate::kamailio::Kamailio;
use crate::phone::{ALICE, BOB, CAROL, DAVE, Phone, SOON, User, check_received};
use crate::process::{LOOPBACK, Process, is_installed, wait_until};
use crate::scenarios::kamailio::{BOTH_WAYS, proxy};
use crate::scenarios::{Bench, Scenario, keep};
use crate::wire::free_pair;

const LINPHONE: &str = include_str!("../../../testdata/linphonerc-registered");
const BARESIP: &str = include_str!("../../../testdata/baresip-registered");
/// Seconds of speech of these phones, and samples of silence before it.
const SECONDS: usize = 3;
const LEAD: usize = RATE;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new("kamailio-linphone", "PJSIP speaks PCMU, linphone G.729; either calls", linphone),
        Scenario::new(
            "kamailio-opus-events",
            "baresip speaks Opus at 48 kHz with telephone events at 8 kHz: PJSIP hears each key once, and all of the speech",
            opus_events,
        ),
        Scenario::new("kamailio-baresip", "baresip calls by SRTP, PJSIP speaks plain RTP", baresip),
    ]
}

/// Fills in what a configuration leaves open.
fn fill(
    template: &str,
    folder: &Path,
    proxy: &Kamailio,
    (user, password): (&str, &str),
) -> Result<String, Failure> {
    Ok(template
        .replace("FOLDER", &folder.display().to_string())
        .replace("PROXY-PORT", &proxy.port.to_string())
        .replace("SIP-PORT", &free_pair()?.to_string())
        .replace("MEDIA-PORT", &free_pair()?.to_string())
        .replace("USER", user)
        .replace("PASSWORD", password))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).during(path.display().to_string())
}

/// What a phone is to say, with silence before it, and enough after it: baresip ends the call with its file.
fn words(index: usize) -> Result<(Vec<i16>, Vec<i16>), Failure> {
    let said = speech(index, SECONDS)?;
    let file = [vec![0; LEAD], said.clone(), vec![0; 4 * LEAD]].concat();
    Ok((said, file))
}

/// Writes what baresip takes for Opus: 48 kHz, two channels.
fn keep_for_opus(path: &Path, samples: &[i16]) -> Result<(), Failure> {
    let wrong = |error: hound::Error| Failure::Wrong(format!("{}: {error}", path.display()));
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 2, sample_rate: 48_000, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).map_err(wrong)?;
    for pair in samples.windows(2) {
        let [from, to] = *pair else { continue };
        for sixth in 0..6 {
            let between = (i32::from(from) * (6 - sixth) + i32::from(to) * sixth) / 6;
            for _ in 0..2 {
                writer.write_sample(i16::try_from(between).unwrap_or(from)).map_err(wrong)?;
            }
        }
    }
    writer.finalize().map_err(wrong)
}

/// The samples of a recording. linphone counts the octets before them as samples, so the length is not believed.
fn samples(path: &Path) -> Result<Vec<i16>, Failure> {
    let file = std::fs::read(path).during(path.display().to_string())?;
    let begin = file.windows(4).position(|window| window == b"data").map_or(file.len(), |at| at + 8);
    let (octets, _) = file.get(begin..).unwrap_or_default().as_chunks();
    Ok(octets.iter().map(|octets| i16::from_le_bytes(*octets)).collect())
}

/// linphone on the command line, registered as the user whose phone speaks G.729.
fn start_linphone(bench: &Bench<'_>, proxy: &Kamailio, say: &Path, hear: &Path) -> Result<Process, Failure> {
    let folder = &bench.folder;
    let configuration = folder.join("linphonerc");
    write(&configuration, &fill(LINPHONE, folder, proxy, DAVE)?)?;
    // Without its folder for a database it does not start.
    let data = folder.join(".local/share/linphone");
    std::fs::create_dir_all(&data).during(data.display().to_string())?;
    let args =
        [format!("HOME={}", folder.display()), "linphonec".to_owned(), "-a".to_owned(), "-c".to_owned()];
    let args: Vec<String> = args.into_iter().chain([configuration.display().to_string()]).collect();
    let mut linphone = Process::start_for_commands(folder, "linphone", "env", &args)?;
    // It tells nothing by itself.
    let mut registered = false;
    for _ in 0..20 {
        linphone.command("status register")?;
        registered =
            wait_until(Duration::from_millis(500), || linphone.printed().contains("registered, identity"));
        if registered {
            break;
        }
    }
    if !registered {
        return Err(linphone.failure("did not register"));
    }
    linphone.command("soundcard use files")?;
    linphone.command(&format!("play {}", say.display()))?;
    linphone.command(&format!("record {}", hear.display()))?;
    Ok(linphone)
}

fn linphone(bench: &Bench<'_>) -> Result<(), Failure> {
    if !is_installed("linphonec") {
        return Err(Failure::Unable("linphonec is not installed".to_owned()));
    }
    let mut proxy = proxy(bench, &[])?;
    for linphone_calls in [false, true] {
        let (say, hear) = (bench.folder.join("linphone-says.wav"), bench.folder.join("linphone-heard.wav"));
        let (said, file) = words(1)?;
        keep(&say, &file)?;
        let mut linphone = start_linphone(bench, &proxy, &say, &hear)?;
        let mut phone = Phone::register(&bench.folder, &proxy, ALICE, 0, &[])?;
        if linphone_calls {
            linphone.command(&format!("call sip:{}@127.0.0.1:{}", ALICE.0, proxy.port))?;
        } else {
            phone.command(&format!("call {}", DAVE.0))?;
        }
        phone.expect(&format!("media {BOTH_WAYS} PCMU 8000 rtp"), SOON)?;
        phone.expect("state CONFIRMED", SOON)?;
        // linphone may take its time to open its files.
        std::thread::sleep(Duration::from_secs(1));
        phone.command("speak")?;
        phone.let_speak();
        phone.command("hangup")?;
        phone.expect("state DISCONNECTED", SOON)?;
        bench.server.check_no_call()?;
        linphone.command("quit")?;
        linphone.finish(SOON)?;
        let by_linphone = samples(&hear)?;
        let by_phone_said = phone.said.clone();
        let by_phone = phone.finish()?;
        check_received(&bench.folder, "linphone", &by_phone_said, &by_linphone)?;
        check_received(&bench.folder, "PJSIP", &said, &by_phone)?;
    }
    proxy.check_alive()
}

/// baresip, calling the first user as it starts.
struct Baresip {
    process: Process,
    folder: PathBuf,
    console: u16,
}

impl Baresip {
    /// Calls as this user, whose account has these parameters, and says the second recording.
    fn call(bench: &Bench<'_>, proxy: &Kamailio, user: User, account: &str) -> Result<Self, Failure> {
        if !is_installed("baresip") {
            return Err(Failure::Unable("baresip is not installed".to_owned()));
        }
        let folder = bench.folder.join("baresip");
        // Its recordings have the time in their names.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).during(folder.display().to_string())?;
        let (says, file) = (folder.join("says.wav"), words(1)?.1);
        if account.contains("opus") {
            keep_for_opus(&says, &file)?
        } else {
            keep(&says, &file)?
        }
        keep(&folder.join("silence.wav"), &[0; 160])?;
        let console = free_pair()?;
        let configuration =
            fill(BARESIP, &folder, proxy, user)?.replace("CONSOLE-PORT", &console.to_string());
        write(&folder.join("config"), &configuration)?;
        let (name, password) = user;
        let account = format!(
            "<sip:{name}@127.0.0.1:{}>;auth_pass={password};regint=600;ptime=20;{account}\n",
            proxy.port
        );
        write(&folder.join("accounts"), &account)?;
        write(&folder.join("contacts"), "")?;
        let dial = format!("/dial sip:{}@127.0.0.1:{}", ALICE.0, proxy.port);
        let args = ["-f".to_owned(), folder.display().to_string(), "-e".to_owned(), dial];
        let process = Process::start(&bench.folder, "baresip", "baresip", &args)?;
        Ok(Self { process, folder, console })
    }

    /// Presses a key on its console and lets it go.
    fn press(&self, key: char) -> Result<(), Failure> {
        let socket = UdpSocket::bind((LOOPBACK, 0)).during("binding a console's port")?;
        for octet in [key, '\u{4}'] {
            socket
                .send_to(&[u8::try_from(octet).unwrap_or(b'0')], (LOOPBACK, self.console))
                .during("pressing a key")?;
            std::thread::sleep(Duration::from_millis(150));
        }
        Ok(())
    }

    /// Ends it, and returns what it has decoded.
    fn finish(mut self) -> Result<Vec<i16>, Failure> {
        ensure!(self.process.is_running(), "baresip ended in the call");
        self.process.interrupt(SOON)?;
        let files = std::fs::read_dir(&self.folder).during(self.folder.display().to_string())?.flatten();
        let mut files = files.map(|entry| entry.path());
        let decoded = files.find(|path| path.to_string_lossy().ends_with("-dec.wav"));
        samples(&decoded.ok_or_else(|| Failure::Wrong("baresip has recorded nothing".to_owned()))?)
    }
}

fn baresip(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let mut phone = Phone::register(&bench.folder, &proxy, ALICE, 0, &[])?;
    let baresip = Baresip::call(bench, &proxy, CAROL, "audio_codecs=PCMU/8000/1;mediaenc=srtp-mand")?;
    phone.expect(&format!("media {BOTH_WAYS} PCMU 8000 rtp"), SOON)?;
    phone.expect("state CONFIRMED", SOON)?;
    phone.let_speak();
    std::thread::sleep(Duration::from_secs(1));
    phone.command("hangup")?;
    phone.expect("state DISCONNECTED", SOON)?;
    bench.server.check_no_call()?;
    let by_baresip = baresip.finish()?;
    let phone_said = phone.said.clone();
    let by_phone = phone.finish()?;
    check_received(&bench.folder, "baresip", &phone_said, &by_baresip)?;
    check_received(&bench.folder, "PJSIP", &words(1)?.0, &by_phone)?;
    proxy.check_alive()
}

/// baresip knows telephone events at 8 kHz only, beside Opus at 48 kHz.
fn opus_events(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let mut phone = Phone::register(&bench.folder, &proxy, ALICE, 0, &[])?;
    let baresip = Baresip::call(bench, &proxy, BOB, "audio_codecs=opus/48000/2")?;
    phone.expect(&format!("media {BOTH_WAYS} PCMU 8000 rtp"), SOON)?;
    phone.expect("state CONFIRMED", SOON)?;
    for key in "15*0".chars() {
        baresip.press(key)?;
        let next = phone.expect("digit", SOON)?;
        ensure!(next == format!("digit {key}"), "{next} came instead of {key}");
    }
    // A digit that came twice would come within the time of one.
    std::thread::sleep(Duration::from_millis(400));
    phone.expect_none("digit")?;
    phone.let_speak();
    phone.command("hangup")?;
    phone.expect("state DISCONNECTED", SOON)?;
    bench.server.check_no_call()?;
    baresip.finish()?;
    let by_phone = phone.finish()?;
    check_received(&bench.folder, "PJSIP", &words(1)?.0, &by_phone)?;
    proxy.check_alive()
}
