//! Criterion benches, a file per topic, under `benches/`.

/// Recorded speech at `rate` hertz: Debian's `asterisk-core-sounds-en-wav`, or noise of speech's level where it is
/// missing. Band-limited to 4 kHz.
#[must_use]
pub fn speech(rate: u32) -> Vec<i16> {
    let pcm = recorded().unwrap_or_else(noise);
    let Ok(mut resampler) = mediapoint_codec::resample::Resampler::new(8000, rate) else { return pcm };
    let mut out = vec![0; pcm.len() * rate as usize / 8000 + 1];
    let written = resampler.process(&pcm, &mut out);
    out.truncate(written);
    out
}

fn recorded() -> Option<Vec<i16>> {
    let file = hound::WavReader::open("/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav").ok()?;
    file.into_samples().collect::<Result<_, _>>().ok()
}

fn noise() -> Vec<i16> {
    let mut state = 0x2545_f491_u32;
    (0..80_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let [low, high, ..] = state.to_le_bytes();
            i16::from_le_bytes([low, high]) >> 4
        })
        .collect()
}
