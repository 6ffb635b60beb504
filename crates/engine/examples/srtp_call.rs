//! A call between a party on SRTP and one on plain RTP: keys, what an `a=crypto` line holds of them, and what the engine takes.
//!
//! The parties are plain UDP sockets on loopback. Alice protects with her key and opens with the engine's, by the library's own
//! SRTP; Bob speaks RTP. Then somebody without the key sends to Alice's leg, and is not heard.
//!
//! `cargo run --release --package mediapoint-engine --example srtp_call`

use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

use mediapoint_engine::{
    CallSpec, Codec, Engine, Interface, LegConfig, MasterKey, PayloadCodec, PayloadType, Placement,
    RemoteAddress, SrtpKeys, Suite,
};
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{Inbound, InboundOptions, Outbound};

fn main() -> Result<(), Box<dyn Error>> {
    let (engine, _events) = Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse()?))
        .ports(41_200..=41_299)
        .pin(false)
        .build()?;
    let (alice, bob) = (party()?, party()?);

    // Each side makes a key of its own, and protects with that. Alice's came in her offer, as this line.
    let hers = MasterKey::generate(Suite::AesCm128HmacSha1_80)?;
    let line = CryptoAttribute::new(1, hers.clone()).to_value();
    let read = CryptoAttribute::parse(&line)?;
    let ours = MasterKey::generate(read.suite)?;

    let speaks = |party: &UdpSocket, srtp| -> Result<LegConfig, Box<dyn Error>> {
        Ok(LegConfig {
            codecs: vec![PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)],
            remote: Some(RemoteAddress { rtp: party.local_addr()?, rtcp: None }),
            srtp,
            ..LegConfig::default()
        })
    };
    let keys = SrtpKeys { inbound: Some(hers.clone()), inbound_mki: None, outbound: ours.clone() };
    let call = engine.create_call(CallSpec::default())?;
    let (to_alice, _) = call.open_leg(&Placement::default(), speaks(&alice, Some(keys))?)?;
    let (to_bob, _) = call.open_leg(&Placement::default(), speaks(&bob, None)?)?;
    call.connect(to_alice.id, to_bob.id)?.wait()?;

    let (mut protects, mut opens) = (Outbound::new(&hers), Inbound::new(&ours, InboundOptions::default()));
    let mut buffer = [0; 1500];
    for sequence in 0..10 {
        alice.send_to(&protected(&mut protects, sequence)?, to_alice.rtp)?;
        let len = bob.recv(&mut buffer)?;
        println!("bob heard {len} octets of RTP");
        bob.send_to(&rtp(sequence), to_bob.rtp)?;
        let len = alice.recv(&mut buffer)?;
        let packet = buffer.get_mut(..len).ok_or("no packet is that long")?;
        let opened = opens.unprotect_rtp(packet)?;
        println!("alice heard {len} octets of SRTP, {} of RTP", opened.len());
    }

    // Without the key, nothing gets in.
    party()?.send_to(&rtp(99), to_alice.rtp)?;
    bob.set_read_timeout(Some(Duration::from_millis(200)))?;
    assert!(bob.recv(&mut buffer).is_err(), "a packet that is not authentic was passed on");
    for leg in call.statistics()?.wait()?.legs {
        println!("leg {}: {} taken, {} dropped", leg.leg, leg.received.packets, leg.received.dropped.total());
    }
    call.end()?.wait()?;
    engine.shutdown();
    Ok(())
}

fn party() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(socket)
}

/// An RTP packet of 20 ms of PCMU [RFC3550 5.1].
fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, PayloadType::PCMU.get()];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(7_u32.to_be_bytes());
    packet.extend([0x90; 160]);
    packet
}

/// The same under Alice's key.
fn protected(protects: &mut Outbound, sequence: u16) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut packet = rtp(sequence);
    let len = packet.len();
    packet.resize(len + protects.rtp_overhead(), 0);
    let len = protects.protect_rtp(&mut packet, len)?;
    packet.truncate(len);
    Ok(packet)
}
