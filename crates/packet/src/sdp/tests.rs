use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

const OFFER: &str = "v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns= \r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n\
    a=group:BUNDLE a v\r\nm=audio 54400 RTP/SAVPF 0 96\r\ni=x\r\nb=AS:64\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=ptime:20\r\na=sendrecv\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\na=x-unknown: \tkept  \r\n\
    m=video 0 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\na=inactive\r\n";

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap()
}

fn with_media(lines: &str) -> Sdp {
    parse(&format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n{lines}"))
}

// test-of: [RFC8866 5]
#[test]
fn an_untouched_description_comes_out_byte_for_byte() {
    assert_eq!(parse(OFFER).to_bytes().as_slice(), OFFER.as_bytes());
}

#[test]
fn any_line_ending_is_read_and_crlf_is_written() {
    for ending in ["\n", "\r", "\r\n", "\n\n", "\r\n\r\n"] {
        let text = OFFER.replace("\r\n", ending);
        assert_eq!(parse(&text).to_bytes().as_slice(), OFFER.as_bytes(), "ending {ending:?}");
        assert_eq!(parse(text.trim_end_matches(['\r', '\n'])).to_bytes().as_slice(), OFFER.as_bytes());
    }
}

#[test]
fn bytes_that_are_not_utf8_are_kept() {
    let mut text = b"v=0\r\ns=\xff\xfe\r\nm=audio 4000 RTP/AVP 0\r\na=label:\x80\r\n".to_vec();
    assert_eq!(Sdp::parse(&text).unwrap().to_bytes().as_slice(), text);
    text.truncate(text.len() - 2);
    let body = &Sdp::parse(&text).unwrap().media[0].body;
    assert_eq!(body.attribute("label"), Some("\u{fffd}"));
    assert_eq!(body.attribute_bytes("label"), Some(&b"\x80"[..]));
}

// test-of: [RFC8866 4.5]
#[test]
fn a_stray_byte_spoils_its_own_word_only() {
    let text = b"v=0\r\no=J\xfcrgen M\xfcller 7 8 IN IP4 10.0.0.1\r\ns=\xe9\r\nc=IN IP4 192.0.2.1 \xff\r\n\
        m=audio 4000 RTP/AVP 97 98\r\na=rtpmap:97 caf\xe9/8000\r\na=rtpmap:98 PCMU/8000 \xff\r\n\
        a=fmtp:97 name=\xe9;mode=20\r\na=rtcp:4003 \xe9\r\na=ptime:20\xff\r\n";
    let sdp = Sdp::parse(text).unwrap();
    assert_eq!(sdp.to_bytes().as_slice(), text);
    let origin = sdp.origin().unwrap();
    assert_eq!((origin.username, origin.address), (&b"J\xfcrgen M\xfcller"[..], &b"10.0.0.1"[..]));
    let moved = Origin { address: b"192.0.2.9", ..origin };
    assert_eq!(moved.line().bytes(), b"o=J\xfcrgen M\xfcller 7 8 IN IP4 192.0.2.9");
    let body = &sdp.media[0].body;
    assert_eq!(sdp.connection_of(&sdp.media[0]).unwrap().host, "192.0.2.1");
    let maps: Vec<_> = body.rtpmaps().map(|m| (m.payload_type, m.encoding, m.clock_rate)).collect();
    assert_eq!(maps, [(97, "caf\u{fffd}", 8000), (98, "PCMU", 8000)]);
    assert_eq!(body.fmtps().next().unwrap().parameters, "name=\u{fffd};mode=20");
    assert_eq!((body.rtcp().unwrap().port, body.ptime()), (4003, Some(20)));
    // Where the word itself is meant, it is no address and no payload type.
    for bad in [&b"v=0\r\nc=IN IP4 192.0.2.1\xff\r\n"[..], b"v=0\r\nm=audio 4000\xff RTP/AVP 0\r\n"] {
        assert!(Sdp::parse(bad).is_err(), "{}", bad.escape_ascii());
    }
}

// test-of: [RFC8866 5.1], [RFC8866 5.14]
#[test]
fn refusals_name_the_line() {
    let cases: [(&[u8], SdpError); 11] = [
        (b"", SdpError::NoVersion { line: 1 }),
        (b"\r\n\r\no=- 1 1 IN IP4 192.0.2.1\r\n", SdpError::NoVersion { line: 3 }),
        (b"v=1\r\n", SdpError::NoVersion { line: 1 }),
        (b"v=0\r\nhello\r\n", SdpError::MalformedLine { line: 2 }),
        (b"v=0\r\n a=x\r\n", SdpError::MalformedLine { line: 2 }),
        (b"v=0\r\na=x\0y\r\n", SdpError::MalformedLine { line: 2 }),
        (b"v=0\r\n\r\nm=audio\r\n", SdpError::MalformedMedia { line: 3 }),
        (b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n", SdpError::MalformedMedia { line: 2 }),
        (b"v=0\r\nm=audio 4000 RTP/AVP\r\n", SdpError::MalformedMedia { line: 2 }),
        (b"v=0\r\nc=IN IP4 1.2.3\r\n", SdpError::MalformedConnection { line: 2 }),
        (b"v=0\r\nc=IN IP6 192.0.2.1\r\n", SdpError::MalformedConnection { line: 2 }),
    ];
    for (text, error) in cases {
        assert_eq!(Sdp::parse(text), Err(error), "{}", text.escape_ascii());
    }
}

#[test]
fn limits_hold() {
    let long = format!("v=0\r\na={}\r\n", "x".repeat(MAX_BYTES));
    let error = SdpError::TooMany { what: Limit::Bytes, count: long.len(), limit: MAX_BYTES };
    assert_eq!(Sdp::parse(long.as_bytes()), Err(error));

    let many = format!("v=0\n{}", "a=\n".repeat(MAX_LINES));
    let error = SdpError::TooMany { what: Limit::Lines, count: MAX_LINES + 1, limit: MAX_LINES };
    assert_eq!(Sdp::parse(many.as_bytes()), Err(error));

    let sections = |n| format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(n));
    assert_eq!(parse(&sections(MAX_SECTIONS)).media.len(), MAX_SECTIONS);
    let error = SdpError::TooMany { what: Limit::Sections, count: MAX_SECTIONS + 1, limit: MAX_SECTIONS };
    assert_eq!(Sdp::parse(sections(MAX_SECTIONS + 1).as_bytes()), Err(error));
}

// test-of: [RFC8866 6.7]
#[test]
fn media_connection_and_direction_override_those_of_the_session() {
    let sdp = parse(OFFER);
    let of = |n: usize| sdp.connection_of(&sdp.media[n]).unwrap().ip().unwrap();
    assert_eq!(of(0), IpAddr::from([203, 0, 113, 1]));
    assert_eq!(of(1), "2001:db8::1".parse::<IpAddr>().unwrap());
    assert_eq!(sdp.direction_of(&sdp.media[0]), Direction::SendRecv);
    assert_eq!(sdp.direction_of(&sdp.media[1]), Direction::Inactive);

    let sdp = parse("v=0\na=sendonly\nm=audio 1 RTP/AVP 0\nm=audio 1 RTP/AVP 0\na=recvonly\na=sendrecv\n");
    assert_eq!(sdp.direction_of(&sdp.media[0]), Direction::SendOnly);
    assert_eq!(sdp.direction_of(&sdp.media[1]), Direction::SendRecv, "the last one counts");
    assert_eq!(sdp.connection_of(&sdp.media[0]), None);
}

// test-of: [RFC8866 5.14]
#[test]
fn the_media_line_is_read_and_written() {
    let sdp = parse(
        "v=0\r\nm=audio  49170/2 RTP/AVP 0 8 101 \r\nm=image 0 udptl\r\nm=x 9 UDP/TLS/RTP/SAVPF 96\r\n",
    );
    let media = sdp.media[0].media();
    assert_eq!((media.media.as_str(), media.port, media.ports), ("audio", 49170, Some(2)));
    assert_eq!(media.proto, "RTP/AVP");
    assert_eq!(sdp.media[0].payload_types().collect::<Vec<_>>(), [0, 8, 101]);
    assert!(sdp.media[1].is_rejected());

    let mut edited = sdp.clone();
    edited.media[0].set_media(media.clone());
    assert_eq!(edited, sdp, "setting what is set keeps the bytes");
    edited.media[0].set_media(MediaLine { port: 0, ports: None, ..media.clone() });
    assert!(edited.to_bytes().starts_with(b"v=0\r\nm=audio 0 RTP/AVP 0 8 101\r\n"));
}

// test-of: [RFC8866 5.2]
#[test]
fn origin_is_read_from_the_end() {
    let sdp = parse("v=0\r\no=two words 1 99999999999999999999 IN IP4 192.0.2.1\r\n");
    let origin = sdp.origin().unwrap();
    assert_eq!((origin.username, origin.version), (&b"two words"[..], &b"99999999999999999999"[..]));
    let moved = Origin { address: b"2001:db8::9", family: b"IP6", ..origin };
    assert_eq!(moved.line().bytes(), b"o=two words 1 99999999999999999999 IN IP6 2001:db8::9");
    for unread in ["- 1 1 IN IP4", "1 IN IP4 192.0.2.1", "192.0.2.1", ""] {
        assert_eq!(Origin::parse(&Line::new('o', unread)), None, "{unread}");
    }
}

#[test]
fn the_address_of_an_origin_is_found_whatever_stands_around_it() {
    for (text, username) in [
        ("- 1 2 IN IP4 192.0.2.1", "-"),
        (" 1 2 IN IP4 192.0.2.1", ""),
        ("- 1 2 IN IP4 192.0.2.1 behind it", "-"),
        ("-\t1  2 IN\tip4 192.0.2.1 ", "-"),
        ("a IP4 b 1 2 IN IP4 192.0.2.1", "a IP4 b"),
        ("- 1 2 IN IP5 192.0.2.1", "-"),
    ] {
        let line = Line::new('o', text);
        let origin = Origin::parse(&line).unwrap_or_else(|| panic!("{text}"));
        let read = (origin.username, origin.session_id, origin.version, origin.address);
        assert_eq!(read, (username.as_bytes(), &b"1"[..], &b"2"[..], &b"192.0.2.1"[..]), "{text}");
    }
}

// test-of: [RFC8866 5.7], [RFC8866 9], [RFC3264 8.4]
#[test]
fn connections_of_every_form_are_read() {
    let read = |text: &str| {
        let line = Line::new('c', text);
        Connection::parse(&line).map(|c| (c.family, c.host.to_owned(), c.suffix.map(str::to_owned)))
    };
    let v4 = AddressFamily::Ip4;
    assert_eq!(read("IN IP4 192.0.2.1"), Some((v4, "192.0.2.1".into(), None)));
    assert_eq!(read("in ip4  192.0.2.1 "), Some((v4, "192.0.2.1".into(), None)));
    assert_eq!(read("IN IP4 224.2.1.1/127/3"), Some((v4, "224.2.1.1".into(), Some("127/3".into()))));
    assert_eq!(read("IN IP6 ::1"), Some((AddressFamily::Ip6, "::1".into(), None)));
    assert_eq!(read("IN IP4 media.example.com"), Some((v4, "media.example.com".into(), None)));
    assert_eq!(read("IN IP6 [2001:DB8::1]"), Some((AddressFamily::Ip6, "[2001:DB8::1]".into(), None)));
    for bad in ["IN IP4", "IN IP5 192.0.2.1", "IN IP4 999.1.1.1", "IN IP4 2001:db8::1", "ATM NSAP 47.0091"] {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert!(Connection::parse(&Line::new('c', "IN IP4 0.0.0.0")).unwrap().is_zero());
    assert!(Connection::parse(&Line::new('c', "IN IP6 ::")).unwrap().is_zero());
}

// test-of: [RFC4291 2.5.5.2]
#[test]
fn addresses_are_read_as_endpoints_write_them() {
    let ip =
        |text: &str| Connection::parse(&Line::new('c', text)).and_then(|c| c.ip()).map(|ip| ip.to_string());
    for (text, address) in [
        ("IN IP4 192.000.002.001", "192.0.2.1"),
        // Decimal: 010 is ten, and 08 and 099 are numbers.
        ("IN IP4 010.08.099.001", "10.8.99.1"),
        ("IN IP4 000.000.000.000", "0.0.0.0"),
        ("IN IP4 192.000.002.001/127", "192.0.2.1"),
        ("IN IP6 2001:DB8:0:0::0001", "2001:db8::1"),
        ("IN IP6 [2001:db8::1]", "2001:db8::1"),
        ("IN IP6 ::ffff:192.0.2.1", "192.0.2.1"),
        ("IN IP6 ::ffff:c000:201", "192.0.2.1"),
    ] {
        assert_eq!(ip(text).as_deref(), Some(address), "{text}");
    }
    for bad in
        ["IN IP4 256.0.0.1", "IN IP4 0001.0.0.1", "IN IP4 1.2.3.4.5", "IN IP4 1..2.3", "IN IP4 +1.2.3.4"]
    {
        assert_eq!(Connection::parse(&Line::new('c', bad)), None, "{bad}");
    }
    assert!(Connection::parse(&Line::new('c', "IN IP4 000.0.00.000")).unwrap().is_zero());
}

#[test]
fn forms_of_the_rtcp_attribute() {
    let read = |text: &str| {
        let rtcp = RtcpAttribute::parse(text)?;
        Some((rtcp.port, rtcp.connection.and_then(|c| c.ip()).map(|ip| ip.to_string())))
    };
    assert_eq!(read("53020"), Some((53_020, None)));
    assert_eq!(read("53020 IN IP4 192.0.2.1"), Some((53_020, Some("192.0.2.1".into()))));
    assert_eq!(read("53020\tIN IP4 192.000.002.001"), Some((53_020, Some("192.0.2.1".into()))));
    assert_eq!(read("53020 IN IP6 2001:db8::1"), Some((53_020, Some("2001:db8::1".into()))));
    for without_address in ["53020 IN IP4", "53020 IN IP4 media.example.com", "53020 192.0.2.1"] {
        assert_eq!(read(without_address), Some((53_020, None)), "{without_address}");
    }
    assert_eq!((read("70000"), read(""), read("x")), (None, None, None));
}

// test-of: [RFC8866 5.13], [RFC8866 6.6], [RFC8866 6.15], [RFC8839 5.1]
#[test]
fn attributes_are_read() {
    let sdp = with_media(
        "a=rtpmap:97 iLBC/8000\na=rtpmap:111 opus/48000/2\na=rtpmap:8 PCMA/8000 \na=rtpmap:200 bad/1\n\
         a=fmtp:101 0-15\na=ptime:20.0\na=maxptime:150\na=rtcp:53020 IN IP6 2001:db8::2\na=rtcp-mux\n\
         a=candidate:1 1 UDP 2130706431 192.0.2.9 8998 typ host\na=mid:audio\n",
    );
    let body = &sdp.media[0].body;
    let maps: Vec<_> =
        body.rtpmaps().map(|m| (m.payload_type, m.encoding, m.clock_rate, m.channels())).collect();
    assert_eq!(maps, [(97, "iLBC", 8000, 1), (111, "opus", 48000, 2), (8, "PCMA", 8000, 1)]);
    assert_eq!(body.fmtps().next(), Some(Fmtp { format: "101", parameters: "0-15" }));
    assert_eq!((body.ptime(), body.maxptime()), (Some(20), Some(150)));
    let rtcp = body.rtcp().unwrap();
    assert_eq!((rtcp.port, rtcp.connection.unwrap().host), (53020, "2001:db8::2"));
    assert!(body.has_attribute("rtcp-mux") && !body.has_attribute("rtcp-mux-only"));
    assert!(!body.has_attribute("RTCP-MUX"), "names are case-sensitive");
    let candidate = Candidate::parse(body.attribute("candidate").unwrap()).unwrap();
    assert_eq!((candidate.component, candidate.port, candidate.kind), (1, 8998, "host"));
    assert_eq!(body.attribute("mid"), Some("audio"));
}

#[test]
fn a_new_connection_line_stands_before_bandwidth_and_attributes() {
    let mut sdp = with_media("i=title\nb=AS:64\na=crypto:1 x\n");
    sdp.media[0].body.set_connection(Line::new('c', "IN IP4 198.51.100.7"));
    let text = sdp.to_bytes();
    assert!(text.ends_with(b"i=title\r\nc=IN IP4 198.51.100.7\r\nb=AS:64\r\na=crypto:1 x\r\n"));
}

#[test]
fn replacing_keeps_the_place_and_removes_later_ones() {
    let mut sdp = with_media("a=rtcp:1\na=x\na=rtcp:2\n");
    let body = &mut sdp.media[0].body;
    body.set_attribute("rtcp", Some("7"));
    body.set_attribute("new", None);
    body.set_direction(Direction::SendOnly);
    body.set_direction(Direction::RecvOnly);
    let lines: Vec<_> = body.lines().iter().map(|l| l.bytes().escape_ascii().to_string()).collect();
    assert_eq!(lines, ["a=rtcp:7", "a=x", "a=new", "a=recvonly"]);
    assert_eq!(body.remove_attribute("rtcp"), 1);
    body.remove_direction();
    assert_eq!(body.lines().len(), 2);
}

#[test]
fn no_value_can_add_a_line() {
    assert_eq!(Line::new('a', "x\r\nm=audio 1 RTP/AVP 0\0").bytes(), b"a=xm=audio 1 RTP/AVP 0");
    assert_eq!(Line::attribute("label", Some("1\n2")).bytes(), b"a=label:12");
}

#[test]
fn debug_output_holds_no_values() {
    let shown = format!("{:?}", parse(OFFER).media[0].body);
    assert!(shown.contains("a=crypto") && !shown.contains("inline"), "{shown}");
}

proptest! {
    #[test]
    fn properties_hold_for_damaged_descriptions(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
    ) {
        let mut data = OFFER.as_bytes().to_vec();
        for (at, byte) in cuts {
            let at = at.index(data.len());
            data[at] = byte;
        }
        data.truncate(end.index(data.len()).max(OFFER.len() / 2));
        properties::round_trip(&data);
        properties::edits_leave_the_rest(&data);
    }

    #[test]
    fn properties_hold_for_any_lines(lines in proptest::collection::vec("[a-z]=[ -~]{0,20}(\r\n|\n|\r)", 0..40)) {
        let data = format!("v=0\r\n{}", lines.concat());
        properties::round_trip(data.as_bytes());
        properties::edits_leave_the_rest(data.as_bytes());
    }
}
