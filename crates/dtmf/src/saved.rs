//! Serialisation of what serde and the crates below do not serialise.

/// Arrays of samples.
pub(crate) mod samples {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer, const N: usize>(
        samples: &[f32; N],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(samples)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<[f32; N], D::Error> {
        let samples = Vec::<f32>::deserialize(from)?;
        let found = samples.len();
        samples.try_into().map_err(|_| D::Error::invalid_length(found, &"as many samples as were saved"))
    }
}

/// A digit, as its event code.
pub(crate) mod digit {
    use mediapoint_packet::telephone_event::DtmfDigit;
    use serde::de::{Error as _, Unexpected};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(digit: &DtmfDigit, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(digit.code())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DtmfDigit, D::Error> {
        let code = u8::deserialize(from)?;
        let wrong = || D::Error::invalid_value(Unexpected::Unsigned(code.into()), &"a digit's event code");
        DtmfDigit::from_code(code).ok_or_else(wrong)
    }
}
