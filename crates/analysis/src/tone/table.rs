//! Call progress tones of many countries [ITU-T E.180 sup. 2]: frequencies in Hz, tone and pause in ms by turns.
//!
//! A tone without pauses is continuous. Frequencies of a modulated tone are those that it is heard by.

use Progress::{Busy, Dial, Reorder, Ringback};

/// A call progress tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Progress {
    /// Dial tone.
    Dial,
    /// The far phone rings.
    Ringback,
    /// The far party is busy.
    Busy,
    /// Reorder, congestion: the network has no way to the far party.
    Reorder,
}

/// A tone as a country has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CountryTone {
    /// ISO 3166 code of the country.
    pub country: &'static str,
    /// What the tone says.
    pub tone: Progress,
    /// Frequencies in Hz, ascending; the second is 0 where there is one only.
    pub hz: [f32; 2],
    /// Tone and pause by turns, in ms; empty where the tone is continuous.
    pub cadence_ms: &'static [u32],
}

const fn row(country: &'static str, tone: Progress, hz: [f32; 2], cadence_ms: &'static [u32]) -> CountryTone {
    CountryTone { country, tone, hz, cadence_ms }
}

const EU: [f32; 2] = [425.0, 0.0];
const F400: [f32; 2] = [400.0, 0.0];
const F450: [f32; 2] = [450.0, 0.0];
const F440: [f32; 2] = [440.0, 0.0];
const UK: [f32; 2] = [400.0, 450.0];
const US_DIAL: [f32; 2] = [350.0, 440.0];
const US_RING: [f32; 2] = [440.0, 480.0];
const US_BUSY: [f32; 2] = [480.0, 620.0];

