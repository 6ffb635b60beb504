//! What must hold whatever comes: called by unit tests, by the replay of the corpus and by the fuzz target.

use crate::amr::{AmrLayout, Band, pack, unpack};
use crate::comfort_noise::NoiseGenerator;
use crate::{Codec, Decoder, Parameters, decoder};

/// Samples behind what a decoder may write, and what they are before.
const GUARD: usize = 16;
const UNTOUCHED: i16 = 0x5a5a;
/// What nothing was written to: compared as a whole, since a loop with a comparison each costs a fuzz target more than most
/// decoders.
static CLEAN: [i16; 5760 + GUARD] = [UNTOUCHED; 5760 + GUARD];

/// Steps of one input at most: few, so that many inputs are tried.
const STEPS: usize = 16;

/// Feeds payloads, losses and pauses to a decoder, as `data` says: the first octet chooses the codec, and by its highest bit
/// whether all of it is done twice with a reset between; then each step takes an octet that says what happens and one that
/// says how long it is.
///
/// # Panics
/// If the decoder writes beyond its room, more or less than it told, or something else after a reset.
pub fn decode(data: &[u8]) {
    let Some((choice, script)) = data.split_first() else { return };
    let codecs = [
        (Codec::PCMU, 8000),
        (Codec::PCMA, 8000),
        (Codec::G722, 16_000),
        (Codec::G729, 8000),
        (Codec::OPUS, 8000),
        (Codec::OPUS, 16_000),
        (Codec::OPUS, 48_000),
        (Codec::L16_8K, 8000),
        (Codec::L16_48K, 48_000),
        (Codec::GSM, 8000),
    ];
    let Some((codec, rate)) = codecs.get(usize::from(choice & 0x7f) % (codecs.len() + 2)) else {
        return texts(script);
    };
    let Ok(mut decoder) = decoder(codec, *rate) else { unreachable!("every codec has a decoder") };
    let first = run(&mut *decoder, script);
    if choice & 0x80 == 0 {
        return;
    }
    decoder.reset();
    assert_eq!(run(&mut *decoder, script), first, "{codec:?} decodes otherwise after a reset");
}

/// Takes the steps and gives a digest of all samples.
fn run(decoder: &mut dyn Decoder, mut script: &[u8]) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut pcm = CLEAN;
    for _ in 0..STEPS {
        let Some((&[step, len], rest)) = script.split_first_chunk() else { break };
        // Mostly whole and short payloads, at times long ones.
        let len = usize::from(len) << (step >> 6 & 1);
        let (payload, later) = rest.split_at(len.min(rest.len()));
        script = later;
        let room = pcm.len() - GUARD;
        let told = match step & 7 {
            0..5 => take(decoder, payload, &mut pcm),
            5 => {
                decoder.conceal(pcm.get_mut(..len * 4).unwrap_or_default(), Some(payload));
                len * 4
            }
            6 => {
                decoder.conceal(pcm.get_mut(..len).unwrap_or_default(), None);
                decoder.feed_concealed(pcm.get(..len).unwrap_or_default());
                len
            }
            _ if decoder.continue_noise(pcm.get_mut(..len).unwrap_or_default()) => len,
            _ => 0,
        };
        assert!(told <= room, "{told} samples");
        let (written, rest) = pcm.split_at_mut(told);
        assert_eq!(Some(&*rest), CLEAN.get(told..), "something written behind {told} samples");
        for sample in &*written {
            digest = (digest ^ u64::from(sample.cast_unsigned())).wrapping_mul(0x0100_0000_01b3);
        }
        written.fill(UNTOUCHED);
    }
    digest
}

/// Decodes a payload into just the room it needs, and says how many samples that was.
fn take(decoder: &mut dyn Decoder, payload: &[u8], pcm: &mut [i16]) -> usize {
    let Ok(need) = decoder.duration(payload) else {
        assert!(decoder.decode(payload, pcm).is_err(), "decoded what has no duration");
        pcm.fill(UNTOUCHED);
        return 0;
    };
    let room = pcm.get_mut(..need).unwrap_or_default();
    match decoder.decode(payload, room) {
        Ok(decoded) => {
            assert_eq!(decoded.samples, need, "duration of {} octets", payload.len());
            need
        }
        Err(_) => {
            room.fill(UNTOUCHED);
            0
        }
    }
}

/// The parameters of any text come back as they were read, and any description of noise makes some.
fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for codec in [Codec::OPUS, Codec::G729, Codec::AMR, Codec::AMR_WB, Codec::TELEPHONE_EVENT, Codec::PCMU] {
        let read = Parameters::parse(&codec, &text);
        let again = read.to_fmtp(&codec).map(|line| Parameters::parse(&codec, &line)).unwrap_or_default();
        assert_eq!(again, read, "{codec:?}");
    }
    amr(data);
    let mut generator = NoiseGenerator::new(8000, 1);
    for payload in data.chunks(12) {
        generator.update(payload);
        let mut pcm = [UNTOUCHED; 80 + GUARD];
        generator.generate(pcm.get_mut(..80).unwrap_or_default());
        assert!(pcm.iter().skip(80).all(|sample| *sample == UNTOUCHED));
    }
}

/// What is read of a payload of AMR is written back so that it reads the same.
fn amr(octets: &[u8]) {
    let aligned = AmrLayout { octet_align: true, ..AmrLayout::default() };
    let layouts = [AmrLayout::default(), aligned, AmrLayout { robust_sorting: true, ..aligned }];
    for band in [Band::Narrow, Band::Wide] {
        for layout in layouts {
            let Ok(payload) = unpack(band, layout, octets) else { continue };
            let mut again = [0; 1000];
            let Ok(len) = pack(layout, payload.request, payload.frames(), &mut again) else {
                unreachable!("what was read can be written")
            };
            assert_eq!(len, octets.len(), "{layout:?}");
            assert_eq!(unpack(band, layout, again.get(..len).unwrap_or_default()), Ok(payload), "{layout:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_payloads_hold() {
        let mut state = 0x9e37_79b9_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_be_bytes()[1]
        };
        for choice in (0..12).cycle().take(400) {
            let mut data: Vec<u8> = (0..2500).map(|_| next()).collect();
            data[0] = choice | (data[1] & 0x80);
            decode(&data);
        }
    }

    #[test]
    fn random_parameters_hold() {
        let words = [
            "annexb",
            "octet-align",
            "mode-set",
            "crc",
            "interleaving",
            "no",
            "=",
            ";",
            " ",
            "usedtx",
            "1",
            "maxplaybackrate",
            "16000",
            "0-15",
            ",",
            "events=",
        ];
        let mut state = 7_u32;
        for _ in 0..2000 {
            let mut data = vec![9];
            for _ in 0..8 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                data.extend_from_slice(words[(state >> 16) as usize % words.len()].as_bytes());
            }
            decode(&data);
        }
    }
}
