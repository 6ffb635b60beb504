use super::*;
use crate::serial::{Reader, read_all};
use crate::testdata::{data_pack, trace};

/// The parameters as the traces of the reference list them, by the entry of the frame that `parm` describes.
fn listed(speech: &Speech) -> [i64; 12] {
    let [a, b] = &speech.subframes;
    let lsf = &speech.lsf;
    let gain = |subframe: &Subframe| i64::from(subframe.gain_1) * 16 + i64::from(subframe.gain_2);
    [
        1,
        i64::from(lsf.predictor) * 128 + i64::from(lsf.first),
        i64::from(lsf.lower) * 32 + i64::from(lsf.upper),
        a.pitch.into(),
        (!speech.parity_holds()).into(),
        a.positions.into(),
        a.signs.into(),
        gain(a),
        b.pitch.into(),
        b.positions.into(),
        b.signs.into(),
        gain(b),
    ]
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn parameters_are_where_the_reference_finds_them() {
    let folder = data_pack();
    let stream = std::fs::read(folder.join("vectors/annex_a/speech.bit")).unwrap();
    let frames = read_all(&stream).unwrap();
    let traced = trace(&folder, "dec_SPEECH.jsonl");
    assert_eq!(traced.len(), 60);
    for (line, frame) in traced.iter().zip(frames) {
        let Some(Frame::Speech(octets)) = frame else { panic!("{frame:?}") };
        let speech = Speech::unpack(&octets);
        let expected: Vec<i64> =
            line["parm"].as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect();
        assert_eq!(listed(&speech), expected[1..], "frame {}", line["frame"]);
        assert_eq!(speech.pack(), octets);
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn sids_are_where_the_reference_finds_them() {
    let folder = data_pack();
    let stream = std::fs::read(folder.join("vectors/annex_b/tstseq6.bit")).unwrap();
    let mut seen = 0;
    for (line, frame) in trace(&folder, "dec_tstseq6.jsonl").iter().zip(Reader::new(&stream)) {
        let Some(Frame::Sid(octets)) = frame.unwrap() else { continue };
        let sid = Sid::unpack(&octets);
        let expected: Vec<i64> =
            line["parm"].as_array().unwrap().iter().take(6).map(|x| x.as_i64().unwrap()).collect();
        let fields = [sid.predictor, sid.first, sid.second, sid.gain].map(i64::from);
        assert_eq!(expected[1..], [&[2], &fields[..]].concat(), "frame {}", line["frame"]);
        assert_eq!(sid.pack(), octets);
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn each_bit_belongs_to_one_field() {
    let zero = Speech::unpack(&[0; 10]);
    let mut seen = vec![zero];
    for bit in 0..80 {
        let mut octets = [0; 10];
        octets[bit / 8] = 0x80 >> (bit % 8);
        let speech = Speech::unpack(&octets);
        assert_eq!(speech.pack(), octets);
        assert!(!seen.contains(&speech), "bit {bit} has no field of its own");
        seen.push(speech);
    }
}

#[test]
fn pad_of_a_sid_is_not_looked_at() {
    assert_eq!(Sid::unpack(&[0x12, 0x34]), Sid::unpack(&[0x12, 0x35]));
    assert_eq!(Sid::unpack(&[0xff, 0xff]).pack(), [0xff, 0xfe]);
}

#[test]
fn parity_of_no_ones_is_one() {
    assert!(parity(0));
    assert!(parity(3), "the two least bits do not count");
    assert!(!parity(4));
    assert!(parity(0b1100));
}
