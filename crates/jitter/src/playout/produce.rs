//! What a pull brings about: the next packet is decoded, or the time until it is filled.

use std::time::Duration;

use mediapoint_codec::Signal;
use mediapoint_packet::rtp::PayloadType;

use super::{Filling, Kind, Playout, Position};
use crate::conceal::repair::HISTORY_MS;
use crate::payloads::{Meaning, Voice};
use crate::playout_buffer::PlayoutBuffer;
use crate::store::{MAX_PACKETS, Slot};

/// Timestamps that are off by less, in parts of a second, are taken for a sender's carelessness.
const TOLERANCE: usize = 200;
/// Less than this part of a second is not worth being concealed.
const SLIVER: usize = 400;
/// The longest gap that is concealed in one piece, in milliseconds.
const MAX_BRIDGE_MS: usize = 100;
/// A gap longer than this for each packet that is missing was a pause, in milliseconds.
const MAX_PACKET_MS: usize = 120;
/// After this long with nothing there is nothing left to conceal, in milliseconds.
const MAX_CONCEALMENT_MS: usize = 160;

/// A codec whose encoders fall silent without a word is thought to be in a pause after this long, and for so long.
const TACIT_MS: usize = 60;
const MAX_TACIT_MS: usize = 1000;
/// More than this many numbers are left out by a sender, not lost at once.
const MAX_LOST: u64 = 500;

/// What is to be done about the first packet that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Its time has come.
    Play,
    /// So many samples before it are lost.
    Conceal(usize),
    /// It is behind a pause that is not over.
    Wait,
    /// What is missing before it may yet come: so many samples to make do without.
    WaitForLate(usize),
    /// Too much waits.
    Shed,
}

impl Playout {
    /// Makes audio until there are `need` samples to be played; with `draining`, only what waits.
    pub(super) fn fill(&mut self, need: usize, draining: bool) {
        // Each step makes at least 10 ms or uses up a packet.
        for _ in 0..2 * MAX_PACKETS {
            let ahead = self.buffer.ahead();
            if ahead >= need || (draining && self.store.slots().is_empty()) {
                return;
            }
            let want = need - ahead;
            let first = self.store.first();
            let Some((place, slot)) =
                first.and_then(|place| self.store.get(place).map(|slot| (place, *slot)))
            else {
                self.fill_idle(want, false);
                continue;
            };
            match self.plan(&slot, need, draining) {
                Plan::Play => self.play_packet(place, &slot),
                Plan::Conceal(lost) => self.conceal_before(place, &slot, lost),
                Plan::Wait => self.fill_idle(want, true),
                Plan::WaitForLate(left) => self.fill_idle(want.min(left), true),
                Plan::Shed => self.shed(place, &slot),
            }
        }
        // Only what is not audio was there: what is missing is silence.
        let want = need.saturating_sub(self.buffer.ahead());
        let room = self.buffer.room(want);
        room.fill(0);
        self.buffer.commit(want, Kind::Nothing);
    }

    fn plan(&self, slot: &Slot, need: usize, draining: bool) -> Plan {
        let Some(position) = &self.position else { return Plan::Play };
        if self.too_much_waits(slot) && !draining {
            return Plan::Shed;
        }
        let same_run =
            slot.epoch == position.epoch && slot.segment.is_some() && slot.segment == position.segment;
        let gap = slot.timestamp.distance_from(position.end);
        let rate = self.config.rate() as usize;
        let gap = usize::try_from(gap).unwrap_or(0).saturating_mul(rate) / position.clock_rate as usize;
        if !same_run || gap <= rate / TOLERANCE {
            return Plan::Play;
        }
        let missing = self.missing(position, slot);
        if missing > 0 && !slot.marker && self.filling == Filling::Concealment {
            let left = gap.saturating_sub(self.beyond);
            if left <= rate / SLIVER {
                return Plan::Play;
            }
            if self.may_yet_come(slot, gap) && !draining {
                return Plan::WaitForLate(left);
            }
            // Of several that are missing, the later ones may yet come before their time.
            let each = gap / usize::try_from(missing).unwrap_or(usize::MAX).max(1);
            if each > 0 && left > each + rate / SLIVER && !draining {
                return Plan::WaitForLate((left - 1) % each + 1);
            }
            if left <= rate * MAX_BRIDGE_MS / 1000 {
                return Plan::Conceal(left);
            }
            let longest = rate * MAX_PACKET_MS / 1000;
            if gap / longest < usize::try_from(missing).unwrap_or(usize::MAX) && !draining {
                return Plan::Wait;
            }
        }
        if draining || self.pause_is_over(slot, gap, need) { Plan::Play } else { Plan::Wait }
    }

