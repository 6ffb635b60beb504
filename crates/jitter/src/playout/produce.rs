//! What a pull plays: the next packet, decoded, or what fills the time until it.

use mediapoint_codec::Signal;
use mediapoint_g711::decode_slice;

use super::control::{Scaling, elapsed};
use super::{Filling, Kind, Playout, Position};
use crate::conceal::repair::HISTORY_MS;
use crate::payloads::{Meaning, Voice};
use crate::playout_buffer::PlayoutBuffer;
use crate::store::{MAX_PACKETS, Slot};

/// Timestamps that are off by less, in parts of a second, are taken for a sender's inaccuracy.
const TOLERANCE: usize = 200;
/// A gap shorter than this part of a second is not concealed.
const SLIVER: usize = 400;
/// The longest gap that is concealed in one piece, in milliseconds.
const MAX_BRIDGE_MS: usize = 100;
/// A gap longer than this for each packet that is missing was a pause, in milliseconds.
const MAX_PACKET_MS: usize = 120;
/// After this long without packets there is nothing left to continue, in milliseconds.
const MAX_CONCEALMENT_MS: usize = 160;

/// A codec whose encoders stop sending without an announcement is taken to be in a pause after this long, and for so long.
const TACIT_MS: usize = 60;
const MAX_TACIT_MS: usize = 1000;
/// More than this many numbers are left out by a sender, not lost at once.
const MAX_LOST: u64 = 500;
/// More than the longest delay waits where the packets behind the next one are longer by this, in nanoseconds.
const OVERFLOW_MARGIN: u64 = 20_000_000;

/// A pause is shortened where that leaves the delay longer than its target by this much, in nanoseconds.
const PAUSE_SLACK: u64 = 5_000_000;

/// What is to be done about the first packet that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Its playout time has come.
    Play,
    /// So many samples before it are lost.
    Conceal(usize),
    /// It is behind a pause that is not over.
    Wait,
    /// The packet missing before it may still come: fill so many samples without either.
    WaitForLate(usize),
    /// Too many packets wait: discard it.
    Shed,
}

