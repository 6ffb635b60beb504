//! A re-INVITE, hold with music, and resume: what a controller commands when the signalling changes.
//!
//! Nothing is sent or received here; the commands and their outcomes are what it shows.
//!
//! `cargo run --release --package mediapoint-engine --example hold_and_reinvite`

use std::error::Error;

use mediapoint_engine::{
    CallSpec, Codec, Direction, Engine, Interface, LegConfig, PayloadCodec, PayloadType, Placement,
    PlayerSpec, Relearn, RemoteAddress, Source, ToneSpec,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (engine, _events) = Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse()?))
        .ports(41_000..=41_099)
        .pin(false)
        .build()?;
    let call = engine.create_call(CallSpec::default())?;

    // The whole wanted state of a leg is given every time.
    let config = LegConfig {
        codecs: vec![PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)],
        remote: Some(RemoteAddress { rtp: "127.0.0.1:42000".parse()?, rtcp: None }),
        ..LegConfig::default()
    };
    let (a, _) = call.open_leg(&Placement::default(), config.clone())?;
    let (b, opened) = call.open_leg(&Placement::default(), config.clone())?;
    opened.wait()?;
    call.connect(a.id, b.id)?.wait()?;
    println!("a at {}, b at {}: connected", a.rtp, b.rtp);

    // B's phone moved: a re-INVITE with another address. What is the same as before goes on as before.
    let moved = RemoteAddress { rtp: "127.0.0.1:42010".parse()?, rtcp: None };
    let moved = LegConfig { remote: Some(moved), ..config.clone() };
    call.configure_leg(b.id, moved.clone(), Relearn::IfMoved)?.wait()?;
    println!("b is sent to another address");

    // B puts A on hold (`a=sendonly`, and music is ours): A is fed by a player, and B's leg neither sends nor receives.
    let (music, _) = call.add_player(PlayerSpec::Tone(ToneSpec::continuous(440.0, -20.0)))?;
    let held = LegConfig { direction: Direction::Inactive, ..moved.clone() };
    call.configure_leg(b.id, held, Relearn::IfMoved)?.wait()?;
    call.set_source(a.id, Source::Player(music))?.wait()?;
    println!("a is on hold, fed by a player");

    // Resume. The stream to A goes on: same SSRC, next sequence number, and no step at the change of source.
    call.configure_leg(b.id, moved, Relearn::IfMoved)?.wait()?;
    call.set_source(a.id, Source::Leg(b.id))?.wait()?;
    call.remove_player(music)?.wait()?;
    println!("connected again");

    // A command that cannot be carried out says why.
    if let Err(error) = call.remove_player(music)?.wait() {
        println!("as expected: {error}");
    }
    call.end()?.wait()?;
    engine.shutdown();
    Ok(())
}