/// The table.
pub const COUNTRIES: &[CountryTone] = &[
    row("AR", Dial, EU, &[]),
    row("AR", Ringback, EU, &[1000, 4500]),
    row("AR", Busy, EU, &[300, 200]),
    row("AR", Reorder, EU, &[300, 400]),
    row("AT", Dial, [420.0, 0.0], &[]),
    row("AT", Ringback, [420.0, 0.0], &[1000, 5000]),
    row("AT", Busy, [420.0, 0.0], &[400, 400]),
    row("AT", Reorder, [420.0, 0.0], &[200, 200]),
    row("AU", Dial, [413.0, 438.0], &[]),
    row("AU", Ringback, [413.0, 438.0], &[400, 200, 400, 2000]),
    row("AU", Busy, EU, &[375, 375]),
    row("AU", Reorder, EU, &[375, 375]),
    row("BE", Dial, EU, &[]),
    row("BE", Ringback, EU, &[1000, 3000]),
    row("BE", Busy, EU, &[500, 500]),
    row("BE", Reorder, EU, &[167, 167]),
    row("BR", Dial, EU, &[]),
    row("BR", Ringback, EU, &[1000, 4000]),
    row("BR", Busy, EU, &[250, 250]),
    row("BR", Reorder, EU, &[250, 250, 750, 250]),
    row("CA", Dial, US_DIAL, &[]),
    row("CA", Ringback, US_RING, &[2000, 4000]),
    row("CA", Busy, US_BUSY, &[500, 500]),
    row("CA", Reorder, US_BUSY, &[250, 250]),
    row("CH", Dial, EU, &[]),
    row("CH", Ringback, EU, &[1000, 4000]),
    row("CH", Busy, EU, &[500, 500]),
    row("CH", Reorder, EU, &[200, 200]),
    row("CL", Dial, F400, &[]),
    row("CL", Ringback, F400, &[1000, 3000]),
    row("CL", Busy, F400, &[500, 500]),
    row("CL", Reorder, F400, &[200, 200]),
    row("CN", Dial, F450, &[]),
    row("CN", Ringback, F450, &[1000, 4000]),
    row("CN", Busy, F450, &[350, 350]),
    row("CN", Reorder, F450, &[700, 700]),
    row("CZ", Dial, EU, &[330, 330, 660, 660]),
    row("CZ", Ringback, EU, &[1000, 4000]),
    row("CZ", Busy, EU, &[330, 330]),
    row("CZ", Reorder, EU, &[165, 165]),
    row("DE", Dial, EU, &[]),
    row("DE", Ringback, EU, &[1000, 4000]),
    row("DE", Busy, EU, &[480, 480]),
    row("DE", Reorder, EU, &[240, 240]),
    row("DK", Dial, EU, &[]),
    row("DK", Ringback, EU, &[1000, 4000]),
    row("DK", Busy, EU, &[500, 500]),
    row("DK", Reorder, EU, &[200, 200]),
    row("ES", Dial, EU, &[]),
    row("ES", Ringback, EU, &[1500, 3000]),
    row("ES", Busy, EU, &[200, 200]),
    row("ES", Reorder, EU, &[200, 200, 200, 200, 200, 600]),
    row("FI", Dial, EU, &[]),
    row("FI", Ringback, EU, &[1000, 4000]),
    row("FI", Busy, EU, &[300, 300]),
    row("FI", Reorder, EU, &[200, 200]),
    row("FR", Dial, F440, &[]),
    row("FR", Ringback, F440, &[1500, 3500]),
    row("FR", Busy, F440, &[500, 500]),
    row("FR", Reorder, F440, &[250, 250]),
    row("GB", Dial, US_DIAL, &[]),
    row("GB", Ringback, UK, &[400, 200, 400, 2000]),
    row("GB", Busy, F400, &[375, 375]),
    row("GB", Reorder, F400, &[400, 350, 225, 525]),
    row("GR", Ringback, EU, &[1000, 4000]),
    row("GR", Busy, EU, &[300, 300]),
    row("GR", Reorder, EU, &[200, 200]),
    row("HU", Dial, EU, &[]),
    row("HU", Ringback, EU, &[1250, 3750]),
    row("HU", Busy, EU, &[300, 300]),
    row("IE", Dial, EU, &[]),
    row("IE", Ringback, UK, &[400, 200, 400, 2000]),
    row("IE", Busy, EU, &[500, 500]),
    row("IN", Dial, F400, &[]),
    row("IN", Ringback, F400, &[400, 200, 400, 2000]),
    row("IN", Busy, F400, &[750, 750]),
    row("IN", Reorder, F400, &[250, 250]),
    row("IT", Dial, EU, &[200, 200, 600, 1000]),
    row("IT", Ringback, EU, &[1000, 4000]),
    row("IT", Busy, EU, &[500, 500]),
    row("IT", Reorder, EU, &[200, 200]),
    row("JP", Dial, F400, &[]),
    row("JP", Ringback, F400, &[1000, 2000]),
    row("JP", Busy, F400, &[500, 500]),
    row("KR", Dial, US_DIAL, &[]),
    row("KR", Ringback, US_RING, &[1000, 2000]),
    row("KR", Busy, US_BUSY, &[500, 500]),
    row("KR", Reorder, US_BUSY, &[300, 200]),
    row("MX", Dial, EU, &[]),
    row("MX", Ringback, EU, &[1000, 4000]),
    row("MX", Busy, EU, &[250, 250]),
    row("NL", Dial, EU, &[]),
    row("NL", Ringback, EU, &[1000, 4000]),
    row("NL", Busy, EU, &[500, 500]),
    row("NL", Reorder, EU, &[250, 250]),
    row("NO", Dial, EU, &[]),
    row("NO", Ringback, EU, &[1000, 4000]),
    row("NO", Busy, EU, &[500, 500]),
    row("NO", Reorder, EU, &[200, 200]),
    row("NZ", Dial, F400, &[]),
    row("NZ", Ringback, UK, &[400, 200, 400, 2000]),
    row("NZ", Busy, F400, &[500, 500]),
    row("NZ", Reorder, F400, &[250, 250]),
    row("PL", Dial, EU, &[]),
    row("PL", Ringback, EU, &[1000, 4000]),
    row("PL", Busy, EU, &[500, 500]),
    row("PL", Reorder, EU, &[500, 500]),
    row("PT", Dial, EU, &[]),
    row("PT", Ringback, EU, &[1000, 5000]),
    row("PT", Busy, EU, &[500, 500]),
    row("PT", Reorder, EU, &[200, 200]),
    row("RU", Dial, EU, &[]),
    row("RU", Ringback, EU, &[800, 3200]),
    row("RU", Busy, EU, &[400, 400]),
    row("RU", Reorder, EU, &[200, 200]),
    row("SE", Dial, EU, &[]),
    row("SE", Ringback, EU, &[1000, 5000]),
    row("SE", Busy, EU, &[250, 250]),
    row("SE", Reorder, EU, &[250, 750]),
    row("US", Dial, US_DIAL, &[]),
    row("US", Ringback, US_RING, &[2000, 4000]),
    row("US", Busy, US_BUSY, &[500, 500]),
    row("US", Reorder, US_BUSY, &[250, 250]),
    row("ZA", Dial, [383.0, 417.0], &[]),
    row("ZA", Ringback, [383.0, 417.0], &[400, 200, 400, 2000]),
    row("ZA", Busy, F400, &[500, 500]),
    row("ZA", Reorder, F400, &[250, 250]),
];
