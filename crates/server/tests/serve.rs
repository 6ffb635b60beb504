//! `mediapoint serve` as a process: what it answers, how it ends, and what it says where it cannot start.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support outside of test functions"
)]

#[path = "operator/calibrated.rs"]
mod calibrated;
#[path = "operator/ctl.rs"]
mod ctl;
#[path = "operator/linked.rs"]
mod linked;
#[path = "operator/metrics.rs"]
mod metrics;
mod support;
#[path = "operator/top.rs"]
mod top;

use mediapoint_caller::ng::{Command as Ng, NgError};
use mediapoint_caller::{By, Call, PhoneConfig, Softphone};
use rustix::process::Signal;
use support::{PATIENCE, Server, call, mediapoint, refused};

/// Waits until the server refuses a new call because it drains, and says how it did.
fn wait_until_draining(server: &Server) -> NgError {
    let phone = Softphone::bind(PhoneConfig::default()).unwrap();
    let mut client = server.client();
    support::wait_for("the server to drain", || {
        let call = Call::new();
        match client.offer(&Ng::offer(call.id(), call.tag(By::Caller), &phone.offer())) {
            Err(refused) => Some(refused),
            Ok(_) => {
                call.end(&mut client).unwrap();
                None
            }
        }
    })
}

#[test]
fn it_answers_once_it_says_that_it_is_ready() {
    let server = Server::start(&[]);
    server.client().ping().unwrap();
    assert!(server.log().contains("serving"), "{}", server.log());
}

#[test]
fn it_answers_on_tcp_too_where_it_is_told_to() {
    use std::io::{Read, Write};
    let server = Server::start(&["--ng-tcp", "127.0.0.1:0"]);
    let mut stream = std::net::TcpStream::connect(server.ng_tcp().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"7 d7:command4:pinge").unwrap();
    let expected = b"7 d6:result4:ponge";
    let mut reply = [0; 18];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, expected);
}

#[test]
fn sigterm_without_calls_ends_it_at_once_with_code_0() {
    let server = Server::start(&["--grace", "1h"]);
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_end().code(), Some(0));
}

#[test]
fn while_it_drains_new_calls_are_refused_and_the_last_delete_ends_it() {
    let server = Server::start(&["--grace", "1h"]);
    let (call, phones) = call(&server);
    server.signal(Signal::TERM);
    let refused = wait_until_draining(&server);
    assert!(refused.to_string().contains("draining"), "{refused}");
    // The running call is not disturbed.
    let heard = phones[0].stats().packets_received;
    assert!(phones[0].wait_until(PATIENCE, |stats| stats.packets_received > heard + 5));
    call.end(&mut server.client()).unwrap();
    assert_eq!(server.wait_for_end().code(), Some(0));
    assert!(server.log().contains("no call is left"), "{}", server.log());
}

#[test]
fn the_grace_time_ends_calls_that_are_left_with_code_0() {
    let server = Server::start(&["--grace", "300ms"]);
    let (_call, _phones) = call(&server);
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_end().code(), Some(0));
    let log = server.log();
    assert!(log.contains("the grace time is over") && log.contains("reason=\"server stopped\""), "{log}");
}

#[test]
fn a_second_sigint_ends_it_now_with_code_130() {
    let server = Server::start(&["--grace", "1h"]);
    let (_call, _phones) = call(&server);
    server.signal(Signal::INT);
    wait_until_draining(&server);
    assert!(server.is_running());
    server.signal(Signal::INT);
    assert_eq!(server.wait_for_end().code(), Some(130));
}

#[test]
fn a_delayed_delete_is_carried_out_while_draining() {
    let server = Server::start(&["--grace", "1h"]);
    let (call, _phones) = call(&server);
    let delete = Ng::new("delete").text("call-id", call.id()).int("delete-delay", 1);
    server.client().request(&delete).unwrap();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_end().code(), Some(0));
    assert!(server.log().contains("ended by the controller"), "{}", server.log());
}

