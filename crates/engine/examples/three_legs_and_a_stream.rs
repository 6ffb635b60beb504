//! Three legs in a mix with an announcement that the program writes itself, and a tap that listens in.
//!
//! `cargo run --release --package mediapoint-engine --example three_legs_and_a_stream`

use std::error::Error;
use std::time::Duration;

use mediapoint_engine::{
    AudioTapSpec, CallSpec, Codec, Engine, Interface, LegConfig, MixSpec, PayloadCodec, PayloadType,
    Placement, RemoteAddress, Source, StreamSpec, TapSide,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (engine, _events) = Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse()?))
        .ports(41_100..=41_199)
        .pin(false)
        .build()?;
    let call = engine.create_call(CallSpec::default())?;
    let mut legs = Vec::new();
    for port in [42_100, 42_102, 42_104] {
        let config = LegConfig {
            codecs: vec![PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)],
            remote: Some(RemoteAddress { rtp: ([127, 0, 0, 1], port).into(), rtcp: None }),
            ..LegConfig::default()
        };
        let (leg, opened) = call.open_leg(&Placement::default(), config)?;
        opened.wait()?;
        legs.push(leg.id);
    }

    // Audio from outside: the program writes, the call sets the pace.
    let (announcement, mut writer, _) = call.add_stream(StreamSpec::default())?;
    let mut inputs: Vec<Source> = legs.iter().map(|leg| Source::Leg(*leg)).collect();
    inputs.push(Source::Stream(announcement));
    let (mix, _) = call.add_mix(MixSpec { inputs })?;
    for leg in &legs {
        // Each party is sent the sum without its own audio.
        call.set_source(*leg, Source::Mix(mix))?.wait()?;
    }

    // Whatever else listens is a tap; here on what the first party is sent.
    let first = *legs.first().ok_or("three legs were opened")?;
    let spec = AudioTapSpec { side: TapSide::Sent, ..AudioTapSpec::new(first) };
    let (_, mut reader, tapped) = call.tap_audio(spec)?;
    tapped.wait()?;

    #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
    let tone: Vec<i16> = (0..4000).map(|n| (8000.0 * (f64::from(n) * 0.25).sin()) as i16).collect();
    println!("{} of {} samples written", writer.write(&tone), tone.len());
    let mut loudest = 127;
    for _ in 0..25 {
        if reader.wait(1, Some(Duration::from_secs(1))).is_none() {
            return Err("no frame within a second".into());
        }
        if let Some(level) = reader.read(|frame| frame.sent.level) {
            loudest = loudest.min(level);
        }
    }
    println!("the tap read half a second of it, at up to -{loudest} dBov");

    let statistics = call.statistics()?.wait()?;
    for leg in &statistics.legs {
        println!("leg {}: sent {} packets", leg.leg.as_u64(), leg.sent.packets);
    }
    call.end()?.wait()?;
    engine.shutdown();
    Ok(())
}
