//! SIGHUP: the configuration is read again. What can change while calls run does; for the rest, the log says that it
//! takes a restart.
//!
//! A terminal that is closed sends SIGHUP, too. The server cannot tell one from the other, and need not: it reads its file
//! again, which changes nothing where the file has not changed, and goes on.

use std::sync::Arc;
use std::time::Duration;

use mediapoint_control_ng::{Access, Guard};

use super::secret;
use crate::cli::ServeArguments;
use crate::config::Config;
use crate::logging::{Level, Step};

/// Reads the configuration again.
#[derive(Debug)]
pub(super) struct Reloader<'a> {
    arguments: &'a ServeArguments,
    /// What is in force.
    config: Config,
    level: Arc<Level>,
    access: Arc<Access>,
    guard: Option<Arc<Guard>>,
}

impl<'a> Reloader<'a> {
    pub(super) fn new(
        arguments: &'a ServeArguments,
        config: Config,
        level: Arc<Level>,
        access: Arc<Access>,
        guard: Option<Arc<Guard>>,
    ) -> Self {
        Self { arguments, config, level, access, guard }
    }

    /// How long calls may go on after SIGTERM.
    pub(super) const fn grace(&self) -> Duration {
        self.config.grace
    }

    /// Changes the log level by one, as a signal asks for.
    pub(super) fn step_level(&self, step: Step, signal: &str) {
        self.level.step(step, signal);
    }

    /// Reads the configuration again and puts in force what can be. Nothing changes where it cannot be used.
    pub(super) fn reload(&mut self) {
        if self.arguments.config.is_none() && self.guard.is_none() {
            tracing::info!("nothing to read again: the server was started without --config; it goes on");
            return;
        }
        let (settings, file) = (self.arguments.settings.clone(), self.arguments.config.as_deref());
        let new = match Config::load(settings, file) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the configuration stays as it was");
                return;
            }
        };
        let secret = match self.guard.as_ref().zip(new.ng_secret_file.as_deref()) {
            None => None,
            Some((guard, file)) => match secret::read(file) {
                Ok(secret) => Some((guard, secret)),
                Err(error) => {
                    tracing::error!(%error, "the configuration stays as it was");
                    return;
                }
            },
        };
        if let Some((guard, secret)) = secret {
            guard.set_secret(secret);
        }
        self.access.set_allow(new.allow.clone());
        self.level.set(&new.log);
        let at_restart = new.restart_keys(&self.config);
        let Config { allow, log, grace, .. } = new;
        self.config = Config { allow, log, grace, ..self.config.clone() };
        if !at_restart.is_empty() {
            tracing::warn!(settings = at_restart.join(", "), "these settings take a restart");
        }
        let in_force = "allow, grace, log, the secret";
        tracing::info!(in_force, "the configuration was read again");
    }
}
