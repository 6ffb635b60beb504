//! Running programs: echo the command, pass its output through or capture it, report a failure by name.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

/// The workspace's root folder.
pub(crate) fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// A program about to run.
pub(crate) struct Program {
    command: Command,
    shown: String,
}

impl Program {
    /// Names the program and its arguments.
    pub(crate) fn new<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(name);
        let mut shown = name.to_owned();
        for arg in args {
            shown.push(' ');
            shown.push_str(&arg.as_ref().to_string_lossy());
            command.arg(arg);
        }
        Self { command, shown }
    }

    /// The cargo that runs this program.
    pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut program = Self::new(&cargo, args);
        program.shown = program.shown.replacen(&cargo, "cargo", 1);
        program
    }

    /// Shows `text` instead of the real command line.
    pub(crate) fn shown_as(mut self, text: &str) -> Self {
        text.clone_into(&mut self.shown);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self
    }

    /// Runs it with output passed through; a non-zero exit is an error.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        println!("$ {}", self.shown);
        let status = self.command.status().map_err(|source| self.spawn_error(source))?;
        if status.success() { Ok(()) } else { Err(Error::Failed { command: self.shown, status }) }
    }

    /// Runs it with all that it prints going into a file; a non-zero exit is an error.
    pub(crate) fn run_into(mut self, file: File) -> Result<(), Error> {
        let again = file.try_clone().map_err(|source| self.spawn_error(source))?;
        self.command.stdin(Stdio::null()).stdout(file).stderr(again);
        let status = self.command.status().map_err(|source| self.spawn_error(source))?;
        if status.success() { Ok(()) } else { Err(Error::Failed { command: self.shown, status }) }
    }

    /// Runs it silently and tells whether it succeeded; a program that does not exist did not.
    pub(crate) fn succeeds(mut self) -> bool {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.command.status().is_ok_and(|status| status.success())
    }

    /// Runs it and returns what it printed; a non-zero exit is an error.
    pub(crate) fn output(mut self) -> Result<String, Error> {
        self.command.stderr(Stdio::inherit());
        let output = self.command.output().map_err(|source| self.spawn_error(source))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(Error::Failed { command: self.shown, status: output.status })
        }
    }

    /// Runs it silently and returns what it printed, if it succeeded.
    pub(crate) fn output_quiet(mut self) -> Option<String> {
        let output = self.command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn spawn_error(&self, source: std::io::Error) -> Error {
        Error::Spawn { program: self.command.get_program().to_string_lossy().into_owned(), source }
    }
}

/// Finds a program on the search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// Leaves a line for whoever runs several tasks to print at the end, where the environment names a file for such lines.
pub(crate) fn note(line: &str) -> Result<(), Error> {
    let Some(path) = std::env::var_os("XTASK_NOTES").map(PathBuf::from) else { return Ok(()) };
    let write = || writeln!(File::options().create(true).append(true).open(&path)?, "{line}");
    write().map_err(|source| Error::Io { path: path.clone(), source })
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_path_buf(), source })
}

/// Names of the files under version control, relative to the root.
pub(crate) fn tracked_files() -> Result<Vec<PathBuf>, Error> {
    let listing =
        Program::new("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output()?;
    // A file deleted from the work tree stays in the index until the commit.
    Ok(listing
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(|name| name.is_file())
        .collect())
}
