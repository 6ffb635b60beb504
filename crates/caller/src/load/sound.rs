//! Whether what some phones of a load heard sounds like what their partners said, and how much later it came.

use serde::Serialize;

use super::voice::Coded;
use super::watch::Kept;
use crate::codec::{Codec, Listener};
use crate::delay::Delays;
use crate::recording::{Recording, SAMPLE_RATE, one_way_delays};
use crate::similarity::{Similarity, alike};

/// Samples of a recording at most: 60 s.
const LIMIT: usize = 60 * SAMPLE_RATE as usize;

/// What was found out by listening.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SoundReport {
    /// Streams that were listened to.
    pub streams: usize,
    /// The least correlation of band levels between what was said and what was heard, 0 to 1.
    pub band_correlation: f64,
    /// The greatest difference in level, in decibels; positive where it came louder.
    pub level_db: f64,
    /// Each of them was the same speech, and all of it.
    pub same: bool,
}

/// One direction between two phones.
pub(super) struct Way<'a> {
    pub(super) said_in: &'a Coded,
    pub(super) said: &'a [Kept],
    pub(super) heard_in: Codec,
    pub(super) heard: &'a [Kept],
}

/// Listens to every way. The delays are those of the sound: that of the codecs counts as well as that of packets and
/// buffers.
pub(super) fn listen(ways: &[Way<'_>]) -> Option<(SoundReport, Delays)> {
    let mut delays = Delays::new();
    let mut likenesses: Vec<Similarity> = Vec::new();
    for way in ways {
        let said = record(way.said_in.codec, way.said)?;
        let heard = record(way.heard_in, way.heard)?;
        let likeness = alike(said.samples(), heard.samples(), &[]);
        delays.extend(&one_way_delays(&said, &heard, likeness.lag_samples));
        likenesses.push(likeness);
    }
    let least = |a: f64, b: &Similarity| a.min(b.band_correlation);
    let greatest = |a: f64, b: &Similarity| if b.level_db.abs() > a.abs() { b.level_db } else { a };
    (!likenesses.is_empty()).then(|| {
        let report = SoundReport {
            streams: likenesses.len(),
            band_correlation: likenesses.iter().fold(1.0, least),
            level_db: likenesses.iter().fold(0.0, greatest),
            same: likenesses.iter().all(Similarity::is_same_speech),
        };
        (report, delays)
    })
}

fn record(codec: Codec, packets: &[Kept]) -> Option<Recording> {
    let mut listener = Listener::new(codec).ok()?;
    let mut recording = Recording::new(LIMIT);
    for packet in packets {
        // What cannot be decoded is silence, and is heard as such.
        if let Ok(samples) = listener.decode(&packet.payload) {
            recording.put_clocked(packet.at, 0, (packet.timestamp, codec.clock_rate()), samples);
        }
    }
    Some(recording)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mediapoint_packet::Time;

    use super::*;
    use crate::codec::PACKET;
    use crate::speech;

    fn kept(coded: &Coded, packets: u32, late: Duration) -> Vec<Kept> {
        let ticks = coded.codec.clock_rate() / 50;
        (0..packets)
            .map(|n| Kept {
                at: Time::from_millis(u64::from(n) * 20) + late,
                timestamp: n * ticks,
                payload: coded.payload(0, n).into(),
            })
            .collect()
    }

    #[test]
    fn speech_in_another_codec_is_the_same_and_its_delay_is_found() {
        let said = speech::synthetic(PACKET * 200);
        let pcmu = Coded::new(Codec::Pcmu, &said).unwrap();
        // 7 ms of codec, as a packet of another codec has it, and 30 ms under way.
        let mut later = vec![0; 56];
        later.extend_from_slice(&said);
        let coded = Coded::new(Codec::Pcma, &later).unwrap();
        let said = kept(&pcmu, 200, Duration::ZERO);
        let heard = kept(&coded, 200, Duration::from_millis(30));
        let way = Way { said_in: &pcmu, said: &said, heard_in: Codec::Pcma, heard: &heard };
        let (report, delays) = listen(&[way]).unwrap();
        assert!(report.same && report.streams == 1, "{report:?}");
        assert!((delays.at(0.5).as_secs_f64() - 0.037).abs() < 0.0002, "{:?}", delays.at(0.5));
    }

    #[test]
    fn silence_and_other_speech_are_not_the_same() {
        let said = speech::synthetic(PACKET * 400);
        let (first, second) = said.split_at(PACKET * 200);
        let coded = |samples: &[i16]| Coded::new(Codec::Pcmu, samples).unwrap();
        let (right, wrong, silent) = (coded(first), coded(second), coded(&[0; PACKET * 200]));
        let said = kept(&right, 200, Duration::ZERO);
        for other in [&wrong, &silent] {
            let heard = kept(other, 200, Duration::ZERO);
            let way = Way { said_in: &right, said: &said, heard_in: Codec::Pcmu, heard: &heard };
            let (report, _) = listen(&[way]).unwrap();
            assert!(!report.same, "{report:?}");
        }
        assert!(listen(&[]).is_none());
    }
}
