//! What tshark makes of a call: every packet decodes, no stream loses one, reports are sane, DSCP is set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::call::Call;
use crate::error::{Failure, ensure};
use crate::ng::Fields;
use crate::process::{Process, output, wait_until};
use crate::scenarios::Bench;
use crate::scenarios::dialogue::{Voice, talk};
use crate::sdp::{Offer, PCMU};
use crate::wire::Wire;

/// 8 s of talk: long enough for the first reports at RFC 3550 intervals, whatever their randomised delay.
const TALK: usize = 400;
/// Expedited forwarding, RFC 3246.
const EXPEDITED: &str = "46";
/// Wireshark's number for a warning; errors are above.
const WARNING: u32 = 0x0060_0000;
/// The sender report and receiver report packet types.
const REPORTS: [&str; 2] = ["200", "201"];

/// Talk both ways under capture, then ask tshark.
pub(super) fn clean(bench: &Bench<'_>) -> Result<(), Failure> {
    let capture = Capture::start(&bench.folder)?;
    let (wire_a, wire_b) = (Wire::open()?, Wire::open()?);
    let call = Call::new(&bench.server.client);
    let flags = Fields::none().with_list("flags", &["generate-RTCP"]);
    let to_callee = call.offer(&Offer::plain(wire_a.port()?, &[PCMU]).text(), &flags)?;
    let to_caller = call.answer(&Offer::plain(wire_b.port()?, &[PCMU]).text(), &flags)?;
    wire_a.connect(to_caller.port);
    wire_b.connect(to_callee.port);
    let (mut voice_a, mut voice_b) = (Voice::new(0, 0xaaaa_0001)?, Voice::new(1, 0xbbbb_0002)?);
    talk(TALK, &mut [(&mut voice_a, &wire_a), (&mut voice_b, &wire_b)])?;
    wire_b.wait_quiet();
    call.delete()?;

    let server = [to_caller.port, to_callee.port];
    let trace = capture.finish([wire_a.port()?, wire_b.port()?].into_iter().chain(server).collect())?;
    trace.nothing_malformed()?;
    trace.nothing_lost(4)?;
    trace.reports_are_sane(&server)?;
    trace.expedited(&server)
}

/// A running capture on the loopback interface.
struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    fn start(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join("call.pcapng");
        // A capture of an earlier run would look like the start of this one.
        let _ = std::fs::remove_file(&file);
        let name = file.display().to_string();
        let args: Vec<String> =
            ["-q", "-i", "lo", "-f", "udp", "-B", "16", "-w", &name].map(str::to_owned).into();
        let mut process = Process::start(folder, "dumpcap", "dumpcap", &args)?;
        // The file is created once the interface is open.
        let ready = wait_until(Duration::from_secs(10), || {
            !process.is_running() || file.metadata().is_ok_and(|f| f.len() > 0)
        });
        if ready && process.is_running() {
            Ok(Self { process, file })
        } else {
            let detail = "could not capture on the loopback interface: run as root, or let users capture";
            Err(Failure::Unable(process.failure(detail).to_string()))
        }
    }

    fn finish(self, ports: Vec<u16>) -> Result<Trace, Failure> {
        self.process.interrupt(Duration::from_secs(10))?;
        Ok(Trace { file: self.file, ports })
    }
}

/// A finished capture and the RTP ports in it; RTCP is one above each.
struct Trace {
    file: PathBuf,
    ports: Vec<u16>,
}

impl Trace {
    fn tshark(&self, args: &[&str]) -> Result<String, Failure> {
        let mut all = vec!["-n".to_owned(), "-r".to_owned(), self.file.display().to_string()];
        for port in &self.ports {
            all.extend(["-d".to_owned(), format!("udp.port=={port},rtp")]);
            all.extend(["-d".to_owned(), format!("udp.port=={},rtcp", port.saturating_add(1))]);
        }
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        output("tshark", &all)
    }

