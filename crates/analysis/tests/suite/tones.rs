//! The tone detector on tones by formula.

use mediapoint_analysis::{COUNTRIES, Progress, SitClass, Tone, ToneDetection, ToneDetector, ToneSettings};

use crate::signal::{Random, add_noise, answer_tone, cadence, silence, to_pcm, tone};

fn detect(signal: &[f64]) -> Vec<ToneDetection> {
    detect_with(ToneSettings::default(), signal)
}

fn detect_with(settings: ToneSettings, signal: &[f64]) -> Vec<ToneDetection> {
    let mut detector = ToneDetector::new(settings);
    to_pcm(signal).chunks(160).filter_map(|frame| detector.process(frame)).collect()
}

fn kinds(found: &[ToneDetection]) -> Vec<Tone> {
    found.iter().map(|found| found.tone).collect()
}

/// Frequencies of a row, level and noise about them.
fn row_signal(hz: [f32; 2], beats: &[u32], random: &mut Random) -> Vec<f64> {
    let hz: Vec<f64> =
        hz.iter().filter(|hz| **hz > 0.0).map(|hz| f64::from(*hz) * random.between(0.995, 1.005)).collect();
    let beats: Vec<f64> = beats.iter().map(|ms| f64::from(*ms) * random.between(0.95, 1.05)).collect();
    let mut signal = silence(random.between(0.0, 400.0));
    signal.extend(cadence(&hz, &beats, 14_000.0, random.between(-30.0, -8.0)));
    signal
}

