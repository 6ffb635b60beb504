//! The time line against a naive twin that holds all of it in arrays, and its bounds.

#![expect(clippy::cast_possible_truncation, reason = "numbers of tests are small")]

use super::*;

const RATE: u32 = 8000;

/// What a time line made, put together again.
#[derive(Debug, Default, PartialEq, Eq)]
struct Whole {
    left: Vec<i16>,
    right: Vec<i16>,
    /// What is to be known about each sample.
    kinds: Vec<Option<FactKind>>,
    /// What a gap would be.
    gap: Option<FactKind>,
}

impl Whole {
    fn add(&mut self, samples: usize, left: i16, right: i16, kind: Option<FactKind>) {
        self.left.extend(std::iter::repeat_n(left, samples));
        self.right.extend(std::iter::repeat_n(right, samples));
        self.kinds.extend(std::iter::repeat_n(kind, samples));
    }

    fn drain(&mut self, line: &mut TimeLine) {
        let mut facts = Facts::default();
        while let Some(frame) = line.poll(&mut facts) {
            assert_eq!(frame.first_sample, self.left.len() as u64);
            assert_eq!((frame.left.len(), frame.right.len()), (160, 160));
            self.left.extend_from_slice(&frame.left[..frame.samples]);
            self.right.extend_from_slice(&frame.right[..frame.samples]);
            if frame.silent {
                assert!(frame.left.iter().chain(frame.right).all(|sample| *sample == 0));
            }
        }
        for fact in facts.drain() {
            let (start, end) = (fact.start as usize, fact.end() as usize);
            self.kinds.resize(self.kinds.len().max(end), None);
            for kind in &mut self.kinds[start..end] {
                assert_eq!(kind.replace(fact.kind), None, "two facts about one sample");
            }
        }
    }
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// One frame of the tap, into the time line and into its twin.
fn push(dice: &mut Dice, line: &mut TimeLine, whole: &mut Whole, twin: &mut Whole) {
    let (left, right) = (1 + dice.roll(9999) as i16, 1 + dice.roll(9999) as i16);
    let samples = [0, 1, 80, 160, 161, 240, 480][dice.roll(7) as usize];
    let at = twin.left.len() as u64;
    let position = match dice.roll(8) {
        0 => at + dice.roll(2000),
        1 => at + 160,
        2 => at.saturating_sub(dice.roll(500)),
        _ => at,
    };
    let dropped = if dice.roll(3) == 0 { dice.roll(1000) } else { 0 };
    let state = [TapState::Open, TapState::Open, TapState::Paused, TapState::Secure][dice.roll(4) as usize];
    let place = if dice.roll(2) == 0 { LossPlace::Tap } else { LossPlace::Sink };
    let (left_pcm, right_pcm) = (vec![left; samples], vec![right; samples]);
    let view =
        TapFrameView { position, dropped, left: &left_pcm, right: &right_pcm, state, announced: false };
    let pushed = line.push(&view, place);
    whole.drain(line);

    let repeated = at.saturating_sub(position).min(samples as u64);
    assert_eq!(pushed.is_ok(), repeated < samples as u64 || samples == 0, "{pushed:?}");
    if pushed.is_ok() {
        let missing = position.saturating_sub(at);
        let lost = dropped.min(missing);
        let gap = twin.gap.or(Some(FactKind::Gap));
        twin.add((missing - lost) as usize, 0, 0, gap);
        twin.add(lost as usize, 0, 0, Some(FactKind::Lost(place)));
        let samples = samples - repeated as usize;
        twin.gap = state.fact();
        match state {
            TapState::Open => twin.add(samples, left, right, None),
            TapState::Paused => twin.add(samples, 0, 0, Some(FactKind::Paused)),
            TapState::Secure => twin.add(samples, 0, 0, Some(FactKind::Masked)),
        }
    }
}

#[test]
fn it_is_what_its_naive_twin_is() {
    for seed in 1..=300_u64 {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let (mut line, mut whole, mut twin) = (TimeLine::new(RATE), Whole::default(), Whole::default());
        for _ in 0..200 {
            push(&mut dice, &mut line, &mut whole, &mut twin);
        }
        let more = dice.roll(1000);
        let gap = twin.gap.take().or(Some(FactKind::Gap));
        let dropped = dice.roll(1000);
        let end = TapEnd { position: twin.left.len() as u64 + more, dropped };
        line.end(Some(end), LossPlace::Sink).unwrap();
        let lost = dropped.min(more);
        twin.add((more - lost) as usize, 0, 0, gap);
        twin.add(lost as usize, 0, 0, Some(FactKind::Lost(LossPlace::Sink)));
        whole.drain(&mut line);
        whole.kinds.resize(whole.left.len(), None);
        assert!(whole == twin, "seed {seed}");
        let of = line.statistics();
        let sum = of.taken + of.gaps + of.lost_at_tap + of.lost_at_sink + of.paused + of.masked;
        assert_eq!(sum, twin.left.len() as u64);
    }
}

#[test]
fn a_step_of_a_day_is_made_as_it_is_polled() {
    let mut line = TimeLine::new(RATE);
    let day = 86_400 * u64::from(RATE);
    line.push(&TapFrameView { position: day, left: &[7; 160], ..TapFrameView::default() }, LossPlace::Tap)
        .unwrap();
    let room = |line: &TimeLine| {
        line.left.len() + line.right.len() + line.waiting.left.capacity() + line.waiting.right.capacity()
    };
    let before = room(&line);
    let mut facts = Facts::default();
    let mut frames = 0_u64;
    while let Some(frame) = line.poll(&mut facts) {
        frames += 1;
        assert_eq!(frame.silent, frames <= 86_400 * 50);
    }
    assert_eq!(frames, 86_400 * 50 + 1);
    assert_eq!(facts.as_slice(), [Fact { start: 0, samples: day, kind: FactKind::Gap }]);
    assert_eq!(room(&line), before);
}

#[test]
fn a_frame_before_the_last_was_polled_is_refused_and_changes_nothing() {
    let mut line = TimeLine::new(RATE);
    let view = |position| TapFrameView { position, left: &[1; 160], ..TapFrameView::default() };
    line.push(&view(1600), LossPlace::Tap).unwrap();
    assert_eq!(line.push(&view(1760), LossPlace::Tap), Err(PushError::NotDrained));
    assert_eq!(line.end(None, LossPlace::Tap), Err(PushError::NotDrained));
    let mut whole = Whole::default();
    whole.drain(&mut line);
    assert_eq!(whole.left.len(), 1760);
}

#[test]
fn a_position_beyond_every_recording_is_refused() {
    let mut line = TimeLine::new(RATE);
    let far = TapFrameView { position: u64::MAX - 5, left: &[1; 160], ..TapFrameView::default() };
    assert_eq!(line.push(&far, LossPlace::Tap), Err(PushError::TooFar(u64::MAX - 5)));
    let end = TapEnd { position: u64::MAX, dropped: 0 };
    assert_eq!(line.end(Some(end), LossPlace::Tap), Err(PushError::TooFar(u64::MAX)));
    assert!(line.poll(&mut Facts::default()).is_none());
    assert_eq!(line.statistics().refused, 160);
}

#[test]
fn a_mark_says_what_is_missing_behind_it() {
    let mut line = TimeLine::new(RATE);
    let mut facts = Facts::default();
    let marks = [(800, TapState::Paused), (1600, TapState::Open), (2000, TapState::Secure)];
    for (position, state) in marks {
        let mark = TapFrameView { position, state, ..TapFrameView::default() };
        line.push(&mark, LossPlace::Tap).unwrap();
        while line.poll(&mut facts).is_some() {}
    }
    line.end(Some(TapEnd { position: 2400, dropped: 0 }), LossPlace::Tap).unwrap();
    while line.poll(&mut facts).is_some() {}
    let fact = |start, samples, kind| Fact { start, samples, kind };
    let wanted = [
        fact(0, 800, FactKind::Gap),
        fact(800, 800, FactKind::Paused),
        fact(1600, 400, FactKind::Gap),
        fact(2000, 400, FactKind::Masked),
    ];
    assert_eq!(facts.as_slice(), wanted);
}

#[test]
fn nothing_comes_after_the_end() {
    let mut line = TimeLine::new(RATE);
    line.end(None, LossPlace::Tap).unwrap();
    let view = TapFrameView { left: &[1; 160], ..TapFrameView::default() };
    assert_eq!(line.push(&view, LossPlace::Tap), Err(PushError::Ended));
    assert!(line.poll(&mut Facts::default()).is_none());
}

#[test]
fn masked_audio_does_not_reach_a_frame_even_if_the_tap_left_it_in() {
    for state in [TapState::Paused, TapState::Secure] {
        let mut line = TimeLine::new(RATE);
        let view = TapFrameView { left: &[9; 160], right: &[9; 160], state, ..TapFrameView::default() };
        line.push(&view, LossPlace::Tap).unwrap();
        let mut facts = Facts::default();
        let frame = line.poll(&mut facts).unwrap();
        assert!(frame.silent && frame.left.iter().chain(frame.right).all(|sample| *sample == 0));
        assert_eq!(facts.as_slice().len(), 1);
    }
}

#[test]
fn an_announcement_is_a_fact_beside_the_audio_and_none_where_silence_stands() {
    let mut line = TimeLine::new(RATE);
    let mut facts = Facts::default();
    let mut taken = Vec::new();
    for (n, state) in (0..).zip([TapState::Open, TapState::Open, TapState::Open, TapState::Secure]) {
        let announced = n > 0;
        let view =
            TapFrameView { position: n * 160, left: &[9; 160], state, announced, ..TapFrameView::default() };
        line.push(&view, LossPlace::Tap).unwrap();
        while let Some(frame) = line.poll(&mut facts) {
            taken.push((frame.silent, frame.left.iter().all(|sample| *sample == 9)));
        }
    }
    assert_eq!(taken, [(false, true), (false, true), (false, true), (true, false)]);
    let wanted = [(160, 320, FactKind::Announced), (480, 160, FactKind::Masked)];
    assert_eq!(facts.as_slice(), wanted.map(|(start, samples, kind)| Fact { start, samples, kind }));
    assert_eq!(line.statistics().taken, 480);
}
