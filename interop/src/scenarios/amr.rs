//! Payloads of AMR and AMR-WB, RFC 4867, written and read by us, and by GStreamer and ffmpeg.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mediapoint_codec::amr::{AmrLayout, Band, Frame, NO_REQUEST, pack, unpack};

use super::Bench;
use crate::error::{Context as _, Failure, ensure};
use crate::process::{output, wait_until};
use crate::rtp::{Header, payload};
use crate::tools;
use crate::wire::free_pair;

/// What GStreamer reads and writes.
const ALIGNED: AmrLayout = AmrLayout { octet_align: true, ..AmrLayout::BANDWIDTH_EFFICIENT };
/// Rounds through all types of frames.
const ROUNDS: u8 = 4;
/// When everything must have come.
const COME: Duration = Duration::from_secs(20);
const PAYLOAD_TYPE: u8 = 97;

const fn name(band: Band) -> (&'static str, u32, &'static [u8]) {
    match band {
        Band::Narrow => ("AMR", 8000, b"#!AMR\n"),
        Band::Wide => ("AMR-WB", 16_000, b"#!AMR-WB\n"),
    }
}

/// Frames of every mode, descriptions of noise, and frames that were not sent.
fn frames(band: Band) -> Vec<Frame> {
    let kinds = (0..=band.highest_mode() + 1).chain([Frame::NO_DATA]);
    let kinds: Vec<u8> = kinds.collect();
    let mut state = 1_u32;
    let mut octet = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes().first().copied().unwrap_or_default()
    };
    let rounds = (0..ROUNDS).flat_map(|_| &kinds);
    rounds
        .filter_map(|kind| Frame::new(band, *kind, true, &std::array::from_fn::<u8, 60, _>(|_| octet())))
        .collect()
}

/// Frames as files have them [RFC4867 5.3], without what a file begins with.
fn stored<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<u8> {
    let octets =
        |frame: &Frame| [frame.storage_head()].into_iter().chain(frame.octets().to_vec()).collect::<Vec<_>>();
    frames.into_iter().flat_map(octets).collect()
}

fn packed(layout: AmrLayout, frames: &[Frame]) -> Result<Vec<u8>, Failure> {
    let mut octets = vec![0; 1000];
    let wrong = |error| Failure::Wrong(format!("a payload is not written: {error}"));
    let len = pack(layout, NO_REQUEST, frames, &mut octets).map_err(wrong)?;
    octets.truncate(len);
    Ok(octets)
}

/// Both ways, AMR and AMR-WB.
pub(super) fn payloads(bench: &Bench<'_>) -> Result<(), Failure> {
    for band in [Band::Narrow, Band::Wide] {
        read(bench, band)?;
        write(bench, band)?;
    }
    Ok(())
}

