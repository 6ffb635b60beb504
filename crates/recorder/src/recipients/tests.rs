use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::keys::RecoveryIdentity;

/// A recipient of the plugin `mptest`.
const RECIPIENT: &str = "age1mptest1gpq5ys6yg4rywjzfff95cn2wfukefj5j";

const LONG: Duration = Duration::from_secs(600);

/// A folder with a program of this text.
fn program(name: &str, script: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mediapoint-plugin-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("age-plugin-mptest");
    // Written by another process: one that a test beside this starts would have it open for writing, too, and it could not be run.
    let write = ["-c", "cat >\"$0\" && chmod 755 \"$0\""];
    let mut writer = Command::new("sh").args(write).arg(&file).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    file
}

fn run_for(name: &str, script: &str, time: Duration) -> Result<plugin::Wrapped, PluginFailure> {
    let file = program(name, script);
    let plugin = Plugin::parse(3, RECIPIENT).unwrap().unwrap();
    let wrapped = plugin.wrap(&file, &[7; 16], Limit::within(time));
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    wrapped
}

fn run(name: &str, script: &str) -> Result<plugin::Wrapped, PluginFailure> {
    run_for(name, script, LONG)
}

/// Reads what the client says first, and each reply.
const TAKES: &str = "while read -r first rest && [ \"$first $rest\" != '-> done' ]; do :; done; read -r empty
reply() { read -r line; read -r empty; echo \"$line\" >>\"$0.heard\"; }
";

#[test]
fn recipients_that_are_none_are_refused_by_number() {
    let good = RecoveryIdentity::generate().recipient().to_string();
    assert!(Recipients::parse(std::slice::from_ref(&good)).is_ok());
    let changed = RECIPIENT.replace("mptest1", "mptest1q");
    let bad_ones =
        ["", "age1", "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA", "ssh-dss AAAA", "age1tag1x", "age11x", &changed];
    for bad in bad_ones {
        let refused = Recipients::parse(&[good.clone(), bad.to_owned()]).unwrap_err();
        assert!(matches!(refused, SealError::Recipient { number: 2, .. }), "{bad}: {refused}");
    }
    let both = Recipients::parse(&[good, RECIPIENT.to_owned()]).unwrap();
    assert!(both.has_plugins() && !both.is_empty());
}

#[test]
fn no_plugin_has_a_name_that_is_a_path() {
    for name in ["../x", "x/y", "a b", "\u{e4}", "X"] {
        let refused = Plugin::parse(1, &format!("age1{name}1qqqq"));
        assert_eq!(refused, Some(Err("the name of its plugin is none")), "{name}");
    }
}

#[test]
fn a_program_is_looked_for_in_absolute_folders_only() {
    let file = program("found", "exit 0");
    let folder = file.parent().unwrap();
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(folder.strip_prefix("/").unwrap());
    assert!(relative.join("age-plugin-mptest").is_file());
    let find_in = |paths: &[&Path]| {
        let paths: OsString = std::env::join_paths(paths).unwrap();
        process::find("age-plugin-mptest", Some(&paths))
    };
    assert_eq!(find_in(&[Path::new("/nowhere"), folder]), Some(file.clone()));
    assert_eq!(find_in(&[&relative, Path::new("")]), None);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(find_in(&[folder]), None, "it cannot be run");
    assert_eq!(process::find("age-plugin-mptest", None), None);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_plugin_is_answered_and_what_it_gives_is_taken() {
    let script = format!(
        "{TAKES}printf -- '-> msg\\naGk\\n'; reply
printf -- '-> request-secret\\naGk\\n'; reply
printf -- '-> grease x y\\n\\n'; reply
printf -- '-> labels a b\\n\\n'; reply
printf -- '-> recipient-stanza 0 kind one two\\nAQID\\n'; reply
mv \"$0.heard\" \"${{0%/*}}.heard\"
printf -- '-> done\\n\\n'"
    );
    let heard = program("taken", "").parent().unwrap().with_extension("heard");
    let wrapped = run("taken", &script).unwrap();
    let [stanza] = wrapped.stanzas.as_slice() else { panic!("{wrapped:?}") };
    assert_eq!((stanza.tag.as_str(), stanza.args.join(" ")), ("kind", "one two".to_owned()));
    assert_eq!(stanza.body, [1, 2, 3]);
    assert_eq!(wrapped.labels.map(|labels| labels.len()), Some(2));
    let replies = fs::read_to_string(&heard).unwrap();
    fs::remove_file(heard).unwrap();
    assert_eq!(replies, "-> ok\n-> fail\n-> unsupported\n-> ok\n-> ok\n");
}

#[test]
fn a_plugin_that_does_not_wrap_says_why() {
    let protocol = |reason| Err(PluginFailure::Protocol(reason));
    let endless = "while printf -- '-> msg\\n\\n'; do read -r reply && read -r empty; done".to_owned();
    for (name, script, wanted) in [
        ("crashes", "exit 3".to_owned(), Err(PluginFailure::Ended)),
        ("crashes-later", format!("{TAKES}kill -9 $$"), Err(PluginFailure::Ended)),
        ("half", format!("{TAKES}printf -- '-> recipient-sta'"), Err(PluginFailure::Ended)),
        ("nothing", format!("{TAKES}printf -- '-> done\\n\\n'"), protocol("it gives no stanza")),
        ("nonsense", format!("{TAKES}echo hello"), protocol("what it says is no stanza")),
        (
            "other-key",
            format!("{TAKES}printf -- '-> recipient-stanza 1 x\\n\\n'"),
            protocol("it wraps a key that it was not given"),
        ),
        ("labels", format!("{TAKES}printf -- '-> labels a a\\n\\n'"), protocol("it gives a label twice")),
        ("endless", format!("{TAKES}{endless}"), protocol("it gives too many commands")),
        ("floods", "exec yes -- '-> x'".to_owned(), protocol("what it says is no stanza")),
        ("one-line", "exec tr '\\0' x </dev/zero".to_owned(), protocol("it says too much")),
        (
            "refuses",
            format!(
                "{TAKES}printf -- '-> error recipient 0\\nbm8KdGhhbmtz\\n'; reply; printf -- '-> done\\n\\n'"
            ),
            Err(PluginFailure::Refused("no thanks".to_owned())),
        ),
    ] {
        assert_eq!(run(name, &script).map(|_| ()), wanted, "{name}");
    }
    let gone = Plugin::parse(3, RECIPIENT).unwrap().unwrap();
    let missing = gone.wrap(Path::new("/nowhere/age-plugin-mptest"), &[7; 16], Limit::within(LONG));
    assert!(matches!(missing, Err(PluginFailure::NotRun(_))));
}

#[test]
fn a_plugin_that_hangs_is_given_up_in_time() {
    let time = Duration::from_millis(200);
    for (name, script) in [
        ("hangs", "sleep 1000".to_owned()),
        ("answers-half", format!("{TAKES}printf -- '-> msg\\n'; sleep 1000")),
    ] {
        assert_eq!(run_for(name, &script, time).unwrap_err(), PluginFailure::Timeout(time), "{name}");
    }
}

/// Whether a process runs.
fn is_alive(number: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    !matches!(stat.rsplit(") ").next().and_then(|rest| rest.chars().next()), None | Some('Z' | 'X'))
}

#[test]
fn what_a_plugin_started_is_killed_with_it() {
    let file = program("killed", "sleep 1000 & printf -- \"-> $! $$\\n\\n\"; wait");
    let mut process = process::Process::start(&file, "x", Limit::within(LONG)).unwrap();
    let pids = process.receive().unwrap().words;
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_alive(pid)), "{pids:?}");
    drop(process);
    // A signal takes effect when the process runs next.
    while pids.iter().any(|pid| is_alive(pid)) {
        std::thread::yield_now();
    }
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
