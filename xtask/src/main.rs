//! `cargo xtask`: set-up, demonstration, tests and checks of the workspace, each one command.
//!
//! Every command installs what it needs first, where it may, and otherwise says exactly what is missing.

mod amd;
mod bare;
mod checks;
mod compare;
#[cfg(test)]
mod entry_tests;
mod error;
mod fuzz;
mod instructions;
mod package;
mod pictures;
mod run;
mod setup;
mod shell;
mod talk_off;
mod testing;
mod tools;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use error::Error;
use setup::Feature;

/// Set-up, demonstration, tests and checks of mediapoint.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    /// Install what is missing without asking. CI=true in the environment says the same.
    #[arg(long, global = true)]
    yes: bool,
    #[command(subcommand)]
    task: Task,
}

const AFTER_HELP: &str = "\
`./x COMMAND` is `cargo xtask COMMAND` on a machine that may lack even a compiler.
It lists what is missing with what each is for, asks, and installs it.";

#[derive(Subcommand)]
enum Task {
    /// Install the system packages that some features need, or say which are missing.
    Setup(SetupArgs),
    /// Run the demonstration: a call between two softphones through a real server; `demo ivr`, `demo record` and
    /// `demo conference` run the examples of an IVR, of recordings and of a conference room.
    Demo(Forwarded),
    /// Run every test: unit, integration and documentation tests, and the fuzz corpora. Ends with how many passed, failed and
    /// were skipped, and why.
    Test(TestArgs),
    /// Build the server in release, with a copy without symbols in dist/.
    Build,
    /// Build and install the server: program, configuration, systemd unit, user, licences.
    Install(InstallArgs),
    /// Build what can be given to other machines: an archive and a Debian package of a program that needs no libraries.
    Dist,
    /// Try packages and set-up on a bare system in a folder, by debootstrap: install, start, `./x demo`.
    Bare(BareArgs),
    /// Exchange media with ffmpeg, GStreamer, sipp, tshark, phones behind Kamailio, and compare with rtpengine.
    Interop(Forwarded),
    /// Measure mediapoint and rtpengine side by side under the same load.
    Compare(Forwarded),
    /// Count the digits that the DTMF detector takes from hours of speech and music without any, beside libspandsp.
    TalkOff(TalkOffArgs),
    /// Train and evaluate call analysis on recorded and synthesised speech.
    Amd(AmdArgs),
    /// Run fuzz targets for some seconds each.
    Fuzz(FuzzArgs),
    /// Count the instructions of each step of the media path, and compare them with benches/instructions.toml.
    Instructions(InstructionsArgs),
    /// Check formatting, clippy warnings and documentation warnings.
    Lint,
    /// Check that workspace crates depend on each other only as the architecture allows, and what the server links.
    Arrows,
    /// Check licences, banned crates, sources and security advisories of dependencies.
    Deny(DenyArgs),
    /// Check paths, names and wording of documents, and what of them is built from source and manifests:
    /// docs/conformance.md, docs/dependencies.md, docs/pictures, xtask/help.txt.
    DocsCheck(DocsArgs),
    /// Check that every dependency is named in the code of its crate.
    Unused,
    /// Check that the pinned compiler is the oldest one promised, and that the workspace builds with it.
    Msrv,
    /// Check that each library builds without warnings under every set of its features.
    Features,
    /// Compare the libraries' interfaces with those of the last tag.
    Semver,
    /// Run the tests of lock-free types under loom.
    Loom,
    /// Run the tests of rings and scalar kernels under Miri, where it is installed.
    Miri,
    /// Check that no tracked file names a machine's own paths or a package registry's host.
    Hygiene,
}

#[derive(Args)]
struct TestArgs {
    /// And what has to be compiled in another way for it: proofs of optimised code, the tests of AMR.
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
struct SetupArgs {
    /// Features to prepare; all of them when none is named.
    #[arg(value_enum)]
    features: Vec<Feature>,
    /// Only report what is missing; install nothing and fail if anything is.
    #[arg(long)]
    check: bool,
}

#[derive(Args)]
struct InstructionsArgs {
    /// Write the counts into the file instead.
    #[arg(long)]
    write: bool,
}

#[derive(Args)]
struct TalkOffArgs {
    /// Hours of audio. The recordings as they are come first.
    #[arg(long, default_value_t = 46.0)]
    hours: f64,
    /// Hear only half of the files: thresholds are chosen with `tuning`, judged with `test`.
    #[arg(long, value_parser = ["tuning", "test"])]
    half: Option<String>,
    /// Hear only the clips whose name and variant hold this text, such as `through G729`.
    #[arg(long)]
    only: Option<String>,
    /// Keep the samples in this folder, 2.7 GB of 46 hours, or take them from there: they are heard again in a minute.
    #[arg(long)]
    kept: Option<String>,
}

#[derive(Args)]
struct InstallArgs {
    /// Where programs and their files go. Configuration is in /etc/mediapoint whatever it is.
    #[arg(long, default_value = "/usr/local")]
    prefix: String,
    /// A folder to install below instead of the system's root, for packages and images.
    #[arg(long, default_value = "/")]
    destdir: PathBuf,
}

#[derive(Args)]
struct BareArgs {
    /// Only the packages and the Containerfile's image, not the demonstration.
    #[arg(long, conflicts_with = "full")]
    packages: bool,
    /// All tests, too.
    #[arg(long)]
    full: bool,
}

impl BareArgs {
    fn extent(&self) -> bare::Extent {
        match (self.packages, self.full) {
            (true, _) => bare::Extent::Packages,
            (_, true) => bare::Extent::Full,
            _ => bare::Extent::Demo,
        }
    }
}

/// Arguments handed on as they stand.
#[derive(Args)]
#[command(disable_help_flag = true)]
struct Forwarded {
    /// Handed on to the program that does the work; try --help.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Forwarded {
    fn names_an_example(&self) -> bool {
        self.args.first().is_some_and(|argument| run::example(argument).is_some())
    }

