//! The SDES options of a message.

use super::directive::Directive;

/// Most suite names taken in one list.
const MAX_SUITES: usize = 32;

/// How SDES keys are offered and accepted. Suite names are as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SdesOptions {
    /// No SDES towards the receiver of this message.
    pub off: bool,
    /// Only pass on the suites that were offered.
    pub no_new: bool,
    /// Suites not to be offered.
    pub no: Vec<String>,
    /// The only suites to be offered; takes precedence over `no`.
    pub only: Vec<String>,
    /// Suites that stand first, in this order.
    pub order: Vec<String>,
    /// Suites preferred towards who offers.
    pub offerer_pref: Vec<String>,
    /// Pad base64 keys. Ours are padded always.
    pub pad: bool,
    /// Add the key lifetime `2^31`.
    pub lifetime: bool,
    /// Keep the negotiated suite in a re-INVITE's answer.
    pub keep_suite: bool,
    /// `UNENCRYPTED_SRTP` on or off; what was offered where `None`.
    pub unencrypted_srtp: Option<bool>,
    /// `UNENCRYPTED_SRTCP` on or off; what was offered where `None`.
    pub unencrypted_srtcp: Option<bool>,
    /// `UNAUTHENTICATED_SRTP` on or off; what was offered where `None`.
    pub unauthenticated_srtp: Option<bool>,
}

impl SdesOptions {
    /// True where SRTP is asked for without its encryption or authentication, which is never done.
    #[must_use]
    pub fn weakens(&self) -> bool {
        [self.unencrypted_srtp, self.unencrypted_srtcp, self.unauthenticated_srtp].contains(&Some(true))
    }

    /// Takes an `SDES-...` option or `pad-crypto`; false where it is neither.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        if directive.name == "pad-crypto" {
            self.pad = true;
            return true;
        }
        let Some(item) = directive.item("sdes") else { return false };
        let lower = item.to_ascii_lowercase();
        match lower.as_str() {
            // `SDES-no` alone means off; with a list it names suites.
            "no" if !directive.values.is_empty() => add(&mut self.no, &directive.values),
            "only" => add(&mut self.only, &directive.values),
            "order" => add_split(&mut self.order, &directive.values),
            "offerer_pref" => add_split(&mut self.offerer_pref, &directive.values),
            "off" | "no" | "disable" | "disabled" => self.off = true,
            "nonew" | "no-new" => self.no_new = true,
            "pad" => self.pad = true,
            "lifetime" => self.lifetime = true,
            "static" => self.keep_suite = true,
            "unencrypted_srtp" => self.unencrypted_srtp = Some(true),
            "unencrypted_srtcp" => self.unencrypted_srtcp = Some(true),
            "unauthenticated_srtp" => self.unauthenticated_srtp = Some(true),
            "encrypted_srtp" => self.unencrypted_srtp = Some(false),
            "encrypted_srtcp" => self.unencrypted_srtcp = Some(false),
            "authenticated_srtp" => self.unauthenticated_srtp = Some(false),
            _ => return self.suites(item, &lower),
        }
        true
    }

    /// The forms that carry suite names in the word itself.
    fn suites(&mut self, item: &str, lower: &str) -> bool {
        let tail = |prefix: &str| lower.strip_prefix(prefix).and_then(|t| item.get(item.len() - t.len()..));
        if let Some(suite) = tail("no-") {
            add(&mut self.no, &[suite.to_owned()]);
        } else if let Some(suite) = tail("only-") {
            add(&mut self.only, &[suite.to_owned()]);
        } else if let Some(suites) = tail("order:") {
            add_split(&mut self.order, &[suites.to_owned()]);
        } else if let Some(suites) = tail("offerer_pref:") {
            add_split(&mut self.offerer_pref, &[suites.to_owned()]);
        } else {
            return false;
        }
        true
    }
}

fn add(list: &mut Vec<String>, suites: &[String]) {
    for suite in suites {
        if list.len() < MAX_SUITES && !suite.is_empty() {
            list.push(suite.clone());
        }
    }
}

fn add_split(list: &mut Vec<String>, values: &[String]) {
    for value in values {
        let suites: Vec<String> = value.split([';', ',']).map(str::to_owned).collect();
        add(list, &suites);
    }
}