#[test]
fn the_log_names_parties_only_at_debug_and_keys_never() {
    for (level, named) in [("info", false), ("debug", true)] {
        let server = Server::start(&["--log", level]);
        let (call, phones) = call(&server);
        call.end(&mut server.client()).unwrap();
        let address = phones[0].local_addr().to_string();
        server.signal(Signal::TERM);
        assert_eq!(server.wait_for_end().code(), Some(0));
        let log = server.log();
        assert!(log.contains("call ended"), "{log}");
        assert_eq!(log.contains(&address), named, "{log}");
        assert!(!log.contains("inline:"), "{log}");
    }
}

#[test]
fn json_log_lines_are_json() {
    let server = Server::start(&["--log-format", "json"]);
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_end().code(), Some(0));
    let log = server.log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.iter().any(|line| line["message"] == "serving" && line["workers"] == 1), "{log}");
}

#[test]
fn a_taken_control_port_is_refused_with_what_to_do() {
    let server = Server::start(&[]);
    let ng = server.ng().to_string();
    let (code, said) = refused(&["serve", "--ng", &ng]);
    assert_eq!(code, 1);
    assert!(
        said.contains(&format!("cannot listen on {ng}: address in use; another server? choose --ng")),
        "{said}"
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_code_2_and_the_reason() {
    let folder = support::folder();
    let file = folder.join("bad.toml");
    std::fs::write(&file, "ng = \"127.0.0.1:0\"\nworkers = 0\n").unwrap();
    let file = file.to_str().unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["serve", "--config", file], ":2: workers: \"0\" is out of range; allowed: 1 to 256"),
        (&["config", "--check", file], ":2: workers: \"0\" is out of range; allowed: 1 to 256"),
        (&["serve", "--config", "no/such.toml"], "cannot read no/such.toml: No such file"),
        (&["serve", "--ports", "9"], "allowed: FIRST-LAST within 1-65535"),
        (&["serve", "--ng", "0.0.0.0:0"], "ng: 0.0.0.0:0 can be reached from other machines"),
        (&["serve", "--prots", "1-2"], "unexpected argument '--prots'"),
    ];
    for (arguments, reason) in cases {
        let (code, said) = refused(arguments);
        assert!(code == 2 && said.contains(reason), "{arguments:?}: {code}, {said}");
    }
}

#[test]
fn a_flag_overrides_the_file() {
    let file = support::folder().join("one.toml");
    std::fs::write(&file, "log-format = \"json\"\nworkers = 9\nbudget = 5\n").unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap(), "--workers", "1"]);
    let log = server.log();
    assert!(log.contains("\"workers\":1,") && log.contains("\"points_per_worker\":\"5.000\""), "{log}");
}

#[test]
fn more_legs_than_open_files_are_refused() {
    let (code, said) = refused(&["serve", "--ng", "0", "--max-legs", "65536", "--workers", "256"]);
    assert!(code == 1 && said.contains("need 33554688 open files"), "{said}");
}

#[test]
fn the_printed_default_file_can_be_used() {
    let printed = mediapoint().arg("config").output().unwrap();
    let file = support::folder().join("default.toml");
    std::fs::write(&file, printed.stdout).unwrap();
    let checked = mediapoint().args(["config", "--check"]).arg(&file).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn help_and_version_are_there_for_every_command() {
    for command in ["serve", "config", "ctl"] {
        let help = mediapoint().args([command, "--help"]).output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && text.contains("Examples:"), "{command}: {text}");
    }
    let version = String::from_utf8(mediapoint().arg("--version").output().unwrap().stdout).unwrap();
    assert_eq!(version.trim(), concat!("mediapoint ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_pages_are_made_of_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let text = mediapoint().args(["completions", shell]).output().unwrap().stdout;
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("mediapoint") && text.contains("metrics-listen"), "{shell}: {text}");
    }
    let folder = support::folder();
    let made = mediapoint().arg("man").arg(&folder).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let page = std::fs::read_to_string(folder.join("mediapoint-ctl-why.1")).unwrap();
    assert!(page.contains("one\\-way"), "{page}");
    assert!(folder.join("mediapoint-serve.1").is_file() && !folder.join("mediapoint-demo.1").exists());
}

