//! What commands print: to a pipe whose reader has gone it is not printed, and that is no fault.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::FAILED;

/// Text on its way to standard output.
#[derive(Debug, Default)]
pub(crate) struct Output(String);

impl Output {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl Display) {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// Adds text as it is.
    pub(crate) fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Prints it, and gives the program's exit code: `code` where all was printed or nobody reads it.
    pub(crate) fn print(self, code: u8) -> ExitCode {
        let mut out = io::stdout().lock();
        match out.write_all(self.0.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                print_error(&format_args!("error: cannot write to standard output: {error}"));
                ExitCode::from(FAILED)
            }
            _ => ExitCode::from(code),
        }
    }
}

/// Writes a line to standard error, where there is somebody to read it.
pub(crate) fn print_error(line: &impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
