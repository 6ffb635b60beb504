//! The limit of open files, and how many legs fit under it.

use std::io;

use crate::config::Config;

/// Legs of a worker where neither the configuration nor the limit of open files says less.
const USUAL_LEGS: usize = 8192;
/// Open files of a leg: a socket for RTP and one for RTCP.
const FILES_PER_LEG: usize = 2;
/// Open files of all else: control port and its connections, pollers, standard streams.
const OTHER_FILES: usize = 128;

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
}

/// Raises the limit of open files as far as the process may, and fits the legs under it.
pub(super) fn raise(config: &Config) -> Result<Limits, LimitError> {
    let open_files = mediapoint_net::raise_fd_limit()?;
    let max_legs = fit(config.max_legs, config.workers, open_files)?;
    if config.max_legs.is_none() && max_legs < USUAL_LEGS {
        tracing::warn!(open_files, max_legs, "the limit of open files allows fewer legs than usual");
    }
    Ok(Limits { open_files, max_legs })
}

/// Legs of each worker: as many as asked for, or as fit where nothing was asked for.
fn fit(asked: Option<usize>, workers: usize, open_files: u64) -> Result<usize, LimitError> {
    let files = usize::try_from(open_files).unwrap_or(usize::MAX);
    let fitting = files.saturating_sub(OTHER_FILES) / FILES_PER_LEG / workers.max(1);
    match asked {
        Some(legs) if legs > fitting => {
            let needed =
                legs.saturating_mul(workers).saturating_mul(FILES_PER_LEG).saturating_add(OTHER_FILES);
            Err(LimitError::TooFew { legs, workers, needed, open_files, fitting })
        }
        Some(legs) => Ok(legs),
        None => Ok(fitting.clamp(2, USUAL_LEGS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_that_were_asked_for_and_do_not_fit_are_refused_with_what_would_fit() {
        assert_eq!(fit(Some(448), 1, 1024).unwrap(), 448);
        let error = fit(Some(1000), 2, 1024).unwrap_err().to_string();
        assert!(error.contains("4128 open files, the limit is 1024"), "{error}");
        assert!(error.ends_with("set max-legs to 224 at most"), "{error}");
    }

    #[test]
    fn legs_that_were_not_asked_for_fit_themselves() {
        assert_eq!(fit(None, 1, 1_048_576).unwrap(), USUAL_LEGS);
        assert_eq!(fit(None, 2, 1024).unwrap(), 224);
        assert_eq!(fit(None, 1, 10).unwrap(), 2);
    }
}