#[test]
fn colours_are_for_terminals_whose_user_wants_them() {
    use std::fs::File;
    use std::io::Read;
    for (variables, coloured) in [(&[("NO_COLOR", "1")][..], false), (&[("NO_COLOR", "")], true)] {
        let (mut screen, line) = support::terminal();
        let surroundings =
            support::Surroundings { terminal: Some(&line), variables, ..support::Surroundings::default() };
        let server = Server::start_in(&[], &surroundings);
        let mut shown = String::new();
        let mut buffer = [0; 4096];
        while !shown.contains("serving") {
            let len = File::read(&mut screen, &mut buffer).unwrap();
            shown.push_str(&String::from_utf8_lossy(&buffer[..len]));
        }
        assert_eq!(shown.contains('\u{1b}'), coloured, "{shown:?}");
        drop(server);
    }
}

#[test]
fn a_configuration_of_rtpengine_is_read() {
    let folder = support::folder();
    let file = folder.join("rtpengine.conf");
    std::fs::write(&file, "[rtpengine]\ntable = 0\ninterface = 127.0.0.1\nlisten-ng = 2223\ntos = 184\n")
        .unwrap();
    let imported = mediapoint().args(["config", "import"]).arg(&file).output().unwrap();
    let text = String::from_utf8(imported.stdout).unwrap();
    assert!(imported.status.success() && text.contains("dscp = 46\n"), "{text}");
    assert!(text.contains("# line 2: table = 0\n#   no equivalent, because "), "{text}");
    let ours = folder.join("mediapoint.toml");
    std::fs::write(&ours, &text).unwrap();
    let checked = mediapoint().args(["config", "--file-only", "--check"]).arg(&ours).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let (code, said) = refused(&["config", "import", file.to_str().unwrap(), "--section", "other"]);
    assert!(code == 2 && said.contains("no section [other]; there are: rtpengine"), "{said}");
}

#[test]
fn a_command_that_moved_is_refused_with_where_it_is() {
    for arguments in
        [&["demo", "--seconds", "20"][..], &["bench", "--help"], &["codec", "encode", "a.wav", "b.g729"]]
    {
        let command = arguments[0];
        let (code, said) = refused(arguments);
        let wanted = format!("error: `mediapoint {command}` moved to `mediapoint-tools {command}` (");
        assert!(code == 2 && said.starts_with(&wanted) && said.lines().count() == 1, "{code}, {said}");
    }
    let help = String::from_utf8(mediapoint().arg("--help").output().unwrap().stdout).unwrap();
    assert!(!help.contains("demo") && help.contains("mediapoint-tools"), "{help}");
}

#[test]
fn it_plays_what_is_in_its_folders_and_says_how_that_ended() {
    let folder = support::folder();
    std::fs::create_dir_all(folder.join("es/menu")).unwrap();
    std::fs::write(folder.join("es/menu/hello.wav"), support::wav(2_000)).unwrap();
    let file = folder.join("play.toml");
    std::fs::write(&file, format!("[prompts]\nfolders = [{:?}]\n", folder.to_str().unwrap())).unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    let (made, _phones) = call(&server);
    let mut client = server.client();
    let play = Ng::new("play media")
        .text("call-id", made.id())
        .text("from-tag", made.tag(By::Caller))
        .text("file", "menu/hello")
        .text("language", "es-MX");
    let reply = client.request(&play).unwrap();
    assert_eq!((reply.result(), reply.int_at(&["duration"])), ("ok", Some(250)));
    support::wait_for("the end of it in the log", || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("media was played"))?.to_owned();
        assert!(line.contains("end=finished") && line.contains("position_ms=250"), "{line}");
        Some(())
    });
    let outside = Ng::new("play media")
        .text("call-id", made.id())
        .text("from-tag", made.tag(By::Caller))
        .text("file", "/etc/passwd");
    let outcome = client.request(&outside).unwrap_err().to_string();
    assert!(outcome.contains("/etc/passwd: not in a folder that prompts come from"), "{outcome}");
    // Without the folder it does not start.
    std::fs::write(&file, "[prompts]\nfolders = [\"/no/such/folder\"]\n").unwrap();
    let (code, said) = refused(&["serve", "--ng", "127.0.0.1:0", "--config", file.to_str().unwrap()]);
    assert!(code == 1 && said.contains("prompts: /no/such/folder: No such file"), "{said}");
}
