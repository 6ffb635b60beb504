//! `mediapoint size bandwidth`: what a stream takes on the wire.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use mediapoint_sizing::{Codec, Network, Protection, bandwidth};
use serde_json::json;

use crate::cli::{UNUSABLE, refuse};
use crate::ctl::table::{Column, format_columns};
use crate::output::Output;

/// A suite of SRTP, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Srtp {
    /// Plain RTP
    None,
    /// AES-CM, HMAC-SHA1 of 80 bits: 10 bytes a packet
    #[value(name = "aes-cm-80")]
    AesCm80,
    /// AES-CM, HMAC-SHA1 of 32 bits: 4 bytes a packet
    #[value(name = "aes-cm-32")]
    AesCm32,
    /// AES-GCM: 16 bytes a packet
    AesGcm,
}

impl From<Srtp> for Protection {
    fn from(srtp: Srtp) -> Self {
        match srtp {
            Srtp::None => Self::None,
            Srtp::AesCm80 => Self::AesCm80,
            Srtp::AesCm32 => Self::AesCm32,
            Srtp::AesGcm => Self::AesGcm,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct BandwidthArguments {
    /// Milliseconds of a packet
    #[arg(long, value_name = "MS", default_value_t = 20.0)]
    packet_time: f64,
    /// How packets are protected
    #[arg(long, value_enum, default_value_t = Srtp::None)]
    srtp: Srtp,
    /// IPv6 instead of IPv4
    #[arg(long)]
    ipv6: bool,
    /// Frames have a VLAN tag
    #[arg(long)]
    vlan: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints a row for each codec.
pub(super) fn command(arguments: &BandwidthArguments) -> ExitCode {
    let network = Network { ipv6: arguments.ipv6, vlan: arguments.vlan };
    let mut rates = Vec::new();
    for codec in Codec::ALL {
        match bandwidth(codec, arguments.packet_time, arguments.srtp.into(), network) {
            Ok(rate) => rates.push((codec, rate)),
            Err(error) => return refuse(UNUSABLE, &error),
        }
    }
    let mut out = Output::default();
    if arguments.json {
        let row = |(codec, rate): &(Codec, mediapoint_sizing::PacketRate)| {
            json!({
                "codec": codec.name(),
                "packets_per_second": rate.packets,
                "frame_bytes": rate.frame,
                "bits_per_second": rate.bits.round(),
            })
        };
        out.line(json!(rates.iter().map(row).collect::<Vec<_>>()));
        return out.print(0);
    }
    let columns = [
        Column { title: "codec", right: false },
        Column { title: "packets/s", right: true },
        Column { title: "bytes a frame", right: true },
        Column { title: "kbit/s", right: true },
        Column { title: "kbit/s of a call, both ways", right: true },
    ];
    let row = |(codec, rate): &(Codec, mediapoint_sizing::PacketRate)| {
        vec![
            codec.name().to_owned(),
            format!("{:.0}", rate.packets),
            format!("{:.0}", rate.frame),
            format!("{:.1}", rate.bits / 1000.0),
            // Two parties, each of which sends and receives.
            format!("{:.1}", rate.bits * 4.0 / 1000.0),
        ]
    };
    for line in format_columns(&columns, &rates.iter().map(row).collect::<Vec<_>>()) {
        out.line(line);
    }
    out.line("Ethernet frames with header and check sequence, one direction; RTCP adds some 0.3 kbit/s.");
    out.print(0)
}
