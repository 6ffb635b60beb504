//! The limit of open files, and how many legs fit under it.

use std::io;

use crate::config::Config;

/// Legs of a worker where neither the configuration nor the limit of open files says less.
const USUAL_LEGS: usize = 8192;
/// Open files of a leg: a socket for RTP and one for RTCP.
const FILES_PER_LEG: usize = 2;
/// Open files of all else: control port and its connections, pollers, standard streams.
const OTHER_FILES: usize = 256;
/// Legs of a call.
const LEGS_PER_CALL: usize = 2;

/// What the process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Files that may be open at once.
    pub(super) open_files: u64,
    /// Legs that each worker is to hold.
    pub(super) max_legs: usize,
}

/// Why the configured number of legs cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum LimitError {
    /// The limit cannot be read or raised.
    #[error("cannot raise the limit of open files: {0}")]
    Raise(#[from] io::Error),
    /// More legs than sockets can be opened for.
    #[error(
        "max-legs: {legs} legs on each of {workers} workers need {needed} open files, the limit is {open_files}; \
             raise it (ulimit -n, LimitNOFILE=) or set max-legs to {fitting} at most"
    )]
    TooFew {
        /// Legs asked for.
        legs: usize,
        /// Workers.
        workers: usize,
        /// Files needed.
        needed: usize,
        /// The limit.
        open_files: u64,
        /// Legs that fit.
        fitting: usize,
    },
    /// Not even a call fits.
    #[error(
        "the limit of {open_files} open files has no room for a call on each of {workers} workers, which need {needed}; \
             raise it (ulimit -n, LimitNOFILE=)"
    )]
    NoCall {
        /// The limit.
        open_files: u64,
        /// Workers.
        workers: usize,
        /// Files needed.
        needed: usize,
    },
}

/// Raises the limit of open files as far as the process may, and fits the legs under it.
pub(super) fn raise(config: &Config) -> Result<Limits, LimitError> {
    let open_files = mediapoint_net::raise_fd_limit()?;
    let max_legs = fit(config.max_legs, config.workers, open_files)?;
    Ok(Limits { open_files, max_legs })
}

/// Logs what each worker runs out of before its points.
pub(super) fn warn_of_scarce(config: &Config, limits: Limits) {
    for (what, calls) in scarce(config, limits.max_legs) {
        tracing::warn!(
            calls,
            budget = %config.budget,
            "{what} allows fewer calls on each worker than its budget: calls beyond them are refused"
        );
    }
}

/// What each worker runs out of before its points, and the calls that it allows.
pub(super) fn scarce(config: &Config, max_legs: usize) -> Vec<(&'static str, usize)> {
    let budget = usize::try_from(config.budget.as_thousandths() / 1000).unwrap_or(usize::MAX);
    // An even port and the odd one above it for each leg.
    let first = u32::from(*config.ports.start()).div_ceil(2);
    let last = u32::from(*config.ports.end()).div_ceil(2);
    let pairs = usize::try_from(last.saturating_sub(first)).unwrap_or(usize::MAX);
    let addresses = config.interfaces.len().max(1);
    let ports = pairs.saturating_mul(addresses) / LEGS_PER_CALL / config.workers.max(1);
    let legs = max_legs / LEGS_PER_CALL;
    let of_legs = if config.max_legs.is_some() { "max-legs" } else { "the limit of open files" };
    [(of_legs, legs), ("ports", ports)].into_iter().filter(|(_, calls)| *calls < budget).collect()
}

/// Legs of each worker: as many as asked for, or as fit where nothing was asked for.
fn fit(asked: Option<usize>, workers: usize, open_files: u64) -> Result<usize, LimitError> {
    let files = usize::try_from(open_files).unwrap_or(usize::MAX);
    let fitting = files.saturating_sub(OTHER_FILES) / FILES_PER_LEG / workers.max(1);
    let files_of =
        |legs: usize| legs.saturating_mul(workers).saturating_mul(FILES_PER_LEG).saturating_add(OTHER_FILES);
    if fitting < LEGS_PER_CALL {
        return Err(LimitError::NoCall { open_files, workers, needed: files_of(LEGS_PER_CALL) });
    }
    match asked {
        Some(legs) if legs > fitting => {
            let needed = files_of(legs);
            Err(LimitError::TooFew { legs, workers, needed, open_files, fitting })
        }
        Some(legs) => Ok(legs),
        None => Ok(fitting.min(USUAL_LEGS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_that_were_asked_for_and_do_not_fit_are_refused_with_what_would_fit() {
        assert_eq!(fit(Some(384), 1, 1024).unwrap(), 384);
        let error = fit(Some(1000), 2, 1024).unwrap_err().to_string();
        assert!(error.contains("4256 open files, the limit is 1024"), "{error}");
        assert!(error.ends_with("set max-legs to 192 at most"), "{error}");
    }

    #[test]
    fn legs_that_were_not_asked_for_fit_themselves() {
        assert_eq!(fit(None, 1, 1_048_576).unwrap(), USUAL_LEGS);
        assert_eq!(fit(None, 2, 1024).unwrap(), 192);
    }

    #[test]
    fn no_number_of_legs_is_advised_that_the_setting_would_refuse() {
        for (asked, workers, files) in [(None, 1, 10), (Some(100), 1, 258), (Some(2), 256, 1024)] {
            let error = fit(asked, workers, files).unwrap_err().to_string();
            assert!(error.contains("no room for a call") && !error.contains("max-legs"), "{error}");
        }
    }

    #[test]
    fn what_runs_out_before_the_points_is_named() {
        let mut config = Config { workers: 2, ports: 10_000..=10_099, ..Config::default() };
        assert_eq!(scarce(&config, 8192), [("ports", 12)]);
        assert_eq!(scarce(&config, 300), [("the limit of open files", 150), ("ports", 12)]);
        config.ports = 10_000..=32_767;
        config.max_legs = Some(300);
        assert_eq!(scarce(&config, 300), [("max-legs", 150)]);
        assert_eq!(scarce(&Config::default(), 8192), []);
    }
}
