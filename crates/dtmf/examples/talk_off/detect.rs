//! What our detector, our suppressor and the outside program make of a clip.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mediapoint_dtmf::{Detection, Detector, Replacement, Suppressor};

pub(crate) struct Detectors {
    peer: Option<(Child, ChildStdin, BufReader<ChildStdout>)>,
}

pub(crate) struct Detected {
    /// Digits and where they begin, in seconds.
    pub(crate) ours: Vec<(char, f64)>,
    /// How many digits libspandsp found.
    pub(crate) theirs: usize,
    /// Samples that the suppressor mutes.
    pub(crate) muted: u64,
}

impl Detectors {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let Some(program) = std::env::var_os("MEDIAPOINT_DTMF_PEER") else { return Ok(Self { peer: None }) };
        let mut command = Command::new(program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        Ok(Self { peer: pipes.map(|(to, from)| (child, to, BufReader::new(from))) })
    }

    pub(crate) const fn has_peer(&self) -> bool {
        self.peer.is_some()
    }

    pub(crate) fn process(&mut self, pcm: &[i16]) -> Result<Detected, Box<dyn Error>> {
        let (mut detector, mut ours) = (Detector::default(), Vec::new());
        let mut take = |detection| {
            if let Detection::Digit(digit) = detection {
                ours.push((digit.digit.as_char(), digit.start_sample as f64 / 8000.0));
            }
        };
        detector.process(pcm, &mut take);
        detector.flush(&mut take);
        let mut suppressor = Suppressor::new(Replacement::Silence);
        suppressor.process(&mut pcm.to_vec());
        let mut line = String::new();
        if let Some((_, to, from)) = &mut self.peer {
            to.write_all(&u32::try_from(pcm.len())?.to_ne_bytes())?;
            to.write_all(&pcm.iter().flat_map(|sample| sample.to_ne_bytes()).collect::<Vec<_>>())?;
            to.flush()?;
            from.read_line(&mut line)?;
        }
        Ok(Detected { ours, theirs: line.trim().len(), muted: suppressor.muted_samples() })
    }
}

impl Drop for Detectors {
    fn drop(&mut self) {
        if let Some((mut child, to, _)) = self.peer.take() {
            drop(to);
            let _ = child.wait();
        }
    }
}
