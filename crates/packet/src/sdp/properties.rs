//! What holds for every input, for unit tests, corpus replay and the fuzz target.

use super::{Candidate, Connection, Line, MAX_BYTES, Origin, Sdp};

/// Parses `data`; what parses must come out as it went in up to line endings and empty lines, parse again to the
/// same value, and give its views without a panic.
///
/// # Panics
/// Where the property does not hold.
pub fn round_trip(data: &[u8]) {
    let Ok(sdp) = Sdp::parse(data) else { return };
    let out = sdp.to_bytes();
    assert!(
        lines_of(data).eq(lines_of(&out)),
        "{} bytes in and {} out differ in more than line endings",
        data.len(),
        out.len()
    );
    // CRLF for LF can carry a description over the size limit; nothing else may stop a second reading.
    if out.len() <= MAX_BYTES {
        assert_eq!(Sdp::parse(&out).as_ref(), Ok(&sdp));
    }
    read_views(&sdp);
}

/// Edits every section of `data`; lines that were not edited must stay as they were.
///
/// # Panics
/// Where the property does not hold.
pub fn edits_leave_the_rest(data: &[u8]) {
    let Ok(mut sdp) = Sdp::parse(data) else { return };
    let kept = |sdp: &Sdp| -> Vec<Vec<u8>> {
        let lines = sdp.session.lines().iter().chain(sdp.media.iter().flat_map(|m| m.body.lines()));
        let other = |l: &&Line| l.kind() != b'c' && !l.is_attribute("rtcp");
        lines.filter(other).map(|l| l.bytes().to_vec()).collect()
    };
    let before = kept(&sdp);
    for media in &mut sdp.media {
        media.body.set_connection(Line::new('c', "IN IP4 192.0.2.1"));
        media.body.set_attribute("rtcp", Some("2\r\na=injected"));
        let mut line = media.media().clone();
        line.port = line.port.wrapping_add(2);
        media.set_media(line);
    }
    assert_eq!(before, kept(&sdp));
    if let Ok(again) = Sdp::parse(&sdp.to_bytes()) {
        assert_eq!(again, sdp);
    }
}

fn lines_of(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|b| matches!(b, b'\r' | b'\n')).filter(|line| !line.trim_ascii().is_empty())
}

fn read_views(sdp: &Sdp) {
    let _ = sdp.origin().map(|o| Origin::parse(&o.line()).is_some());
    for media in &sdp.media {
        let _ = sdp.connection_of(media).map(|c: Connection<'_>| (c.ip(), c.is_zero()));
        let _ = (sdp.direction_of(media), media.payload_types().count(), media.body.rtcp());
        let _ = (media.body.rtpmaps().count(), media.body.fmtps().count());
        let _ = (media.body.ptime(), media.body.maxptime());
        let _ = media.body.attributes("candidate").filter_map(Candidate::parse).count();
    }
}
