//! What became of the recordings of a round.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::time::Duration;

use mediapoint_caller::delay::DelaySummary;
use mediapoint_recorder::Decoder;
use serde::Serialize;

use super::place::{Place, Row, Verdict};
use super::round::{Call, Killed, PACKET};
use crate::drill::DrillError;
use crate::drill::report::Check;

/// A recording may be longer than its call by so many milliseconds: its end is a tick and a jitter buffer later.
const LONGER: u64 = 500;
/// Milliseconds that the Opus file of an interrupted recording lacks: the encoder looked ahead so far.
const LOOK_AHEAD: u64 = 7;
/// Files of a recording in the store.
const FILES: usize = 3;
/// Most findings that are kept to be shown.
const FINDINGS: usize = 10;

/// What was counted in all rounds.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Figures {
    pub(super) rounds: u64,
    calls: u64,
    refused: u64,
    running_at_kill: u64,
    ended_before: u64,
    /// Completed by the start after the kill.
    recovered: u64,
    /// Shown by the catalogue before the kill.
    announced: u64,
    /// Recordings that began so shortly before the kill that nothing of them is there.
    absent: u64,
    stored_missing: u64,
    not_once_in_catalogue: u64,
    not_once_in_store: u64,
    unknown_in_store: u64,
    not_whole: u64,
    unplayable: u64,
    too_long: u64,
    left_in_spool: u64,
    /// Most milliseconds missing at the end of one that ran, and of one that had ended.
    lost_ms: u64,
    lost_of_ended_ms: u64,
    /// Sum of what was missing of those that ran.
    lost_in_all_ms: u64,
    /// The longest time before a kill for which the drill had sent nothing to a call.
    unsent_ms: u64,
    findings: Vec<String>,
    /// From the start of the server until it served, and until nothing was on its way to the store.
    pub(super) start: DelaySummary,
    pub(super) stored: DelaySummary,
    /// Recordings that have been in the catalogue.
    #[serde(skip)]
    known: BTreeSet<String>,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How long a recording has to be, and how long it may be: from when it was recorded for certain, or may have been, to the
/// call's end; or to the end of its last packet, and to the server's end.
fn lengths(call: &Call, killed: &Killed) -> (u64, u64) {
    let sent = call.sent.map_or(call.begun, |sent| sent + PACKET);
    let (at_least, at_most) = call.ended.unwrap_or((sent.min(killed.killed.0), killed.killed.1));
    (
        millis(at_least.saturating_duration_since(call.begun)),
        millis(at_most.saturating_duration_since(call.asked)),
    )
}

impl Figures {
    fn find(&mut self, what: String) {
        if self.findings.len() < FINDINGS {
            self.findings.push(what);
        }
    }

    /// Judges the recordings of a round, and that all earlier ones are there.
    pub(super) fn judge_round(&mut self, killed: &Killed, place: &Place) -> Result<(), DrillError> {
        let list = place.list()?;
        let rows: BTreeMap<&str, &Row> = list.iter().map(|row| (row.id.as_str(), row)).collect();
        self.not_once_in_catalogue += count(list.len() - rows.len());
        self.judge_lengths(killed, &rows);
        self.judge_earlier(killed, &rows);
        self.judge_store(&place.stored()?, &rows);
        let ids: Vec<&str> = killed.calls.iter().filter_map(|call| call.id.as_deref()).collect();
        let there: Vec<&str> = ids.into_iter().filter(|id| rows.contains_key(id)).collect();
        self.judge_wholeness(&there, &place.verify(&there)?);
        for row in there.iter().filter_map(|id| rows.get(id)) {
            let length = played(&place.play(&row.id)?);
            if length.is_none_or(|length| length.abs_diff(row.length_ms) > LOOK_AHEAD) {
                self.unplayable += 1;
                self.find(format!("{}: plays for {length:?} ms of {}", row.id, row.length_ms));
            }
        }
        for name in place.left_in_spool()? {
            self.left_in_spool += 1;
            self.find(format!("{name} is left"));
        }
        Ok(())
    }

