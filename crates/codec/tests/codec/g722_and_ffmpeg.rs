//! G.722 is bit-exact with ffmpeg's, in both directions: speech, noise soft and loud, full scale, and codes that no
//! encoder would send.

use mediapoint_codec::Codec;

use crate::support::*;

/// What ffmpeg makes of `pcm` at 16 kHz.
fn encoded_by_ffmpeg(name: &str, pcm: &[i16]) -> Vec<u8> {
    let input = write_raw(&format!("{name}.raw"), pcm);
    let output = file(&format!("{name}.g722"));
    let (from, to) = (input.to_str().unwrap(), output.to_str().unwrap());
    ffmpeg(&["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", from, "-c:a", "g722", "-f", "g722", to]);
    std::fs::read(output).unwrap()
}

/// What ffmpeg makes of `octets`.
fn decoded_by_ffmpeg(name: &str, octets: &[u8]) -> Vec<i16> {
    let input = file(&format!("{name}.in.g722"));
    std::fs::write(&input, octets).unwrap();
    let output = file(&format!("{name}.out.raw"));
    ffmpeg(&["-f", "g722", "-i", input.to_str().unwrap(), "-f", "s16le", output.to_str().unwrap()]);
    read_raw(&output)
}

/// A swept square wave of full scale: nothing overshoots more.
fn square(samples: usize) -> Vec<i16> {
    let mut phase = 0.0_f64;
    (0..samples)
        .map(|n| {
            phase = (phase + (50.0 + 7900.0 * n as f64 / samples as f64) / 16_000.0).fract();
            if phase < 0.5 { i16::MAX } else { i16::MIN }
        })
        .collect()
}

#[test]
fn same_octets_and_same_samples() {
    let soft: Vec<i16> = noise(32_000, 5).into_iter().map(|s| s / 1024).collect();
    let signals = [
        ("speech", speech_at(16_000)),
        ("noise", noise(64_000, 3)),
        ("soft", soft),
        ("square", square(160_000)),
        ("zero", vec![0; 3200]),
    ];
    for (name, pcm) in signals {
        let octets: Vec<u8> = payloads(&mut *encoder(&Codec::G722, 16_000), &pcm, 20).concat();
        let theirs = encoded_by_ffmpeg(name, &pcm);
        // ffmpeg pads the last frame.
        assert!(theirs.len() >= octets.len() && octets.len() >= pcm.len() / 2 - 160);
        assert!(octets == theirs[..octets.len()], "{name}: other octets");
        let samples = decoded(&mut *decoder(&Codec::G722, 16_000), &[octets.clone()].map(chunks).concat());
        assert!(samples == decoded_by_ffmpeg(name, &octets), "{name}: other samples");
    }
}

#[test]
fn same_samples_of_random_codes() {
    let random: Vec<u8> = noise(100_000, 11).into_iter().map(|s| s as u8).collect();
    // Runs of one code drive scale factors and predictors to their limits.
    let runs: Vec<u8> = random
        .as_chunks::<2>()
        .0
        .iter()
        .flat_map(|[code, len]| std::iter::repeat_n(*code, usize::from(*len) * 2))
        .take(200_000)
        .collect();
    for (name, octets) in [("random", random), ("runs", runs)] {
        let samples = decoded(&mut *decoder(&Codec::G722, 16_000), &chunks(octets.clone()));
        assert!(samples == decoded_by_ffmpeg(name, &octets), "{name}");
    }
}

fn chunks(octets: Vec<u8>) -> Vec<Vec<u8>> {
    octets.chunks(160).map(<[u8]>::to_vec).collect()
}
