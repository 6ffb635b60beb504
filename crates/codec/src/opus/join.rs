//! Several frames in one packet, for lengths that no frame has [RFC6716 3.2.5].

/// The most frames of 10 ms that a packet has.
pub(super) const MAX_FRAMES: usize = 12;

/// Frame count code 3: any number of frames.
const CODE_3: u8 = 3;
/// Frames have lengths of their own.
const VARIABLE: u8 = 0x80;
/// Lengths from here on take two octets.
const TWO_OCTETS: usize = 252;

/// A packet in the making. Frames are put down from behind the room that the head may need, and moved up to it in the
/// end.
pub(super) struct Frames<'a> {
    payload: &'a mut [u8],
    lengths: [usize; MAX_FRAMES],
    count: usize,
    /// Octets of frames so far.
    len: usize,
    /// What the first frame is; all must be the same.
    toc: u8,
}

/// Octets in front of the frames, at most: the table of contents, the count, and two for each length.
const HEAD: usize = 2 + 2 * MAX_FRAMES;

impl<'a> Frames<'a> {
    pub(super) fn new(payload: &'a mut [u8]) -> Self {
        Self { payload, lengths: [0; MAX_FRAMES], count: 0, len: 0, toc: 0 }
    }

    /// Octets that the next packet of one frame may have.
    pub(super) fn room(&self) -> usize {
        // Its own table of contents does not come along.
        (self.payload.len() + 1).saturating_sub(HEAD + self.len)
    }

    /// Adds the frame of a packet of one. A frame that is coded another way than the first cannot share its packet; an
    /// empty one takes its place, which the receiver bridges.
    pub(super) fn push(&mut self, packet: &[u8]) {
        let Some((toc, frame)) = packet.split_first() else { return };
        if self.count == 0 {
            self.toc = *toc;
        }
        let fits = *toc == self.toc && toc & 3 == 0;
        let frame = if fits { frame } else { &[] };
        let start = HEAD + self.len;
        let place = self.payload.get_mut(start..start + frame.len());
        if let (Some(place), Some(length)) = (place, self.lengths.get_mut(self.count)) {
            place.copy_from_slice(frame);
            *length = frame.len();
            self.len += frame.len();
            self.count += 1;
        }
    }

    /// Writes the head in front of the frames and says how long the packet is: 1 where all frames are empty.
    pub(super) fn finish(self) -> usize {
        let Self { payload, lengths, count, len, toc } = self;
        if len == 0 {
            return 1;
        }
        let mut head = [0; HEAD];
        let mut at = 2;
        head[0] = toc | CODE_3;
        #[expect(clippy::cast_possible_truncation, reason = "at most 12")]
        let number = count as u8;
        head[1] = VARIABLE | number;
        // The last length follows from the others.
        for length in lengths.iter().take(count.saturating_sub(1)) {
            at += put_length(*length, head.get_mut(at..).unwrap_or_default());
        }
        payload.copy_within(HEAD..HEAD + len, at);
        for (to, from) in payload.iter_mut().zip(head.iter().take(at)) {
            *to = *from;
        }
        at + len
    }
}

/// Writes a length [RFC6716 3.2.1] and says how many octets it took.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a length is at most 1275; the first octet is 252 to 255"
)]
fn put_length(length: usize, to: &mut [u8]) -> usize {
    let first = if length < TWO_OCTETS { length } else { TWO_OCTETS + length % 4 };
    let octets = [first as u8, (length.saturating_sub(first) / 4) as u8];
    let used = if length < TWO_OCTETS { 1 } else { 2 };
    to.iter_mut().zip(octets).take(used).for_each(|(to, octet)| *to = octet);
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Narrow-band SILK, 10 ms.
    const TOC: u8 = 0;

    fn packet(toc: u8, len: usize, seed: u8) -> Vec<u8> {
        std::iter::once(toc).chain((0..len).map(|n| seed.wrapping_add(n.to_le_bytes()[0]))).collect()
    }

    fn joined(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut payload = vec![0xaa; 20_000];
        let mut frames = Frames::new(&mut payload);
        for packet in packets {
            assert!(frames.room() >= packet.len());
            frames.push(packet);
        }
        let len = frames.finish();
        payload.truncate(len);
        payload
    }

    // test-of: [RFC6716 3.2.1]
    // test-of: [RFC6716 3.2.5]
    // test-of: [RFC6716 3.4]
    #[test]
    fn libopus_finds_the_frames_that_were_joined() {
        let lengths = [[0, 1, 251], [252, 253, 254], [255, 256, 1275], [1275, 1275, 1275], [1, 0, 0]];
        for lengths in lengths {
            let packets: Vec<Vec<u8>> =
                lengths.iter().zip([7, 70, 170]).map(|(len, seed)| packet(TOC, *len, seed)).collect();
            let payload = joined(&packets);
            let parsed = opus::packet::parse(&payload).unwrap();
            assert_eq!(parsed.toc, CODE_3);
            let frames: Vec<&[u8]> = packets.iter().map(|packet| &packet[1..]).collect();
            assert_eq!(parsed.frames, frames);
            assert_eq!(opus::packet::get_nb_samples(&payload, 8000).unwrap(), 240);
        }
    }

    #[test]
    fn frame_of_another_coding_is_left_empty() {
        let packets = [packet(TOC, 20, 1), packet(0x80, 30, 2), packet(TOC, 10, 3)];
        let payload = joined(&packets);
        let parsed = opus::packet::parse(&payload).unwrap();
        let frames: [&[u8]; 3] = [&packets[0][1..], &[], &packets[2][1..]];
        assert_eq!(parsed.frames, frames);
    }

    #[test]
    fn nothing_but_empty_frames_is_a_pause() {
        assert_eq!(joined(&[packet(TOC, 0, 0), packet(TOC, 0, 0), packet(TOC, 0, 0)]).len(), 1);
    }

    #[test]
    fn frames_stay_within_the_room() {
        for len in 0..200 {
            let mut payload = vec![0; len];
            let mut frames = Frames::new(&mut payload);
            for _ in 0..MAX_FRAMES {
                let room = frames.room();
                assert!(room <= len);
                frames.push(&packet(TOC, room.saturating_sub(1), 9));
            }
            assert!(frames.finish() <= len.max(1));
        }
    }
}
