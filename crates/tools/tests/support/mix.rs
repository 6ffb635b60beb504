//! `mediapoint-tools mix`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{folder, read_wav, text, write_wav};

fn mix(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mediapoint-tools"))
        .current_dir(folder)
        .arg("mix")
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn tone(hz: f64, amplitude: f64, samples: usize) -> Vec<i16> {
    let step = std::f64::consts::TAU * hz / 8000.0;
    (0..samples).map(|n| (amplitude * (n as f64 * step).sin()).round() as i16).collect()
}

#[test]
fn each_file_gets_what_its_member_hears() {
    let folder = folder();
    let (alice, bob) = (tone(400.0, 8000.0, 8000), tone(650.0, 4000.0, 16_000));
    write_wav(&folder.join("alice.wav"), 8000, 1, &alice);
    write_wav(&folder.join("bob.wav"), 8000, 1, &bob);
    write_wav(&folder.join("carol.wav"), 8000, 1, &[0; 800]);
    let output = mix(&folder, "--json --out heard alice.wav bob.wav carol.wav");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let heard = ["1-alice", "2-bob", "3-carol", "mix"].map(|name| {
        let (rate, samples) = read_wav(&folder.join(format!("heard/{name}.wav")));
        assert_eq!(rate, 8000);
        samples
    });
    // Past the fade of 5 ms; once Alice's file has ended, its last sample falls for 5 ms.
    assert_eq!((heard[0].len(), &heard[0][40..]), (16_000, &bob[40..]));
    assert_eq!(heard[1][40..8000], alice[40..]);
    assert!(heard[1][8040..].iter().all(|&sample| sample == 0));
    let both: Vec<i16> = alice.iter().zip(&bob).map(|(a, b)| a + b).collect();
    assert_eq!((&heard[2][40..8000], &heard[2][8040..]), (&both[40..], &bob[8040..]));
    assert_eq!(heard[2], heard[3]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["rate"], &report["length_ms"], &report["limited"]),
        (&8000.into(), &2000.into(), &0.into())
    );
    let talks = |member: usize| report["members"][member]["talks"].clone();
    // The hangover of 400 ms is among it.
    let talk =
        |end: u32, level: i32| serde_json::json!([{ "start_ms": 0, "end_ms": end, "level_dbov": level }]);
    assert_eq!([talks(0), talks(1), talks(2)], [talk(1380, -12), talk(2000, -18), serde_json::json!([])]);
    assert_eq!(report["active"][0]["file"], "alice.wav");
}

#[test]
fn mix_refuses_what_it_cannot_do() {
    let folder = folder();
    write_wav(&folder.join("a.wav"), 8000, 1, &tone(400.0, 8000.0, 800));
    for (line, code, reason) in [
        ("--rate 11025 --out heard a.wav", 2, "a room has one of"),
        ("--loudest 0 --out heard a.wav", 2, "0 speakers at a time"),
        ("a.wav", 2, "--out"),
        ("--out heard a.wav missing.wav", 1, "missing.wav: "),
        ("--out a.wav a.wav", 1, "cannot write a.wav"),
    ] {
        let Output { status, stderr, .. } = mix(&folder, line);
        assert_eq!(
            (status.code(), text(&stderr).contains(reason)),
            (Some(code), true),
            "{line}: {}",
            text(&stderr)
        );
    }
}
