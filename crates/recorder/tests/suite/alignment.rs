//! An hour with loss, gaps, steps of the clock, pauses and secure input: both channels stay where they belong.

use mediapoint_recorder::{Channels, FactKind, Format, TapFrameView, TapState};

use crate::support::{Harness, Recorded, decode};

const RATE: u64 = 8000;
const HOUR: u64 = 3600 * RATE;
/// A burst of 100 ms every 2 s, in both channels at once.
const EVERY: u64 = 2 * RATE;
const BURST: u64 = RATE / 10;

/// What both parties send at a sample: 1 kHz in bursts, another level on each side.
fn signal(at: u64, level: i16) -> i16 {
    let tone = [0, 7, 10, 7, 0, -7, -10, -7][(at % 8) as usize];
    if at % EVERY < BURST { tone * level } else { 0 }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The hour. Ticks of 20 ms; 2 % of them are lost, some by the reader; every minute or so the party is silent, on hold,
/// paused or under secure input for some seconds; and the clock of ticks drifts, so that a tick repeats 10 ms or leaves
/// them out.
fn hour(format: Format, complexity: u8) -> Recorded {
    let mut harness = Harness::new(format, RATE as u32, complexity);
    let mut dice = Dice(0xD1CE_0BEE);
    let (mut position, mut state, mut change) = (0, TapState::Open, 60 * RATE);
    let mut dropped = 0;
    while position < HOUR {
        let (left, right): (Vec<i16>, Vec<i16>) =
            (position..(position + 160).min(HOUR)).map(|at| (signal(at, 900), signal(at, 700))).unzip();
        match dice.roll(100) {
            0 => dropped += 160,
            1 => {}
            _ => {
                harness.push(&TapFrameView {
                    position,
                    dropped,
                    left: &left,
                    right: &right,
                    state,
                    announced: false,
                });
                dropped = 0;
            }
        }
        position += match dice.roll(200) {
            0 => 80,
            1 => 240,
            _ => 160,
        };
        if position >= change {
            let kind = dice.roll(4);
            state = [TapState::Open, TapState::Paused, TapState::Secure, TapState::Open][kind as usize];
            // Nothing comes for a while.
            position += if kind == 3 { dice.roll(20 * RATE) / 80 * 80 } else { 0 };
            change = position + RATE + dice.roll(60 * RATE);
        }
    }
    harness.finish(Some(HOUR))
}

/// For each sample, whether something stands in its place.
fn replaced(recorded: &Recorded) -> Vec<bool> {
    let mut replaced = vec![false; HOUR as usize];
    for fact in &recorded.facts {
        replaced[fact.start as usize..fact.end() as usize].fill(true);
    }
    replaced
}

fn has_every_kind(recorded: &Recorded) {
    let has = |wanted: fn(FactKind) -> bool| recorded.facts.iter().any(|fact| wanted(fact.kind));
    assert!(has(|kind| kind == FactKind::Gap) && has(|kind| kind == FactKind::Paused));
    assert!(has(|kind| kind == FactKind::Masked) && has(|kind| matches!(kind, FactKind::Lost(_))));
}

#[test]
fn every_sample_of_an_hour_is_where_it_was_said() {
    let recorded = hour(Format::Wav(Channels::Stereo), 0);
    has_every_kind(&recorded);
    assert_eq!(recorded.samples, HOUR);
    let replaced = replaced(&recorded);
    let file = recorded.file();
    let reader = hound::WavReader::new(std::io::Cursor::new(file)).unwrap();
    let read: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
    assert_eq!(read.len() as u64, 2 * HOUR);
    for (at, (pair, replaced)) in read.as_chunks::<2>().0.iter().zip(&replaced).enumerate() {
        let at = at as u64;
        let expected = if *replaced { [0, 0] } else { [signal(at, 900), signal(at, 700)] };
        assert_eq!(*pair, expected, "sample {at}");
    }
}

/// Where a channel first reaches half of what it reaches between two samples.
fn onset(channel: &[i16], from: usize, to: usize) -> usize {
    let window = &channel[from..to];
    let most = window.iter().map(|sample| i32::from(*sample).abs()).max().unwrap();
    assert!(most > 1500, "no burst between {from} and {to}");
    from + window.iter().position(|sample| i32::from(*sample).abs() > most / 2).unwrap()
}

#[test]
fn opus_keeps_both_channels_within_five_milliseconds_for_an_hour() {
    let recorded = hour(Format::OPUS_STEREO, 0);
    has_every_kind(&recorded);
    let replaced = replaced(&recorded);
    let (left, right) = decode(&recorded.file(), RATE as u32);
    assert_eq!((left.len() as u64, right.len() as u64), (HOUR, HOUR));
    let (mut bursts, mut apart, mut off) = (0, 0, 0);
    for at in (EVERY..HOUR).step_by(EVERY as usize) {
        let (from, to) = (at as usize - 200, (at + BURST) as usize);
        if replaced[from..to].contains(&true) {
            continue;
        }
        let (left, right) = (onset(&left, from, to), onset(&right, from, to));
        bursts += 1;
        apart = apart.max(left.abs_diff(right));
        off = off.max(left.abs_diff(at as usize));
    }
    println!(
        "{bursts} bursts: channels at most {apart} samples apart, at most {off} from where they were said"
    );
    assert!(bursts > 400, "{bursts}");
    assert!(apart <= 40 && off <= 40, "{apart} {off}");
    // Secure input and pauses leave nothing in the file, but the decoder's way from sound to silence.
    let mut loudest = 0;
    for fact in recorded.facts.iter().filter(|fact| matches!(fact.kind, FactKind::Masked | FactKind::Paused))
    {
        // What follows begins to sound within its packet, up to the look-ahead too early.
        let (from, to) = (fact.start as usize + 1600, fact.end() as usize - 52);
        let inside = left.iter().zip(&right).take(to).skip(from);
        let found = inside.map(|(x, y)| x.unsigned_abs().max(y.unsigned_abs())).max().unwrap_or(0);
        loudest = loudest.max(found);
    }
    println!("at most {loudest} of 32768 within what was masked or paused");
    assert!(loudest <= 8, "{loudest}");
}