    fn asks_for_help(&self) -> bool {
        self.args.iter().any(|argument| argument == "--help" || argument == "-h")
    }
}

#[derive(Args)]
struct AmdArgs {
    /// Write the model, the tables of docs/call-analysis.md and the picture, instead of comparing the model with the source.
    #[arg(long)]
    write: bool,
}

#[derive(Args)]
struct FuzzArgs {
    /// Seconds to run each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Target to run; every target when left out.
    target: Option<String>,
}

#[derive(Args)]
struct DenyArgs {
    /// Where the database of advisories is: the URL of a mirror, or a folder with a copy of the repository. In its absence
    /// the variable MEDIAPOINT_ADVISORY_DB says so, else it is RustSec's own.
    #[arg(long, value_name = "URL|FOLDER")]
    advisory_db: Option<String>,
}

#[derive(Args)]
struct DocsArgs {
    /// What to do with docs/conformance.md, docs/dependencies.md and the examples of READMEs.
    #[arg(long, value_enum, default_value_t = Conformance::Check)]
    conformance: Conformance,
}

/// What `docs-check` does with what is generated.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Conformance {
    /// Fail when something is out of date.
    Check,
    /// Write it anew.
    Write,
}

fn main() -> ExitCode {
    if let Some(compiled) = fuzz::compiler::called() {
        return compiled;
    }
    let cli = Cli::parse();
    // Commands whose arguments are handed on would hand this on, too.
    setup::consent(cli.yes || std::env::args().any(|argument| argument == "--yes"));
    match dispatch(cli.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut task: Task) -> Result<(), Error> {
    std::env::set_current_dir(shell::workspace_root())
        .map_err(|source| Error::Io { path: shell::workspace_root(), source })?;
    if let Task::Demo(Forwarded { args })
    | Task::Interop(Forwarded { args })
    | Task::Compare(Forwarded { args }) = &mut task
    {
        args.retain(|argument| argument != "--yes");
    }
    match task {
        Task::Setup(args) => setup::command(&args.features, args.check),
        Task::Demo(forwarded) if forwarded.asks_for_help() && !forwarded.names_an_example() => {
            run::help("demo")
        }
        Task::Interop(forwarded) if forwarded.asks_for_help() => run::help("interop"),
        Task::Demo(forwarded) => run::demo(&forwarded.args),
        Task::Test(args) => testing::test(args.all),
        Task::Build => package::build(),
        Task::Install(args) => package::install(&args.prefix, &args.destdir),
        Task::Dist => package::dist(),
        Task::Bare(args) => bare::bare(args.extent()),
        Task::Interop(forwarded) => run::interop(&forwarded.args),
        Task::Compare(forwarded) => compare::compare(&forwarded.args),
        Task::TalkOff(args) => talk_off::talk_off(&args),
        Task::Amd(args) => amd::amd(args.write),
        Task::Instructions(args) => instructions::command(args.write),
        Task::Fuzz(args) => fuzz::fuzz(args.seconds, args.target.as_deref()),
        Task::Lint => run::lint(),
        Task::Arrows => both(checks::arrows::check(), checks::deployed::check()),
        Task::Deny(args) => checks::deny::check(args.advisory_db.as_deref()),
        Task::DocsCheck(args) => {
            // The page first: other documents name it.
            let write = args.conformance == Conformance::Write;
            let generated = both(checks::conformance::check(write), checks::documents::check(write));
            let generated = both(generated, checks::dependencies::check(write));
            let generated = both(generated, pictures::check(write));
            let generated = both(generated, checks::help::check(&help(), write));
            both(
                generated,
                both(checks::paths::check(), both(checks::names::check(), checks::words::check())),
            )
        }
        Task::Hygiene => checks::hygiene::check(),
        Task::Unused => checks::unused::check(),
        Task::Msrv => built(verify::msrv::check),
        Task::Features => built(verify::features::check),
        Task::Semver => verify::semver::check(),
        Task::Loom => built(verify::loom::check),
        Task::Miri => verify::miri::check(),
    }
}

/// The help of `./x` and of each command, as their parsers make it, 80 columns wide.
fn help() -> Vec<checks::help::Part> {
    let mut cli = Cli::command().bin_name("./x").term_width(80);
    cli.build();
    let mut parts = vec![("x".to_owned(), Some(cli.render_long_help().to_string()))];
    for task in cli.get_subcommands_mut() {
        let text = match task.get_name() {
            "help" => continue,
            "demo" | "interop" => None,
            "compare" => Some(compare::help().to_string()),
            _ => Some(task.render_long_help().to_string()),
        };
        parts.push((task.get_name().to_owned(), text));
    }
    parts
}

/// A check that compiles the workspace, after what that needs is installed.
fn built(check: fn() -> Result<(), Error>) -> Result<(), Error> {
    setup::ensure(&[Feature::Build])?;
    check()
}

/// The outcome of two checks that both ran: the first error is shown, the second returned.
fn both(first: Result<(), Error>, second: Result<(), Error>) -> Result<(), Error> {
    if let (Err(error), Err(_)) = (&first, &second) {
        eprintln!("error: {error}");
    }
    second.and(first)
}
