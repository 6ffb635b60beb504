use std::time::Duration;

use super::*;
use crate::api::codec::Parameters;

fn pt(number: u8) -> PayloadType {
    PayloadType::new(number).unwrap()
}

fn entry(number: u8, codec: Codec) -> PayloadCodec {
    PayloadCodec::new(pt(number), codec)
}

fn map(from: &[PayloadCodec], to: &[PayloadCodec]) -> PayloadMap {
    PayloadMap::new(
        from.iter(),
        &SendCapabilities {
            codecs: to,
            packet_time: PacketTime::AsReceived,
            force_transcode: false,
            silence: false,
            secure: false,
        },
    )
}

fn l16() -> Codec {
    Codec::new("L16", 16_000, 1)
}

#[test]
fn the_same_codec_is_forwarded_under_the_sending_legs_number() {
    let map = map(
        &[entry(101, Codec::TELEPHONE_EVENT), entry(0, Codec::PCMU)],
        &[entry(0, Codec::PCMU), entry(96, Codec::TELEPHONE_EVENT)],
    );
    let rule = map.get(pt(101)).unwrap();
    assert_eq!((rule.payload_type.get(), rule.conversion), (96, Conversion::None));
    assert_eq!(map.get(pt(0)).unwrap().conversion, Conversion::None);
}

#[test]
fn g711_is_converted_only_where_the_sending_leg_lacks_the_law() {
    let from = [entry(0, Codec::PCMU), entry(8, Codec::PCMA)];
    let map = map(&from, &[entry(8, Codec::PCMA)]);
    let rule = map.get(pt(0)).unwrap();
    assert_eq!((rule.payload_type.get(), rule.conversion), (8, Conversion::MuToA));
    assert_eq!(map.get(pt(8)).unwrap().conversion, Conversion::None);
}

#[test]
fn a_codec_that_nobody_can_decode_leads_nowhere() {
    let map = map(&[entry(4, Codec::new("G723", 8000, 1))], &[entry(0, Codec::PCMU)]);
    assert_eq!(map.get(pt(4)), None);
}

fn amr(number: u8, fmtp: &str) -> PayloadCodec {
    let parameters = Parameters::parse(&Codec::AMR, fmtp);
    PayloadCodec::new(pt(number), Codec::AMR).with_parameters(parameters)
}

/// The number under which what comes as 96 is sent on untouched.
fn relayed(from: &str, to: &[PayloadCodec]) -> Option<u8> {
    let rule = map(&[amr(96, from)], to).get(pt(96))?;
    (rule.conversion == Conversion::None).then(|| rule.payload_type.get())
}

#[test]
fn amr_is_relayed_to_the_number_that_means_the_same() {
    let both = [amr(97, ""), amr(98, "octet-align=1"), amr(99, "octet-align=1; mode-set=0,2")];
    assert_eq!(relayed("", &both), Some(97));
    assert_eq!(relayed("octet-align=1", &both), Some(98));
    assert_eq!(relayed("octet-align=1;mode-set=2", &both), Some(98));
    assert_eq!(relayed("octet-align=1;mode-set=2", &both[2..]), Some(99));
    // The same number comes first, where it means the same.
    assert_eq!(relayed("octet-align=1", &[amr(98, "octet-align=1"), amr(96, "octet-align=1")]), Some(96));
    assert_eq!(relayed("octet-align=1", &[amr(96, ""), amr(98, "octet-align=1")]), Some(98));
}

#[test]
fn amr_that_cannot_be_read_is_not_relayed() {
    for (from, to) in [
        ("", "octet-align=1"),
        ("octet-align=1", ""),
        ("robust-sorting=1", "octet-align=1"),
        ("crc=1", "octet-align=1"),
        ("interleaving=5", "octet-align=1"),
        ("interleaving=5", "interleaving=4"),
    ] {
        assert_eq!(relayed(from, &[amr(97, to)]), None, "{from} to {to}");
    }
}