    /// Packets lost between what was played last and `slot`.
    fn missing(&self, position: &Position, slot: &Slot) -> u64 {
        let between = slot.index.saturating_sub(position.index).saturating_sub(1);
        between.saturating_sub(self.noted.between(slot.epoch, position.index, slot.index))
    }

    /// While the delay is below its target, what is missing `gap` samples before `slot` is more likely late than lost.
    fn may_yet_come(&self, slot: &Slot, gap: usize) -> bool {
        self.now.since(slot.nominal) + self.duration_of(gap) < self.target.delay(self.now)
    }

    /// A pause ends when its time is over, unless the delay had better change.
    fn pause_is_over(&self, slot: &Slot, gap: usize, need: usize) -> bool {
        let target = self.target.delay(self.now);
        let spare = self.now.since(slot.nominal);
        let over = self.beyond >= gap && spare >= target;
        over || spare >= target + self.duration_of(need)
            || self.now.since(slot.arrival) >= self.config.max_delay()
    }

    /// True where the packets behind `slot` alone are more than the longest delay.
    fn too_much_waits(&self, slot: &Slot) -> bool {
        let slots = self.store.slots();
        if slots.len() < 2 {
            return false;
        }
        let behind: u64 = slots.iter().map(|slot| u64::from(slot.ticks)).sum::<u64>() - u64::from(slot.ticks);
        let clock = self.payloads.find(slot.payload_type).map_or(8000, |entry| entry.codec.clock_rate.max(1));
        let behind = Duration::from_millis(behind * 1000 / u64::from(clock));
        behind > self.config.max_delay() + Duration::from_millis(20)
    }

    fn shed(&mut self, place: usize, slot: &Slot) {
        self.store.remove(place);
        self.statistics.overflows += 1;
        self.pass(slot);
        self.seam = true;
        self.control.forget();
    }

    /// Takes note that `slot` is what was heard last.
    fn pass(&mut self, slot: &Slot) {
        let clock_rate =
            self.payloads.find(slot.payload_type).map_or(8000, |entry| entry.codec.clock_rate.max(1));
        let mut before = 0;
        if let Some(position) = &self.position
            && position.epoch == slot.epoch
        {
            let missing = self.missing(position, slot).min(MAX_LOST);
            self.statistics.lost = self.statistics.lost.saturating_add(missing);
            self.loss.observe(missing);
            let step = u32::try_from(slot.index.saturating_sub(position.index)).unwrap_or(u32::MAX);
            before = (position.before << 1 | 1).checked_shl(step.saturating_sub(1)).unwrap_or(0);
        }
        self.position = Some(Position {
            epoch: slot.epoch,
            index: slot.index,
            segment: slot.segment,
            payload_type: slot.payload_type,
            end: slot.timestamp.wrapping_add(slot.ticks),
            clock_rate,
            before,
        });
        self.beyond = 0;
    }

    /// Plays a packet where the buffer ends.
    fn play_packet(&mut self, place: usize, slot: &Slot) {
        self.store.remove(place);
        match self.payloads.find(slot.payload_type).map(|entry| &entry.meaning) {
            Some(Meaning::Voice(_)) => {}
            Some(Meaning::Noise) => return self.play_description(slot),
            Some(Meaning::Other) | None => return self.refuse(slot),
        }
        let jumped = self.position.as_ref().is_some_and(|position| {
            position.epoch != slot.epoch || position.segment != slot.segment || slot.segment.is_none()
        });
        if (self.seam || jumped) && self.filling != Filling::Silence {
            self.begin_gap();
        }
        let samples = self.samples_of(slot);
        let Some((voice, scratch)) = self.payloads.voice(slot.payload_type) else { return };
        let room = self.buffer.room(samples);
        let Ok((len, signal)) = voice.decode(self.store.payload(slot), scratch, room) else {
            return self.refuse(slot);
        };
        self.repair.merge(room.get_mut(..len).unwrap_or_default());
        self.finish(slot, len, signal, false);
    }

