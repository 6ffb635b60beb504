//! Every vector of the data pack decodes bit for bit: those of Annex A, of Annex B, and further ones made with the
//! reference, which lose frames in bursts, flip bits and drive the codec into saturation.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

#[path = "common/data_pack.rs"]
mod data_pack;

use std::path::{Path, PathBuf};

use data_pack::data_pack;
use mediapoint_g729::{Decoder, Frame, serial};

/// The bitstreams of a folder, in order.
fn streams(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "bit"))
        .collect();
    files.sort();
    files
}

/// What a bitstream decodes to by the reference: beside it, `.pst` or `.out`; but for one it has another name.
fn expected(stream: &Path) -> Vec<i16> {
    let stem = stream.file_stem().unwrap().to_str().unwrap();
    let stem = if stem == "tstseq6" { "tstseq6a" } else { stem };
    let file = [".pst", ".out"]
        .map(|ending| stream.with_file_name(format!("{stem}{ending}")))
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{} has no output beside it", stream.display()));
    std::fs::read(file).unwrap().as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

fn decode(frames: &[Option<Frame>]) -> Vec<i16> {
    let mut decoder = Decoder::new();
    let step = |frame: &Option<Frame>| match frame {
        Some(frame) => decoder.decode(*frame),
        None => decoder.decode_erased(),
    };
    frames.iter().flat_map(step).collect()
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn every_vector_decodes_bit_for_bit() {
    let folder = data_pack();
    let mut differing = Vec::new();
    for (set, count) in [("annex_a", 7), ("annex_b", 4), ("generated", 13)] {
        let streams = streams(&folder.join("vectors").join(set));
        assert_eq!(streams.len(), count, "vectors of {set}");
        for stream in streams {
            let frames = serial::read_all(&std::fs::read(&stream).unwrap()).unwrap();
            let (decoded, expected) = (decode(&frames), expected(&stream));
            assert_eq!(decoded.len(), expected.len(), "{}", stream.display());
            if let Some(at) = decoded.iter().zip(&expected).position(|(a, b)| a != b) {
                let frame = at / Frame::SAMPLES;
                differing.push(format!("{}: frame {frame}, {:?}", stream.display(), frames[frame]));
            }
        }
    }
    assert!(differing.is_empty(), "{} differ, first at\n{}", differing.len(), differing.join("\n"));
}
