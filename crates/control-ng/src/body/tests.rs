use super::*;

const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
const OTHER: &[u8] = b"v=0\r\ns=much longer than it was before\r\n";

fn multipart(parts: &[&str]) -> Vec<u8> {
    let mut body = parts.iter().map(|part| format!("--b1\r\n{part}\r\n")).collect::<String>();
    body.push_str("--b1--\r\n");
    body.into_bytes()
}

fn sdp_part(headers: &str) -> String {
    format!("{headers}\r\n{}", String::from_utf8_lossy(SDP))
}

/// What is found, and the body with something else in its place.
fn exchange(body: &[u8]) -> (String, String) {
    let (around, sdp) = split(body).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(sdp), text(&around.put(OTHER.into())))
}

#[test]
fn a_description_alone_is_all_there_is() {
    let (around, sdp) = split(SDP).unwrap();
    assert_eq!((around.put(OTHER.into()), sdp), (OTHER.into(), SDP));
    for text in [&b""[..], b"\r\n\r\n", b"hello", b"o=-\r\n"] {
        assert_eq!(split(text).unwrap().1, text, "the parser says what is wrong with it");
    }
}

// test-of: [RFC2046 5.1], [RFC5621 4]
#[test]
fn the_other_parts_stay_as_they_are() {
    let isup = "Content-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\x01\x02\x03--b1 \x7f";
    for headers in [
        "Content-Type: application/sdp\r\n",
        "content-type:application/SDP;charset=utf-8\r\n",
        "Content-Disposition: session\r\nContent-Type:\r\n application/sdp\r\nContent-Transfer-Encoding: 8bit\r\n",
        "c: application/sdp\r\n",
        // Without a type it is told by what it is.
        "",
    ] {
        let body = multipart(&[isup, &sdp_part(headers)]);
        let (found, replaced) = exchange(&body);
        assert_eq!(found.trim_end(), String::from_utf8_lossy(SDP).trim_end(), "{headers}");
        let other = String::from_utf8_lossy(OTHER);
        let expected = format!("--b1\r\n{isup}\r\n--b1\r\n{headers}\r\n{other}\r\n--b1--\r\n");
        assert_eq!(replaced, expected);
    }
}

#[test]
fn the_length_of_the_part_is_put_right() {
    let body = multipart(&[&sdp_part("Content-Length: 42\r\nContent-Type: application/sdp\r\n"), "\r\nnote"]);
    let (_, replaced) = exchange(&body);
    let length = format!("Content-Length: {}\r\n", OTHER.len());
    assert!(
        replaced.starts_with(&format!("--b1\r\n{length}Content-Type: application/sdp\r\n\r\nv=0")),
        "{replaced}"
    );
    assert!(replaced.ends_with("\r\n\r\n--b1\r\n\r\nnote\r\n--b1--\r\n"), "{replaced}");
}

#[test]
fn headers_of_the_message_may_stand_before_the_parts() {
    for boundary in ["boundary=b1", "Boundary=\"b1\"", "x=y; boundary=\"b1\";z", "x=y"] {
        let head =
            format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed;{boundary}\r\n\r\npreamble\r\n");
        let mut body = head.clone().into_bytes();
        body.extend(multipart(&[&sdp_part("Content-Type: application/sdp\r\n")]));
        let (found, replaced) = exchange(&body);
        assert!(found.starts_with("v=0"));
        assert!(replaced.starts_with(&head) && replaced.ends_with("\r\n--b1--\r\n"), "{replaced}");
    }
    let alone = sdp_part("Content-Type: application/sdp\r\nContent-Length: 9\r\n");
    let (found, replaced) = exchange(alone.as_bytes());
    let length = OTHER.len();
    assert_eq!(found.as_bytes(), SDP);
    let other = String::from_utf8_lossy(OTHER);
    assert_eq!(replaced, format!("Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{other}"));
}

#[test]
fn line_ends_without_cr_and_a_missing_last_boundary_are_read() {
    let body = b"\n--b1 \nContent-Type: application/sdp\n\nv=0\ns=-\n";
    let (found, replaced) = exchange(body);
    assert_eq!(found, "v=0\ns=-\n");
    assert!(replaced.starts_with("\n--b1 \nContent-Type: application/sdp\n\nv=0\r\n"));
}

#[test]
fn what_cannot_be_used_is_told_why() {
    let sdp = sdp_part("Content-Type: application/sdp\r\n");
    let many: Vec<&str> = std::iter::repeat_n("\r\nx", MAX_PARTS + 1).collect();
    let long = format!("--{}\r\n\r\nv=0\r\n", "b".repeat(MAX_BOUNDARY + 1));
    let cases = [
        (multipart(&["Content-Type: text/plain\r\n\r\nv=0\r\n"]), BodyFault::NoDescription),
        (multipart(&[&sdp, &sdp]), BodyFault::SeveralDescriptions),
        (
            multipart(&[&sdp_part("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n")]),
            BodyFault::Encoded,
        ),
        (multipart(&many), BodyFault::TooManyParts),
        (b"--\r\n\r\nv=0\r\n".to_vec(), BodyFault::NoBoundary),
        (long.into_bytes(), BodyFault::NoBoundary),
        (
            b"Content-Type: multipart/mixed;boundary=x\r\n\r\n--b1\r\n\r\nv=0\r\n".to_vec(),
            BodyFault::NoBoundary,
        ),
        (b"Content-Type: application/isup\r\n\r\nx".to_vec(), BodyFault::OtherType),
    ];
    for (body, fault) in cases {
        assert_eq!(split(&body).map(|(_, sdp)| sdp), Err(fault), "{}", body.escape_ascii());
        assert!(!fault.to_string().is_empty());
    }
}
