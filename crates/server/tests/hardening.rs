//! What must not stop the server, and what it says of its surroundings.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support outside of test functions"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use mediapoint_caller::ng::{Client, Command as Ng, NgError};
use mediapoint_caller::{By, Call, PhoneConfig, Softphone};
use rustix::process::Signal;
use support::{Server, Surroundings, refused, wait_for};

fn statistic(client: &mut Client, path: &[&str]) -> u64 {
    let reply = client.request(&Ng::new("statistics")).unwrap();
    reply.int_at(&[&["statistics"], path].concat()).unwrap()
}

/// Sends an offer that the server has no points for.
fn refused_offer(client: &mut Client) {
    let phone = Softphone::bind(PhoneConfig::default()).unwrap();
    let call = Call::new();
    let offer = Ng::offer(call.id(), call.tag(By::Caller), &phone.offer());
    let answer = client.offer(&offer);
    assert!(matches!(answer, Err(NgError::Refused { .. })), "{answer:?}");
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let surroundings = Surroundings { unread_log: true, ..Surroundings::default() };
    let server = Server::start_in(&["--log", "debug", "--media-timeout", "1s"], &surroundings);
    let mut client = server.client();
    let phones = [(); 2].map(|()| Softphone::bind(PhoneConfig::default()).unwrap());
    let [caller, callee] = &phones;
    let call = Call::new();
    call.invite(&mut client, By::Caller, (caller, callee), |offer| offer, |answer| answer).unwrap();
    // Each refusal is a line: the pipe is full after a few hundred of them.
    let unknown = Ng::new("query").text("call-id", &"x".repeat(1000));
    for _ in 0..1000 {
        assert!(matches!(client.request(&unknown), Err(NgError::Refused { .. })));
    }
    assert_eq!(client.list(10).unwrap(), [call.id()]);
    // The call ends by itself, and is seen to have ended.
    drop(phones);
    wait_for("the end of the call", || client.list(10).unwrap().is_empty().then_some(()));
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_end().code(), Some(0));
}

#[test]
fn lines_that_nobody_read_are_counted() {
    let surroundings = Surroundings { unread_log: true, ..Surroundings::default() };
    let server = Server::start_in(&["--log", "debug"], &surroundings);
    let mut client = server.client();
    let unknown = Ng::new("query").text("call-id", "unknown");
    wait_for("a full queue", || {
        for _ in 0..1000 {
            drop(client.request(&unknown));
        }
        (statistic(&mut client, &["log", "droppedlines"]) > 0).then_some(())
    });
}

#[test]
fn warnings_of_a_kind_are_bounded_and_those_left_out_counted() {
    let server = Server::start(&["--budget", "0.001"]);
    let mut client = server.client();
    for _ in 0..300 {
        refused_offer(&mut client);
    }
    wait_for("the count of those left out", || server.log().contains("warnings were left out").then_some(()));
    let log = server.log();
    let told =
        log.lines().filter(|line| line.contains("no room for a call") && !line.contains("left_out")).count();
    assert!((10..60).contains(&told), "{told} warnings");
    assert!(log.contains("kind=\"no room for a call: LoadLimit\""), "{log}");
    assert!(statistic(&mut client, &["log", "warningsleftout"]) > 200);
}

#[test]
fn the_service_managers_watchdog_is_fed() {
    let variables = [("WATCHDOG_USEC", "200000")];
    let server = Server::start_in(&[], &Surroundings { variables: &variables, ..Surroundings::default() });
    server.wait_for_notice("WATCHDOG=1");
    server.wait_for_notice("WATCHDOG=1");
}

#[test]
fn signals_change_the_log_level_and_a_call_goes_on() {
    let server = Server::start(&[]);
    let (_call, phones) = support::call(&server);
    let mut last = "info";
    for (signal, level) in [
        (Signal::USR2, "debug"),
        (Signal::USR2, "trace"),
        (Signal::USR1, "debug"),
        (Signal::USR1, "info"),
        (Signal::USR1, "warn"),
        (Signal::USR1, "error"),
    ] {
        let before = server.log().len();
        server.signal(signal);
        let line = format!("the log level is {level}, it was {last}");
        // What came before is not looked at: a level comes twice.
        let new = || server.log()[before..].to_owned();
        wait_for(&line, || new().contains(&line).then_some(()));
        let unknown = Ng::new("query").text("call-id", "unknown");
        drop(server.client().request(&unknown));
        if level == "debug" {
            wait_for("a line of debug", || new().contains("request refused").then_some(()));
        } else if level == "warn" {
            // Whatever was logged is there once the line of the next signal is.
            server.signal(Signal::USR1);
            wait_for("the next level", || {
                new().contains("the log level is error, it was warn").then_some(())
            });
            assert!(!new().contains("request refused"), "{}", new());
            server.signal(Signal::USR2);
            wait_for("the level", || new().contains("the log level is warn, it was error").then_some(()));
        }
        last = level;
    }
    server.signal(Signal::USR1);
    wait_for("the end of the levels", || server.log().contains("the log level stays error").then_some(()));
    server.signal(Signal::HUP);
    let heard = phones[0].stats().packets_received;
    assert!(phones[0].wait_until(support::PATIENCE, |stats| stats.packets_received > heard + 20));
    assert!(server.is_running());
}

