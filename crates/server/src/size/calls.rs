//! `mediapoint size calls`: what a contact centre needs.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, value_parser};
use mediapoint_engine::Points;
use mediapoint_sizing::{
    Codec, ContactCentre, Network, PointsNeeded, Prices, Protection, SizingError, Storage, Traffic, servers,
};
use serde_json::{Map, Value, json};

use super::bandwidth::Srtp;
use super::size;
use crate::cli::{UNUSABLE, refuse};
use crate::output::Output;

/// Points of the reference appliances.
const CLASSES: [f64; 3] = [240.0, 480.0, 960.0];

#[derive(Debug, Args)]
pub(super) struct CallsArguments {
    /// Agents at work in the busiest hour
    #[arg(long, value_name = "NUMBER", default_value_t = 2000, value_parser = value_parser!(u32).range(..=10_000_000))]
    agents: u32,
    /// Calls that have an agent or wait for one, for each agent
    #[arg(long, value_name = "SHARE", default_value = "80%", value_parser = share)]
    utilisation: f64,
    /// Time that a caller spends with menus
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    qualification: Duration,
    /// Time that a caller waits who has to
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = humantime::parse_duration)]
    queue: Duration,
    /// Callers who have to wait
    #[arg(long, value_name = "SHARE", default_value = "50%", value_parser = share)]
    queued: f64,
    /// Time of a conversation
    #[arg(long, value_name = "TIME", default_value = "180s", value_parser = humantime::parse_duration)]
    talk: Duration,
    /// Conversations that are passed on
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = share)]
    transfers: f64,
    /// Conversations that a third party joins
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = share)]
    conferences: f64,
    /// Conversations that are recorded
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share)]
    recorded: f64,
    /// Legs with SRTP
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share)]
    srtp: f64,
    /// Suite of these
    #[arg(long, value_enum, default_value_t = Srtp::AesCm80)]
    suite: Srtp,
    /// A codec of callers and its share, such as opus=40%; may be given more than once. The rest has the agents' codec
    #[arg(long = "codec", value_name = "CODEC=SHARE", value_parser = codec_share)]
    codecs: Vec<(Codec, f64)>,
    /// Codec of the agents
    #[arg(long, value_name = "CODEC", default_value = "PCMU", value_parser = codec)]
    agents_codec: Codec,
    /// Milliseconds of a packet
    #[arg(long, value_name = "MS", default_value_t = 20.0)]
    packet_time: f64,
    /// Bits per second of a recording
    #[arg(long, value_name = "NUMBER", default_value_t = 16_000.0)]
    bit_rate: f64,
    /// A day's calls, counted in busiest hours
    #[arg(long, value_name = "NUMBER", default_value_t = 5.0)]
    busy_hours: f64,
    /// For how long recordings are kept
    #[arg(long, value_name = "TIME", default_value = "365d", value_parser = humantime::parse_duration)]
    keep: Duration,
    /// Points of one of your servers: its workers' budgets together [default: 240, 480 and 960, side by side]
    #[arg(long, value_name = "NUMBER")]
    server_points: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// 0 to 1, or per cent.
fn share(text: &str) -> Result<f64, String> {
    let (digits, unit) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits, 100.0));
    let value: f64 =
        digits.trim().parse().map_err(|_| format!("{text:?} is no share, such as 10% or 0.1"))?;
    let value = value / unit;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("a share is from 0% to 100%".to_owned()) }
}

fn codec(text: &str) -> Result<Codec, String> {
    let names = || Codec::ALL.map(Codec::name).join(", ");
    Codec::by_name(text).ok_or_else(|| format!("{text:?} is none of {}", names()))
}

fn codec_share(text: &str) -> Result<(Codec, f64), String> {
    let (name, part) = text.split_once('=').ok_or_else(|| format!("{text:?} is not like opus=40%"))?;
    Ok((codec(name)?, share(part)?))
}

/// The engine's built-in prices.
fn prices() -> Prices {
    let known = mediapoint_engine::Prices::default();
    let points = |points: Points| {
        // Prices are small: nothing is lost.
        f64::from(u32::try_from(points.as_thousandths()).unwrap_or(u32::MAX)) / 1000.0
    };
    Prices {
        call: points(known.call),
        extra_leg: points(known.extra_leg),
        srtp_leg: points(known.srtp_leg),
        recording: points(known.recording),
        coded: vec![
            (Codec::G711, points(known.pcm_coded)),
            (Codec::L16, points(known.pcm_coded)),
            (Codec::G722, points(known.g722_coded)),
            (Codec::G729, points(known.g729_coded)),
            (Codec::Gsm, points(known.gsm_coded)),
            (Codec::Opus, points(known.opus_coded)),
        ],
    }
}

/// What is worked out.
struct Sizes {
    traffic: Traffic,
    points: PointsNeeded,
    /// Points of a server, and how many of them, one to spare.
    servers: Vec<(f64, u64)>,
    bits: f64,
    storage: Storage,
}

impl CallsArguments {
    fn centre(&self) -> ContactCentre {
        ContactCentre {
            agents: self.agents,
            utilisation: self.utilisation,
            qualification: self.qualification.as_secs_f64(),
            queue: self.queue.as_secs_f64(),
            queued: self.queued,
            talk: self.talk.as_secs_f64(),
            transfers: self.transfers,
            conferences: self.conferences,
            recorded: self.recorded,
            srtp: self.srtp,
            codecs: self.codecs.clone(),
            agents_codec: self.agents_codec,
            packet_time: self.packet_time,
            recording_rate: self.bit_rate,
            busy_hours: self.busy_hours,
            kept: self.keep.as_secs_f64() / 86_400.0,
        }
    }

