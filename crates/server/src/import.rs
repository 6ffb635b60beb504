//! `mediapoint config import`: reads rtpengine's configuration file and prints ours, with a comment for each line that has no
//! equivalent here.

mod address;
mod keyfile;
mod options;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::{UNUSABLE, refuse};
use crate::config::values::DigitLogAddress;
use crate::output::Output;
use address::{Card, Media};
use keyfile::{Entry, KeyFile, Malformed, Section};
use options::{Becomes, Group};

/// Arguments of `mediapoint config import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// rtpengine's configuration file, such as /etc/rtpengine/rtpengine.conf
    file: PathBuf,
    /// The section that rtpengine is started with
    #[arg(long, value_name = "NAME", default_value = "rtpengine")]
    section: String,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {fault}", path.display())]
    Malformed { path: PathBuf, fault: Malformed },
    #[error("{}: no section [{name}]; there are: {}; choose with --section", path.display(), known.join(", "))]
    NoSection { path: PathBuf, name: String, known: Vec<String> },
}

/// `mediapoint config import`.
pub(crate) fn command(arguments: &ImportArguments) -> ExitCode {
    match import(&arguments.file, &arguments.section) {
        Ok(text) => {
            let mut out = Output::default();
            out.text(&text);
            out.print(0)
        }
        Err(error) => refuse(UNUSABLE, &error),
    }
}

fn import(path: &Path, section: &str) -> Result<String, ImportError> {
    let path = path.to_owned();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(ImportError::Read { path, source }),
    };
    let file = match KeyFile::parse(&text) {
        Ok(file) => file,
        Err(fault) => return Err(ImportError::Malformed { path, fault }),
    };
    let Some(main) = file.section(section) else {
        let known = file.sections.iter().map(|section| section.name.clone()).collect();
        return Err(ImportError::NoSection { path, name: section.to_owned(), known });
    };
    Ok(Import { file: &file, main, cards: address::cards(), lines: Vec::new() }.text())
}

/// A file on its way to ours.
struct Import<'a> {
    file: &'a KeyFile,
    main: &'a Section,
    cards: Vec<Card>,
    lines: Vec<String>,
}

