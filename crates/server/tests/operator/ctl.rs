//! `mediapoint ctl` against a server that runs.

use std::fs;
use std::net::SocketAddr;

use mediapoint_caller::ng::Command as Ng;
use mediapoint_caller::{By, PhoneConfig, Softphone};
use serde_json::Value;

use crate::support::{Server, Surroundings, call, folder, mediapoint, wait_for};

/// Runs `mediapoint ctl`; its exit code, what it printed and what it said.
fn ctl(to: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = mediapoint().args(["ctl", "--to", to]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn printed(to: &str, arguments: &[&str]) -> String {
    let (code, out, said) = ctl(to, arguments);
    assert_eq!((code, said.as_str()), (0, ""), "{arguments:?}: {out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    out
}

fn json(to: &str, arguments: &[&str]) -> Value {
    let (code, out, said) = ctl(to, &[&["--json"], arguments].concat());
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn calls_are_listed_shown_explained_and_ended() {
    let server = Server::start(&[]);
    let to = server.ng().to_string();
    assert_eq!(printed(&to, &["list"]), "no calls\n");
    let (call, phones) = call(&server);
    let heard = phones[0].stats().packets_received;
    assert!(phones[0].wait_until(crate::PATIENCE, |stats| stats.packets_received > heard + 60));

    let list = printed(&to, &["list"]);
    let [title, row] = list.lines().collect::<Vec<_>>()[..] else { panic!("{list}") };
    assert!(title.starts_with("CALL-ID") && title.ends_with("LOSS  MOS"), "{list}");
    let cells: Vec<&str> = row.split_whitespace().collect();
    let [id, age, parties, codec, packets, loss, "%", mos] = cells[..] else { panic!("{list}") };
    assert_eq!((id, parties, codec, loss), (call.id(), "2", "PCMU", "0.0"), "{list}");
    assert!(age.starts_with("0:") && packets.parse::<u32>().unwrap() > 60, "{list}");
    assert!(mos.parse::<f32>().unwrap() > 4.0, "{list}");
    let listed = json(&to, &["list"]);
    assert_eq!(listed["calls"][0]["call-id"], call.id());
    assert_eq!(listed["calls"][0]["codecs"][0], "PCMU");

    let shown = printed(&to, &["show", call.id()]);
    for what in [&format!("party {}", call.tag(By::Caller)), "audio RTP/AVP: PCMU/8000", "server 127.0.0.1:"]
    {
        assert!(shown.contains(what), "{what}: {shown}");
    }
    assert!(json(&to, &["show", call.id()])["tags"].is_object());

    let why = printed(&to, &["why", call.id()]);
    assert!(why.starts_with("the call is relayed\n"), "{why}");
    assert!(why.contains("- both sides have the codecs in common"), "{why}");

    assert_eq!(printed(&to, &["end", call.id()]), format!("ended {}\n", call.id()));
    wait_for("the end", || (printed(&to, &["list"]) == "no calls\n").then_some(()));
    for command in ["show", "why", "end"] {
        let (code, _, said) = ctl(&to, &[command, call.id()]);
        assert!(code == 1 && said.contains("no call has the call-id"), "{command}: {said}");
    }
}

#[test]
fn a_call_that_is_converted_or_one_way_says_why() {
    let server = Server::start(&[]);
    let to = server.ng().to_string();
    let mut client = server.client();
    let phone = Softphone::bind(PhoneConfig::default()).unwrap();
    let only = |codec: &str| {
        let sdp = phone.offer();
        let at = sdp.find("RTP/AVP").unwrap();
        format!("{}RTP/AVP {codec}\r\n", &sdp[..at])
    };
    let id = "a-call-id-that-is-longer-than-any-column-of-a-terminal-has-room-for@198.51.100.200";
    let offer = Ng::offer(id, "a", &only("0")).codec("transcode", &["G729"]).codec("strip", &["PCMU"]);
    client.offer(&offer).unwrap();
    let why = ctl(&to, &["why", id]).1;
    assert!(why.starts_with("the call is not answered\n"), "{why}");
    client.answer(&Ng::answer(id, "a", "b", &(only("18") + "a=sendonly\r\n"))).unwrap();
    let why = ctl(&to, &["why", id]).1;
    assert!(why.contains("what it is sent is transcoded"), "{why}");
    assert!(why.contains("may send PCMU/8000, and it takes G729/8000"), "{why}");
    assert!(why.contains("no packet has come from the party"), "{why}");
    assert!(why.contains("nothing is sent to the party"), "{why}");
    // The name stands alone, whole, and the figures below it.
    let list = ctl(&to, &["list"]).1;
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[1] == id && lines[2].starts_with(' ') && lines[2].contains('-'), "{list}");
}

#[test]
fn the_log_level_is_shown_and_changed() {
    let server = Server::start(&[]);
    let to = server.ng().to_string();
    assert_eq!(printed(&to, &["log"]), "log level info\n");
    assert_eq!(printed(&to, &["log", "raise"]), "log level debug\n");
    assert_eq!(
        printed(&to, &["log", "info,mediapoint_engine=trace"]),
        "log level info,mediapoint_engine=trace\n"
    );
    assert_eq!(json(&to, &["log", "lower"])["level"], "warn,mediapoint_engine=debug");
    let (code, _, said) = ctl(&to, &["log", "loud"]);
    assert!(code == 2 && said.contains("allowed: off, error, warn, info, debug, trace"), "{said}");
    let log = server.log();
    assert!(log.contains("the log level is debug, it was info") && log.contains("control port"), "{log}");
}

#[test]
fn figures_are_shown_in_points() {
    let server = Server::start(&["--budget", "12.5"]);
    let (_call, _phones) = call(&server);
    let to = server.ng().to_string();
    let stats = printed(&to, &["stats"]);
    let figure = |key: &str| {
        let line = stats.lines().find(|line| line.trim_start().starts_with(&format!("{key} "))).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!((figure("pointsused"), figure("pointsbudget")), ("1.000".into(), "12.500".into()), "{stats}");
    assert_eq!(json(&to, &["stats"])["statistics"]["currentstatistics"]["pointsused"], "1.000");
}

#[test]
fn every_transport_is_asked_and_a_secret_is_used() {
    let secret = folder().join("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    set_private(&secret);
    let secret = secret.to_str().unwrap();
    let server = Server::start(&["--ng-secret-file", secret, "--ng-tcp", "127.0.0.1:0"]);
    let with = |to: &str| printed(to, &["--secret-file", secret, "list"]);
    assert_eq!(with(&server.ng().to_string()), "no calls\n");
    assert_eq!(with(&format!("tcp:{}", server.ng_tcp().unwrap())), "no calls\n");
    let (code, _, said) = ctl(&format!("tcp:{}", server.ng_tcp().unwrap()), &["list"]);
    assert!(code == 1 && said.contains("no reply from tcp:"), "{said}");
    let file = folder().join("mediapoint.toml");
    fs::write(&file, format!("ng = \"{}\"\nng-secret-file = \"{secret}\"\n", server.ng())).unwrap();
    let output = mediapoint().args(["ctl", "list", "--config"]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "no calls\n");
    drop(server);

    let path = std::env::temp_dir().join(format!("mediapoint-ctl-test-{}", std::process::id()));
    let ng = format!("unix:{}", path.display());
    let server = Server::start_in(&[], &Surroundings { ng: Some(&ng), ..Surroundings::default() });
    assert_eq!(printed(&ng, &["list"]), "no calls\n");
    server.signal(rustix::process::Signal::TERM);
    server.wait_for_end();
}

fn set_private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_server_that_is_not_there_and_a_command_that_is_none_are_told() {
    // A port that nobody has: it was given to this socket, which is closed.
    let nobody: SocketAddr = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, _, said) = ctl(&nobody.to_string(), &["list"]);
    assert!(code == 1 && said.contains(&format!("cannot ask the server at {nobody}")), "{said}");
    let (code, _, said) = ctl("2223", &["lists"]);
    assert!(code == 2 && said.contains("list"), "{said}");
    let (code, _, said) = ctl("nowhere", &["list"]);
    assert!(code == 2 && said.contains("allowed: such as 127.0.0.1:2223"), "{said}");
    // A pipe whose reader has gone is no fault.
    let mut child = mediapoint().arg("config").stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
