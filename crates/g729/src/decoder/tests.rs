use super::*;
use crate::serial::Reader;
use crate::testdata::{data_pack, trace};

#[test]
fn noise_follows_the_trace() {
    let Some(folder) = data_pack("noise") else { return };
    let stream = std::fs::read(folder.join("vectors/annex_b/tstseq6.bit")).unwrap();
    let mut decoder = Decoder::new();
    for (line, frame) in trace(&folder, "dec_tstseq6.jsonl").iter().zip(Reader::new(&stream)) {
        let out = match frame.unwrap() {
            Some(f) => decoder.decode(f),
            None => decoder.decode_erased(),
        };
        let n = &line["frame"];
        if let Some(exc) = line["cng_exc"].as_array() {
            let exc: Vec<i16> = exc.iter().map(|x| x.as_i64().unwrap() as i16).collect();
            let a: Vec<i16> =
                line["cng_A"].as_array().unwrap().iter().map(|x| x.as_i64().unwrap() as i16).collect();
            assert_eq!(lsp::to_lpc(&decoder.lsp)[..], a[11..], "{n} lpc");
            assert_eq!(line["seed"], decoder.noise.random.0, "{n} seed");
            assert_eq!(
                decoder.excitation[PAST - FRAME..PAST],
                exc[..],
                "{n} exc, level {} gain {}",
                decoder.noise.level,
                decoder.noise.gain
            );
        }
        let expected: Vec<i16> =
            line["out"].as_array().unwrap().iter().map(|x| x.as_i64().unwrap() as i16).collect();
        assert_eq!(out[..], expected[..], "{n} out");
    }
}
