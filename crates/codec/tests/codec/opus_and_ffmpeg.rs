//! ffmpeg decodes what our Opus encoder makes, of every packet time, and we decode what ffmpeg's makes.

use std::io::Cursor;

use mediapoint_codec::Codec;
use ogg::{PacketReader, PacketWriteEndInfo, PacketWriter};

use crate::support::*;

/// The head of an Ogg stream of Opus by RFC 7845, 5.1: one channel, no samples to skip.
fn head(rate: u32) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01\x00\x00".to_vec();
    head.extend_from_slice(&rate.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]);
    head
}

/// Packets of `samples` at 48 kHz in an Ogg stream.
fn ogg(rate: u32, packets: &[Vec<u8>], samples: u64) -> Vec<u8> {
    let mut stream = PacketWriter::new(Vec::new());
    let tags = b"OpusTags\x00\x00\x00\x00\x00\x00\x00\x00".to_vec();
    stream.write_packet(head(rate), 1, PacketWriteEndInfo::EndPage, 0).unwrap();
    stream.write_packet(tags, 1, PacketWriteEndInfo::EndPage, 0).unwrap();
    for (n, packet) in packets.iter().enumerate() {
        let end =
            if n + 1 == packets.len() { PacketWriteEndInfo::EndStream } else { PacketWriteEndInfo::EndPage };
        stream.write_packet(packet.clone(), 1, end, (n as u64 + 1) * samples).unwrap();
    }
    stream.into_inner()
}

#[test]
fn ffmpeg_decodes_ours() {
    let reference = speech_at(48_000);
    for rate in [8000, 16_000, 48_000] {
        let pcm = speech_at(rate);
        for ptime in PTIMES {
            let packets = payloads(&mut *encoder(&Codec::OPUS, rate), &pcm, ptime);
            let name = format!("ours-{rate}-{ptime}");
            let input = file(&format!("{name}.opus"));
            std::fs::write(&input, ogg(rate, &packets, ptime as u64 * 48)).unwrap();
            let output = file(&format!("{name}.raw"));
            let (from, to) = (input.to_str().unwrap(), output.to_str().unwrap());
            ffmpeg(&["-i", from, "-f", "s16le", "-ar", "48000", "-ac", "1", to]);
            let theirs = read_raw(&output);
            let ours = decoded(&mut *decoder(&Codec::OPUS, 48_000), &packets);
            // Two decoders, and two ways to 48 kHz: as near to the speech as one another.
            assert!(theirs.len() + 960 > ours.len(), "{name}: {} of {} samples", theirs.len(), ours.len());
            let [of_ours, of_theirs] = [&ours, &theirs].map(|heard| snr(&reference, heard, 960).0);
            println!("{name}: {of_ours:.1} dB by us, {of_theirs:.1} dB by ffmpeg");
            assert!(of_theirs > of_ours - 2.0, "{name}: {of_ours} dB by us, {of_theirs} dB by ffmpeg");
        }
    }
}

// test-of: [RFC7587 3.4]
#[test]
fn we_decode_what_ffmpeg_encodes() {
    let pcm = speech_at(48_000);
    let input = write_raw("theirs.raw", &pcm);
    let cases: [&[&str]; 4] = [
        &["-ac", "1", "-b:a", "16k", "-application", "voip"],
        &["-ac", "1", "-b:a", "24k", "-application", "voip", "-frame_duration", "60"],
        &["-ac", "2", "-b:a", "48k", "-application", "audio"],
        &["-ac", "1", "-b:a", "64k", "-application", "lowdelay", "-frame_duration", "10"],
    ];
    for (n, case) in cases.into_iter().enumerate() {
        let output = file(&format!("theirs-{n}.opus"));
        let from =
            ["-f", "s16le", "-ar", "48000", "-ac", "1", "-i", input.to_str().unwrap(), "-c:a", "libopus"];
        ffmpeg(&[&from[..], case, &[output.to_str().unwrap()]].concat());
        let mut stream = PacketReader::new(Cursor::new(std::fs::read(output).unwrap()));
        let mut packets = Vec::new();
        while let Some(packet) = stream.read_packet().unwrap() {
            packets.push(packet.data);
        }
        for rate in [8000, 12_000, 16_000, 24_000, 48_000] {
            let heard = decoded(&mut *decoder(&Codec::OPUS, rate), &packets[2..]);
            // Skips what the encoder put in front; a rate of 8 kHz carries this speech.
            let (snr, _) = snr(&speech_at(rate), &heard, rate as usize / 50);
            assert!(snr > 7.0, "case {n} at {rate} Hz: {snr} dB");
        }
    }
}
