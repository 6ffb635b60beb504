//! How long recordings are kept: the first rule that fits decides.

use std::time::Duration;

use crate::catalogue::Record;
use crate::entry::PersonalColumns;

/// A rule. Every field that is set has to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Recordings of this tenant.
    pub tenant: Option<String>,
    /// With this tag and value.
    pub tag: Option<(String, String)>,
    /// How long after its start a recording is kept. `None`: for ever.
    pub keep: Option<Duration>,
}

/// Rules in order. What no rule fits is kept for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Retention {
    /// Whether a recording is not kept any longer at `now` (milliseconds since 1970). A legal hold is not looked at.
    #[must_use]
    pub fn expired(&self, record: &Record, columns: &PersonalColumns, now: i64) -> bool {
        let rule = self.rules.iter().find(|rule| rule.fits(record, columns));
        let Some(keep) = rule.and_then(|rule| rule.keep) else { return false };
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        record.entry.started.saturating_add(keep) <= now
    }
}

impl Rule {
    fn fits(&self, record: &Record, columns: &PersonalColumns) -> bool {
        let tenant = self.tenant.as_ref().is_none_or(|tenant| *tenant == record.entry.tenant);
        let tag = self.tag.as_ref().is_none_or(|(tag, value)| {
            record.entry.tags.get(tag).is_some_and(|found| *found == columns.column(value))
        });
        tenant && tag
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalogue::{Files, State};
    use crate::entry::{Entry, PseudonymKey};
    use mediapoint_recorder::RecordingId;

    const DAY: i64 = 86_400_000;

    fn record(columns: &PersonalColumns, tenant: &str, kind: &str) -> Record {
        let tags = BTreeMap::from([("kind".to_owned(), kind.to_owned())]);
        let entry = Entry { tenant: tenant.into(), tags, started: DAY, ..Entry::default() };
        Record {
            id: RecordingId::new("a").unwrap(),
            entry: columns.apply(&entry),
            folder: String::new(),
            files: Files::default(),
            stored: 0,
            state: State::Present,
            hold: None,
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let columns = PersonalColumns::Pseudonym(PseudonymKey::new([1; 32]));
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let contract = Some(("kind".to_owned(), "contract".to_owned()));
        let rules = Retention {
            rules: vec![
                Rule { tenant: None, tag: contract, keep: None },
                Rule { tenant: Some("acme".into()), tag: None, keep: days(30) },
                Rule { tenant: None, tag: None, keep: days(7) },
            ],
        };
        let expired = |tenant: &str, kind: &str, day: i64| {
            rules.expired(&record(&columns, tenant, kind), &columns, day * DAY)
        };
        assert!(!expired("acme", "contract", 10_000));
        assert!(!expired("acme", "order", 30) && expired("acme", "order", 31));
        assert!(!expired("other", "order", 7) && expired("other", "order", 8));
        assert!(!Retention::default().expired(&record(&columns, "a", "b"), &columns, i64::MAX));
    }
}