impl Playout {
    /// Decodes the next packet to all of `pcm`, where that is all that a pull has to do: nothing is left from the last
    /// one, the packet continues what was played last and is as long. `None` where it is not, with nothing changed but
    /// that a packet that is not of its codec is gone. With `undecoded`, octets that are samples stay such.
    pub(super) fn decode_directly(&mut self, pcm: &mut [i16], undecoded: bool) -> Option<Kind> {
        let in_talkspurt = self.filling == Filling::Concealment && !self.seam;
        if !in_talkspurt || self.buffer.ahead() > 0 {
            return None;
        }
        let position = self.position.as_ref()?;
        let place = self.store.first()?;
        let slot = *self.store.get(place)?;
        let follows = (slot.epoch, slot.index) == (position.epoch, position.index + 1)
            && (slot.segment, slot.timestamp) == (position.segment, position.end)
            && slot.segment.is_some();
        let clock_rate = self.clock_rate(&slot);
        let fits = u64::from(slot.ticks) * u64::from(self.rate) == pcm.len() as u64 * u64::from(clock_rate);
        if !follows || !fits || self.too_much_waits(&slot) {
            return None;
        }
        let voice = self.payloads.voice(slot.entry)?;
        if let Some(law) = voice.law().filter(|_| undecoded) {
            self.store.remove(place);
            let kind = self.finish(&slot, pcm.len(), Signal::Speech, false);
            let octets = self.store.payload(&slot);
            if self.scaling() == Scaling::Keep {
                self.buffer.remember_octets(law, octets);
                self.undecoded = Some((law, slot.place()));
            } else {
                decode_slice(law, octets, pcm);
            }
            return Some(kind);
        }
        let decoded = voice.decode(self.store.payload(&slot), pcm);
        self.store.remove(place);
        match decoded {
            Ok((len, signal)) if len == pcm.len() => Some(self.finish(&slot, len, signal, false)),
            _ => {
                self.refuse(&slot);
                None
            }
        }
    }

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
            match self.plan(&slot, draining) {
                Plan::Play => self.play_packet(place, &slot),
                Plan::Conceal(lost) => self.conceal_before(place, &slot, lost),
                Plan::Wait => self.fill_idle(want, true),
                Plan::WaitForLate(left) => self.fill_idle(want.min(left), true),
                Plan::Shed => self.shed(place, &slot),
            }
        }
        // There were only packets without audio: the rest is silence.
        let want = need.saturating_sub(self.buffer.ahead());
        let room = self.buffer.room(want);
        room.fill(0);
        self.buffer.commit(want, Kind::Nothing);
    }

    fn plan(&self, slot: &Slot, draining: bool) -> Plan {
        let Some(position) = &self.position else { return Plan::Play };
        if self.too_much_waits(slot) && !draining {
            return Plan::Shed;
        }
        let same_run =
            slot.epoch == position.epoch && slot.segment.is_some() && slot.segment == position.segment;
        let gap = slot.timestamp.distance_from(position.end);
        let rate = self.rate as usize;
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
        if draining || self.pause_is_over(slot, gap) { Plan::Play } else { Plan::Wait }
    }

    /// Packets lost between the one played last and `slot`.
    fn missing(&self, position: &Position, slot: &Slot) -> u64 {
        match slot.index.saturating_sub(position.index).saturating_sub(1) {
            0 => 0,
            between => between.saturating_sub(self.noted.between(slot.epoch, position.index, slot.index)),
        }
    }

    /// While the delay is below its target, what is missing `gap` samples before `slot` is more likely late than lost.
    fn may_yet_come(&self, slot: &Slot, gap: usize) -> bool {
        elapsed(slot.nominal, self.now) + self.nanos_of(gap) < self.target.delay(self.now)
    }

    /// A pause ends after its duration, unless the delay is to change, which is not audible here.
    fn pause_is_over(&self, slot: &Slot, gap: usize) -> bool {
        let target = self.target.delay(self.now);
        let spare = elapsed(slot.nominal, self.now);
        let over = self.beyond >= gap && spare >= target;
        over || spare >= target + PAUSE_SLACK || elapsed(slot.arrival, self.now) >= self.max_delay
    }

    /// True where the packets behind `slot` alone are more than the longest delay.
    fn too_much_waits(&self, slot: &Slot) -> bool {
        let slots = self.store.slots();
        if slots.len() < 2 {
            return false;
        }
        let behind: u64 = slots.iter().map(|slot| u64::from(slot.ticks)).sum::<u64>() - u64::from(slot.ticks);
        let most = self.max_delay + OVERFLOW_MARGIN;
        behind.saturating_mul(1_000_000_000) > most.saturating_mul(self.clock_rate(slot).into())
    }

    fn clock_rate(&self, slot: &Slot) -> u32 {
        match self.payloads.entry(slot.entry) {
            Some(entry) if matches!(entry.meaning, Meaning::Noise) && self.voice_clock != 0 => {
                self.voice_clock
            }
            entry => entry.map_or(8000, |entry| entry.clock_rate),
        }
    }

    fn shed(&mut self, place: usize, slot: &Slot) {
        self.store.remove(place);
        self.statistics.overflows += 1;
        self.pass(slot);
        self.seam = true;
        self.control.forget();
    }

    /// Makes `slot` the packet that was played last.
    fn pass(&mut self, slot: &Slot) {
        let mut before = 0;
        if let Some(position) = &self.position
            && position.epoch == slot.epoch
        {
            let missing = self.missing(position, slot).min(MAX_LOST);
            if missing > 0 {
                self.statistics.lost = self.statistics.lost.saturating_add(missing);
            }
            self.loss.observe(missing);
            let step = u32::try_from(slot.index.saturating_sub(position.index)).unwrap_or(u32::MAX);
            before = (position.before << 1 | 1).checked_shl(step.saturating_sub(1)).unwrap_or(0);
        }
        self.position = Some(Position {
            index: slot.index,
            before,
            epoch: slot.epoch,
            segment: slot.segment,
            end: slot.timestamp.wrapping_add(slot.ticks),
            clock_rate: self.clock_rate(slot),
            payload_type: slot.payload_type,
            entry: slot.entry,
        });
        self.beyond = 0;
    }

    /// Decodes a packet to the buffer's end.
    fn play_packet(&mut self, place: usize, slot: &Slot) {
        self.store.remove(place);
        match self.payloads.entry(slot.entry).map(|entry| &entry.meaning) {
            Some(Meaning::Voice(_)) => {}
            Some(Meaning::Noise) => return self.play_description(slot),
            Some(Meaning::Other | Meaning::Agreed) | None => return self.refuse(slot),
        }
        let jumped = self.position.as_ref().is_some_and(|position| {
            position.epoch != slot.epoch || position.segment != slot.segment || slot.segment.is_none()
        });
        if (self.seam || jumped) && self.filling != Filling::Silence {
            self.begin_gap();
        }
        let samples = self.samples_of(slot);
        let Some(voice) = self.payloads.voice(slot.entry) else { return };
        let room = self.buffer.room(samples);
        let Ok((len, signal)) = voice.decode(self.store.payload(slot), room) else {
            return self.refuse(slot);
        };
        self.repair.merge(room.get_mut(..len).unwrap_or_default());
        let kind = self.finish(slot, len, signal, false);
        self.buffer.commit(len, kind);
    }

    /// A packet described the noise of a pause.
    fn play_description(&mut self, slot: &Slot) {
        self.payloads.noise.update(self.store.payload(slot));
        self.filling = Filling::Noise;
        self.end_gap();
        self.counters.played += 1;
        self.pass(slot);
    }

    /// The decoder refused a packet, or its payload type was removed while it waited.
    fn refuse(&mut self, slot: &Slot) {
        self.statistics.malformed += 1;
        self.noted.note(slot.epoch, slot.index);
    }

    /// Conceals `lost` samples before a packet, and plays the packet too where it was decoded for that.
    fn conceal_before(&mut self, place: usize, slot: &Slot, lost: usize) {
        let own = self.position.as_ref().is_some_and(|position| position.entry == slot.entry);
        let samples = self.samples_of(slot);
        let Some(voice) = self.payloads.voice(slot.entry) else {
            self.beyond += lost;
            return self.conceal_blindly(lost);
        };
        if own && voice.conceals() {
            let made = own_concealment(voice, &mut self.buffer, lost, Some(self.store.payload(slot)));
            // Less than the codec's step is left out.
            self.beyond += made.max(lost);
            return;
        }
        if own && voice.follows() {
            self.begin_gap();
            let guess = self.buffer.room(lost);
            self.repair.preview(guess);
            self.feed(slot.entry, lost);
        }
        let Some(voice) = self.payloads.voice(slot.entry) else { return };
        let behind = self.buffer.room(lost + samples).get_mut(lost..).unwrap_or_default();
        let decoded = voice.decode(self.store.payload(slot), behind);
        self.store.remove(place);
        let Ok((len, signal)) = decoded else { return self.refuse(slot) };
        let (past, room) = self.buffer.split(self.history());
        let Some((gap, behind)) = room.split_at_mut_checked(lost) else { return };
        self.repair.bridge(past, gap, behind.get_mut(..len).unwrap_or_default());
        self.buffer.commit(lost, Kind::Concealed);
        let kind = self.finish(slot, len, signal, true);
        self.buffer.commit(len, kind);
    }

    /// Lets the decoder's state follow `len` samples at the buffer's end.
    fn feed(&mut self, entry: u8, len: usize) {
        if let Some(voice) = self.payloads.voice(entry) {
            voice.feed_concealed(self.buffer.room(len));
        }
    }

    fn begin_gap(&mut self) {
        if !self.repair.in_gap() {
            self.repair.start(self.buffer.recent(self.history()));
        }
        self.seam = true;
    }

    /// Nothing is left of what was played before a gap.
    fn end_gap(&mut self) {
        self.repair.stop();
        self.seam = false;
    }

    fn history(&self) -> usize {
        HISTORY_MS * self.rate as usize / 1000
    }

    /// Records that a packet was decoded to `len` samples; returns their kind.
    fn finish(&mut self, slot: &Slot, len: usize, signal: Signal, early: bool) -> Kind {
        self.seam = false;
        self.counters.played += 1;
        self.pass(slot);
        // A gap is concealed from both sides, or from a copy in the next packet, where that packet is there in time.
        let headroom = if self.loss.is_lossy() { self.nanos_of(len) } else { 0 };
        self.target.set_headroom(headroom);
        if signal == Signal::ComfortNoise {
            self.filling = Filling::CodecNoise;
            return Kind::ComfortNoise;
        }
        self.filling = Filling::Concealment;
        // A packet decoded before its time, to conceal the gap before it, is no measure of the delay.
        if !early {
            let (spare, waited) = (elapsed(slot.nominal, self.now), elapsed(slot.arrival, self.now));
            self.counters.delay = spare;
            let enough = self.longest_kept();
            self.control.decoded(self.now, spare, waited, enough);
        }
        Kind::Speech
    }

    /// Samples at the leg's rate that a packet becomes, at most.
    fn samples_of(&self, slot: &Slot) -> usize {
        slot.ticks as usize * self.rate as usize / self.clock_rate(slot) as usize + 2
    }

    /// Fills about `want` samples while no packet is to be played. `waiting`: a packet is there, for later.
    fn fill_idle(&mut self, want: usize, waiting: bool) {
        let step = self.rate as usize / 100;
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
        let entry = self.position.as_ref().map(|position| position.entry);
        let longest = MAX_TACIT_MS * self.rate as usize / 1000;
        if self.beyond >= longest
            && entry.and_then(|entry| self.payloads.voice(entry)).is_some_and(|voice| voice.tacit())
        {
            return self.fade_to_silence(len);
        }
        let made = entry
            .and_then(|entry| self.payloads.voice(entry))
            .and_then(|voice| voice.continue_noise(self.buffer.room(len)));
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

    /// Conceals, until packets have been missing for so long that it is a pause.
    fn conceal_or_stop(&mut self, want: usize) {
        let per_ms = self.rate as usize / 1000;
        let event = self
            .position
            .as_ref()
            .is_some_and(|position| self.noted.any_after(position.epoch, position.index));
        if event || self.beyond >= MAX_CONCEALMENT_MS * per_ms {
            return self.fade_to_silence(want);
        }
        let entry = self.position.as_ref().map(|position| position.entry);
        if let Some(voice) = entry.and_then(|entry| self.payloads.voice(entry))
            && voice.conceals()
        {
            if voice.tacit() && self.beyond >= TACIT_MS * per_ms {
                self.filling = Filling::CodecNoise;
                return self.codec_noise(want);
            }
            let made = own_concealment(voice, &mut self.buffer, want, None);
            self.beyond += made;
            if made > 0 {
                return;
            }
        }
        self.beyond += want;
        self.conceal_blindly(want);
    }

    /// Conceals from what was played before alone.
    fn conceal_blindly(&mut self, len: usize) {
        self.begin_gap();
        let room = self.buffer.room(len);
        self.repair.extend(room.get_mut(..len).unwrap_or_default());
        if let Some(entry) = self.position.as_ref().map(|position| position.entry) {
            self.feed(entry, len);
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
        self.end_gap();
        self.control.forget();
    }
}

/// The codec's own concealment at the buffer's end; returns how many samples it made.
fn own_concealment(voice: &mut Voice, buffer: &mut PlayoutBuffer, len: usize, next: Option<&[u8]>) -> usize {
    let made = voice.conceal(next, buffer.room(len));
    buffer.commit(made, Kind::Concealed);
    made
}
