//! The payload type numbers that a party knows codecs by. What a number means must not change while the stream lasts
//! [RFC3264 8.3.2], so the first meaning is kept.

use mediapoint_engine::{Codec, PayloadType};

use super::CodecLine;

/// Numbers without a fixed meaning [RFC3551 6], and those that may be used when they run out.
const DYNAMIC: [std::ops::RangeInclusive<u8>; 2] = [96..=127, 35..=63];

/// What numbers mean to one party; at most one entry for each of the 128.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Numbers(Vec<(u8, Codec)>);

impl Numbers {
    /// Remembers the numbers of a list by which the party knows them. A first meaning stays.
    pub(crate) fn learn<'a>(&mut self, lines: impl IntoIterator<Item = (u8, &'a Codec)>) {
        for (number, codec) in lines {
            if !self.0.iter().any(|(known, _)| *known == number) {
                self.0.push((number, codec.clone()));
            }
        }
    }

    /// True where the number means something else.
    fn means_other(&self, number: u8, codec: &Codec) -> bool {
        self.0.iter().any(|(known, meaning)| *known == number && meaning != codec)
    }

    /// A number for a codec that is advertised to the party: the one it knows it by, the fixed one, or a free one.
    /// Those in `given` are advertised already; those in `received` the other party uses, which is best not confused.
    fn choose(&self, codec: &Codec, given: &[u8], received: &[CodecLine]) -> Option<u8> {
        let is_free =
            |number: u8| !given.contains(&number) && !received.iter().any(|line| line.payload_type == number);
        let fits = |number: &u8| is_free(*number) && !self.means_other(*number, codec);
        let known = self.0.iter().find(|(number, known)| known == codec && !given.contains(number));
        let stands_for = |number: u8| PayloadType::new(number).and_then(Codec::from_static);
        let fixed = || (0..35).find(|number| stands_for(*number).as_ref() == Some(codec)).filter(fits);
        let mut dynamic = DYNAMIC.into_iter().flatten();
        known
            .map(|(number, _)| *number)
            .or_else(fixed)
            .or_else(|| dynamic.clone().find(fits))
            .or_else(|| dynamic.find(|number| is_free(*number)))
    }

    /// Gives every line advertised to the other side its number there: those offered keep theirs unless it means
    /// something else there, those added get one. What there is no number for is left out.
    pub(super) fn assign(&self, lines: &mut Vec<CodecLine>, received: &[CodecLine]) {
        // What is offered on as if it were added keeps the number that it came with.
        let came = |line: &CodecLine| {
            received.iter().any(|own| (own.payload_type, &own.codec) == (line.payload_type, &line.codec))
        };
        let keeps = |line: &CodecLine| {
            let is_dynamic = DYNAMIC.iter().any(|range| range.contains(&line.payload_type));
            !(line.added && !came(line) || is_dynamic && self.means_other(line.payload_type, &line.codec))
        };
        let kept = lines.iter().filter(|line| !line.masked && keeps(line));
        let mut given: Vec<u8> = kept.map(|line| line.payload_type).collect();
        lines.retain_mut(|line| {
            if line.masked || keeps(line) {
                line.advertised = line.payload_type;
                return true;
            }
            let Some(number) = self.choose(&line.codec, &given, received) else { return false };
            given.push(number);
            line.advertised = number;
            if line.added {
                line.payload_type = number;
            }
            true
        });
    }
}

/// Gives the numbers of an offer that say nothing by themselves and have no `a=rtpmap` line there the meaning that they had
/// in an earlier description.
pub(crate) fn as_before(received: &mut [CodecLine], before: &[CodecLine]) {
    for line in received.iter_mut().filter(|line| line.is_unknown()) {
        let own = before.iter().find(|own| own.payload_type == line.payload_type);
        if let Some(own) = own.filter(|own| !own.is_unknown()) {
            (line.codec, line.convertible) = (own.codec.clone(), own.convertible);
            line.name.clone_from(&own.name);
        }
    }
}

/// Gives the numbers of an answer that have no `a=rtpmap` line there the meaning that they were offered with
/// [RFC3264 6.1].
pub(crate) fn as_numbered(answered: &mut [CodecLine], offered: &[CodecLine]) {
    for line in answered.iter_mut().filter(|line| line.coding.is_none()) {
        let own = offered.iter().find(|own| !own.masked && own.advertised == line.payload_type);
        if let Some(own) = own.filter(|own| own.codec != line.codec) {
            (line.codec, line.convertible) = (own.codec.clone(), own.convertible);
            line.name.clone_from(&own.name);
        }
    }
}