impl Import<'_> {
    fn text(mut self) -> String {
        self.push(&format!("# From section [{}] of rtpengine's configuration file.", self.main.name));
        self.push("# `mediapoint config` prints every setting with its explanation.");
        let main = self.main;
        let mut media = Vec::new();
        for entry in &main.entries {
            match options::find(&entry.key) {
                None => self.comment(entry, "not an option of rtpengine that is known here"),
                Some(group) => self.option(entry, group, &mut media),
            }
        }
        self.address(&media);
        self.ports();
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }

    fn push(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    /// A line that has no equivalent.
    fn comment(&mut self, entry: &Entry, why: &str) {
        let Entry { line, key, value } = entry;
        self.lines.push(format!("# line {line}: {key} = {value}"));
        self.lines.push(format!("#   {why}"));
    }

    /// A line of ours, in TOML.
    fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        self.lines.push(format!("{key} = {}", value.into()));
    }

    fn option(&mut self, entry: &Entry, group: &Group, media: &mut Vec<Media>) {
        let ours = group.ours;
        match group.becomes {
            Becomes::Nothing => self.comment(entry, &format!("no equivalent, because {}", group.remark)),
            Becomes::Harmless => self.comment(entry, group.remark),
            Becomes::Interface => {
                for part in entry.list() {
                    match address::media(part, &self.cards) {
                        Ok(found) => media.extend(found),
                        Err(why) => self.comment(entry, &why),
                    }
                }
            }
            Becomes::InterfaceSections => self.sections(entry, media),
            Becomes::Ng | Becomes::NgTcp | Becomes::Http => self.control(entry, group),
            // Both ends of the range make one setting.
            Becomes::PortMin | Becomes::PortMax => {}
            Becomes::Seconds => match entry.value.parse::<u32>() {
                Ok(seconds @ 1..=604_800) => self.set(ours, format!("{seconds}s")),
                _ => self.comment(entry, &format!("{ours} is 1 second to a week here; left at its default")),
            },
            Becomes::DigitLog => match entry.value.parse::<DigitLogAddress>() {
                Ok(address) => self.set(ours, address.0.to_string()),
                Err(why) => self.comment(entry, &why),
            },
            Becomes::Tos => match entry.value.parse::<u8>() {
                Ok(tos) => self.set(ours, i64::from(tos >> 2)),
                Err(_) => self.comment(entry, "no type of service; allowed: 0 to 255"),
            },
            Becomes::LogLevel => match entry.value.parse::<i64>() {
                Ok(..=3) => self.set(ours, "error"),
                Ok(4) => self.set(ours, "warn"),
                Ok(5 | 6) => self.set(ours, "info"),
                Ok(_) => self.set(ours, "debug"),
                Err(_) => self.comment(entry, "no level of syslog; allowed: 0 to 7"),
            },
            Becomes::Threads => match entry.value.parse::<u16>() {
                Ok(threads @ 1..=256) => self.set(ours, i64::from(threads)),
                _ => self.comment(
                    entry,
                    "as many as there are cores: set `workers` to those that are to carry media",
                ),
            },
            Becomes::Sessions => match entry.value.parse::<u32>() {
                Ok(sessions @ 1..) => {
                    let workers = self.main.value("num-threads").and_then(|text| text.parse().ok());
                    let each = sessions.div_ceil(workers.filter(|workers| *workers > 0).unwrap_or(1));
                    self.push(&format!("# max-sessions = {sessions}: points for each worker"));
                    self.set(ours, i64::from(each));
                }
                _ => self.comment(
                    entry,
                    "no limit of sessions; `budget` is one, measure it with mediapoint-tools bench",
                ),
            },
        }
    }

    /// A port for control or metrics.
    fn control(&mut self, entry: &Entry, group: &Group) {
        let mut parts = entry.list();
        let first = parts.next().unwrap_or_default().to_owned();
        let Some((address, is_everywhere)) = address::control(&first) else {
            self.comment(
                entry,
                &format!("{} takes an address with a port: write the address of that name", group.ours),
            );
            return;
        };
        if is_everywhere {
            self.comment(entry, "a port alone is every address there, and this machine only here");
        }
        if parts.next().is_some() {
            self.comment(entry, "one address only: the first");
        }
        if group.becomes != Becomes::Http && !address.ip().is_loopback() {
            self.push("# Others can reach the control port: name who may speak, or the start fails.");
            self.push("# allow = [\"192.0.2.0/24\"]");
        }
        self.set(group.ours, address.to_string());
    }

    /// Sections `PREFIX-NAME` with an address each.
    fn sections(&mut self, entry: &Entry, media: &mut Vec<Media>) {
        let prefix = format!("{}-", entry.value);
        let file = self.file;
        for section in &file.sections {
            let Some(name) = section.name.strip_prefix(&prefix) else { continue };
            let name = section.value("name").unwrap_or(name);
            for own in &section.entries {
                match own.key.as_str() {
                    "address" => {
                        let advertised = section.value("advertised").and_then(|told| told.parse().ok());
                        match address::at(name, &own.value, advertised, &self.cards) {
                            Ok(found) => media.extend(found),
                            Err(why) => self.comment(own, &why),
                        }
                    }
                    "name" | "advertised" => {}
                    "alias" => {
                        self.comment(own, "an alias: give the address a second entry with the other name")
                    }
                    "port-min" | "port-max" => {
                        self.comment(own, "no equivalent, because all addresses have one range: `ports`")
                    }
                    "exclude-ports" => {
                        self.comment(own, "no equivalent, because a port that another program holds is passed over in any case");
                    }
                    _ => self.comment(own, "not an option of an interface that is known here"),
                }
            }
        }
    }

    /// The addresses, one of each name and IP version.
    fn address(&mut self, media: &[Media]) {
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        for one in media {
            if seen.insert((one.name.as_str(), one.address.is_ipv4())) {
                kept.push(one.text());
            } else {
                self.push(&format!(
                    "# address {}: a second of its name and IP version; give it another name",
                    one.text()
                ));
            }
        }
        if !kept.is_empty() {
            self.set("address", kept);
        }
    }

    fn ports(&mut self) {
        let port = |key| self.main.value(key).and_then(|text| text.parse::<u16>().ok());
        let (first, last) = (port("port-min"), port("port-max"));
        if first.or(last).is_some() {
            // What rtpengine has where it is not told.
            let (first, last) = (first.unwrap_or(30_000), last.unwrap_or(40_000));
            self.set("ports", format!("{first}-{last}"));
        }
    }
}
