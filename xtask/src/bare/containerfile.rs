//! The Containerfile, as far as its steps can be carried out without a builder of containers.

use crate::error::Error;

/// One stage: from `FROM` to the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// What `RUN` says.
    pub(super) steps: Vec<String>,
    pub(super) user: Option<String>,
    /// The command of `HEALTHCHECK`.
    pub(super) health: Option<String>,
    /// Words of `ENTRYPOINT`.
    pub(super) entrypoint: Vec<String>,
    /// Words of `CMD`.
    pub(super) command: Vec<String>,
}

/// The two stages: what builds, and what is left.
pub(super) fn stages(text: &str) -> Result<[Stage; 2], Error> {
    let mut stages: Vec<Stage> = Vec::new();
    for line in text.replace("\\\n", " ").lines().filter(|line| !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "FROM" {
            stages.push(Stage::default());
        }
        let Some(stage) = stages.last_mut() else { continue };
        match word {
            "RUN" => stage.steps.push(rest.to_owned()),
            "USER" => stage.user = Some(rest.to_owned()),
            "HEALTHCHECK" => stage.health = rest.split_once("CMD ").map(|(_, command)| command.to_owned()),
            "ENTRYPOINT" => stage.entrypoint = words(rest)?,
            "CMD" => stage.command = words(rest)?,
            "" | "FROM" | "COPY" | "WORKDIR" => {}
            other => return Err(Error::Tool(format!("the Containerfile has {other}, which nothing tries"))),
        }
    }
    stages.try_into().map_err(|stages: Vec<Stage>| Error::Tool(format!("{} stages, not two", stages.len())))
}

/// A list of words in JSON.
fn words(list: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(list).map_err(|error| Error::Tool(format!("Containerfile: {list}: {error}")))
}

/// What a container starts.
pub(super) fn command(entrypoint: &[String], arguments: &[String]) -> String {
    [entrypoint, arguments].concat().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{self, workspace_root};

    #[test]
    fn ours_builds_by_x_and_leaves_a_server_without_root_that_says_whether_it_is_well() {
        let text = shell::read(&workspace_root().join("Containerfile")).unwrap();
        let [build, image] = stages(&text).unwrap();
        assert!(build.steps.iter().any(|step| step.contains("./x --yes build")), "{build:?}");
        assert!(image.user.as_deref().is_some_and(|user| user != "root"), "{image:?}");
        assert!(image.steps.iter().any(|step| step.contains("useradd")), "{image:?}");
        assert!(image.health.as_deref().is_some_and(|check| check.contains("4:ping")), "{image:?}");
        let started = command(&image.entrypoint, &image.command);
        assert_eq!(started, "/usr/bin/mediapoint serve --config /etc/mediapoint/mediapoint.toml");
    }

    #[test]
    fn lines_are_joined_and_what_nothing_tries_is_refused() {
        let [first, second] = stages("FROM a\nRUN one && \\\n    two\nFROM b\nCMD [\"x\"]\n").unwrap();
        assert_eq!((first.steps, second.command), (vec!["one &&      two".to_owned()], vec!["x".to_owned()]));
        assert!(stages("FROM a\nADD b c\nFROM b\n").is_err());
        assert!(stages("FROM a\n").is_err());
    }
}