    fn sizes(&self) -> Result<Sizes, SizingError> {
        let centre = self.centre();
        let points = centre.points(&prices())?;
        let classes = self.server_points.map_or_else(|| CLASSES.to_vec(), |own| vec![own]);
        let servers = classes.into_iter().map(|class| Ok((class, servers(points.total(), class)?)));
        Ok(Sizes {
            traffic: centre.traffic()?,
            points,
            servers: servers.collect::<Result<_, _>>()?,
            bits: centre.bits_per_second(Protection::from(self.suite), Network::default())?,
            storage: centre.storage()?,
        })
    }
}

/// Prints what a contact centre needs.
pub(super) fn command(arguments: &CallsArguments) -> ExitCode {
    let sizes = match arguments.sizes() {
        Ok(sizes) => sizes,
        Err(error) => return refuse(UNUSABLE, &error),
    };
    let mut out = Output::default();
    if arguments.json {
        out.line(json_of(&sizes));
    } else {
        for (title, rows) in rows(&sizes) {
            out.line(title);
            for (name, value) in rows {
                out.line(format_args!("  {name:<34}{value:>14}"));
            }
        }
    }
    out.print(0)
}

type Rows = Vec<(String, String)>;

fn rows(sizes: &Sizes) -> Vec<(&'static str, Rows)> {
    let Sizes { traffic, points, servers, bits, storage } = sizes;
    let whole = |value: f64| format!("{value:.0}");
    let row = |name: &str, value: String| (name.to_owned(), value);
    let calls = vec![
        row("calls a second", format!("{}", traffic.calls_per_second)),
        row("calls in the hour", whole(traffic.busy_hour_calls)),
        row("with menus, at a time", whole(traffic.qualified)),
        row("waiting", whole(traffic.waiting)),
        row("talking", whole(traffic.talking)),
        row("  of these of three", whole(traffic.conferences)),
        row("with an agent or waiting", whole(traffic.concurrent())),
        row("all", whole(traffic.all())),
    ];
    let needed = points.rows().into_iter().filter(|(_, points)| *points > 0.0);
    let needed = needed.map(|(name, points)| row(name, whole(points)));
    let needed = needed.chain([row("all", whole(points.total()))]).collect();
    let of = |(class, count): &(f64, u64)| row(&format!("of {class} points"), count.to_string());
    let line = vec![
        row("received, and as much sent", format!("{:.1} Mbit/s", bits / 1e6)),
        row("new recordings", format!("{:.2} Mbit/s", storage.rate / 1e6)),
    ];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 or more, and saturates")]
    let bytes = |value: f64| size(value.round() as u128);
    let disk =
        vec![row("recordings of a day", bytes(storage.a_day)), row("all that is kept", bytes(storage.kept))];
    vec![
        ("busiest hour", calls),
        ("media points", needed),
        ("servers, one to spare (N+1)", servers.iter().map(of).collect()),
        ("on the wire", line),
        ("on disk", disk),
    ]
}

fn json_of(sizes: &Sizes) -> Value {
    let Sizes { traffic, points, servers, bits, storage } = sizes;
    let named = |(name, value): (&str, f64)| (name.to_lowercase(), json!(value));
    let mut needed: Map<String, Value> = points.rows().into_iter().map(named).collect();
    needed.insert("total".to_owned(), json!(points.total()));
    let server = |(class, count): &(f64, u64)| json!({ "points": class, "servers": count });
    json!({
        "calls_per_second": traffic.calls_per_second,
        "busy_hour_calls": traffic.busy_hour_calls,
        "qualified": traffic.qualified,
        "waiting": traffic.waiting,
        "talking": traffic.talking,
        "conferences": traffic.conferences,
        "concurrent": traffic.concurrent(),
        "points": needed,
        "servers": servers.iter().map(server).collect::<Vec<_>>(),
        "bits_per_second_each_way": bits.round(),
        "recorded_bits_per_second": storage.rate,
        "recorded_bytes_per_day": storage.a_day,
        "recorded_bytes_kept": storage.kept,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        calls: CallsArguments,
    }

    fn sizes(line: &[&str]) -> Sizes {
        Line::try_parse_from([&["size"], line].concat()).unwrap().calls.sizes().unwrap()
    }

    #[test]
    fn the_defaults_are_the_guides() {
        let sizes = sizes(&[]);
        assert_eq!((sizes.traffic.calls_per_second, sizes.traffic.busy_hour_calls), (6.0, 21_600.0));
        assert!((1650.0..1665.0).contains(&sizes.traffic.concurrent()));
        let counts: Vec<u64> = sizes.servers.iter().map(|(_, count)| *count).collect();
        assert!(counts.is_sorted_by(|a, b| a > b), "{counts:?}");
        assert_eq!(json_of(&sizes)["busy_hour_calls"], 21_600.0);
    }

    #[test]
    fn prices_are_the_engines() {
        assert_eq!(prices(), Prices::default());
    }

    #[test]
    fn more_work_needs_more() {
        let plain = sizes(&["--server-points", "480"]);
        let more =
            sizes(&["--srtp", "100%", "--codec", "opus=0.4", "--recorded", "50%", "--server-points", "480"]);
        assert!(more.points.total() > plain.points.total() * 2.0);
        assert!(more.servers[0].1 > plain.servers[0].1 && more.storage.kept > 0.0);
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for wrong in ["110%", "-1", "much", "NaN", ""] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        assert_eq!(share("12.5 %"), Ok(0.125));
        assert_eq!(codec_share("OPUS=1"), Ok((Codec::Opus, 1.0)));
        assert!(codec_share("opus").is_err() && codec_share("silk=1").is_err());
    }
}
