use super::*;

// test-of: [RFC4856 2.1.9]
#[test]
fn annex_b_is_on_unless_refused() {
    let annex_b = |fmtp| Parameters::parse(&Codec::G729, fmtp).annex_b;
    assert!(annex_b("") && annex_b("annexb=yes") && annex_b("annexb=maybe") && annex_b("other=no"));
    assert!(!annex_b("annexb=no") && !annex_b(" AnnexB = NO ; x"));
    assert_eq!(Parameters::parse(&Codec::G729, "annexb=no").to_fmtp(&Codec::G729).unwrap(), "annexb=no");
    assert_eq!(Parameters::default().to_fmtp(&Codec::G729), None);
}

// test-of: [RFC7587 6.1]
#[test]
fn opus_line_survives_reading_and_writing() {
    let line = "maxplaybackrate=16000;sprop-maxcapturerate=8000;maxaveragebitrate=20000;stereo=1;sprop-stereo=1;\
                cbr=1;useinbandfec=1;usedtx=1;ptime=20;minptime=10;maxptime=60";
    let parameters = Parameters::parse(&Codec::OPUS, line);
    assert_eq!(parameters.to_fmtp(&Codec::OPUS).unwrap(), line);
    let opus = parameters.opus;
    assert_eq!((opus.max_playback_rate, opus.max_average_bitrate), (16_000, Some(20_000)));
    assert_eq!((opus.ptime, opus.min_ptime, opus.max_ptime), (Some(20), Some(10), Some(60)));
}

// test-of: [RFC7587 3.1.1]
#[test]
fn values_without_sense_count_as_not_given() {
    let line =
        "maxplaybackrate=7;maxaveragebitrate=-1;stereo=2;cbr;=1;;ptime=121;minptime=0;maxptime=x;speed=9";
    assert_eq!(Parameters::parse(&Codec::OPUS, line), Parameters::default());
    assert_eq!(Parameters::default().to_fmtp(&Codec::OPUS), None);
}

// test-of: [RFC4733 2.4.1]
#[test]
fn events_are_kept_as_written() {
    let events = |fmtp| Parameters::parse(&Codec::TELEPHONE_EVENT, fmtp).events;
    assert_eq!(events("0-15,66,70").as_deref(), Some("0-15,66,70"));
    assert_eq!(events("events=0-16").as_deref(), Some("0-16"));
    assert_eq!(events(""), None);
    assert_eq!(events("rate=8000"), None);
    let parameters = Parameters::parse(&Codec::TELEPHONE_EVENT, " 0-11 ");
    assert_eq!(parameters.to_fmtp(&Codec::TELEPHONE_EVENT).as_deref(), Some("0-11"));
}

#[test]
fn a_line_of_another_codec_changes_nothing() {
    assert_eq!(Parameters::parse(&Codec::PCMU, "annexb=no;usedtx=1"), Parameters::default());
    assert_eq!(Parameters::parse(&Codec::G722, "bitrate=64000").to_fmtp(&Codec::G722), None);
}
