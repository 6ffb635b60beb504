//! The database of security advisories: fetched anew where its source can be reached, and how old it is.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::error::Error;

/// Where cargo-deny looks for advisories.
pub(crate) const DEFAULT: &str = "https://github.com/RustSec/advisory-db";
/// Names another source: the URL of a mirror, or a folder that a copy was carried to.
pub(crate) const VARIABLE: &str = "MEDIAPOINT_ADVISORY_DB";
/// It changes several times a week: one this old is a copy that nobody keeps up.
const STALE: Duration = Duration::from_secs(14 * 86_400);
const DAY: u64 = 86_400;

/// What there is to check with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// As the source has it now.
    Fetched(Age),
    /// As it was when the source was last reached, and why it is not now.
    Kept(Age, String),
    /// Nothing, and why.
    Missing(String),
}

/// When a database was last changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Age {
    /// The day, as in `2026-03-14`.
    day: String,
    since: Duration,
}

impl Database {
    /// Brings `folder`, a bare repository, to what `source` has. Without the source the folder stays as it was.
    pub(crate) fn fetch(source: &str, folder: &Path, now: SystemTime) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|error| Error::Io { path: folder.into(), source: error })?;
        let source = match std::fs::canonicalize(source) {
            Ok(path) => path.display().to_string(),
            Err(_) => source.to_owned(),
        };
        // A peer that says nothing for half a minute is not waited for.
        let patience = ["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=30"];
        let fetch =
            ["fetch", "--quiet", "--force", "--depth=1", "--no-tags", &source, "HEAD:refs/heads/main"];
        let fetched = git(folder, ["init", "--quiet", "--bare", "--initial-branch=main"])
            .and_then(|_| git(folder, patience.into_iter().chain(fetch)));
        let age = Age::of(folder, now);
        Ok(match (fetched, age) {
            (Ok(_), Some(age)) => Self::Fetched(age),
            (Ok(_), None) => Self::Missing("it has no commit".to_owned()),
            (Err(reason), Some(age)) => Self::Kept(age, reason),
            (Err(reason), None) => Self::Missing(reason),
        })
    }

    /// What is to be said of it.
    pub(crate) fn describe(&self, source: &str) -> String {
        match self {
            Self::Fetched(age) if age.since < STALE => {
                format!("advisories: checked with the database of {age}, from {source}")
            }
            Self::Fetched(age) => format!(
                "advisories: checked with an OLD database of {age}, the newest that {source} has: younger advisories are unknown"
            ),
            Self::Kept(age, reason) => format!(
                "advisories: checked with an earlier copy of {age}, because {source} could not be reached: {reason}"
            ),
            Self::Missing(reason) => format!(
                "advisories: NOT CHECKED, because {source} could not be had: {reason}. --advisory-db or {VARIABLE} names a mirror or a folder"
            ),
        }
    }

    /// True where it is there, was fetched just now, and is kept up.
    pub(crate) fn is_current(&self) -> bool {
        matches!(self, Self::Fetched(age) if age.since < STALE)
    }

    /// True where there is anything to check with.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self, Self::Missing(_))
    }
}

impl Age {
    fn of(folder: &Path, now: SystemTime) -> Option<Self> {
        let shown = git(folder, ["log", "-1", "--format=%ct %cs", "main"]).ok()?;
        let (seconds, day) = shown.trim().split_once(' ')?;
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.parse().ok()?);
        Some(Self { day: day.to_owned(), since: now.duration_since(changed).unwrap_or_default() })
    }
}

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} days ago)", self.day, self.since.as_secs() / DAY)
    }
}

/// What git printed, or the last line of why it failed.
fn git<'a>(folder: &Path, args: impl IntoIterator<Item = &'a str>) -> Result<String, String> {
    let mut command = Command::new("git");
    // Nobody is there to type a password.
    command.arg("-C").arg(folder).args(args).env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("git: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(said.lines().rfind(|line| !line.is_empty()).unwrap_or("git failed").to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A folder of the test's own, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("advisories-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn copy(&self) -> PathBuf {
            self.0.join("copy")
        }

        /// A commit of so many days after 2026-01-01 in the repository `source`, which is made where it is not there.
        fn commit(&self, days: u64) -> String {
            let source = self.0.join("source");
            std::fs::create_dir_all(&source).unwrap();
            git(&source, ["init", "--quiet"]).unwrap();
            let date = (BEGIN + days * DAY).to_string() + " +0000";
            let identity =
                ["-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"];
            let commit = ["commit", "--quiet", "--allow-empty", "--message=x"];
            let mut command = Command::new("git");
            command.arg("-C").arg(&source).args(identity).args(commit).env("GIT_COMMITTER_DATE", date);
            assert!(command.status().unwrap().success());
            source.display().to_string()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// 2026-01-01.
    const BEGIN: u64 = 1_767_225_600;

    fn day(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(BEGIN + days * DAY)
    }

    #[test]
    fn a_current_database_is_fetched_and_fetched_again() {
        let folder = Folder::new("current");
        let source = folder.commit(0);
        let first = Database::fetch(&source, &folder.copy(), day(3)).unwrap();
        assert!(first.is_current() && first.is_there(), "{first:?}");
        assert_eq!(
            first.describe("S"),
            "advisories: checked with the database of 2026-01-01 (3 days ago), from S"
        );
        folder.commit(20);
        let again = Database::fetch(&source, &folder.copy(), day(21)).unwrap();
        assert_eq!(
            again,
            Database::Fetched(Age { day: "2026-01-21".into(), since: Duration::from_secs(DAY) })
        );
    }

    #[test]
    fn an_old_database_is_used_and_called_old() {
        let folder = Folder::new("stale");
        let source = folder.commit(0);
        let stale = Database::fetch(&source, &folder.copy(), day(14)).unwrap();
        assert!(stale.is_there() && !stale.is_current());
        assert!(
            stale.describe("S").contains("an OLD database of 2026-01-01 (14 days ago)"),
            "{}",
            stale.describe("S")
        );
    }

    #[test]
    fn without_its_source_an_earlier_copy_serves_and_says_so() {
        let folder = Folder::new("kept");
        let source = folder.commit(0);
        Database::fetch(&source, &folder.copy(), day(1)).unwrap();
        std::fs::remove_dir_all(&source).unwrap();
        let kept = Database::fetch(&source, &folder.copy(), day(2)).unwrap();
        assert!(kept.is_there() && !kept.is_current(), "{kept:?}");
        let said = kept.describe("S");
        assert!(
            said.contains("an earlier copy of 2026-01-01 (2 days ago)")
                && said.contains("S could not be reached"),
            "{said}"
        );
    }

    #[test]
    fn without_source_and_copy_it_says_that_nothing_was_checked() {
        let folder = Folder::new("missing");
        let nowhere = folder.0.join("nowhere").display().to_string();
        let missing = Database::fetch(&nowhere, &folder.copy(), day(0)).unwrap();
        assert!(!missing.is_there() && !missing.is_current());
        let said = missing.describe("S");
        assert!(
            said.starts_with("advisories: NOT CHECKED, because S could not be had: ")
                && said.contains(VARIABLE),
            "{said}"
        );
    }
}