/// test-of: [ITU-T E.180 sup. 2]
#[test]
fn tones_of_every_country_are_told_by_its_own_table() {
    let mut random = Random::new(1);
    let mut wrong = Vec::new();
    // Spain's reorder tone begins as its busy tone; Australia's 413 + 438 Hz are nearer than 64 ms can tell apart.
    let told_apart = COUNTRIES.iter().filter(|row| {
        (row.country, row.tone) != ("ES", Progress::Reorder)
            && (row.hz[1] == 0.0 || row.hz[1] - row.hz[0] > 30.0)
    });
    for row in told_apart {
        let mut signal = row_signal(row.hz, row.cadence_ms, &mut random);
        add_noise(&mut signal, -58.0, true, &mut random);
        let settings = ToneSettings { country: Some(row.country.into()), ..ToneSettings::default() };
        let first = detect_with(settings, &signal).first().map(|found| found.tone);
        // Some administrations have one cadence for two meanings.
        let same = COUNTRIES.iter().filter(|other| {
            other.country == row.country && other.hz == row.hz && other.cadence_ms == row.cadence_ms
        });
        if !same.map(|other| Some(Tone::Progress(other.tone))).any(|tone| tone == first) {
            wrong.push((row, first));
        }
    }
    println!("{} tones are not told", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn tones_without_a_country_are_told_by_most_countries() {
    let mut random = Random::new(2);
    let mut right = 0;
    for row in COUNTRIES {
        let signal = row_signal(row.hz, row.cadence_ms, &mut random);
        let first = detect(&signal).first().map(|found| found.tone);
        let told = first == Some(Tone::Progress(row.tone));
        if !told {
            println!("{} {:?} {:?}: {first:?}", row.country, row.tone, row.cadence_ms);
        }
        right += usize::from(told);
    }
    println!("{right} of {} tones are told without a country", COUNTRIES.len());
    assert!(right * 100 >= COUNTRIES.len() * 88);
}

/// test-of: [ITU-T E.180 sup. 2]
#[test]
fn special_information_tones_are_told_by_class() {
    const LOW: [f64; 2] = [913.8, 1370.6];
    const HIGH: [f64; 2] = [985.2, 1428.5];
    let cases = [
        (SitClass::Intercept, [LOW[0], LOW[1]], [276.0, 276.0]),
        (SitClass::VacantCode, [HIGH[0], LOW[1]], [380.0, 276.0]),
        (SitClass::NoCircuit, [HIGH[0], HIGH[1]], [380.0, 380.0]),
        (SitClass::NoCircuit, [LOW[0], LOW[1]], [380.0, 380.0]),
        (SitClass::Reorder, [LOW[0], HIGH[1]], [276.0, 380.0]),
        (SitClass::Reorder, [HIGH[0], LOW[1]], [276.0, 380.0]),
        (SitClass::OperatorDefined, [LOW[0], HIGH[1]], [380.0, 276.0]),
        (SitClass::OperatorDefined, [HIGH[0], HIGH[1]], [276.0, 276.0]),
    ];
    let mut random = Random::new(3);
    for (class, [first, second], [one, two]) in cases {
        for pause in [0.0, 4.0, 30.0] {
            for level in [-35.0, -24.0, -10.0] {
                let mut signal = silence(random.between(0.0, 300.0));
                for (hz, ms) in [(first, one), (second, two), (1776.7, 380.0)] {
                    let ms = ms * random.between(0.96, 1.04);
                    signal.extend(tone(&[hz * random.between(0.998, 1.002)], ms, level));
                    signal.extend(silence(pause));
                }
                signal.extend(silence(600.0));
                add_noise(&mut signal, level - 25.0, false, &mut random);
                let found = detect(&signal);
                assert_eq!(
                    kinds(&found),
                    [Tone::Sit(class)],
                    "{first} {second}, pause {pause}, {level} dBm0"
                );
            }
        }
    }
}

/// test-of: [T.30] test-of: [V.8]
#[test]
fn fax_and_modem_tones_are_told_apart() {
    let mut random = Random::new(4);
    for offset in [-12.0, -1.0, 0.0, 4.0, 14.0] {
        for level in [-32.0, -12.0] {
            for (reversals, modulated, expected) in [
                (false, false, Tone::FaxAnswer { reversals: false }),
                (true, false, Tone::FaxAnswer { reversals: true }),
                (false, true, Tone::ModemAnswer { reversals: false }),
                (true, true, Tone::ModemAnswer { reversals: true }),
            ] {
                let mut signal = silence(random.between(200.0, 500.0));
                signal.extend(answer_tone(3300.0, level, reversals, modulated, offset));
                signal.extend(silence(500.0));
                add_noise(&mut signal, level - 22.0, true, &mut random);
                assert_eq!(kinds(&detect(&signal)), [expected], "{offset} Hz, {level} dBm0");
            }
            let mut signal = cadence(&[1100.0 + offset], &[500.0, 3000.0], 5000.0, level);
            add_noise(&mut signal, level - 22.0, true, &mut random);
            let found = kinds(&detect(&signal));
            assert_eq!(found, [Tone::FaxCalling, Tone::FaxCalling], "{offset} Hz, {level} dBm0");
        }
    }
    assert_eq!(kinds(&detect(&tone(&[2225.0], 2000.0, -15.0))), [Tone::ModemAnswer { reversals: false }]);
}

#[test]
fn beeps_of_one_or_two_frequencies_are_found_with_their_length() {
    let mut random = Random::new(5);
    let (mut found_all, mut worst) = (0, 0.0_f64);
    const COUNT: usize = 300;
    for _ in 0..COUNT {
        let hz = random.between(520.0, 1980.0);
        let length = random.between(110.0, 1800.0);
        let level = random.between(-35.0, -6.0);
        let mut signal = silence(random.between(300.0, 700.0));
        let start = signal.len() as f64 / 8.0;
        if random.unit() < 0.25 {
            signal.extend(tone(&[hz, (hz * random.between(0.6, 0.9)).max(400.0)], length, level));
        } else {
            signal.extend(tone(&[hz], length, level));
        }
        signal.extend(silence(7000.0));
        add_noise(&mut signal, level - 20.0, false, &mut random);
        match *detect(&signal) {
            [found] if found.tone == Tone::Beep => {
                found_all += 1;
                worst = worst.max((f64::from(found.segment.duration_ms) - length).abs());
                worst = worst.max((f64::from(found.start_ms) - start).abs());
            }
            [found] if found.tone == Tone::FaxCalling && (hz - 1100.0).abs() < 45.0 => found_all += 1,
            ref other => println!("{hz:.0} Hz, {length:.0} ms, {level:.0} dBm0: {other:?}"),
        }
    }
    println!("{found_all} of {COUNT} beeps; start and length within {worst:.0} ms");
    assert!(found_all * 100 >= COUNT * 97 && worst < 45.0);
}

#[test]
fn a_cadence_is_no_beep_and_a_lone_pulse_is_no_busy_tone() {
    let busy = cadence(&[425.0], &[500.0, 500.0], 6000.0, -15.0);
    assert!(kinds(&detect(&busy)).iter().all(|tone| *tone == Tone::Progress(Progress::Busy)));
    let mut pulse = tone(&[425.0], 500.0, -15.0);
    pulse.extend(silence(3000.0));
    assert_eq!(kinds(&detect(&pulse)), [Tone::Beep]);
}
