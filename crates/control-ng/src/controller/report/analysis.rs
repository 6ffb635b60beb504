//! What the analysis of a party came to, as `query` shows it.

use super::super::analysis::answer;
use crate::call::analysis::Analysed;
use crate::wire::Value;

pub(super) fn of(analysis: &Analysed) -> Value {
    let mut pairs = vec![("state", Value::from(analysis.state()))];
    if let Some(known) = &analysis.answer {
        pairs.extend(answer(known).into_iter().filter(|(key, _)| !matches!(*key, "end" | "last")));
    }
    if let Some(beep) = analysis.beep_ms {
        pairs.push(("beep", u64::from(beep).into()));
    }
    Value::Dict(pairs.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value)).collect())
}
