//! Our SDES keys, and which suites are offered and taken [RFC4568 7].

use mediapoint_engine::SrtpKeys;
use mediapoint_srtp::sdes::{CryptoAttribute, KeyParam};
use mediapoint_srtp::{MasterKey, Suite};

use crate::request::SdesOptions;
use crate::{KeyFault, NgError};

/// The lifetime that `SDES=lifetime` asks for.
const LIFETIME: u64 = 1 << 31;

/// Our keys towards one party for one media section. A suite keeps its key and tag as long as the call lasts, so that
/// a re-INVITE repeats the same line.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnKeys(Vec<OwnKey>);

#[derive(Debug, Clone)]
struct OwnKey {
    tag: u32,
    suite: Suite,
    key: MasterKey,
}

/// The keys of a leg whose party sent `line`, and that we send to under `outbound`.
pub(crate) fn of_line(line: &CryptoAttribute, outbound: MasterKey) -> SrtpKeys {
    let remote = line.keys.first();
    SrtpKeys {
        inbound: remote.map(|remote| remote.key.clone()),
        inbound_mki: remote.and_then(|remote| remote.mki.clone()),
        outbound,
    }
}

impl OwnKeys {
    /// Our key of a suite, made where there is none yet.
    pub(crate) fn key(&mut self, suite: Suite) -> Result<MasterKey, NgError> {
        self.entry(suite).map(|own| own.key.clone())
    }

    /// The lines that offer these suites.
    pub(crate) fn offer(
        &mut self,
        suites: &[Suite],
        options: &SdesOptions,
    ) -> Result<Vec<CryptoAttribute>, NgError> {
        let line = |suite: &Suite| {
            let own = self.entry(*suite)?;
            Ok(attribute(own.tag, own.key.clone(), options.lifetime))
        };
        suites.iter().map(line).collect()
    }

    /// The line that takes one of the party's.
    pub(crate) fn accept(
        &mut self,
        theirs: &CryptoAttribute,
        lifetime: bool,
    ) -> Result<CryptoAttribute, NgError> {
        Ok(attribute(theirs.tag, self.key(theirs.suite)?, lifetime))
    }

    /// The line of an answer that takes one of ours: by tag and suite, or by the suite alone where the tag is none of
    /// ours.
    pub(crate) fn taken<'a>(&self, answer: &'a [CryptoAttribute]) -> Option<&'a CryptoAttribute> {
        let by_tag =
            |line: &&CryptoAttribute| self.0.iter().any(|o| o.tag == line.tag && o.suite == line.suite);
        let by_suite = |line: &&CryptoAttribute| self.0.iter().any(|own| own.suite == line.suite);
        answer.iter().find(by_tag).or_else(|| answer.iter().find(by_suite))
    }

    fn entry(&mut self, suite: Suite) -> Result<&OwnKey, NgError> {
        if let Some(at) = self.0.iter().position(|own| own.suite == suite) {
            return self.0.get(at).ok_or(NgError::Internal);
        }
        let key = MasterKey::generate(suite).map_err(|_| NgError::UnusableKey(KeyFault::NoRandomness))?;
        let tag = self.0.iter().map(|own| own.tag).max().unwrap_or(0) + 1;
        self.0.push(OwnKey { tag, suite, key });
        self.0.last().ok_or(NgError::Internal)
    }
}

fn attribute(tag: u32, key: MasterKey, lifetime: bool) -> CryptoAttribute {
    let suite = key.suite();
    let lifetime = lifetime.then_some(LIFETIME);
    CryptoAttribute { tag, suite, keys: vec![KeyParam { key, lifetime, mki: None }], params: Vec::new() }
}

/// The suites to be offered: those that the other side offered first, then all others, as far as the options let them.
pub(crate) fn suites_to_offer(
    options: &SdesOptions,
    received: &[CryptoAttribute],
) -> Result<Vec<Suite>, NgError> {
    let mut suites: Vec<Suite> = Vec::new();
    let others = Suite::ALL.into_iter().filter(|_| !options.no_new || received.is_empty());
    for suite in received.iter().map(|line| line.suite).chain(others) {
        if !suites.contains(&suite) && (options.no_new || is_allowed(options, suite)) {
            suites.push(suite);
        }
    }
    suites.sort_by_key(|suite| position(&options.order, *suite));
    if suites.is_empty() { Err(NgError::UnusableKey(KeyFault::NoSuite)) } else { Ok(suites) }
}

/// The offerer's line to take: what the options prefer, unless they say that the suite in use stays; else the suite in
/// use where it is offered again; else the one that the other side uses, so that both run the same; else the offerer's
/// first.
pub(crate) fn choose<'a>(
    offered: &'a [CryptoAttribute],
    options: &SdesOptions,
    in_use: Option<Suite>,
    other_side: Option<Suite>,
) -> Option<&'a CryptoAttribute> {
    let allowed: Vec<&CryptoAttribute> =
        offered.iter().filter(|line| is_allowed(options, line.suite)).collect();
    // A policy that forbids all that was offered cannot be kept; the offerer's first choice is.
    let allowed = if allowed.is_empty() { offered.iter().collect() } else { allowed };
    let of_suite = |suite: Suite| allowed.iter().find(|line| line.suite == suite).copied();
    let kept = in_use.filter(|_| options.keep_suite).and_then(of_suite);
    let preferred =
        || options.offerer_pref.iter().filter_map(|name| Suite::from_name(name)).find_map(of_suite);
    kept.or_else(preferred)
        .or_else(|| in_use.and_then(of_suite))
        .or_else(|| other_side.and_then(of_suite))
        .or_else(|| allowed.first().copied())
}

