//! What is not taken.

/// A figure that cannot be worked with.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{name} is {value}: it has to be {allowed}")]
pub struct SizingError {
    /// What it is the figure of.
    pub name: &'static str,
    /// The figure.
    pub value: f64,
    /// What it may be.
    pub allowed: &'static str,
}

/// A share of something.
pub(crate) fn share(name: &'static str, value: f64) -> Result<f64, SizingError> {
    let allowed = "0 to 1";
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(SizingError { name, value, allowed }) }
}

/// A figure that is at least zero.
pub(crate) fn amount(name: &'static str, value: f64) -> Result<f64, SizingError> {
    let allowed = "a number, 0 or more";
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(SizingError { name, value, allowed }) }
}

/// A figure that is more than zero.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<f64, SizingError> {
    let allowed = "a number above 0";
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(SizingError { name, value, allowed }) }
}
