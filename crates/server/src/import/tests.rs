use super::options::OPTIONS;
use super::*;
use crate::config::{Config, Settings};

fn imported(text: &str) -> String {
    let file = KeyFile::parse(text).unwrap();
    let main = file.section("rtpengine").unwrap();
    let cards = [("eth0", "10.0.0.5"), ("eth0", "2001:db8::5"), ("lo", "127.0.0.1")];
    let cards = cards.map(|(card, ip)| (card.to_owned(), ip.parse().unwrap())).to_vec();
    Import { file: &file, main, cards, lines: Vec::new() }.text()
}

const FILE: &str = "\
# A comment.
[rtpengine]
table = 0
interface = inside/10.0.0.5;outside/192.0.2.10!203.0.113.10 ; outside/192.0.2.11
listen-ng = 127.0.0.1:22222
listen-tcp-ng = localhost:22223
listen-http = 2225
timeout = 45
silent-timeout=1800
final-timeout = 7200
tos = 184
dtmf-log-dest = 127.0.0.1:2228
log-level = 7
num-threads = 4
max-sessions = 1001
port-min = 20000
port-max = 29999
recording-dir = /var/spool/rtpengine
colour = blue

[rtpengine-testing]
table = -1
";

#[test]
fn a_file_of_rtpengine_becomes_one_that_can_be_used() {
    let text = imported(FILE);
    let path = std::env::temp_dir().join(format!("mediapoint-import-{}.toml", std::process::id()));
    fs::write(&path, &text).unwrap();
    let config = Config::load(Settings::default(), Some(&path));
    fs::remove_file(&path).unwrap();
    let config = config.unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(config.ng.to_string(), "127.0.0.1:22222");
    assert_eq!(config.ng_tcp.unwrap().to_string(), "127.0.0.1:22223");
    assert_eq!(config.metrics_listen.unwrap().to_string(), "127.0.0.1:2225");
    assert_eq!(config.dtmf_log_dest.unwrap().to_string(), "127.0.0.1:2228");
    let interfaces: Vec<String> = config
        .interfaces
        .iter()
        .map(|one| format!("{} {} {:?}", one.name, one.address, one.advertised.map(|told| told.to_string())))
        .collect();
    assert_eq!(interfaces, ["inside 10.0.0.5 None", "outside 192.0.2.10 Some(\"203.0.113.10\")"]);
    assert_eq!((config.ports, config.dscp, config.workers), (20_000..=29_999, 46, 4));
    assert_eq!(config.budget.to_string(), "251.000");
    assert_eq!((config.media_timeout.as_secs(), config.hold_timeout.as_secs()), (45, 1800));
    assert_eq!(config.log.to_string(), "debug");
    for said in [
        "# line 3: table = 0\n#   no equivalent, because packets are forwarded in userspace",
        "# line 10: final-timeout = 7200\n#   no equivalent, because a call has no longest duration here",
        "# line 18: recording-dir = /var/spool/rtpengine\n#   no equivalent, because recording is not there yet",
        "# line 19: colour = blue\n#   not an option of rtpengine that is known here",
        "# address outside/192.0.2.11: a second of its name and IP version",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn interfaces_are_read_in_every_form() {
    let text = imported(
        "[rtpengine]\ninterfaces-config = interface\nlisten-ng = 0.0.0.0:2223\n\
         [interface-out]\naddress = eth0\nport-min = 1000\n[interface-2]\nname = in\naddress = 192.168.67.43\nadvertised = 203.0.113.7\n",
    );
    assert!(
        text.contains("address = [\"out/10.0.0.5\", \"out/2001:db8::5\", \"in/192.168.67.43!203.0.113.7\"]"),
        "{text}"
    );
    assert!(text.contains("# allow = [") && text.contains("ng = \"0.0.0.0:2223\""), "{text}");
    assert!(text.contains("all addresses have one range"), "{text}");
    let text = imported("[rtpengine]\ninterface = any\nlisten-ng=2223\n");
    assert!(text.contains("address = [\"default/10.0.0.5\", \"default/2001:db8::5\"]"), "{text}");
    assert!(text.contains("ng = \"127.0.0.1:2223\"") && text.contains("this machine only here"), "{text}");
    let text = imported(
        "[rtpengine]\ninterface = pub1/192.0.2.1;pub=pub1;media.example.com\nlisten-ng = proxy.example.com:2223\n",
    );
    assert!(text.contains("address = [\"pub1/192.0.2.1\"]") && text.contains("an alias"), "{text}");
    assert!(text.contains("write the address"), "{text}");
}

#[test]
fn what_is_no_such_file_says_where() {
    for (text, said) in [
        ("table = 0\n", "line 1: a key before any section"),
        ("[rtpengine\n", "line 1: a section without its end"),
        ("[rtpengine]\ntable\n", "line 2: no key with a value"),
    ] {
        let error = KeyFile::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn every_option_is_there_once_and_the_page_says_the_same() {
    let page = include_str!("../../../../docs/from-rtpengine.md");
    let mut seen = HashSet::new();
    let mut rows = 0;
    for group in OPTIONS {
        assert!(group.names.iter().all(|name| seen.insert(*name)), "{:?} is there twice", group.names);
        assert_eq!(group.ours.is_empty(), matches!(group.becomes, Becomes::Nothing | Becomes::Harmless));
        let names: Vec<String> = group.names.iter().map(|name| format!("`{name}`")).collect();
        let ours = match group.becomes {
            Becomes::Nothing => "no equivalent".to_owned(),
            Becomes::Harmless => "as it is".to_owned(),
            _ => format!("`{}`", group.ours),
        };
        let row = format!("| {} | {ours} | {} |", names.join(", "), group.remark);
        assert!(page.lines().any(|line| line == row), "docs/from-rtpengine.md lacks: {row}");
        rows += 1;
    }
    let table = page.lines().skip_while(|line| !line.starts_with("| rtpengine |")).skip(2);
    assert_eq!(
        table.take_while(|line| line.starts_with("| ")).count(),
        rows,
        "a row of the page is no option"
    );
    assert!(options::find("log-level-core").is_some() && options::find("colour").is_none());
}

#[test]
fn settings_named_are_settings() {
    let known = crate::config::DEFAULT_FILE;
    for group in OPTIONS.iter().filter(|group| !group.ours.is_empty()) {
        let is_there = known.lines().any(|line| {
            line.trim_start_matches("# ").strip_prefix(group.ours).is_some_and(|rest| rest.starts_with(" ="))
        });
        assert!(is_there, "{} is no setting", group.ours);
    }
}
