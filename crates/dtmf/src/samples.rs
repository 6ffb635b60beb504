//! Serialisation of sample arrays longer than serde's own.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer, const N: usize>(samples: &[f32; N], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(samples)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[f32; N], D::Error> {
    let samples = Vec::<f32>::deserialize(from)?;
    let found = samples.len();
    samples.try_into().map_err(|_| D::Error::invalid_length(found, &"as many samples as were saved"))
}
