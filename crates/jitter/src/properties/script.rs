//! An input read as a script: a byte for each operation and few for what it takes, so that any change of a byte is a change
//! of what happens.

#![expect(clippy::indexing_slicing, reason = "in tables that are made when this is compiled")]

use std::time::Duration;

use mediapoint_packet::rtp::PayloadType;

/// Payload types of packets: all that can be offered, and one that never is.
const NUMBERS: [u8; 12] = [0, 8, 9, 13, 18, 96, 97, 98, 99, 101, 0, 77];
/// Payload lengths: 20 ms of the codecs, and of G.729 with a description of noise.
const LENGTHS: [u16; 8] = [160, 20, 22, 2, 1, 320, 80, 640];
/// Octets of the longest payload.
const LONGEST: usize = 4096;
/// Where in [`OCTETS`] a payload can begin, so that payloads differ.
const BEGINNINGS: usize = 256;
/// Octets of a period: of a voice of 140 Hz where an octet is a sample.
const PERIOD: u32 = 57;

/// Octets that are no signal: payloads are pieces of it, so that making one costs nothing.
static OCTETS: [u8; LONGEST + BEGINNINGS] = {
    let mut octets = [0; LONGEST + BEGINNINGS];
    let (mut state, mut place) = (1_u32, 0);
    while place < octets.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        octets[place] = state.to_le_bytes()[3];
        place += 1;
    }
    octets
};

/// Octets of a period again and again: time-scaling and concealment find one.
static PERIODIC: [u8; LONGEST + BEGINNINGS] = {
    let mut octets = [0; LONGEST + BEGINNINGS];
    let mut place = 0;
    while place < octets.len() {
        octets[place] = OCTETS[place % PERIOD as usize];
        place += 1;
    }
    octets
};

/// The same octet again and again.
static EVEN: [u8; LONGEST] = [0xd5; LONGEST];

/// A packet without its place in the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) payload_type: PayloadType,
    pub(super) marker: bool,
    len: u16,
    contents: Contents,
}

#[derive(Clone, Copy, Debug)]
enum Contents {
    /// A voice, whose period goes on from packet to packet.
    Voice,
    Even,
    /// No signal, from this place on.
    Random(u8),
}

impl Packet {
    /// 20 ms of a voice in G.711.
    pub(super) const VOICE: Self =
        Self { payload_type: PayloadType::PCMU, marker: false, len: 160, contents: Contents::Voice };

    /// Its octets at a timestamp.
    pub(super) fn payload(&self, timestamp: u32) -> &'static [u8] {
        let (octets, from): (&[u8], _) = match self.contents {
            Contents::Voice => (&PERIODIC, (timestamp % PERIOD) as usize),
            Contents::Even => (&EVEN, 0),
            Contents::Random(from) => (&OCTETS, usize::from(from)),
        };
        octets.get(from..from + usize::from(self.len)).unwrap_or_default()
    }
}

/// What happens to a leg.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    /// The next packet of the stream comes.
    Next(Packet),
    /// `count` times the next packet and a pull of `millis`: the delay stays where that is the packet's duration.
    Steady {
        count: u8,
        millis: u8,
        packet: Packet,
    },
    /// So many packets of 20 ms are lost.
    Lost(u8),
    /// The packet of so many before comes, late or a second time.
    Late(u8),
    /// A packet from before comes, and the stream goes on behind it.
    Back {
        packets: u8,
        ticks: u32,
        packet: Packet,
    },
    /// The timestamp jumps.
    Timestamp(u32),
    /// The sequence number jumps.
    Index(u64),
    /// The sequence number goes where there is hardly one.
    FarIndex(u64),
    /// The stream begins anew.
    Epoch(u32),
    /// A packet without audio is noted.
    Event,
    /// A re-negotiation.
    Configure {
        rate: u8,
        few: bool,
    },
    /// Time without a pull.
    Pass(Duration),
    Reset,
    Drain,
    /// Audio of so many milliseconds is asked for.
    Pull(u8),
}

/// The operations of an input.
pub(super) struct Script<'a> {
    bytes: &'a [u8],
}

impl Iterator for Script<'_> {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let choice = self.byte()?;
        Some(match choice {
            0..=31 => Operation::Next(Packet { marker: choice == 31, ..Packet::VOICE }),
            32..=63 => Operation::Next(self.packet(choice == 63)?),
            // Also faster than packets come, and slower.
            64..=95 => {
                let millis = match choice % 8 {
                    0 => 10,
                    1 => 30,
                    _ => 20,
                };
                Operation::Steady { count: 1 + (choice - 64) / 2, millis, packet: Packet::VOICE }
            }
            96..=103 => Operation::Steady { count: 1 + choice % 8, millis: 20, packet: self.packet(false)? },
            104..=111 => Operation::Lost(1 + choice % 8),
            112..=119 => Operation::Late(1 + choice % 8),
            120..=127 => {
                let (packets, ticks) = (self.byte()?, self.byte()?);
                let packet = self.packet(false)?;
                Operation::Back { packets, ticks: 16 * u32::from(ticks), packet }
            }
            128..=133 => Operation::Timestamp(160 * u32::from(self.byte()?)),
            134..=137 => Operation::Timestamp(self.number()?),
            138..=141 => Operation::Index(self.byte()?.into()),
            142..=144 => Operation::Index(self.number()?.into()),
            145..=147 => Operation::FarIndex(self.number()?.into()),
            148..=152 => Operation::Epoch(1),
            // Also back.
            153..=155 => Operation::Epoch(i32::from(self.byte()?.cast_signed()).cast_unsigned()),
            156..=163 => Operation::Event,
            164..=169 => {
                let choice = self.byte()?;
                Operation::Configure { rate: choice, few: choice & 4 != 0 }
            }
            170..=183 => Operation::Pass(Duration::from_millis(self.byte()?.into())),
            184..=187 => Operation::Pass(Duration::from_micros(self.number()?.into())),
            188..=189 => Operation::Reset,
            190..=195 => Operation::Drain,
            196..=231 => Operation::Pull(20),
            _ => Operation::Pull((choice % 6 + 1) * 10),
        })
    }
}

impl<'a> Script<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u32::from_le_bytes(*first))
    }

    /// Any payload type, length and contents, from three bytes.
    fn packet(&mut self, marker: bool) -> Option<Packet> {
        let ([number, len, contents], rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        let number = NUMBERS.get(usize::from(number % 16)).copied().unwrap_or(number & 0x7f);
        // Mostly one of the usual lengths.
        let len = match len {
            0..=127 => LENGTHS.get(usize::from(len % 8)).copied().unwrap_or(0),
            128..=250 => u16::from(*len),
            _ => u16::from(*len) * 16,
        };
        let contents = match contents {
            0..=31 => Contents::Voice,
            32..=47 => Contents::Even,
            from => Contents::Random(*from),
        };
        Some(Packet { payload_type: PayloadType::new(number)?, marker, len, contents })
    }
}
