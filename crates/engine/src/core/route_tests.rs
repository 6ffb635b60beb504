use std::time::Duration;

use super::*;

fn pt(number: u8) -> PayloadType {
    PayloadType::new(number).unwrap()
}

fn entry(number: u8, codec: Codec) -> PayloadCodec {
    PayloadCodec::new(pt(number), codec)
}

fn routes(from: &[PayloadCodec], to: &[PayloadCodec]) -> RouteTable {
    RouteTable::new(
        from.iter(),
        &Hearer { codecs: to, packet_time: PacketTime::AsReceived, always_encode: false },
    )
}

fn l16() -> Codec {
    Codec::new("L16", 16_000, 1)
}

#[test]
fn the_same_codec_is_relayed_under_the_hearing_legs_number() {
    let routes = routes(
        &[entry(101, Codec::TELEPHONE_EVENT), entry(0, Codec::PCMU)],
        &[entry(0, Codec::PCMU), entry(96, Codec::TELEPHONE_EVENT)],
    );
    let way = routes.get(pt(101)).unwrap();
    assert_eq!((way.payload_type.get(), way.conversion), (96, Conversion::Relay));
    assert_eq!(routes.get(pt(0)).unwrap().conversion, Conversion::Relay);
}

#[test]
fn g711_is_converted_only_where_the_hearing_leg_lacks_the_law() {
    let from = [entry(0, Codec::PCMU), entry(8, Codec::PCMA)];
    let routes = routes(&from, &[entry(8, Codec::PCMA)]);
    let way = routes.get(pt(0)).unwrap();
    assert_eq!((way.payload_type.get(), way.conversion), (8, Conversion::MuToA));
    assert_eq!(routes.get(pt(8)).unwrap().conversion, Conversion::Relay);
}

#[test]
fn a_codec_that_nobody_can_decode_leads_nowhere() {
    let routes = routes(&[entry(3, Codec::new("GSM", 8000, 1))], &[entry(0, Codec::PCMU)]);
    assert_eq!(routes.get(pt(3)), None);
}

#[test]
fn another_codec_is_decoded_and_encoded_in_the_first_that_can_be() {
    let from = [entry(97, l16()), entry(0, Codec::PCMU)];
    let to = [entry(3, Codec::new("GSM", 8000, 1)), entry(8, Codec::PCMA)];
    let routes = routes(&from, &to);
    let way = routes.get(pt(97)).unwrap();
    assert_eq!((way.payload_type.get(), way.conversion), (8, Conversion::Media));
    assert_eq!(
        routes.get(pt(0)).unwrap().conversion,
        Conversion::MuToA,
        "one law for the other stays in its packets"
    );
}

#[test]
fn comfort_noise_is_decoded_where_the_hearing_leg_does_not_know_it() {
    let noise = entry(13, Codec::new("CN", 8000, 1));
    let way = routes(std::slice::from_ref(&noise), &[entry(0, Codec::PCMU)]).get(pt(13)).unwrap();
    assert_eq!(way.conversion, Conversion::Media);
    let way =
        routes(std::slice::from_ref(&noise), &[entry(0, Codec::PCMU), noise.clone()]).get(pt(13)).unwrap();
    assert_eq!(way.conversion, Conversion::Relay);
}

#[test]
fn events_take_the_clock_of_what_the_hearing_leg_speaks() {
    let wide = |clock| Codec::new("telephone-event", clock, 1);
    let from = [entry(101, wide(48_000))];
    let way = routes(&from, &[entry(0, Codec::PCMU), entry(96, wide(16_000)), entry(101, wide(8000))]);
    let way = way.get(pt(101)).unwrap();
    assert_eq!(way.conversion, Conversion::EventClock { from: 48_000, to: 8000 });
    assert_eq!(way.payload_type.get(), 101);
}

#[test]
fn a_packet_time_that_must_be_kept_lets_packets_of_that_length_pass() {
    let packet_time = PacketTime::Always(Duration::from_millis(30));
    let to = [entry(0, Codec::PCMU), entry(97, l16())];
    let table = RouteTable::new(to.iter(), &Hearer { codecs: &to, packet_time, always_encode: false });
    let way = table.get(pt(0)).unwrap();
    assert_eq!(way.conversion_of(240), Conversion::Relay);
    assert_eq!(way.conversion_of(160), Conversion::Media);
    let way = table.get(pt(97)).unwrap();
    assert_eq!((way.conversion_of(960), way.conversion_of(640)), (Conversion::Relay, Conversion::Media));
}

#[test]
fn a_leg_that_is_always_encoded_for_is_relayed_only_what_cannot_be() {
    let codecs =
        [entry(0, Codec::PCMU), entry(3, Codec::new("GSM", 8000, 1)), entry(101, Codec::TELEPHONE_EVENT)];
    let packet_time = PacketTime::AsReceived;
    let table = RouteTable::new(codecs.iter(), &Hearer { codecs: &codecs, packet_time, always_encode: true });
    let conversion = |number| table.get(pt(number)).unwrap().conversion;
    assert_eq!(
        (conversion(0), conversion(3), conversion(101)),
        (Conversion::Media, Conversion::Relay, Conversion::Relay)
    );
}

#[test]
fn the_first_of_two_meanings_of_a_number_counts() {
    let table = PayloadTable::new([entry(0, Codec::PCMU), entry(0, Codec::TELEPHONE_EVENT)].iter());
    assert!(!table.get(pt(0)).unwrap().event);
}