#[test]
fn a_closed_terminal_ends_neither_the_server_nor_a_call() {
    let (terminal, line) = support::terminal();
    let surroundings = Surroundings { terminal: Some(&line), ..Surroundings::default() };
    let server = Server::start_in(&["--log", "debug"], &surroundings);
    let (call, phones) = support::call(&server);
    drop(line);
    // The kernel sends SIGHUP to the session, and every write to the terminal fails from here on.
    drop(terminal);
    let mut client = server.client();
    let unknown = Ng::new("query").text("call-id", "unknown");
    wait_for("lines that cannot be written", || {
        drop(client.request(&unknown));
        (statistic(&mut client, &["log", "droppedlines"]) > 10).then_some(())
    });
    let heard = phones[0].stats().packets_received;
    assert!(phones[0].wait_until(support::PATIENCE, |stats| stats.packets_received > heard + 20));
    assert_eq!(client.list(10).unwrap(), [call.id()]);
    server.signal(Signal::TERM);
    call.end(&mut client).unwrap();
    assert_eq!(server.wait_for_end().code(), Some(0));
}

#[test]
fn a_hangup_reads_the_configuration_again() {
    let file = support::folder().join("mediapoint.toml");
    let write = |text: &str| fs::write(&file, text).unwrap();
    write("ports = \"10000-10999\"\n");
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    server.client().ping().unwrap();
    let hang_up = |said: &str| {
        server.signal(Signal::HUP);
        wait_for(said, || server.log().contains(said).then_some(()));
    };
    write("workers = 0\n");
    hang_up("the configuration stays as it was");
    assert!(server.log().contains("allowed: 1 to 256"), "{}", server.log());
    write("ports = \"10000-11999\"\nlog = \"debug\"\nallow = [\"127.0.0.2\"]\n");
    hang_up("the configuration was read again");
    assert!(server.log().contains("settings=\"ports\""), "{}", server.log());
    let mut stranger = server.client().with_patience(Duration::from_millis(50), 1);
    assert!(
        matches!(stranger.ping(), Err(NgError::NoReply { .. })),
        "this client is not on the list any more"
    );
    write("allow = [\"127.0.0.1\"]\n");
    server.signal(Signal::HUP);
    wait_for("the list to change", || stranger.ping().ok());
}

