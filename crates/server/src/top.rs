//! `mediapoint top`: a running server on one screen, asked once a second by ng `statistics`.

mod figures;
mod model;
mod screen;
#[cfg(test)]
mod tests;
mod view;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::{FAILED, UNUSABLE, refuse};
use crate::ctl::Where;
use crate::ctl::ask::{AskError, Server};
use crate::output::Output;
use figures::Figures;
use model::Model;

/// Examples of `mediapoint top --help`.
pub(crate) const EXAMPLES: &str = "\
Keys: q ends, s sorts the calls by age, points or parties, p pauses.

Examples:
  mediapoint top
  mediapoint top --address 10.0.0.5:2223 --secret-file /etc/mediapoint.secret
  mediapoint top --config /etc/mediapoint.toml --once";

/// Time between two questions.
const EVERY: Duration = Duration::from_secs(1);
/// Calls that are asked for.
const CALLS: &str = "100";
/// Columns and lines of what `--once` prints.
const PRINTED: (u16, u16) = (80, 60);

/// Arguments of `mediapoint top`.
#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    /// Control port of the server: ADDR:PORT (UDP), a port alone for this machine, tcp:ADDR:PORT or unix:PATH
    /// [default: that of --config, or 127.0.0.1:2223]
    #[arg(long, alias = "to", value_name = "TARGET")]
    address: Option<Where>,
    /// The server's configuration file: its control port and the file of its secret
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// File with the server's secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Print it once, from two questions a second apart, and end
    #[arg(long)]
    once: bool,
}

/// Figures, and when they came.
type Asked = Result<(Figures, Instant), String>;

/// `mediapoint top`.
pub(crate) fn command(arguments: &TopArguments) -> ExitCode {
    let to = arguments.address.as_ref().map(Where::target);
    let server = Server::find(to, arguments.config.as_deref(), arguments.secret_file.as_deref());
    let started = server.and_then(|mut server| {
        let first = ask(&mut server)?;
        Ok((server, first))
    });
    match started {
        Ok((server, first)) if arguments.once => once(server, first),
        Ok((server, first)) => watch(server, first),
        Err(error @ AskError::Config(_)) => refuse(UNUSABLE, &error),
        Err(error) => refuse(FAILED, &error),
    }
}

fn ask(server: &mut Server) -> Result<(Figures, Instant), AskError> {
    let reply = server.ask("statistics", &[("limit", CALLS)])?;
    Ok((Figures::read(&reply), Instant::now()))
}

/// Prints the figures of a second.
fn once(mut server: Server, first: (Figures, Instant)) -> ExitCode {
    let mut model = Model::new(server.target(), first);
    thread::sleep(EVERY);
    match ask(&mut server) {
        Ok(second) => model.take(Ok(second)),
        Err(error) => return refuse(FAILED, &error),
    }
    let (columns, lines) = PRINTED;
    let mut out = Output::default();
    let mut lines = view::lines(&model, (columns, lines), false);
    // The help: no key is read.
    lines.pop();
    for line in lines {
        out.line(line.to_string().trim_end());
    }
    out.print(0)
}

/// Shows the figures until the user has enough.
fn watch(server: Server, first: (Figures, Instant)) -> ExitCode {
    if !std::io::stdout().is_terminal() {
        return refuse(UNUSABLE, &"standard output is no terminal; --once prints the figures");
    }
    let model = Model::new(server.target(), first);
    let (figures, asked) = mpsc::channel();
    let (stop, stopped) = mpsc::channel();
    let asker = thread::Builder::new().name("ask".to_owned());
    let shown = match asker.spawn(move || keep_asking(server, &figures, &stopped)) {
        Ok(_) => screen::run(model, &asked),
        Err(error) => Err(error),
    };
    // The thread may wait for a reply that does not come, and ends with the program then.
    drop(stop);
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(FAILED, &format_args!("the terminal cannot be used: {error}")),
    }
}

/// Asks once a second until nobody wants to know.
fn keep_asking(mut server: Server, figures: &Sender<Asked>, stop: &Receiver<()>) {
    while matches!(stop.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout)) {
        if figures.send(ask(&mut server).map_err(|error| error.to_string())).is_err() {
            return;
        }
    }
}
