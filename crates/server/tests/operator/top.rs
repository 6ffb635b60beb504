//! `mediapoint top`, at a real server and in a real terminal.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{PATIENCE, Server, call, mediapoint, refused, terminal, wait_for};

#[test]
fn the_figures_are_printed_once_for_scripts() {
    let server = Server::start(&["--budget", "20"]);
    let (_call, _phones) = call(&server);
    let output =
        mediapoint().args(["top", "--once", "--address", &server.ng().to_string()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for expected in ["calls 1  ", "points 1.0 of 20.0 (5.0 %)  free 19.0", " relay          1.0 100%"] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_terminal_shows_the_server_until_q_is_pressed_and_is_left_as_it_was() {
    let server = Server::start(&["--budget", "20"]);
    let (_call, _phones) = call(&server);
    let (mut screen, line) = terminal();
    tcsetwinsize(&screen, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    // A session of its own, whose terminal is its standard input.
    let mut top = Command::new("setsid")
        .arg("--ctty")
        .arg(env!("CARGO_BIN_EXE_mediapoint"))
        .args(["top", "--address", &server.ng().to_string()])
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdin(Stdio::from(line.try_clone().unwrap()))
        .stdout(Stdio::from(line.try_clone().unwrap()))
        .stderr(Stdio::from(line))
        .spawn()
        .unwrap();
    let (shown, seen) = mpsc::channel();
    let mut reading = screen.try_clone().unwrap();
    // Ends with an error once nobody has the line open.
    let reader = thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(len @ 1..) = reading.read(&mut bytes) {
            if shown.send(bytes[..len].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut text = String::new();
    let mut until = |expected: &str| {
        while !text.contains(expected) {
            let bytes = seen.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {expected:?} in {text:?}"));
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
        let end = text.find(expected).unwrap() + expected.len();
        text.drain(..end).collect::<String>()
    };
    until("\u{1b}[?1049h");
    // What is blank is passed over by the cursor: words come one by one.
    let first = until("pause");
    assert!(first.contains("kind") && first.contains("relay"), "{first:?}");
    assert!(!first.contains("\u{1b}[31m") && !first.contains("\u{1b}[38;5;"), "no colour: {first:?}");
    screen.write_all(b"p").unwrap();
    until("paused");
    screen.write_all(b"q").unwrap();
    until("\u{1b}[?1049l");
    let status = wait_for("its end", || top.try_wait().unwrap());
    assert!(status.success(), "{status}");
    drop(screen);
    drop(seen);
    reader.join().unwrap();
}

#[test]
fn without_a_server_or_a_terminal_it_says_so() {
    let (code, said) = refused(&["top", "--once", "--address", "unix:/nonexistent/ng"]);
    assert!(code == 1 && said.contains("cannot ask the server"), "{said}");
    let server = Server::start(&[]);
    let (code, said) = refused(&["top", "--address", &server.ng().to_string()]);
    assert!(code == 2 && said.contains("--once"), "{said}");
}