    fn judge_lengths(&mut self, killed: &Killed, rows: &BTreeMap<&str, &Row>) {
        for call in &killed.calls {
            self.calls += 1;
            let Some(id) = &call.id else {
                self.refused += 1;
                continue;
            };
            self.running_at_kill += u64::from(call.ended.is_none());
            self.ended_before += u64::from(call.ended.is_some());
            let (wanted, most) = lengths(call, killed);
            let found = rows.get(id.as_str());
            let length = found.map_or(0, |row| row.length_ms);
            self.absent += u64::from(found.is_none());
            self.recovered += u64::from(found.is_some_and(|row| row.recovered));
            let lost = wanted.saturating_sub(length);
            if call.ended.is_some() {
                self.lost_of_ended_ms = self.lost_of_ended_ms.max(lost);
            } else {
                self.lost_ms = self.lost_ms.max(lost);
                self.lost_in_all_ms += lost;
                let sent = call.sent.unwrap_or(call.begun);
                self.unsent_ms = self.unsent_ms.max(millis(killed.killed.0.saturating_duration_since(sent)));
            }
            if length > most.saturating_add(LONGER) {
                self.too_long += 1;
                self.find(format!("{id}: {length} ms of a call of {most}"));
            }
        }
    }

    /// What was in the catalogue once has to be there.
    fn judge_earlier(&mut self, killed: &Killed, rows: &BTreeMap<&str, &Row>) {
        self.announced += count(killed.announced.difference(&self.known).count());
        self.known.extend(killed.announced.iter().cloned());
        let missing: Vec<String> =
            self.known.iter().filter(|id| !rows.contains_key(id.as_str())).cloned().collect();
        for id in missing {
            self.stored_missing += 1;
            self.find(format!("{id} was stored, and is not in the catalogue"));
            self.known.remove(&id);
        }
        self.known.extend(rows.keys().map(|id| (*id).to_owned()));
    }

    fn judge_store(&mut self, files: &BTreeMap<String, Vec<String>>, rows: &BTreeMap<&str, &Row>) {
        for id in rows.keys() {
            let found = files.get(*id).map(Vec::as_slice).unwrap_or_default();
            let different: BTreeSet<&String> = found.iter().collect();
            if found.len() != FILES || different.len() != FILES {
                self.not_once_in_store += 1;
                self.find(format!("{id} is stored as {found:?}"));
            }
        }
        for id in files.keys().filter(|id| !rows.contains_key(id.as_str())) {
            self.unknown_in_store += 1;
            self.find(format!("{id} is in the store only"));
        }
    }

    fn judge_wholeness(&mut self, ids: &[&str], verdicts: &[Verdict]) {
        for id in ids {
            let verdict = verdicts.iter().find(|verdict| verdict.id == *id);
            if verdict.is_none_or(|verdict| !verdict.whole) {
                self.not_whole += 1;
                let why = verdict.map_or("cannot be verified".to_owned(), |one| one.findings.join(", "));
                self.find(format!("{id}: {why}"));
            }
        }
    }

    /// `lost` is the most milliseconds that may be missing of a recording.
    pub(super) fn judge(&self, lost: u64) -> Vec<Check> {
        vec![
            Check::none("recordings refused", self.refused),
            Check::at_least("recordings that ran at a kill", self.running_at_kill, 1),
            Check::at_most("ms missing at the end of one that ran", self.lost_ms, lost),
            Check::at_most("ms missing of one that had ended", self.lost_of_ended_ms, lost),
            Check::none("recordings longer than their call", self.too_long),
            Check::none("recordings that are not whole", self.not_whole),
            Check::none("recordings that do not play", self.unplayable),
            Check::none("stored before a kill and missing after", self.stored_missing),
            Check::none("in the catalogue more than once", self.not_once_in_catalogue),
            Check::none("in the store not once", self.not_once_in_store),
            Check::none("in the store and not in the catalogue", self.unknown_in_store),
            Check::none("files left in the spool", self.left_in_spool),
        ]
    }

