//! Which sections of a description a party is shown: a controller may keep some from it.
//!
//! Inside, a section has one place for both sides of a dialog. A party that is not shown some of them counts without those:
//! its descriptions get them back, with port 0, and what goes to it loses them.

use mediapoint_packet::sdp::{Line, MediaLine, MediaSection, Sdp};

use crate::request::Manipulation;

/// The sections of the descriptions of one party.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout(Vec<View>);

/// A section, seen from the party.
#[derive(Debug, Clone, PartialEq, Eq)]
enum View {
    Shown,
    /// Kept from it, with the `m=` line that stands in its place.
    Hidden(Line),
}

impl Layout {
    /// Puts what the party is not shown into its description.
    pub(crate) fn widen(&mut self, sdp: &mut Sdp) {
        for (index, view) in self.0.iter().enumerate() {
            if let View::Hidden(line) = view
                && let Some(section) = MediaSection::parse(line.clone())
            {
                sdp.media.insert(index.min(sdp.media.len()), section);
            }
        }
        let len = self.0.len().max(sdp.media.len());
        self.0.resize(len, View::Shown);
    }

    /// Decides on the sections of an offer to the party, and tells which of them are removed. One that it was shown keeps its
    /// place, with port 0 [RFC3264 8]; one that it was not shown can come behind all others only.
    pub(crate) fn plan(&mut self, sdp: &Sdp, asked: &Manipulation) -> Vec<bool> {
        let last = self.0.iter().rposition(|view| *view == View::Shown);
        let mut removed = Vec::new();
        for (index, section) in sdp.media.iter().enumerate() {
            let media = section.media();
            let line = || MediaLine { port: 0, ports: None, ..media.clone() }.line();
            let view = match self.0.get(index) {
                Some(View::Shown) => View::Shown,
                Some(View::Hidden(_)) if last.is_some_and(|last| last > index) => View::Hidden(line()),
                _ if asked.removes(&media.media) => View::Hidden(line()),
                _ => View::Shown,
            };
            removed.push(view != View::Shown || asked.removes(&media.media));
            match self.0.get_mut(index) {
                Some(known) => *known = view,
                None => self.0.push(view),
            }
        }
        removed
    }

    /// Takes what the party is not shown out of a description for it.
    pub(crate) fn narrow(&self, sdp: &mut Sdp) {
        let mut views = self.0.iter();
        sdp.media.retain(|_| !matches!(views.next(), Some(View::Hidden(_))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(kinds: &str) -> Sdp {
        let line = |kind: char| match kind {
            'a' => "m=audio 4000 RTP/AVP 0\r\n",
            'v' => "m=video 4002 RTP/AVP 96\r\n",
            _ => "m=image 4004 udptl t38\r\n",
        };
        let text: String = kinds.chars().map(line).collect();
        Sdp::parse(format!("v=0\r\n{text}").as_bytes()).unwrap()
    }

    fn kinds(sdp: &Sdp) -> String {
        let kind = |section: &MediaSection| section.media().media.chars().next().unwrap_or_default();
        sdp.media.iter().map(kind).collect()
    }

    /// What the party is shown of an offer.
    fn shown(layout: &mut Layout, offered: &str, removed: &[&str]) -> String {
        let removed_media = removed.iter().map(|media| (*media).to_owned()).collect();
        let mut sdp = sdp(offered);
        layout.plan(&sdp, &Manipulation { removed_media, ..Manipulation::default() });
        layout.narrow(&mut sdp);
        kinds(&sdp)
    }

    // test-of: [RFC3264 8]
    #[test]
    fn what_was_hidden_comes_back_in_the_partys_descriptions_and_only_behind_what_it_knows() {
        let mut layout = Layout::default();
        assert_eq!(shown(&mut layout, "avi", &["video"]), "ai");
        let mut answer = sdp("ai");
        layout.widen(&mut answer);
        assert_eq!(kinds(&answer), "avi");
        assert!(answer.media[1].is_rejected());
        assert_eq!(shown(&mut layout, "avi", &[]), "ai", "it would move the image");
        assert_eq!(shown(&mut layout, "avia", &["audio"]), "ai", "a shown one stays, a new one is hidden");
        assert_eq!(shown(&mut layout, "avia", &[]), "aia", "the last one may come");
    }

    // test-of: [RFC8866 8.2.1]
    #[test]
    fn types_that_nobody_registered_are_other() {
        let asked = Manipulation { removed_media: vec!["OTHER".to_owned()], ..Manipulation::default() };
        assert!(asked.removes("x-data") && !asked.removes("Video"));
    }
}
