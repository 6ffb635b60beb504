//! Makes the changes of attributes that a controller asked for, last of all and as text: nothing here takes notice of them.

use mediapoint_packet::sdp::{Line, MAX_BYTES, MAX_LINES, Sdp, Section};

use crate::NgError;
use crate::request::{Action, Change, Manipulation};

/// Attributes that are written here with a tag behind the name, without which a substitution does not mean them.
const TAGGED: [&str; 5] = ["rtpmap", "fmtp", "rtcp-fb", "crypto", "extmap"];

/// Changes a description that is ready to go out.
///
/// # Errors
/// [`NgError::TooLarge`] where it is longer than a description may be then.
pub(crate) fn manipulate(sdp: &mut Sdp, asked: &Manipulation) -> Result<(), NgError> {
    if asked.attributes.is_empty() {
        return Ok(());
    }
    change(&mut sdp.session, asked.attributes.iter().filter(|change| change.media.is_none()));
    for section in &mut sdp.media {
        let media = section.media().media.clone();
        let is_for = |change: &&Change| change.media.as_ref().is_some_and(|m| m.eq_ignore_ascii_case(&media));
        change(&mut section.body, asked.attributes.iter().filter(is_for));
    }
    let size = sdp.lines().map(|line| line.bytes().len() + 2).sum();
    if size > MAX_BYTES {
        return Err(NgError::TooLarge { size, limit: MAX_BYTES });
    }
    let lines = sdp.lines().count();
    if lines > MAX_LINES {
        return Err(NgError::TooLarge { size: lines, limit: MAX_LINES });
    }
    Ok(())
}

fn change<'a>(section: &mut Section, changes: impl Iterator<Item = &'a Change> + Clone) {
    let mut lines = Vec::new();
    for line in section.lines() {
        let is_removed = changes.clone().any(|change| match &change.action {
            Action::Remove(text) => is_meant(line, text),
            Action::Add(_) | Action::Substitute(..) => false,
        });
        if is_removed {
            continue;
        }
        let other = changes.clone().find_map(|change| match &change.action {
            Action::Substitute(from, to) if is_substituted(line, from) => Some(to),
            _ => None,
        });
        lines.push(other.map_or_else(|| line.clone(), |other| Line::new('a', other)));
    }
    for change in changes {
        if let Action::Add(text) = &change.action {
            let line = Line::new('a', text);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    section.retain(|_| false);
    lines.into_iter().for_each(|line| section.push(line));
}

/// True where the text names the attribute: its name, its name and the first word of its value, or all of it.
fn is_meant(line: &Line, text: &str) -> bool {
    let Some(rest) = line.value().strip_prefix(text.as_bytes()).filter(|_| line.kind() == b'a') else {
        return false;
    };
    match rest.first() {
        None => true,
        Some(b':') => !text.contains(':'),
        Some(b' ') => text.contains(':'),
        Some(_) => false,
    }
}

fn is_substituted(line: &Line, text: &str) -> bool {
    is_meant(line, text) && !(TAGGED.contains(&text) && line.value().len() > text.len())
}
