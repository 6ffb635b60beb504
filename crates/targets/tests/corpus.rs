//! Feeds every file of every corpus, and every finding of old, to the property of its target.

use std::path::Path;

#[test]
fn every_corpus_holds() {
    for (name, property) in mediapoint_targets::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
        let files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a directory entry").path())
            .collect();
        assert!(!files.is_empty(), "the corpus of {name} is empty");
        for file in &files {
            let data = std::fs::read(file).expect("a corpus file");
            eprintln!("{}", file.display());
            property(&data);
        }
        println!("{name}: {} inputs hold", files.len());
    }
}