    /// Fields of the packets that pass a filter, one line each.
    fn fields(&self, filter: &str, fields: &[&str]) -> Result<Vec<Vec<String>>, Failure> {
        let mut args = vec!["-Y", filter, "-T", "fields", "-E", "occurrence=f"];
        for field in fields {
            args.extend(["-e", field]);
        }
        let lines = self.tshark(&args)?;
        Ok(lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    fn nothing_malformed(&self) -> Result<(), Failure> {
        let filter = format!("(rtp || rtcp) && (_ws.malformed || _ws.expert.severity >= {WARNING})");
        let complaints = self.fields(&filter, &["frame.number", "_ws.col.Protocol", "_ws.expert.message"])?;
        ensure!(
            complaints.is_empty(),
            "tshark complains about {} packets, first: {}",
            complaints.len(),
            complaints.first().map(|fields| fields.join(" ")).unwrap_or_default()
        );
        Ok(())
    }

    fn nothing_lost(&self, expected: usize) -> Result<(), Failure> {
        let table = self.tshark(&["-q", "-z", "rtp,streams"])?;
        // start, end, from, port, to, port, SSRC, payload, packets, lost, …
        let streams: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words.get(6).is_some_and(|word| word.starts_with("0x")))
            .collect();
        ensure!(streams.len() == expected, "tshark sees {} RTP streams instead of {expected}", streams.len());
        for stream in streams {
            let (packets, lost) = (stream.get(8).copied(), stream.get(9).copied());
            ensure!(lost == Some("0"), "tshark counts {lost:?} packets lost in: {}", stream.join(" "));
            ensure!(
                packets == Some(&TALK.to_string()),
                "tshark counts {packets:?} packets instead of {TALK}"
            );
        }
        Ok(())
    }

    fn reports_are_sane(&self, server: &[u16; 2]) -> Result<(), Failure> {
        for port in server {
            let filter = format!("rtcp && udp.srcport == {}", port.saturating_add(1));
            let fields =
                ["rtcp.pt", "rtcp.senderssrc", "rtcp.ssrc.fraction", "rtcp.ssrc.cum_nr", "rtcp.ssrc.jitter"];
            let reports = self.fields(&filter, &fields)?;
            ensure!(!reports.is_empty(), "the server sent no RTCP from port {}", port.saturating_add(1));
            for report in &reports {
                let field = |index: usize| report.get(index).map_or("", String::as_str);
                ensure!(
                    REPORTS.contains(&field(0)),
                    "RTCP begins with packet type {} instead of a report",
                    field(0)
                );
                ensure!(field(1) != "0x00000000" && !field(1).is_empty(), "a report without a sender's SSRC");
                ensure!(["", "0"].contains(&field(2)), "a report of {}/256 lost on loopback", field(2));
                ensure!(["", "0"].contains(&field(3)), "a report of {} packets lost on loopback", field(3));
                let jitter: u32 = field(4).parse().unwrap_or(0);
                ensure!(jitter < 400, "a report of {jitter} ticks of jitter on loopback");
            }
            self.sender_reports_tell_the_time(port.saturating_add(1))?;
        }
        Ok(())
    }

    /// The wall clock in a sender report is that of the capture, and its counts grow to those of the stream.
    fn sender_reports_tell_the_time(&self, port: u16) -> Result<(), Failure> {
        let filter = format!("rtcp.pt == 200 && udp.srcport == {port}");
        let fields = ["frame.time_epoch", "rtcp.timestamp.ntp.msw", "rtcp.sender.packetcount"];
        let reports = self.fields(&filter, &fields)?;
        ensure!(!reports.is_empty(), "port {port} carried media but no sender report");
        for report in reports {
            let number = |index: usize| report.get(index).and_then(|field| field.parse::<f64>().ok());
            let (Some(seen), Some(told), Some(count)) = (number(0), number(1), number(2)) else {
                return Err(Failure::Wrong(format!("a sender report lacks fields: {}", report.join(" "))));
            };
            // Seconds from 1900 to 1970.
            let apart = (seen - (told - 2_208_988_800.0)).abs();
            ensure!(apart < 2.0, "a sender report's clock is {apart:.1} s off");
            ensure!((1.0..=400.0).contains(&count), "a sender report counts {count} packets");
        }
        Ok(())
    }

    fn expedited(&self, server: &[u16; 2]) -> Result<(), Failure> {
        for port in server {
            let filter = format!("rtp && udp.srcport == {port}");
            let marks = self.fields(&filter, &["ip.dsfield.dscp"])?;
            ensure!(!marks.is_empty(), "no RTP from the server's port {port}");
            let wrong = marks.iter().find(|fields| fields.first().map(String::as_str) != Some(EXPEDITED));
            ensure!(
                wrong.is_none(),
                "DSCP is {} instead of {EXPEDITED}",
                wrong.map(|fields| fields.join(" ")).unwrap_or_default()
            );
        }
        Ok(())
    }
}