    /// Figures for people.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let Self {
            calls,
            running_at_kill,
            ended_before,
            recovered,
            announced,
            absent,
            lost_in_all_ms,
            unsent_ms,
            ..
        } = self;
        let ms = |summary: &DelaySummary| {
            format!("p50 {:.0} ms, longest {:.0} ms", summary.p50_us / 1000.0, summary.max_us / 1000.0)
        };
        let figures = [
            ("kills", self.rounds.to_string()),
            ("recordings", format!("{calls}: {running_at_kill} ran at a kill, {ended_before} had ended")),
            ("missing on average", format!("{} ms", lost_in_all_ms / running_at_kill.max(&1))),
            (
                "nothing sent",
                format!("for up to {unsent_ms} ms before a kill, which do not count as missing"),
            ),
            ("completed after", format!("{recovered}; {absent} had nothing yet")),
            ("stored before", format!("{announced} were in the catalogue at a moment before the kill")),
            ("served again", ms(&self.start)),
            ("all stored", ms(&self.stored)),
        ];
        let findings = self.findings.iter().map(|finding| ("finding", finding.clone()));
        figures.into_iter().chain(findings).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Milliseconds of a recording that was decoded from its beginning to its end, which has to be where the file says.
fn played(file: &[u8]) -> Option<u64> {
    let stated = opus_length(file)?;
    let mut decoder = Decoder::new(Cursor::new(file)).ok()?;
    while !decoder.read().ok()?.is_empty() {}
    let length = decoder.position().saturating_mul(1000) / u64::from(decoder.rate().max(1));
    (length.abs_diff(stated) <= 1).then_some(length)
}

