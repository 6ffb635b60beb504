use super::*;

fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

#[test]
fn random_scripts_are_survived() {
    for seed in 1..=2000 {
        playout_survives(&random_bytes(seed, 400));
    }
}

#[test]
fn random_scripts_of_all_codecs_are_survived() {
    for seed in 1..=600 {
        playout_of_codecs_survives(&random_bytes(seed, 200));
    }
}

/// Calls as they are, more or less: mostly packets in order, each followed by a pull. They are longer than a fuzz target's
/// inputs.
#[test]
fn everyday_calls_are_survived() {
    for seed in 1..=60_u64 {
        let mut script = Vec::new();
        for chunk in random_bytes(seed, 6000).chunks_exact(6) {
            let [choice, number, len, contents, odd, pull] = *chunk else { continue };
            script.extend([32 + choice % 32, number, len, contents]);
            if pull % 4 != 0 {
                script.push(196 + pull % 60);
            }
            if odd < 8 {
                script.extend([96 + choice % 100, number, len, contents, pull]);
            }
        }
        let config = PlayoutConfig::new(pick(&RATES, seed.to_le_bytes()[0])).unwrap();
        let chosen = if seed % 2 == 0 { 0xff } else { 0 };
        survives(config, Offered { chosen, rates: RATES }, &script, 4000);
    }
}
