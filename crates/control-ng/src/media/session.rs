//! The session part of the descriptions sent to a party: `o=`, `s=` and the version.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use mediapoint_packet::sdp::{AddressFamily, Line, Origin, Sdp};

use crate::request::Replace;

/// What was advertised to a party so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionMemory {
    username: Option<Vec<u8>>,
    name: Option<Line>,
    version: Option<u64>,
    body: Option<u64>,
}

impl SessionMemory {
    /// Rewrites `o=` and `s=` as far as asked. Called last: the version depends on everything else.
    pub(crate) fn apply(&mut self, sdp: &mut Sdp, replace: &Replace, address: Option<IpAddr>) {
        if replace.session_name
            && let Some(name) = sdp.session.first(b's').cloned()
        {
            let advertised = self.name.get_or_insert(name).clone();
            sdp.session.replace_or_push(advertised, |line| line.kind() == b's');
        }
        let body = body_hash(sdp);
        let is_asked = replace.origin || replace.username || replace.sdp_version || replace.force_increment;
        let line = match sdp.session.first(b'o') {
            Some(line) if Origin::parse(line).is_none() && is_asked => own_line(line),
            Some(line) => line.clone(),
            None => return,
        };
        let Some(origin) = Origin::parse(&line) else { return };
        let mut new = origin;
        let (text, username, family);
        if let Some(address) = address.filter(|_| replace.origin) {
            text = address.to_string();
            family = AddressFamily::of(address).to_string();
            (new.address, new.family) = (text.as_bytes(), family.as_bytes());
        }
        if replace.username {
            username = self.username.get_or_insert_with(|| origin.username.to_vec()).clone();
            new.username = &username;
        }
        let version = self.version_of(origin.version, body, replace).to_string();
        if replace.sdp_version || replace.force_increment {
            new.version = version.as_bytes();
        }
        if is_asked {
            let line = if new == origin { line.clone() } else { new.line() };
            sdp.session.replace_or_push(line, |line| line.kind() == b'o');
        }
    }

    /// The version to advertise: the last one where nothing changed, one more where something did [RFC3264 8].
    fn version_of(&mut self, received: &[u8], body: u64, replace: &Replace) -> u64 {
        let received = std::str::from_utf8(received).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let version = match (self.version, self.body) {
            (Some(last), Some(before)) if before == body && !replace.force_increment => last,
            (Some(last), _) => last.saturating_add(1),
            (None, _) => received,
        };
        self.version = Some(version);
        self.body = Some(body);
        version
    }
}

/// A line in place of an `o=` line of too few words, whose address may stand anywhere in it. The same line has the same one.
fn own_line(line: &Line) -> Line {
    let mut hasher = DefaultHasher::new();
    line.bytes().hash(&mut hasher);
    Line::new('o', format!("- {} 0 IN IP4 0.0.0.0", hasher.finish()))
}

/// A hash of the description without its `o=` line.
fn body_hash(sdp: &Sdp) -> u64 {
    let mut hasher = DefaultHasher::new();
    sdp.lines().filter(|line| line.kind() != b'o').for_each(|line| line.bytes().hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(origin: &str, name: &str, port: u16) -> Sdp {
        let text = format!("v=0\r\no={origin}\r\ns={name}\r\nm=audio {port} RTP/AVP 0\r\n");
        Sdp::parse(text.as_bytes()).unwrap()
    }

    fn advertised(memory: &mut SessionMemory, mut sdp: Sdp, replace: Replace) -> String {
        memory.apply(&mut sdp, &replace, Some("2001:db8::1".parse().unwrap()));
        sdp.session.lines()[1].bytes().escape_ascii().to_string()
    }

    #[test]
    fn nothing_changes_unless_asked() {
        let line = "o=me 1 7 IN IP4 192.0.2.1";
        assert_eq!(
            advertised(&mut SessionMemory::default(), sdp(&line[2..], "-", 1), Replace::default()),
            line
        );
    }

    #[test]
    fn the_origins_address_and_family_change_together() {
        let replace = Replace { origin: true, ..Replace::default() };
        let mut description = sdp("me 1 7 IN IP4 192.0.2.1", "-", 1);
        SessionMemory::default().apply(&mut description, &replace, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(description.origin().unwrap().address, b"2001:db8::1");
        assert_eq!(description.origin().unwrap().family, b"IP6");
    }

    #[test]
    fn username_and_session_name_stay_what_they_were_first() {
        let replace = Replace { username: true, session_name: true, ..Replace::default() };
        let mut memory = SessionMemory::default();
        advertised(&mut memory, sdp("first 1 7 IN IP4 192.0.2.1", "one", 1), replace);
        let mut second = sdp("second 1 7 IN IP4 192.0.2.1", "two", 1);
        memory.apply(&mut second, &replace, None);
        assert_eq!(second.origin().unwrap().username, b"first");
        assert_eq!(second.session.first(b's').unwrap().text(), "one");
    }

    #[test]
    fn the_version_rises_by_one_exactly_when_the_rest_changes() {
        let replace = Replace { sdp_version: true, ..Replace::default() };
        let mut memory = SessionMemory::default();
        let mut version = |received: u32, port| {
            let line =
                advertised(&mut memory, sdp(&format!("- 1 {received} IN IP4 192.0.2.1"), "-", port), replace);
            line.split(' ').nth(2).unwrap().to_owned()
        };
        assert_eq!(version(100, 1), "100");
        assert_eq!(version(200, 1), "100");
        assert_eq!(version(200, 2), "101");
        assert_eq!(version(1, 1), "102");
        assert_eq!(version(1, 1), "102");
    }

    #[test]
    fn a_forced_increment_raises_the_version_every_time() {
        let replace = Replace { force_increment: true, ..Replace::default() };
        let mut memory = SessionMemory::default();
        let line = || sdp("- 1 5 IN IP4 192.0.2.1", "-", 1);
        assert!(advertised(&mut memory, line(), replace).contains("- 1 5 "));
        assert!(advertised(&mut memory, line(), replace).contains("- 1 6 "));
    }
}
