//! Prompts are found in the language asked for, or the next best.

use mediapoint_prompt::{PromptSet, PromptSource};

use crate::support::Folder;

// test-of: [RFC4647 3.4]
#[test]
fn a_tag_falls_back_to_more_general_ones_and_then_to_the_default() {
    let folder = Folder::new("languages");
    for name in [
        "en/menu/welcome.wav",
        "en/only-english.wav",
        "en/notes.txt",
        "es/menu/welcome.wav",
        "es-MX/menu/welcome.flac",
        "zh-Hant/menu/welcome.wav",
        "not a tag/menu/welcome.wav",
    ] {
        folder.write(name, b"");
    }
    let set = PromptSet::open(folder.path(), "en-GB").unwrap();
    assert_eq!(set.languages().collect::<Vec<_>>(), ["en", "es", "es-mx", "zh-hant"]);
    for (language, found) in [
        ("es-MX", "es-MX/menu/welcome.flac"),
        ("ES_mx", "es-MX/menu/welcome.flac"),
        ("es-AR", "es/menu/welcome.wav"),
        ("es", "es/menu/welcome.wav"),
        // A single letter goes with what is behind it.
        ("zh-Hant-CN-x-private1-private2", "zh-Hant/menu/welcome.wav"),
        ("es-x-any", "es/menu/welcome.wav"),
        ("fr-CA", "en/menu/welcome.wav"),
        ("", "en/menu/welcome.wav"),
        ("*", "en/menu/welcome.wav"),
        ("../es", "en/menu/welcome.wav"),
    ] {
        let source = PromptSource::file(folder.path().join(found));
        for name in ["menu/welcome", "menu/welcome.wav"] {
            assert_eq!(set.find(name, language).unwrap().source, source, "{language}");
        }
    }
    assert_eq!(set.find("only-english", "es-MX").unwrap().language, "en");
    for name in ["notes", "notes.txt", "../en/only-english", "menu"] {
        assert_eq!(set.find(name, "en"), None, "{name}");
    }
}