#[test]
fn a_unix_socket_takes_the_place_of_udp() {
    let path = std::env::temp_dir().join(format!("mediapoint-ng-{}", std::process::id()));
    let ng = format!("unix:{}", path.display());
    let surroundings = Surroundings { ng: Some(&ng), ..Surroundings::default() };
    let server = Server::start_in(&["--ng-mode", "0600"], &surroundings);
    let mut client = Client::connect_unix(&path).unwrap();
    client.ping().unwrap();
    // A server that is killed leaves its socket, which the next one replaces.
    drop(server);
    assert!(path.exists());
    let server = Server::start_in(&[], &surroundings);
    Client::connect_unix(&path).unwrap().ping().unwrap();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_end().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn under_a_secret_only_who_knows_it_is_answered() {
    let file = support::folder().join("secret");
    fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
    set_mode(&file, 0o600);
    let server = Server::start(&["--ng-secret-file", file.to_str().unwrap()]);
    let hasty = || server.client().with_patience(Duration::from_millis(50), 1);
    for mut client in [hasty(), hasty().with_secret(b"another secret of 16 bytes")] {
        assert!(matches!(client.ping(), Err(NgError::NoReply { .. })));
    }
    let mut client = server.client().with_secret(b"0123456789abcdef0123456789abcdef");
    client.ping().unwrap();
    assert_eq!(statistic(&mut client, &["controlport", "notauthentic"]), 2);
    let log = server.log();
    assert!(!log.contains("0123456789abcdef") && log.contains("ng_secret=true"), "{log}");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_secret_that_is_none_is_refused() {
    let file = support::folder().join("secret");
    for (text, mode, reason) in [
        ("short", 0o600, "has 5 bytes; allowed: 16 to 4096"),
        (&"x".repeat(40), 0o644, "can be read by everybody"),
    ] {
        fs::write(&file, text).unwrap();
        set_mode(&file, mode);
        let (code, said) = refused(&["serve", "--ng", "0", "--ng-secret-file", file.to_str().unwrap()]);
        assert!(code == 1 && said.contains(reason) && !said.contains(text), "{said}");
    }
}

#[test]
fn memory_is_kept_off_the_disk_unless_it_is_asked_for() {
    let server = Server::start(&[]);
    assert!(server.log().contains("no core dumps"), "{}", server.log());
    assert!(server.log().contains("memory="), "{}", server.log());
    let server = Server::start(&["--danger-core-dumps"]);
    assert!(server.log().contains("core dumps are allowed"), "{}", server.log());
}

#[test]
fn what_cannot_go_well_is_said_at_the_start() {
    let (code, said) = refused(&["serve", "--address", "239.0.0.1"]);
    assert!(code == 2 && said.contains("multicast"), "{said}");
    let (code, said) = refused(&["serve", "--ng", "30100", "--ports", "30000-30999"]);
    assert!(code == 2 && said.contains("is one of the media ports 30000-30999"), "{said}");
    let server = Server::start(&["--ports", "30000-30099"]);
    assert!(server.log().contains("ports allows fewer calls"), "{}", server.log());
    let here = "only this machine will reach the media ports";
    assert!(server.log().contains(here), "{}", server.log());
    let server = Server::start(&["--address", "127.0.0.1!192.0.2.10"]);
    assert!(!server.log().contains(here), "{}", server.log());
    let (code, said) = refused(&["serve", "--ng", "0", "--address", "192.0.2.10"]);
    assert!(code == 1 && said.contains("address: 192.0.2.10 is not on this machine; it has "), "{said}");
    assert!(said.contains("127.0.0.1") && said.contains("behind NAT write BOUND!ADVERTISED"), "{said}");
}

/// An offer or answer of the phone with something else in place of a part of it.
fn changed(phone: &Softphone, from: &str, to: &str) -> String {
    let sdp = phone.offer();
    assert!(sdp.contains(from), "{sdp}");
    sdp.replace(from, to)
}

#[test]
fn what_is_refused_or_ignored_is_logged_with_the_call() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let phone = Softphone::bind(PhoneConfig::default()).unwrap();
    let dtls = changed(&phone, "RTP/AVP", "UDP/TLS/RTP/SAVP");
    let answer = client.offer(&Ng::offer("of-dtls", "tag", &dtls));
    assert!(matches!(answer, Err(NgError::Refused { .. })), "{answer:?}");
    let offer = Ng::offer("of-flags", "tag", &phone.offer()).list("flags", &["no-such-flag"]);
    client.offer(&offer.list("direction", &["inside", "outside"])).unwrap();
    wait_for("three lines", || server.log().contains("flags that are not known").then_some(()));
    let log = server.log();
    let line = |call: &str, what: &str| {
        log.lines().any(|line| line.contains(" WARN ") && line.contains(call) && line.contains(what))
    };
    assert!(line("of-dtls", "keys by DTLS are not supported"), "{log}");
    assert!(line("of-flags", "there is no interface named"), "{log}");
    assert!(line("of-flags", "no-such-flag"), "{log}");
    wait_for("the end of the refused call", || {
        server.log().contains("refused at its beginning").then_some(())
    });
    assert!(!server.log().contains("ended by the controller"), "{}", server.log());
}

#[test]
fn a_party_elsewhere_that_is_told_a_loopback_address_is_a_warning() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let phone = Softphone::bind(PhoneConfig::default()).unwrap();
    let elsewhere = changed(&phone, "c=IN IP4 127.0.0.1", "c=IN IP4 192.0.2.7");
    client.offer(&Ng::offer("far", "from", &elsewhere)).unwrap();
    client.answer(&Ng::answer("far", "from", "to", &phone.offer())).unwrap();
    let what = "a party elsewhere is told a loopback address";
    wait_for(what, || server.log().contains(what).then_some(()));
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(what)).collect();
    assert!(lines.len() == 1 && lines[0].contains("call_id=far") && lines[0].contains("tag=from"), "{log}");
    assert!(!log.contains("192.0.2.7"), "parties' addresses are logged at debug only: {log}");
}

