//! Documents are written in the field's words: phrases that a telephony engineer has to guess at are refused.

use super::conclude;
use crate::error::Error;
use crate::shell;

/// A phrase in lower case, and what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("what becomes of", "name the result: \"returns\", \"is relayed\", \"is dropped\""),
    ("what became of", "name the result"),
    ("what rules it", "\"design rules\""),
    ("the two laws", "\"PCMU and PCMA\", or \"A-law and mu-law\""),
    ("without a head", "\"without a header\""),
    ("no mark survives", "\"the payload is altered, so packets cannot carry a marker\""),
    ("says recorded speech", "\"sends recorded speech\""),
    ("how near speech", "\"signal-to-noise ratio after one coding\""),
    ("is told apart by its ear", "say by which measure"),
    ("other people's", "\"third-party\""),
    ("lays the ways", "\"rebuilds the payload map\""),
    ("while which", "\"during which\""),
    ("of no account", "\"ignored\""),
    ("as near as", "give the figure"),
    ("heard and said", "\"received and sent\""),
    ("is heard by nobody", "\"sends nothing\""),
    ("knows no socket", "\"does no input or output\""),
    ("needs no word", "\"needs no flag\""),
    ("what comes of it", "\"result\""),
    ("hear nothing of it", "\"are not affected\""),
    ("of one's own", "\"your\" or \"its own\""),
    ("something like speech", "\"synthetic speech\""),
];

/// `cargo xtask docs-check`, last part.
pub(crate) fn check() -> Result<(), Error> {
    let mut findings = Vec::new();
    let mut documents = 0;
    for file in shell::tracked_files()? {
        if file.extension().is_some_and(|extension| extension == "md") && !file.ends_with("conformance.md") {
            documents += 1;
            let text = shell::read(&file)?;
            let found = found(&text).into_iter().map(|(line, phrase, instead)| {
                format!("{}:{line}: \"{phrase}\": write {instead}", file.display())
            });
            findings.extend(found);
        }
    }
    conclude("words", findings, &format!("{documents} documents are free of {} phrases", PHRASES.len()))
}

/// Line, phrase and what to write instead. A phrase may run over the end of a line.
fn found(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    // Newlines become blanks one for one, so that a place in the text still tells its line.
    let joined = text.to_lowercase().replace('\n', " ");
    let mut found: Vec<_> = PHRASES
        .iter()
        .flat_map(|(phrase, instead)| {
            joined.match_indices(phrase).map(|(at, _)| (line_of(text, at), *phrase, *instead))
        })
        .collect();
    found.sort_unstable();
    found
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_found_over_the_end_of_a_line() {
        let text = "# A\n\nThe packet and what\nbecomes of it. What rules it.\n";
        let lines: Vec<(usize, &str)> =
            found(text).into_iter().map(|(line, phrase, _)| (line, phrase)).collect();
        assert_eq!(lines, [(3, "what becomes of"), (4, "what rules it")]);
        assert!(found("The packet is relayed.").is_empty());
    }
}