/// GStreamer makes packets of a file; we read the same frames, and write the same octets again.
fn read(bench: &Bench<'_>, band: Band) -> Result<(), Failure> {
    let (encoding, clock, magic) = name(band);
    // A frame that was not sent is an error to its payloader.
    let frames: Vec<Frame> =
        frames(band).into_iter().filter(|frame| frame.kind() != Frame::NO_DATA).collect();
    let path = bench.folder.join(format!("{encoding}-frames.amr"));
    std::fs::write(&path, [magic, &stored(&frames)].concat()).during(path.display().to_string())?;
    let socket = UdpSocket::bind("127.0.0.1:0").during("a socket for AMR")?;
    socket.set_read_timeout(Some(COME)).during("a socket for AMR")?;
    let port = socket.local_addr().during("a socket for AMR")?.port();
    let sender = tools::gst_send_amr(&bench.folder, &format!("{encoding}-send"), &path, PAYLOAD_TYPE, port)?;
    let mut heard: Vec<Frame> = Vec::new();
    let mut before = None;
    let mut datagram = [0; 2000];
    while heard.len() < frames.len() {
        let len = socket.recv(&mut datagram).during(format!("{} of {} frames", heard.len(), frames.len()))?;
        let datagram = datagram.get(..len).unwrap_or_default();
        let header = Header::read(datagram).ok_or_else(|| Failure::Wrong("that is no RTP".to_owned()))?;
        let octets = payload(datagram);
        let wrong = |error| Failure::Wrong(format!("{encoding}: {octets:02x?}: {error}"));
        let read = unpack(band, ALIGNED, octets).map_err(wrong)?;
        let again = packed(ALIGNED, read.frames())?;
        ensure!(again == octets, "{encoding}: {octets:02x?} became {again:02x?}");
        let ticks = before.map(|(timestamp, frames)| (header.timestamp.wrapping_sub(timestamp), frames));
        let right = ticks.is_none_or(|(ticks, frames)| ticks == clock / 50 * frames);
        ensure!(right, "{encoding}: timestamps go on by {ticks:?}");
        before = Some((header.timestamp, u32::try_from(read.frames().len()).unwrap_or(0)));
        heard.extend(read.frames());
    }
    sender.finish(COME)?;
    ensure!(heard == frames, "{encoding}: other frames than those of the file");
    Ok(())
}

/// GStreamer takes the frames out of our packets, the same as we have put in; ffmpeg decodes those of speech.
fn write(bench: &Bench<'_>, band: Band) -> Result<(), Failure> {
    let (encoding, clock, magic) = name(band);
    let frames = frames(band);
    let port = free_pair()?;
    let label = format!("{encoding}-take");
    let recorder = tools::gst_take_amr(&bench.folder, &label, (encoding, clock, PAYLOAD_TYPE), port)?;
    let socket = UdpSocket::bind("127.0.0.1:0").during("a socket for AMR")?;
    let began = Instant::now();
    let mut header = Header { payload_type: PAYLOAD_TYPE, sequence: 65_530, timestamp: 0xffff_f000, ssrc: 7 };
    let mut sent = 0;
    // One, two and three frames a packet.
    for count in [1, 2, 3].into_iter().cycle() {
        let Some(some) = frames.get(sent..(sent + count).min(frames.len())).filter(|some| !some.is_empty())
        else {
            break;
        };
        let due = began + Duration::from_millis(20) * u32::try_from(sent).unwrap_or(0);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let packet = header.packet(&packed(ALIGNED, some)?);
        socket.send_to(&packet, ("127.0.0.1", port)).during("a packet of AMR")?;
        sent += some.len();
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(clock / 50 * u32::try_from(some.len()).unwrap_or(0));
    }
    let wanted = stored(&frames);
    wait_until(COME, || recorder.len() >= wanted.len() as u64);
    let taken = recorder.finish()?;
    ensure!(taken == wanted, "{encoding}: GStreamer took {} octets of {}", taken.len(), wanted.len());
    // Of descriptions of noise ffmpeg says itself that it has no decoder.
    let speech: Vec<Frame> = frames.iter().copied().filter(Frame::is_speech).collect();
    let path = bench.folder.join(format!("{encoding}-speech.amr"));
    std::fs::write(&path, [magic, &stored(&speech)].concat()).during(path.display().to_string())?;
    let decoded = bench.folder.join(format!("{encoding}-speech.s16"));
    let line = "-hide_banner -nostdin -loglevel error -xerror -y -i";
    let args = line.split(' ').map(str::to_owned).chain([path.display().to_string()]);
    let args = args.chain(["-f", "s16le"].map(str::to_owned)).chain([decoded.display().to_string()]);
    output("ffmpeg", &args.collect::<Vec<_>>())?;
    let samples = std::fs::metadata(&decoded).during(decoded.display().to_string())?.len() / 2;
    let wanted = speech.len() as u64 * u64::from(clock / 50);
    ensure!(samples == wanted, "{encoding}: ffmpeg decodes {samples} samples of {wanted}");
    Ok(())
}
