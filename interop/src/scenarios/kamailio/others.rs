//! The same proxy with other phones: linphone, which speaks G.729, and baresip, which speaks SRTP.

use std::path::Path;
use std::time::Duration;

use crate::audio::{RATE, speech};
use crate::error::{Context as _, Failure, ensure};
use crate::kamailio::Kamailio;
use crate::phone::{ALICE, CAROL, DAVE, Phone, SOON, heard_all};
use crate::process::{Process, is_installed, wait_until};
use crate::scenarios::kamailio::{BOTH_WAYS, proxy};
use crate::scenarios::{Bench, Scenario, keep};
use crate::wire::free_pair;

const LINPHONE: &str = include_str!("../../../testdata/linphonerc-registered");
const BARESIP: &str = include_str!("../../../testdata/baresip-registered");
/// Seconds of speech of these phones, and samples of silence before it.
const SECONDS: usize = 4;
const LEAD: usize = RATE;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new("kamailio-linphone", "PJSIP speaks PCMU, linphone G.729; either calls", linphone),
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

/// What a phone is to say, with silence before and after it.
fn words(index: usize) -> Result<(Vec<i16>, Vec<i16>), Failure> {
    let said = speech(index, SECONDS)?;
    let file = [vec![0; LEAD], said.clone(), vec![0; LEAD]].concat();
    Ok((said, file))
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
            phone.tell(&format!("call {}", DAVE.0))?;
        }
        phone.expect(&format!("media {BOTH_WAYS} PCMU 8000 rtp"), SOON)?;
        phone.expect("state CONFIRMED", SOON)?;
        // linphone may take its time to open its files.
        std::thread::sleep(Duration::from_millis(1000 * (SECONDS as u64 + 2)));
        if !linphone_calls {
            phone.tell("speak")?;
            phone.let_speak();
        }
        phone.tell("hangup")?;
        phone.expect("state DISCONNECTED", SOON)?;
        bench.server.check_no_call()?;
        linphone.command("quit")?;
        linphone.finish(SOON)?;
        let by_linphone = samples(&hear)?;
        let by_phone_said = phone.said.clone();
        let by_phone = phone.finish()?;
        heard_all(&bench.folder, "linphone", &by_phone_said, &by_linphone)?;
        heard_all(&bench.folder, "PJSIP", &said, &by_phone)?;
    }
    proxy.check_alive()
}

fn baresip(bench: &Bench<'_>) -> Result<(), Failure> {
    if !is_installed("baresip") {
        return Err(Failure::Unable("baresip is not installed".to_owned()));
    }
    let mut proxy = proxy(bench, &[])?;
    let folder = bench.folder.join("baresip");
    // Its recordings have the time in their names.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).during(folder.display().to_string())?;
    let (said, file) = words(1)?;
    keep(&folder.join("says.wav"), &file)?;
    keep(&folder.join("silence.wav"), &[0; 160])?;
    write(&folder.join("config"), &fill(BARESIP, &folder, &proxy, CAROL)?)?;
    let (user, password) = CAROL;
    let account = format!(
        "<sip:{user}@127.0.0.1:{}>;auth_pass={password};regint=600;audio_codecs=PCMU/8000/1;ptime=20;mediaenc=srtp-mand\n",
        proxy.port
    );
    write(&folder.join("accounts"), &account)?;
    write(&folder.join("contacts"), "")?;
    let mut phone = Phone::register(&bench.folder, &proxy, ALICE, 0, &[])?;
    let dial = format!("/dial sip:{}@127.0.0.1:{}", ALICE.0, proxy.port);
    let args = ["-f".to_owned(), folder.display().to_string(), "-e".to_owned(), dial];
    let mut baresip = Process::start(&bench.folder, "baresip", "baresip", &args)?;
    phone.expect(&format!("media {BOTH_WAYS} PCMU 8000 rtp"), SOON)?;
    phone.expect("state CONFIRMED", SOON)?;
    phone.let_speak();
    std::thread::sleep(Duration::from_secs(1));
    ensure!(baresip.is_running(), "baresip ended in the call");
    phone.tell("hangup")?;
    phone.expect("state DISCONNECTED", SOON)?;
    bench.server.check_no_call()?;
    baresip.interrupt(SOON)?;
    let decoded = std::fs::read_dir(&folder).during(folder.display().to_string())?.flatten();
    let decoded = decoded.map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with("-dec.wav"));
    let decoded = decoded.ok_or_else(|| Failure::Wrong("baresip has recorded nothing".to_owned()))?;
    let by_baresip = samples(&decoded)?;
    let phone_said = phone.said.clone();
    let by_phone = phone.finish()?;
    heard_all(&bench.folder, "baresip", &phone_said, &by_baresip)?;
    heard_all(&bench.folder, "PJSIP", &said, &by_phone)?;
    proxy.check_alive()
}
