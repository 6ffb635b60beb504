//! xtask/help.txt is what `./x --help` and `./x COMMAND --help` print without building anything: it must say what the
//! programs themselves say.
//!
//! `demo` and `interop` belong to other programs, which have tests of their parts.

use std::path::Path;

use super::conclude;
use crate::error::Error;
use crate::shell;

/// The file, with a line `@@ COMMAND` before each part.
pub(crate) const FILE: &str = "xtask/help.txt";

/// A part of the help: the command, and its text unless another program owns it.
pub(crate) type Part = (String, Option<String>);

/// `cargo xtask docs-check`, its part about help.
pub(crate) fn check(parts: &[Part], write: bool) -> Result<(), Error> {
    let path = Path::new(FILE);
    let found = shell::read(path)?;
    if write {
        let text: String = parts.iter().map(|one| written(one, &found)).collect();
        std::fs::write(path, text).map_err(|source| Error::Io { path: path.to_path_buf(), source })?;
        println!("help: {FILE} is written");
        return Ok(());
    }
    conclude("help", findings(parts, &found), &format!("{FILE} says what {} commands say", parts.len()))
}

fn findings(parts: &[Part], found: &str) -> Vec<String> {
    let stale = parts.iter().filter(|(name, text)| match (part(found, name), text) {
        (None, _) => true,
        (Some(old), Some(text)) => old.trim_end() != text.trim_end(),
        (Some(_), None) => false,
    });
    let known = |name: &str| parts.iter().any(|(known, _)| known == name);
    let gone = found.lines().filter_map(|line| line.strip_prefix("@@ ")).filter(|name| !known(name));
    let stale = stale.map(|(name, _)| format!("{FILE}: the part of `{name}` is out of date: write it anew"));
    stale.chain(gone.map(|name| format!("{FILE}: there is no command `{name}`"))).collect()
}

fn written((name, text): &Part, found: &str) -> String {
    let text = text.as_deref().or_else(|| part(found, name)).unwrap_or_default();
    format!("@@ {name}\n{}\n", text.trim_end())
}

/// The part of a command in the file's text.
pub(crate) fn part<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mark = format!("@@ {name}\n");
    let start = if text.starts_with(&mark) { 0 } else { text.find(&format!("\n{mark}"))? + 1 };
    let body = text.get(start + mark.len()..)?;
    Some(body.split("\n@@ ").next().unwrap_or(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "@@ x\nall\n\nof it\n@@ test\nTests\n@@ demo\nof another program\n";

    fn parts(x: &str, names: &[&str]) -> Vec<Part> {
        let own = [("x".to_owned(), Some(x.to_owned())), ("test".to_owned(), Some("Tests\n".to_owned()))];
        own.into_iter().chain(names.iter().map(|name| ((*name).to_owned(), None))).collect()
    }

    #[test]
    fn a_part_ends_where_the_next_begins() {
        assert_eq!(part(TEXT, "x"), Some("all\n\nof it"));
        assert_eq!(part(TEXT, "demo"), Some("of another program\n"));
        assert_eq!(part(TEXT, "de"), None);
    }

    #[test]
    fn what_is_old_missing_or_gone_is_found() {
        assert!(findings(&parts("all\n\nof it", &["demo"]), TEXT).is_empty());
        assert_eq!(findings(&parts("other", &["demo"]), TEXT).len(), 1);
        assert_eq!(findings(&parts("all\n\nof it", &["demo", "new"]), TEXT).len(), 1);
        assert_eq!(findings(&parts("all\n\nof it", &[]), TEXT).len(), 1);
    }

    #[test]
    fn writing_keeps_what_belongs_to_other_programs() {
        let parts = parts("new", &["demo"]);
        let text: String = parts.iter().map(|one| written(one, TEXT)).collect();
        assert_eq!(text, "@@ x\nnew\n@@ test\nTests\n@@ demo\nof another program\n");
        assert!(findings(&parts, &text).is_empty());
    }
}
