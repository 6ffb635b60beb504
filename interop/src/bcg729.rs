//! G.729 by Debian's libbcg729, in a program of its own that is compiled when a scenario needs it. The library is under
//! the GPL: nothing of ours is ever linked to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Context as _, Failure, ensure};

const SOURCE: &str = include_str!("../outside/bcg729.c");
const HEADER: &str = "/usr/include/bcg729/encoder.h";

/// Frames in a packet of 20 ms.
const FRAMES: usize = 2;
/// Octets of a frame of speech.
const SPEECH: usize = 10;

/// The compiled program.
pub(crate) struct Bcg729 {
    program: PathBuf,
    folder: PathBuf,
}

impl Bcg729 {
    /// Compiles it in this folder.
    pub(crate) fn compile(folder: &Path) -> Result<Self, Failure> {
        if !Path::new(HEADER).exists() {
            return Err(Failure::Unable("libbcg729-dev is not installed".to_owned()));
        }
        let (source, program) = (folder.join("bcg729.c"), folder.join("bcg729"));
        std::fs::write(&source, SOURCE).during(source.display().to_string())?;
        let paths = [&program, &source].map(|path| path.display().to_string());
        let [program_name, source_name] = &paths;
        let args = ["-O2", "-Wall", "-Wextra", "-Werror", "-o", program_name, source_name, "-lbcg729"];
        crate::process::output("cc", &args.map(str::to_owned))?;
        Ok(Self { program, folder: folder.to_path_buf() })
    }

    /// Encodes speech into packets of 20 ms, with pauses and noise descriptions where `dtx` is set.
    pub(crate) fn encode(&self, samples: &[i16], dtx: bool) -> Result<Vec<Packet>, Failure> {
        let input: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        let coded = self.run(if dtx { "encode-dtx" } else { "encode" }, &input)?;
        let mut frames = Vec::new();
        let mut rest = coded.as_slice();
        while let Some((length, after)) = rest.split_first() {
            let Some((frame, after)) = after.split_at_checked(usize::from(*length)) else { break };
            frames.push(frame);
            rest = after;
        }
        ensure!(frames.len() == samples.len() / 80, "bcg729 made {} frames", frames.len());
        Ok(packets(&frames))
    }

    /// Decodes payloads of 20 ms in their order; `None` is a lost one.
    pub(crate) fn decode(&self, payloads: &[Option<Vec<u8>>]) -> Result<Vec<i16>, Failure> {
        let mut input = Vec::new();
        for payload in payloads {
            let payload = payload.as_deref().unwrap_or_default();
            let mut frames: Vec<&[u8]> = payload.chunks(SPEECH).collect();
            frames.resize(FRAMES.max(frames.len()), &[]);
            for frame in frames {
                input.push(u8::try_from(frame.len()).unwrap_or(u8::MAX));
                input.extend_from_slice(frame);
            }
        }
        let decoded = self.run("decode", &input)?;
        Ok(decoded.as_chunks().0.iter().map(|octets| i16::from_ne_bytes(*octets)).collect())
    }

    fn run(&self, what: &str, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let [from, to] = ["in", "out"].map(|end| self.folder.join(format!("bcg729-{what}.{end}")));
        std::fs::write(&from, input).during(from.display().to_string())?;
        let open = std::fs::File::open(&from).during(from.display().to_string())?;
        let create = std::fs::File::create(&to).during(to.display().to_string())?;
        let status = Command::new(&self.program)
            .arg(what)
            .stdin(Stdio::from(open))
            .stdout(Stdio::from(create))
            .status()
            .during("running bcg729")?;
        ensure!(status.success(), "bcg729 {what} ended with {status}");
        std::fs::read(&to).during(to.display().to_string())
    }
}

/// What to send: the payload, and the number of the 10 ms that it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) frame: usize,
    pub(crate) payload: Vec<u8>,
}

/// Frames in packets of 20 ms. A payload is frames of speech, then at most one noise description [RFC3551 4.5.6], so one
/// that begins after a pause, or goes on after a noise description, begins a packet of its own.
fn packets(frames: &[&[u8]]) -> Vec<Packet> {
    let mut packets: Vec<Packet> = Vec::new();
    let mut open = false;
    for (number, frame) in frames.iter().enumerate() {
        open &= !number.is_multiple_of(FRAMES);
        match packets.last_mut().filter(|_| open) {
            Some(packet) => packet.payload.extend_from_slice(frame),
            None if frame.is_empty() => {}
            None => packets.push(Packet { frame: number, payload: frame.to_vec() }),
        }
        open = frame.len() == SPEECH;
    }
    packets
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC3551 4.5.6]
    #[test]
    fn a_noise_description_or_a_pause_ends_a_packet() {
        let (speech, noise, none) = ([1; SPEECH].as_slice(), [2; 2].as_slice(), [].as_slice());
        let lengths = |frames: &[&[u8]]| -> Vec<(usize, usize)> {
            packets(frames).iter().map(|packet| (packet.frame, packet.payload.len())).collect()
        };
        assert_eq!(lengths(&[speech, speech, speech, noise]), [(0, 20), (2, 12)]);
        assert_eq!(lengths(&[speech, none, none, none, none, speech]), [(0, 10), (5, 10)]);
        assert_eq!(lengths(&[noise, speech, noise, none, none, noise]), [(0, 2), (1, 10), (2, 2), (5, 2)]);
    }
}
