//! Every vector of the data pack decodes bit for bit.

use std::path::{Path, PathBuf};

use mediapoint_g729::{Decoder, serial};

/// The folder of the data pack, or `None` with the reason printed. Under CI its absence is a failure.
fn data_pack() -> Option<PathBuf> {
    let found = match std::env::var_os("MEDIAPOINT_G729_DATA") {
        Some(named) => Some(PathBuf::from(named)),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|above| above.join("shared/g729"))
            .find(|folder| folder.is_dir()),
    };
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "set MEDIAPOINT_G729_DATA to the G.729 data pack");
        eprintln!("vectors skipped: no G.729 data pack (set MEDIAPOINT_G729_DATA, or put it in shared/g729)");
    }
    found
}

#[test]
fn every_vector_decodes_bit_for_bit() {
    let Some(folder) = data_pack() else { return };
    let mut failed = Vec::new();
    let mut count = 0;
    for set in ["annex_a", "annex_b", "generated"] {
        let mut files: Vec<_> = std::fs::read_dir(folder.join("vectors").join(set))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "bit")) {
            let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let stem = if stem == "tstseq6" { "tstseq6a".to_owned() } else { stem };
            let output = [".pst", ".out"]
                .map(|ending| file.with_file_name(format!("{stem}{ending}")))
                .into_iter()
                .find(|path| path.exists())
                .unwrap();
            let expected: Vec<i16> = std::fs::read(&output)
                .unwrap()
                .chunks_exact(2)
                .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            let frames = serial::read_all(&std::fs::read(file).unwrap()).unwrap();
            let mut decoder = Decoder::new();
            let decoded: Vec<i16> = frames
                .iter()
                .flat_map(|frame| match frame {
                    Some(frame) => decoder.decode(*frame),
                    None => decoder.decode_erased(),
                })
                .collect();
            count += 1;
            match decoded.iter().zip(&expected).position(|(a, b)| a != b) {
                Some(at) => failed.push(format!(
                    "{stem}: frame {} of {} ({:?}), sample {}",
                    at / 80,
                    frames.len(),
                    frames[at / 80].map(|f| f.as_bytes().len()),
                    at % 80
                )),
                None => assert_eq!(decoded.len(), expected.len(), "{stem}"),
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} differ:\n{}", failed.len(), failed.join("\n"));
}
