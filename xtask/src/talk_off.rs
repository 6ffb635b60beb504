//! `cargo xtask talk-off`: how many digits the DTMF detector takes from hours of speech and music without any.

use std::path::Path;

use cargo_metadata::MetadataCommand;

use crate::TalkOffArgs;
use crate::error::Error;
use crate::setup::{self, Feature};
use crate::shell::{Program, note};

/// Recordings of Debian's packages.
const RECORDINGS: [&str; 2] = ["/usr/share/asterisk/sounds", "/usr/share/asterisk/moh"];

/// Builds the set as it is heard, and prints the table.
pub(crate) fn talk_off(args: &TalkOffArgs) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::TalkOff])?;
    Program::cargo(["build", "--release", "--package", "mediapoint-dtmf", "--example", "talk_off"]).run()?;
    let target = MetadataCommand::new().no_deps().exec()?.target_directory.into_std_path_buf();
    let peer = target.join("spandsp_digits").display().to_string();
    let source = "crates/dtmf/tests/spandsp_digits.c";
    Program::new("cc", ["-O2", source, "-ldl", "-o", &peer]).run()?;
    let program = target.join("release/examples/talk_off").display().to_string();
    let hours = args.hours.to_string();
    let folders = RECORDINGS.into_iter().filter(|folder| Path::new(folder).exists());
    let words = std::iter::once(hours.as_str()).chain(folders);
    note("most of the time goes to synthesisers and coders; each hour that was heard is told")?;
    let program = Program::new(&program, words).shown_as("talk_off").env("MEDIAPOINT_DTMF_PEER", &peer);
    let settings = [("HALF", &args.half), ("ONLY", &args.only), ("KEPT", &args.kept)];
    let settings = settings.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let with = |program: Program, (name, value): (&str, &String)| {
        program.env(&format!("MEDIAPOINT_TALK_OFF_{name}"), value)
    };
    settings.fold(program, with).run()
}