    /// A packet described the noise of a pause.
    fn play_description(&mut self, slot: &Slot) {
        self.payloads.noise.update(self.store.payload(slot));
        self.filling = Filling::Noise;
        self.repair.stop();
        self.statistics.played += 1;
        self.pass(slot);
    }

    /// A packet that waited has turned out not to be audio.
    fn refuse(&mut self, slot: &Slot) {
        self.statistics.malformed += 1;
        self.noted.note(slot.epoch, slot.index);
    }

    /// Conceals `lost` samples before a packet and plays that too.
    fn conceal_before(&mut self, place: usize, slot: &Slot, lost: usize) {
        let own = self.position.as_ref().is_some_and(|position| position.payload_type == slot.payload_type);
        let samples = self.samples_of(slot);
        let Some((voice, scratch)) = self.payloads.voice(slot.payload_type) else {
            self.beyond += lost;
            return self.conceal_blindly(lost);
        };
        if own && voice.conceals() {
            let made =
                own_concealment(voice, scratch, &mut self.buffer, lost, Some(self.store.payload(slot)));
            // What is less than the codec's step is left out.
            self.beyond += made.max(lost);
            return;
        }
        if own && voice.follows() {
            self.begin_gap();
            let guess = self.buffer.room(lost);
            self.repair.preview(guess);
            self.feed(slot.payload_type, lost);
        }
        let Some((voice, scratch)) = self.payloads.voice(slot.payload_type) else { return };
        let behind = self.buffer.room(lost + samples).get_mut(lost..).unwrap_or_default();
        let decoded = voice.decode(self.store.payload(slot), scratch, behind);
        self.store.remove(place);
        let Ok((len, signal)) = decoded else { return self.refuse(slot) };
        let (past, room) = self.buffer.split(self.history());
        let Some((gap, behind)) = room.split_at_mut_checked(lost) else { return };
        self.repair.bridge(past, gap, behind.get_mut(..len).unwrap_or_default());
        self.buffer.commit(lost, Kind::Concealed);
        self.finish(slot, len, signal, true);
    }

    /// Lets the decoder follow `len` samples at the buffer's end.
    fn feed(&mut self, payload_type: PayloadType, len: usize) {
        if let Some((voice, _)) = self.payloads.voice(payload_type) {
            voice.feed_concealed(self.buffer.room(len));
        }
    }

    fn begin_gap(&mut self) {
        if !self.repair.in_gap() {
            self.repair.start(self.buffer.recent(self.history()));
        }
    }

    fn history(&self) -> usize {
        HISTORY_MS * self.config.rate() as usize / 1000
    }

    /// A packet was decoded to the buffer's end.
    fn finish(&mut self, slot: &Slot, len: usize, signal: Signal, early: bool) {
        let kind = match signal {
            Signal::Speech => Kind::Speech,
            Signal::ComfortNoise => Kind::ComfortNoise,
        };
        self.buffer.commit(len, kind);
        self.seam = false;
        self.statistics.played += 1;
        self.pass(slot);
        // With the packet behind a gap at hand, what is missing is drawn from both sides, or from that packet itself.
        let headroom = if self.loss.is_lossy() { self.duration_of(len) } else { Duration::ZERO };
        self.target.set_headroom(headroom);
        if signal == Signal::Speech {
            self.filling = Filling::Concealment;
            let (spare, waited) = (self.now.since(slot.nominal), self.now.since(slot.arrival));
            // What was decoded ahead of its time, to conceal what is before it, tells nothing of the delay.
            if !early {
                self.statistics.delay = spare;
                self.control.decoded(self.now, spare, waited);
            }
        } else {
            self.filling = Filling::CodecNoise;
        }
    }

    /// Samples at the leg's rate that a packet becomes, at most.
    fn samples_of(&self, slot: &Slot) -> usize {
        let clock = self.payloads.find(slot.payload_type).map_or(8000, |entry| entry.codec.clock_rate.max(1));
        slot.ticks as usize * self.config.rate() as usize / clock as usize + 2
    }

