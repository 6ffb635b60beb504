//! A phone's description of one audio section, as the families of cases vary it.

/// One audio section and the session around it.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    address: &'static str,
    port: u16,
    protocol: &'static str,
    codecs: Vec<&'static str>,
    attributes: Vec<String>,
    direction: &'static str,
    version: u32,
}

/// The caller: PCMU, PCMA and telephone-event.
pub(super) fn caller() -> Phone {
    Phone::new("127.0.0.2", 14_822, &["0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000 0-15"])
}

/// The callee: PCMA and telephone-event.
pub(super) fn callee() -> Phone {
    Phone::new("127.0.0.4", 24_000, &["8 PCMA/8000", "101 telephone-event/8000 0-15"])
}

impl Phone {
    fn new(address: &'static str, port: u16, codecs: &[&'static str]) -> Self {
        Self {
            address,
            port,
            protocol: "RTP/AVP",
            codecs: codecs.to_vec(),
            attributes: Vec::new(),
            direction: "sendrecv",
            version: 1,
        }
    }

    /// Over another profile; a secure one brings a key of this phone's: of the caller one that it offers, of the callee
    /// one that answers.
    pub(super) fn over(mut self, protocol: &'static str) -> Self {
        self.protocol = protocol;
        self.attributes.retain(|attribute| !attribute.starts_with("crypto:"));
        let tag = if self.port < 20_000 { 1 } else { 0 };
        if protocol.contains("SAVP") { self.keyed(&[(tag, "AES_CM_128_HMAC_SHA1_80")]) } else { self }
    }

    /// With a key of this phone's for each suite; under tag 0, the offer's tag for it.
    pub(super) fn keyed(mut self, suites: &[(u32, &str)]) -> Self {
        self.attributes.retain(|attribute| !attribute.starts_with("crypto:"));
        for (tag, suite) in suites {
            // 30, 46, 28 and 44 octets of key and salt, by the suite (RFC 4568, 6188 and 7714).
            let digits = match *suite {
                suite if suite.starts_with("AES_256") => 62,
                suite if suite.starts_with("AEAD_AES_128") => 38,
                suite if suite.starts_with("AEAD_AES_256") => 59,
                _ => 40,
            };
            let letter = if self.port < 20_000 { "c" } else { "k" };
            let key = letter.repeat(digits - 1);
            let tag = if *tag == 0 { "@".to_owned() } else { tag.to_string() };
            self.attributes.push(format!("crypto:{tag} {suite} inline:{key}A"));
        }
        self
    }

    /// The same with keys that are offered in place of answering ones, and the other way round.
    pub(super) fn turned(&self) -> Self {
        let turn = |attribute: &String| match attribute
            .strip_prefix("crypto:")
            .and_then(|rest| rest.split_once(' '))
        {
            Some(("@", key)) => format!("crypto:1 {key}"),
            Some((_, key)) => format!("crypto:@ {key}"),
            None => attribute.clone(),
        };
        Self { attributes: self.attributes.iter().map(turn).collect(), ..self.clone() }
    }

    /// With one attribute more.
    pub(super) fn with(mut self, attribute: impl Into<String>) -> Self {
        self.attributes.push(attribute.into());
        self
    }

    /// With this packet time; none for `None`.
    pub(super) fn ptime(self, ptime: Option<u32>) -> Self {
        match ptime {
            Some(ptime) => self.with(format!("ptime:{ptime}")),
            None => self,
        }
    }

    /// With these codecs, `number name/clock/channels parameters` each.
    pub(super) fn codecs(mut self, codecs: &[&'static str]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }

    /// With the codecs of the callee, in answer to it.
    pub(super) fn matching(self) -> Self {
        self.codecs(&["8 PCMA/8000", "101 telephone-event/8000 0-15"])
    }

    /// In another direction.
    pub(super) fn going(mut self, direction: &'static str) -> Self {
        self.direction = direction;
        self.version += 1;
        self
    }

    /// At another address.
    pub(super) fn at(mut self, address: &'static str) -> Self {
        self.address = address;
        self.version += 1;
        self
    }

    /// At another port.
    pub(super) fn port(mut self, port: u16) -> Self {
        self.port = port;
        self.version += 1;
        self
    }

    /// The media section alone, for a description of several.
    pub(super) fn section(&self) -> String {
        let parts = |line: &&'static str| line.splitn(3, ' ').collect::<Vec<_>>();
        let codecs: Vec<Vec<&str>> = self.codecs.iter().map(parts).collect();
        let numbers: Vec<&str> = codecs.iter().filter_map(|parts| parts.first().copied()).collect();
        let mut lines = vec![format!("m=audio {} {} {}", self.port, self.protocol, numbers.join(" "))];
        for parts in &codecs {
            let mut parts = parts.iter();
            let number = parts.next().copied().unwrap_or_default();
            lines.extend(parts.next().map(|name| format!("a=rtpmap:{number} {name}")));
            lines.extend(parts.next().map(|parameters| format!("a=fmtp:{number} {parameters}")));
        }
        lines.extend(self.attributes.iter().map(|attribute| format!("a={attribute}")));
        lines.push(format!("a={}", self.direction));
        lines.iter().map(|line| format!("{line}\r\n")).collect()
    }

    /// The description.
    pub(super) fn text(&self) -> String {
        let (address, version) = (self.address, self.version);
        let family = if address.contains(':') { "IP6" } else { "IP4" };
        let name = if self.port < 20_000 { "caller" } else { "callee" };
        format!(
            "v=0\r\no={name} 7 {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n{}",
            self.section()
        )
    }
}
