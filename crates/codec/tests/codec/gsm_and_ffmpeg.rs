//! GSM full rate is bit-exact with libgsm, which ffmpeg has, in both directions: speech, noise soft and loud, full scale,
//! and frames that no encoder would send.

use mediapoint_codec::Codec;

use crate::support::*;

/// Octets of a frame.
const FRAME: usize = 33;

/// What ffmpeg makes of `pcm` at 8 kHz.
fn encoded_by_ffmpeg(name: &str, pcm: &[i16]) -> Vec<u8> {
    let input = write_raw(&format!("gsm-{name}.raw"), pcm);
    let output = file(&format!("gsm-{name}.gsm"));
    let (from, to) = (input.to_str().unwrap(), output.to_str().unwrap());
    ffmpeg(&["-f", "s16le", "-ar", "8000", "-ac", "1", "-i", from, "-c:a", "libgsm", "-f", "gsm", to]);
    std::fs::read(output).unwrap()
}

/// What ffmpeg makes of `octets`.
fn decoded_by_ffmpeg(name: &str, octets: &[u8]) -> Vec<i16> {
    let input = file(&format!("gsm-{name}.in.gsm"));
    std::fs::write(&input, octets).unwrap();
    let output = file(&format!("gsm-{name}.out.raw"));
    let (from, to) = (input.to_str().unwrap(), output.to_str().unwrap());
    ffmpeg(&["-f", "gsm", "-c:a", "libgsm", "-i", from, "-f", "s16le", to]);
    read_raw(&output)
}

fn frames(octets: &[u8]) -> Vec<Vec<u8>> {
    octets.chunks_exact(FRAME).map(<[u8]>::to_vec).collect()
}

#[test]
fn same_octets_and_same_samples() {
    let soft: Vec<i16> = noise(32_000, 5).into_iter().map(|s| s / 1024).collect();
    let square: Vec<i16> =
        (0..32_000).map(|n| if n / (7 + n / 400) % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let signals = [
        ("speech", speech()),
        ("noise", noise(64_000, 3)),
        ("soft", soft),
        ("square", square),
        ("zero", vec![0; 3200]),
    ];
    for (name, pcm) in signals {
        let octets: Vec<u8> = payloads(&mut *encoder(&Codec::GSM, 8000), &pcm, 20).concat();
        let theirs = encoded_by_ffmpeg(name, &pcm);
        assert!(octets == theirs[..octets.len()], "{name}: other octets");
        let samples = decoded(&mut *decoder(&Codec::GSM, 8000), &frames(&octets));
        assert!(samples == decoded_by_ffmpeg(name, &octets)[..samples.len()], "{name}: other samples");
    }
}

#[test]
fn same_samples_of_random_frames() {
    let mut octets: Vec<u8> = noise(FRAME * 3000, 11).into_iter().map(|s| s as u8).collect();
    octets.chunks_exact_mut(FRAME).for_each(|frame| frame[0] = frame[0] & 0xf | 0xd0);
    let samples = decoded(&mut *decoder(&Codec::GSM, 8000), &frames(&octets));
    let theirs = decoded_by_ffmpeg("random", &octets);
    assert_eq!(samples.len(), theirs.len());
    assert!(samples == theirs);
}