    /// Fills about `want` samples while nothing is to be played. `waiting`: a packet is there, for later.
    fn fill_idle(&mut self, want: usize, waiting: bool) {
        let step = self.config.rate() as usize / 100;
        let want = want.div_ceil(step) * step;
        match self.filling {
            Filling::Silence => self.silence(if waiting { step } else { want }),
            Filling::Noise => {
                let room = self.buffer.room(step);
                self.payloads.noise.generate(room);
                self.buffer.commit(step, Kind::ComfortNoise);
                self.beyond += step;
            }
            Filling::CodecNoise => self.codec_noise(step),
            Filling::Concealment => self.conceal_or_stop(want),
        }
    }

    fn silence(&mut self, len: usize) {
        self.buffer.room(len).fill(0);
        self.buffer.commit(len, Kind::Nothing);
        self.beyond = self.beyond.saturating_add(len);
    }

    fn codec_noise(&mut self, len: usize) {
        let payload_type = self.position.as_ref().map(|position| position.payload_type);
        let longest = MAX_TACIT_MS * self.config.rate() as usize / 1000;
        if self.beyond >= longest
            && payload_type
                .and_then(|number| self.payloads.voice(number))
                .is_some_and(|(voice, _)| voice.tacit())
        {
            return self.fade_to_silence(len);
        }
        let made = payload_type
            .and_then(|payload_type| self.payloads.voice(payload_type))
            .and_then(|(voice, scratch)| voice.continue_noise(scratch, self.buffer.room(len)));
        match made.filter(|made| *made > 0) {
            Some(made) => {
                self.buffer.commit(made, Kind::ComfortNoise);
                self.beyond += made;
            }
            None => {
                self.filling = Filling::Silence;
                self.silence(len);
            }
        }
    }

    /// Conceals, until it is clear that there is nothing to conceal.
    fn conceal_or_stop(&mut self, want: usize) {
        let per_ms = self.config.rate() as usize / 1000;
        let event = self
            .position
            .as_ref()
            .is_some_and(|position| self.noted.any_after(position.epoch, position.index));
        if event || self.beyond >= MAX_CONCEALMENT_MS * per_ms {
            return self.fade_to_silence(want);
        }
        let payload_type = self.position.as_ref().map(|position| position.payload_type);
        if let Some((voice, scratch)) =
            payload_type.and_then(|payload_type| self.payloads.voice(payload_type))
            && voice.conceals()
        {
            if voice.tacit() && self.beyond >= TACIT_MS * per_ms {
                self.filling = Filling::CodecNoise;
                return self.codec_noise(want);
            }
            let made = own_concealment(voice, scratch, &mut self.buffer, want, None);
            self.beyond += made;
            if made > 0 {
                return;
            }
        }
        self.beyond += want;
        self.conceal_blindly(want);
    }

    /// Conceals with what was heard before only.
    fn conceal_blindly(&mut self, len: usize) {
        self.begin_gap();
        let room = self.buffer.room(len);
        self.repair.extend(room.get_mut(..len).unwrap_or_default());
        if let Some(payload_type) = self.position.as_ref().map(|position| position.payload_type) {
            self.feed(payload_type, len);
        }
        self.buffer.commit(len, Kind::Concealed);
    }

    fn fade_to_silence(&mut self, len: usize) {
        self.begin_gap();
        let room = self.buffer.room(len);
        self.repair.fade_out(room.get_mut(..len).unwrap_or_default());
        self.buffer.commit(len, Kind::Nothing);
        self.beyond += len;
        self.filling = Filling::Silence;
        self.repair.stop();
        self.control.forget();
    }
}

/// The codec's own concealment at the buffer's end; tells how many samples it made.
fn own_concealment(
    voice: &mut Voice,
    scratch: &mut [i16],
    buffer: &mut PlayoutBuffer,
    len: usize,
    next: Option<&[u8]>,
) -> usize {
    let made = voice.conceal(next, scratch, buffer.room(len));
    buffer.commit(made, Kind::Concealed);
    made
}