#[test]
fn amr_in_other_modes_is_relayed_only_where_it_is_not_converted() {
    let to = [amr(97, "mode-set=0,2"), entry(0, Codec::PCMU)];
    let wanted = if Codec::AMR.is_convertible() { None } else { Some(97) };
    assert_eq!(relayed("", &to), wanted);
    assert_eq!(relayed("mode-set=2,7", &to), wanted);
    assert_eq!(relayed("mode-set=0,2", &to), Some(97));
    assert_eq!(relayed("", &[amr(97, "mode-change-period=2")]), wanted);
}

#[test]
fn another_codec_is_decoded_and_encoded_in_the_first_that_can_be() {
    let from = [entry(97, l16()), entry(0, Codec::PCMU)];
    let to = [entry(4, Codec::new("G723", 8000, 1)), entry(8, Codec::PCMA)];
    let map = map(&from, &to);
    let rule = map.get(pt(97)).unwrap();
    assert_eq!((rule.payload_type.get(), rule.conversion), (8, Conversion::Transcode));
    assert_eq!(
        map.get(pt(0)).unwrap().conversion,
        Conversion::MuToA,
        "one law for the other stays in its packets"
    );
}

#[test]
fn comfort_noise_is_decoded_where_the_sending_leg_does_not_know_it() {
    let noise = entry(13, Codec::new("CN", 8000, 1));
    let rule = map(std::slice::from_ref(&noise), &[entry(0, Codec::PCMU)]).get(pt(13)).unwrap();
    assert_eq!(rule.conversion, Conversion::Transcode);
    let rule =
        map(std::slice::from_ref(&noise), &[entry(0, Codec::PCMU), noise.clone()]).get(pt(13)).unwrap();
    assert_eq!(rule.conversion, Conversion::None);
}

#[test]
fn events_take_the_clock_of_what_the_sending_leg_speaks() {
    let wide = |clock| Codec::new("telephone-event", clock, 1);
    let from = [entry(101, wide(48_000))];
    let rule = map(&from, &[entry(0, Codec::PCMU), entry(96, wide(16_000)), entry(101, wide(8000))]);
    let rule = rule.get(pt(101)).unwrap();
    assert_eq!(rule.conversion, Conversion::EventClock { from: 48_000, to: 8000 });
    assert_eq!(rule.payload_type.get(), 101);
}

#[test]
fn a_packet_time_that_must_be_kept_lets_packets_of_that_length_pass() {
    let packet_time = PacketTime::Always(Duration::from_millis(30));
    let to = [entry(0, Codec::PCMU), entry(97, l16())];
    let table = PayloadMap::new(
        to.iter(),
        &SendCapabilities { codecs: &to, packet_time, force_transcode: false, silence: false, secure: false },
    );
    let rule = table.get(pt(0)).unwrap();
    assert_eq!(rule.conversion_of(240), Conversion::None);
    assert_eq!(rule.conversion_of(160), Conversion::Transcode);
    let rule = table.get(pt(97)).unwrap();
    assert_eq!((rule.conversion_of(960), rule.conversion_of(640)), (Conversion::None, Conversion::Transcode));
}

#[test]
fn a_leg_that_is_force_transcoded_for_is_forwarded_only_what_cannot_be() {
    let codecs =
        [entry(0, Codec::PCMU), entry(4, Codec::new("G723", 8000, 1)), entry(101, Codec::TELEPHONE_EVENT)];
    let packet_time = PacketTime::AsReceived;
    let table = PayloadMap::new(
        codecs.iter(),
        &SendCapabilities {
            codecs: &codecs,
            packet_time,
            force_transcode: true,
            silence: false,
            secure: false,
        },
    );
    let conversion = |number| table.get(pt(number)).unwrap().conversion;
    assert_eq!(
        (conversion(0), conversion(4), conversion(101)),
        (Conversion::Transcode, Conversion::None, Conversion::None)
    );
}

#[test]
fn the_first_of_two_meanings_of_a_number_counts() {
    let table = PayloadTable::new([entry(0, Codec::PCMU), entry(0, Codec::TELEPHONE_EVENT)].iter());
    assert!(!table.get(pt(0)).unwrap().event);
}