#[test]
fn a_check_finds_the_programs_of_recipients_plugins() {
    let folder = support::folder();
    let (file, bin) = (folder.join("mediapoint.toml"), folder.join("bin"));
    let recordings = folder.join("recordings");
    let text = format!(
        "ng = \"127.0.0.1:0\"\nports = \"40000-40099\"\n[recording]\nrecordings = {:?}\nrecipient = [\"{}\"]\n",
        recordings.to_str().unwrap(),
        "age1mptest1gpq5ys6yg4rywjzfff95cn2wfukefj5j"
    );
    fs::write(&file, text).unwrap();
    let check = || {
        let mut command = support::mediapoint();
        let output = command.args(["config", "--check"]).arg(&file).env("PATH", &bin).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check();
    let missing = "fails recording: recipient 1: age-plugin-mptest is not found in PATH";
    assert!(code == 1 && said.contains(missing), "{said}");
    // It is looked for, and not run.
    let program = bin.join("age-plugin-mptest");
    fs::create_dir(&bin).unwrap();
    fs::write(&program, "").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = check();
    let found = format!("ok    recordings: recipient 1 is encrypted to by {}", program.display());
    assert!(code == 0 && said.contains(&found), "{said}");
}

#[test]
fn a_check_tries_what_the_file_asks_for_on_this_machine() {
    let file = support::folder().join("mediapoint.toml");
    let check = |text: &str, more: &[&str]| {
        fs::write(&file, text).unwrap();
        let output =
            support::mediapoint().args(["config", "--check"]).arg(&file).args(more).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check("ng = \"127.0.0.1:0\"\nports = \"40000-40099\"\n", &[]);
    assert_eq!(code, 0, "{said}");
    for what in [
        "ok    ng: 127.0.0.1:0 can be bound",
        "ok    address: 127.0.0.1 is on this machine",
        "of 40000-40099 can be bound on 127.0.0.1",
        "note  address: only this machine",
        "ok    open files: ",
        "note  budget: ports allows 25 calls",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
    let elsewhere = "address = [\"192.0.2.10\"]\nng = \"unix:/no/such/folder/ng\"\n";
    let (code, said) = check(elsewhere, &[]);
    assert!(code == 1 && said.contains("fails address: 192.0.2.10 is not on this machine"), "{said}");
    assert!(said.contains("fails ng: unix:/no/such/folder/ng cannot be bound: No such file"), "{said}");
    assert_eq!(check(elsewhere, &["--file-only"]).0, 0);
    let own = "ng = \"127.0.0.1:0\"\nports = \"40000-40099\"\n[prompts]\n";
    let folder = support::folder();
    fs::write(folder.join("music.wav"), support::wav(8000)).unwrap();
    let listed = format!("{own}folders = [{:?}]\n", folder.to_str().unwrap());
    let (code, said) = check(&format!("{listed}hold-music = \"music\"\n"), &[]);
    assert!(code == 1 && said.contains("fails prompts: music: No such file"), "{said}");
    let (code, said) = check(&format!("{listed}hold-music = \"music.wav\"\n"), &[]);
    assert!(code == 0 && said.contains("can be read"), "{said}");
    assert!(said.contains("ok    prompts: hold-music music.wav can be played"), "{said}");
    let (code, said) = check(&format!("{own}folders = [\"/no/such/folder\"]\n"), &[]);
    assert!(
        code == 1 && said.contains("fails prompts: /no/such/folder cannot be read: No such file"),
        "{said}"
    );
    let server = Server::start(&[]);
    let (code, said) = check(&format!("ng = \"{}\"\n", server.ng()), &[]);
    assert!(code == 0 && said.contains("is in use, by a server that runs already"), "{said}");
}

#[test]
fn messages_from_its_own_media_ports_are_ignored() {
    // A party of a call cannot choose the source port of what the server sends, but it always is one of these.
    let phone = (0..100).find_map(|_| std::net::UdpSocket::bind("127.0.0.1:0").ok()).unwrap();
    let port = phone.local_addr().unwrap().port();
    let even = port & !1;
    let server = Server::start(&["--ports", &format!("{even}-{}", even + 1)]);
    phone.send_to(b"1_1 d7:command4:liste", server.ng()).unwrap();
    let mut client = server.client();
    wait_for("the message to be counted", || {
        (statistic(&mut client, &["controlport", "frommediaports"]) == 1).then_some(())
    });
    phone.set_nonblocking(true).unwrap();
    assert!(phone.recv(&mut [0; 100]).is_err());
}
