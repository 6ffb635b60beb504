use super::*;
use crate::serial::{Reader, read_all};
use crate::testdata::{data_pack, trace};

/// The words of an array in a trace.
fn words(line: &serde_json::Value, key: &str) -> Vec<i16> {
    let all = line[key].as_array().unwrap_or_else(|| panic!("no {key} in the trace"));
    all.iter().map(|x| i16::try_from(x.as_i64().unwrap()).unwrap()).collect()
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn speech_and_losses_follow_the_traces() {
    let folder = data_pack();
    for (name, vector) in [("dec_SPEECH.jsonl", "speech.bit"), ("dec_ERASURE.jsonl", "erasure.bit")] {
        let stream = std::fs::read(folder.join("vectors/annex_a").join(vector)).unwrap();
        let mut decoder = Decoder::new();
        for (line, frame) in trace(&folder, name).iter().zip(Reader::new(&stream)) {
            let at = format!("{vector}, frame {}", line["frame"]);
            let out = match frame.unwrap() {
                Some(frame) => decoder.decode(frame),
                None => decoder.decode_erased(),
            };
            assert_eq!(decoder.lsp[..], words(line, "lsp_q"), "LSPs, {at}");
            assert_eq!(decoder.excitation[PAST - FRAME..PAST], words(line, "exc"), "excitation, {at}");
            assert_eq!(decoder.synthesis[..], words(line, "synth")[FRAME - ORDER..], "synthesis, {at}");
            assert_eq!(out[..], words(line, "out"), "output, {at}");
        }
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn noise_follows_the_trace() {
    let folder = data_pack();
    let stream = std::fs::read(folder.join("vectors/annex_b/tstseq6.bit")).unwrap();
    let mut decoder = Decoder::new();
    for (line, frame) in trace(&folder, "dec_tstseq6.jsonl").iter().zip(Reader::new(&stream)) {
        let at = format!("frame {}", line["frame"]);
        let out = match frame.unwrap() {
            Some(frame) => decoder.decode(frame),
            None => decoder.decode_erased(),
        };
        if line["cng_exc"].is_array() {
            assert_eq!(lsp::to_lpc(&decoder.lsp)[..], words(line, "cng_A")[ORDER + 1..], "filter, {at}");
            assert_eq!(line["seed"], decoder.noise.random.0, "seed, {at}");
            assert_eq!(decoder.excitation[PAST - FRAME..PAST], words(line, "cng_exc"), "excitation, {at}");
        }
        assert_eq!(out[..], words(line, "out"), "output, {at}");
    }
}

#[test]
fn losses_after_noise_do_not_disturb_it() {
    let mut lossy = Decoder::new();
    let mut whole = Decoder::new();
    for decoder in [&mut lossy, &mut whole] {
        let _ = decoder.decode(Frame::Sid([0x31, 0x46]));
    }
    for _ in 0..20 {
        assert_eq!(lossy.decode_erased(), whole.decode(Frame::Untransmitted));
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn lost_speech_fades() {
    let folder = data_pack();
    let stream = std::fs::read(folder.join("vectors/annex_a/speech.bit")).unwrap();
    let mut decoder = Decoder::new();
    for frame in read_all(&stream).unwrap().into_iter().take(1500) {
        let _ = decoder.decode(frame.unwrap());
    }
    let mut energies = (0..40).map(|_| {
        let out = decoder.decode_erased();
        out.iter().map(|&x| i64::from(x) * i64::from(x)).sum::<i64>()
    });
    let first = energies.next().unwrap();
    let last = energies.last().unwrap();
    assert!(first > 1_000_000, "{first}");
    assert!(last < first / 4, "{last} of {first}");
}