/// Milliseconds of an Opus file [RFC7845 4.3]; nothing where its pages are not whole or its end is missing.
fn opus_length(file: &[u8]) -> Option<u64> {
    let mut reader = ogg::PacketReader::new(Cursor::new(file));
    let head = reader.read_packet().ok()??;
    let skip: [u8; 2] = head.data.strip_prefix(b"OpusHead")?.get(2..4)?.try_into().ok()?;
    let mut last = head;
    while let Some(packet) = reader.read_packet().ok()? {
        last = packet;
    }
    let samples = last.absgp_page().checked_sub(u64::from(u16::from_le_bytes(skip)))?;
    last.last_in_stream().then_some(samples / 48)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use mediapoint_recorder::{Encoder, EncoderSettings, Format, Frame};

    use super::*;

    fn row(id: &str, length_ms: u64) -> Row {
        Row { id: id.to_owned(), length_ms, recovered: true }
    }

    /// A call that was recorded for three seconds until the kill.
    fn killed() -> Killed {
        let asked = Instant::now();
        let begun = asked + Duration::from_millis(10);
        let at = begun + Duration::from_secs(3);
        let call = Call { id: Some("a".to_owned()), asked, begun, sent: Some(at), ended: None };
        Killed { calls: vec![call], announced: BTreeSet::new(), killed: (at, at + Duration::from_millis(5)) }
    }

    fn stored(id: &str) -> BTreeMap<String, Vec<String>> {
        let names = ["opus.sealed", "meta.sealed", "manifest.json"].map(|end| format!("{id}.{end}"));
        [(id.to_owned(), names.to_vec())].into()
    }

    fn failed(figures: &Figures) -> Vec<String> {
        figures.judge(1000).iter().filter_map(Check::failure).collect()
    }

    /// What fails after `change` of a good round.
    fn after(
        change: impl FnOnce(&mut Killed, &mut Vec<Row>, &mut BTreeMap<String, Vec<String>>),
    ) -> Vec<String> {
        let (mut killed, mut list, mut files) = (killed(), vec![row("a", 2700)], stored("a"));
        change(&mut killed, &mut list, &mut files);
        let rows: BTreeMap<&str, &Row> = list.iter().map(|row| (row.id.as_str(), row)).collect();
        let mut figures = Figures::default();
        figures.judge_lengths(&killed, &rows);
        figures.judge_earlier(&killed, &rows);
        figures.judge_store(&files, &rows);
        failed(&figures)
    }

    #[test]
    fn each_way_to_lose_a_recording_fails_by_its_name() {
        let one = |failed: Vec<String>, what: &str| {
            assert!(failed.len() == 1 && failed[0].starts_with(what), "{what}: {failed:?}");
        };
        assert_eq!(after(|_, _, _| ()), [""; 0]);
        assert_eq!(after(|_, rows, _| rows[0].length_ms = 2000), [""; 0]);
        one(after(|_, rows, _| rows[0].length_ms = 1999), "ms missing at the end of one that ran: 1001");
        one(after(|_, rows, _| rows[0].length_ms = 4000), "recordings longer");
        one(
            after(|_, rows, files| {
                rows.clear();
                files.clear();
            }),
            "ms missing at the end of one that ran: 3000",
        );
        one(after(|killed, _, _| killed.announced.extend(["b".to_owned()])), "stored before a kill");
        one(after(|_, _, files| drop(files.remove("a"))), "in the store not once");
        one(
            after(|_, _, files| files.get_mut("a").unwrap().push("a.opus.sealed".to_owned())),
            "in the store not once",
        );
        // What the drill did not send is not missing, what it sent is.
        let sent_until = |until: u64| {
            move |killed: &mut Killed, rows: &mut Vec<Row>, _: &mut _| {
                let call = &mut killed.calls[0];
                call.sent = Some(call.begun + Duration::from_millis(until));
                rows[0].length_ms = 500;
            }
        };
        assert_eq!(after(sent_until(1480)), [""; 0]);
        one(after(sent_until(1481)), "ms missing at the end of one that ran: 1001");
        one(after(|_, _, files| files.extend(stored("c"))), "in the store and not in the catalogue");
        one(
            after(|killed, rows, files| {
                let Call { asked, begun, sent, .. } = killed.calls[0];
                let end = begun + Duration::from_secs(2);
                let ended = Some((end, end));
                killed.calls.push(Call { id: Some("b".to_owned()), asked, begun, sent, ended });
                rows.push(row("b", 900));
                files.extend(stored("b"));
            }),
            "ms missing of one that had ended: 1100",
        );
        one(
            after(|killed, _, _| {
                let Call { asked, begun, sent, .. } = killed.calls[0];
                killed.calls.push(Call { id: None, asked, begun, sent, ended: None });
            }),
            "recordings refused",
        );
    }

    #[test]
    fn a_recording_that_is_not_verified_is_not_whole() {
        let verdict = |whole| Verdict { id: "a".to_owned(), whole, findings: vec!["page 3".to_owned()] };
        for (verdicts, not_whole) in [(vec![verdict(true)], 0), (vec![verdict(false)], 1), (vec![], 1)] {
            let mut figures = Figures::default();
            figures.judge_wholeness(&["a"], &verdicts);
            assert_eq!(figures.not_whole, not_whole);
        }
    }

    #[test]
    fn a_recording_plays_to_its_end_or_not_at_all() {
        let settings = EncoderSettings::default();
        let mut encoder = Encoder::new(Format::OPUS_STEREO, 8000, &settings).unwrap();
        let mut file = encoder.header().unwrap().bytes;
        for n in 0..100_u64 {
            let (left, right) = ([1000; 160], [0; 160]);
            let frame =
                Frame { first_sample: n * 160, samples: 160, left: &left, right: &right, silent: false };
            file.extend(encoder.encode(&frame).unwrap().into_iter().flat_map(|chunk| chunk.bytes));
        }
        file.extend(encoder.finish().unwrap().0.into_iter().flat_map(|chunk| chunk.bytes));
        assert_eq!(played(&file), Some(2000));
        assert_eq!(played(&file[..file.len() - 1]), None);
        let middle = file.len() / 2;
        file[middle] ^= 1;
        assert_eq!(played(&file), None);
    }

    #[test]
    fn a_file_without_its_end_has_no_length() {
        let file = |end| {
            let mut out = Vec::new();
            let mut writer = ogg::PacketWriter::new(&mut out);
            let mut head = b"OpusHead".to_vec();
            head.extend([1, 2, 0x38, 1, 0x40, 0x1f, 0, 0, 0, 0, 1]);
            let page = ogg::PacketWriteEndInfo::EndPage;
            writer.write_packet(head, 1, page, 0).unwrap();
            writer.write_packet(b"OpusTags".as_slice(), 1, page, 0).unwrap();
            writer.write_packet([0; 20].as_slice(), 1, end, 312 + 48 * 40).unwrap();
            out
        };
        let whole = file(ogg::PacketWriteEndInfo::EndStream);
        assert_eq!(opus_length(&whole), Some(40));
        assert_eq!(opus_length(&file(ogg::PacketWriteEndInfo::EndPage)), None);
        assert_eq!(opus_length(&whole[..whole.len() - 1]), None);
        let mut altered = whole;
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(opus_length(&altered), None);
        assert_eq!(opus_length(&[]), None);
    }
}
