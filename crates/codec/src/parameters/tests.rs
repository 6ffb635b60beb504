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

fn amr(fmtp: &str) -> AmrParameters {
    Parameters::parse(&Codec::AMR, fmtp).amr
}

// test-of: [RFC4867 8.1]
#[test]
fn amr_line_survives_reading_and_writing() {
    let line = "octet-align=1; mode-set=0,2,4,7; mode-change-period=2; mode-change-capability=2; \
                mode-change-neighbor=1; crc=1; robust-sorting=1; interleaving=30";
    let parameters = Parameters::parse(&Codec::AMR, line);
    assert_eq!(parameters.to_fmtp(&Codec::AMR).unwrap(), line);
    assert_eq!(parameters.amr.mode_set, Some(0b1001_0101));
    assert_eq!((amr("").highest_mode(Band::Narrow), amr("mode-set=0,2").highest_mode(Band::Narrow)), (7, 2));
    assert_eq!(Parameters::parse(&Codec::AMR_WB, "mode-set=8").amr.mode_set, Some(256));
    // What is not said, and what makes no sense.
    for line in ["", "octet-align=0;mode-set=8;mode-change-period=3;x", "mode-set=;octet-align=2"] {
        assert_eq!(amr(line), AmrParameters::default(), "{line}");
        assert_eq!(Parameters::parse(&Codec::AMR, line).to_fmtp(&Codec::AMR), None, "{line}");
    }
    // Each of these is octet-aligned without a word.
    for line in ["crc=1", "robust-sorting=1", "interleaving=4"] {
        assert!(amr(line).layout.octet_align, "{line}");
    }
}

// test-of: [RFC4867 8.3.1]
#[test]
fn amr_is_the_same_mode_by_mode() {
    for (from, to, fit) in [
        ("", "", Fit::Same),
        ("octet-align=1", "octet-align=1", Fit::Same),
        ("octet-align=0", "", Fit::Same),
        ("octet-align=1", "", Fit::Layout),
        ("", "octet-align=1", Fit::Layout),
        ("octet-align=1;crc=1", "octet-align=1", Fit::Layout),
        ("octet-align=1", "octet-align=1;robust-sorting=1", Fit::Layout),
        ("robust-sorting=1", "octet-align=1;robust-sorting=1", Fit::Same),
        ("interleaving=4", "octet-align=1", Fit::Layout),
        ("interleaving=4", "interleaving=8", Fit::Same),
        ("interleaving=8", "interleaving=4", Fit::Layout),
        // Modes: what may come has to be among what may be sent on.
        ("mode-set=0,2", "mode-set=0,2,4", Fit::Same),
        ("mode-set=0,2,4", "mode-set=0,2", Fit::Modes),
        ("mode-set=0,2", "", Fit::Same),
        ("", "mode-set=0,2", Fit::Modes),
        ("mode-set=7", "mode-set=0,1,2,3,4,5,6", Fit::Modes),
        ("", "mode-set=0,1,2,3,4,5,6,7", Fit::Same),
        // How they change.
        ("", "mode-change-period=2", Fit::Modes),
        ("mode-change-period=2", "mode-change-period=2", Fit::Same),
        ("mode-change-period=2", "", Fit::Same),
        ("", "mode-change-neighbor=1", Fit::Modes),
        ("mode-change-neighbor=1", "", Fit::Same),
        ("mode-set=7", "mode-set=7;mode-change-period=2;mode-change-neighbor=1", Fit::Same),
        ("mode-set=5,7", "mode-set=5,7;mode-change-period=2", Fit::Modes),
        // What a sender could do.
        ("", "mode-change-capability=2", Fit::Same),
        ("mode-change-capability=2", "", Fit::Same),
        ("max-red=0", "max-red=100;ptime=20", Fit::Same),
    ] {
        let [from_line, to_line] = [from, to].map(|line| Parameters::parse(&Codec::AMR, line));
        assert_eq!(from_line.fit(&Codec::AMR, &to_line), fit, "{from} to {to}");
    }
    let [annex_b, none] = ["", "annexb=no"].map(|line| Parameters::parse(&Codec::G729, line));
    assert_eq!(annex_b.fit(&Codec::G729, &none), Fit::Same);
}

#[test]
fn a_line_of_another_codec_changes_nothing() {
    assert_eq!(Parameters::parse(&Codec::PCMU, "annexb=no;usedtx=1"), Parameters::default());
    assert_eq!(Parameters::parse(&Codec::G722, "bitrate=64000").to_fmtp(&Codec::G722), None);
}