fn is_allowed(options: &SdesOptions, suite: Suite) -> bool {
    if options.only.is_empty() { !contains(&options.no, suite) } else { contains(&options.only, suite) }
}

fn contains(names: &[String], suite: Suite) -> bool {
    names.iter().any(|name| Suite::from_name(name) == Some(suite))
}

/// The place of a suite in a list; after all others where it is not in it.
fn position(names: &[String], suite: Suite) -> usize {
    names.iter().position(|name| Suite::from_name(name) == Some(suite)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(suites: &[Suite]) -> Vec<CryptoAttribute> {
        let line =
            |(tag, suite): (u32, &Suite)| CryptoAttribute::new(tag, MasterKey::generate(*suite).unwrap());
        (1..).zip(suites).map(line).collect()
    }

    fn names(suites: &[Suite]) -> Vec<String> {
        suites.iter().map(|suite| suite.name().to_owned()).collect()
    }

    const A80: Suite = Suite::AesCm128HmacSha1_80;
    const A32: Suite = Suite::AesCm128HmacSha1_32;
    const GCM: Suite = Suite::AeadAes128Gcm;

    #[test]
    fn received_suites_come_first_and_policy_filters() {
        let all = SdesOptions::default();
        let offered = suites_to_offer(&all, &lines(&[A32])).unwrap();
        assert_eq!((offered[0], offered.len()), (A32, Suite::ALL.len()));

        let no = SdesOptions { no: names(&[A80]), ..all.clone() };
        assert!(!suites_to_offer(&no, &lines(&[A80])).unwrap().contains(&A80));

        let only = SdesOptions { only: names(&[A32]), no: names(&[A32]), ..all.clone() };
        assert_eq!(suites_to_offer(&only, &[]).unwrap(), [A32], "only takes precedence over no");

        let no_new = SdesOptions { no_new: true, ..all.clone() };
        assert_eq!(suites_to_offer(&no_new, &lines(&[A32, A80])).unwrap(), [A32, A80]);

        let order = SdesOptions { order: names(&[A32, A80]), ..all.clone() };
        assert_eq!(suites_to_offer(&order, &[]).unwrap()[..3], [A32, A80, GCM]);

        let none = SdesOptions { no: names(&Suite::ALL), ..all };
        assert_eq!(suites_to_offer(&none, &[]), Err(NgError::UnusableKey(KeyFault::NoSuite)));
    }

    #[test]
    fn the_line_taken_is_the_one_in_use_then_the_other_sides_then_the_first() {
        let offered = lines(&[GCM, A80, A32]);
        let options = SdesOptions::default();
        let suite =
            |options: &SdesOptions, in_use, other| choose(&offered, options, in_use, other).unwrap().suite;
        assert_eq!(suite(&options, None, None), GCM);
        assert_eq!(suite(&options, None, Some(A32)), A32);
        assert_eq!(suite(&options, Some(A80), Some(A32)), A80);
        assert_eq!(suite(&SdesOptions { no: names(&[GCM]), ..options.clone() }, None, None), A80);
        let preferred = SdesOptions { offerer_pref: names(&[A32]), ..options.clone() };
        assert_eq!(suite(&preferred, None, None), A32);
        assert_eq!(suite(&preferred, None, Some(GCM)), A32);
        assert_eq!(suite(&preferred, Some(A80), Some(GCM)), A32);
        assert_eq!(suite(&SdesOptions { keep_suite: true, ..preferred }, Some(A80), Some(GCM)), A80);
        let nothing_left = SdesOptions { no: names(&Suite::ALL), ..options };
        assert_eq!(suite(&nothing_left, None, None), GCM);
    }

    #[test]
    fn keys_and_tags_stay_the_same_and_an_answer_finds_its_line() {
        let mut own = OwnKeys::default();
        let options = SdesOptions::default();
        let first = own.offer(&[A80, A32], &options).unwrap();
        let again = own.offer(&[GCM, A80, A32], &options).unwrap();
        assert_eq!(first[..], again[1..]);
        assert_eq!(again.iter().map(|line| line.tag).collect::<Vec<_>>(), [3, 1, 2]);

        let mut answer = lines(&[A32]);
        answer[0].tag = 2;
        assert_eq!(own.taken(&answer).map(|line| line.suite), Some(A32));
        answer[0].tag = 77;
        assert!(own.taken(&answer).is_some(), "a wrong tag with a suite of ours");
        assert_eq!(own.taken(&lines(&[Suite::Aes256CmHmacSha1_32])), None);
    }
}
