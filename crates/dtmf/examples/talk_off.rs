//! Digits that the detector takes from hours of speech and music without any: `cargo xtask talk-off`.
//!
//! `talk_off HOURS [FOLDER...]`: the WAV files of the folders, as they are, at other speeds and through coders, then synthesised
//! speech, until there are HOURS. With MEDIAPOINT_DTMF_PEER=PROGRAM, the program of `tests/spandsp_digits.c` hears the same
//! samples. Prints where each digit was found, and a table. `MEDIAPOINT_TALK_OFF_HALF=tuning` or `=test` takes half of the files,
//! `MEDIAPOINT_TALK_OFF_MINUTES` ends it early. `MEDIAPOINT_TALK_OFF_ONLY=TEXT` takes the clips
//! whose name and variant hold TEXT, such as `through G729`. `MEDIAPOINT_TALK_OFF_KEPT=FOLDER` keeps the samples, 2.7 GB of 46 hours, so that
//! a change of the detector is heard within minutes.

#[path = "talk_off/detect.rs"]
mod detect;
#[path = "talk_off/material.rs"]
mod material;
#[path = "talk_off/variant.rs"]
mod variant;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use detect::{Detected, Detectors};
use material::Item;

/// What is known of a kind of material.
#[derive(Default)]
struct Sum {
    samples: usize,
    ours: usize,
    theirs: usize,
    muted: u64,
}

/// What all workers add to.
#[derive(Default)]
struct Tally {
    parts: BTreeMap<String, Sum>,
    samples: usize,
    peer: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let hours: f64 = arguments.next().map_or(Ok(46.0), |text| text.parse())?;
    let folders: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let mut items = material::items(&folders, std::env::var("MEDIAPOINT_TALK_OFF_HALF").ok().as_deref())?;
    let only = std::env::var("MEDIAPOINT_TALK_OFF_ONLY").ok();
    if let Some(only) = &only {
        items.retain(|item| format!("{} {}", item.name(), item.variant()).contains(only));
    }
    let (next, tally, began) = (AtomicUsize::new(0), Mutex::new(Tally::default()), Instant::now());
    let minutes = std::env::var("MEDIAPOINT_TALK_OFF_MINUTES").ok().and_then(|text| text.parse().ok());
    let until = began + Duration::from_secs_f64(60.0 * minutes.unwrap_or(1e6));
    let kept = std::env::var_os("MEDIAPOINT_TALK_OFF_KEPT").map(PathBuf::from);
    if let Some(folder) = &kept {
        std::fs::create_dir_all(folder)?;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                if let Err(error) = work(&items, kept.as_deref(), &next, &tally, hours, until) {
                    eprintln!("error: {error}");
                }
            });
        }
    });
    let Tally { parts, samples, peer } = tally.into_inner().unwrap_or_default();
    println!("{:<34} {:>7} {:>10} {:>10} {:>9}", "part", "hours", "mediapoint", "libspandsp", "muted s/h");
    let mut all = Sum::default();
    for (name, sum) in &parts {
        line(name, sum, peer);
        all.samples += sum.samples;
        all.ours += sum.ours;
        all.theirs += sum.theirs;
        all.muted += sum.muted;
    }
    line("all", &all, peer);
    println!("{:.0} s, {cores} threads", began.elapsed().as_secs_f64());
    if only.is_none() && hours_of(samples) < hours {
        return Err(
            format!("{:.1} hours is all there was, or all there was time for", hours_of(samples)).into()
        );
    }
    Ok(())
}

fn hours_of(samples: usize) -> f64 {
    samples as f64 / 8000.0 / 3600.0
}

fn line(name: &str, sum: &Sum, peer: bool) {
    let theirs = if peer { sum.theirs.to_string() } else { "-".to_owned() };
    let (hours, muted) = (hours_of(sum.samples), sum.muted as f64 / 8000.0);
    println!("{name:<34} {hours:>7.2} {:>10} {theirs:>10} {:>9.1}", sum.ours, muted / hours.max(1e-9));
}

/// Takes items until there are enough hours or none is left.
fn work(
    items: &[Item],
    kept: Option<&Path>,
    next: &AtomicUsize,
    tally: &Mutex<Tally>,
    hours: f64,
    until: Instant,
) -> Result<(), Box<dyn Error>> {
    let mut detectors = Detectors::new()?;
    loop {
        if tally.lock().map_or(true, |tally| hours_of(tally.samples) >= hours) || Instant::now() > until {
            return Ok(());
        }
        let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
        let Some(pcm) = item.samples(kept)? else { continue };
        let Detected { ours, theirs, muted } = detectors.process(&pcm)?;
        for (digit, second) in &ours {
            println!("{} ({}): {digit} at {second:.2} s", item.name(), item.variant());
        }
        let Ok(mut tally) = tally.lock() else { return Ok(()) };
        let before = hours_of(tally.samples);
        tally.samples += pcm.len();
        if before.floor() < hours_of(tally.samples).floor() {
            eprintln!("{:.0} of {hours} hours", hours_of(tally.samples));
        }
        tally.peer = detectors.has_peer();
        let sum = tally.parts.entry(item.part()).or_default();
        sum.samples += pcm.len();
        sum.ours += ours.len();
        sum.theirs += theirs;
        sum.muted += muted;
    }
}
