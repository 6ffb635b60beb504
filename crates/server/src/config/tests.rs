//! What files and command lines are accepted, what they mean, and how the others are refused.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use mediapoint_recorder::{Channels, Format};

use super::*;

fn file(text: &str) -> Result<Config, ConfigError> {
    Config::from_settings(file::parse(text, Path::new("test.toml"))?)
}

fn refusal(text: &str) -> String {
    file(text).expect_err(text).to_string()
}

fn flags(words: &[&str]) -> Result<Settings, clap::Error> {
    let command = Settings::augment_args(Command::new("test").no_binary_name(true));
    Settings::from_arg_matches(&command.try_get_matches_from(words)?)
}

#[test]
fn the_default_file_says_the_built_in_defaults() {
    assert_eq!(file(DEFAULT_FILE).unwrap(), Config::default());
    assert_eq!(file("").unwrap(), Config::default());
}

#[test]
fn the_default_file_names_every_flag_and_no_other_key() {
    let command = Settings::augment_args(Command::new("test"));
    let flags: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    let (file, tables) = DEFAULT_FILE.split_once("\n[prompts]\n").unwrap();
    let (prompts, recording) = tables.split_once("\n[recording]\n").unwrap();
    for (name, table) in [("prompts", prompts), ("recording", recording)] {
        let known = refusal(&format!("[{name}]\nno-such-key = 1"));
        let known = known.split_once("allowed: ").unwrap().1;
        assert_eq!(keys_of(table).join(", "), known, "the table has every key of its own, in order");
    }
    let (mut keys, mut flags) = (keys_of(file), flags);
    // These two are of the table.
    flags.retain(|flag| !["recordings", "recipient"].contains(flag));
    flags.sort_unstable();
    keys.sort_unstable();
    assert_eq!(keys, flags);
}

/// The keys of a text, those that are commented out included.
fn keys_of(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, _)| key)
        .filter(|key| !key.contains(' '))
        .collect()
}

#[test]
fn every_key_is_read() {
    let config = file(
        r#"
        ng = "10.0.0.5:2300"
        ng-tcp = 2301
        ng-mode = "0600"
        ng-owner = "0:7"
        ng-secret-file = "/etc/secret"
        allow = ["10.0.0.0/8", "127.0.0.1"]
        dtmf-log-dest = "[2001:db8::7]:2228"
        address = ["inside/10.0.0.5", "outside/192.0.2.10!203.0.113.10", "outside/[2001:db8::10]"]
        ports = "20000-20999"
        dscp = 0
        media-timeout = 30
        hold-timeout = "2h 30m"
        workers = 2
        cores = "none"
        io = "auto"
        forward = "on"
        tick = "500us"
        budget = 812.5
        load-marks = [50]
        shed = false
        shed-late = "60ms"
        shed-after = "5s"
        max-legs = 100
        room-members = 50
        grace = 0
        log = "warn,mediapoint_engine=debug"
        log-format = "json"
        danger-core-dumps = true

        [prompts]
        folders = ["/srv/prompts"]
        language = "es"
        hold-music = "music"
        memory = "1GiB"
        max-file = "10MiB"
        max-length = "10m"
        load-within = 1
        url-hosts = ["*.example.org"]
        url-max-file = 4096
        url-max-age = "1h"
        danger-private-urls = true
        "#,
    )
    .unwrap();
    assert_eq!(config.ng.to_string(), "10.0.0.5:2300");
    assert_eq!(config.ng_tcp.map(|address| address.to_string()).as_deref(), Some("127.0.0.1:2301"));
    assert_eq!(config.unix, UnixOptions { mode: 0o600, user: Some(0), group: Some(7) });
    assert_eq!(config.ng_secret_file.as_deref(), Some(Path::new("/etc/secret")));
    assert_eq!(config.dtmf_log_dest, Some("[2001:db8::7]:2228".parse().unwrap()));
    assert!(config.danger_core_dumps);
    assert!(
        config.allow.allows("10.9.9.9".parse().unwrap()) && !config.allow.allows("11.0.0.1".parse().unwrap())
    );
    let interfaces: Vec<_> = config
        .interfaces
        .iter()
        .map(|i| (i.name.as_str(), i.address.to_string(), i.advertised_address().to_string()))
        .collect();
    let expected = [
        ("inside", "10.0.0.5", "10.0.0.5"),
        ("outside", "192.0.2.10", "203.0.113.10"),
        ("outside", "2001:db8::10", "2001:db8::10"),
    ];
    assert_eq!(interfaces, expected.map(|(name, bound, told)| (name, bound.to_owned(), told.to_owned())));
    assert_eq!((config.ports, config.dscp, config.workers), (20_000..=20_999, 0, 2));
    assert_eq!((config.media_timeout.as_secs(), config.hold_timeout.as_secs()), (30, 9000));
    assert_eq!((config.cores, config.tick.as_micros()), (Cores::Free, 500));
    assert_eq!((config.io, config.forward), (PacketBackend::Auto, true));
    assert_eq!((config.budget, config.max_legs), (Points::thousandths(812_500), Some(100)));
    assert_eq!((config.room_members, config.load_marks), (50, vec![50]));
    assert_eq!((config.shed, config.shed_late.as_millis(), config.shed_after.as_secs()), (false, 60, 5));
    assert_eq!((config.grace, config.log_format), (Duration::ZERO, LogFormat::Json));
    assert_eq!(config.log.to_string(), "warn,mediapoint_engine=debug");
    let prompts = config.prompts.to_config();
    assert_eq!(prompts.store.roots, [Path::new("/srv/prompts")]);
    assert_eq!((prompts.language.as_str(), prompts.hold_music.as_deref()), ("es", Some("music")));
    assert_eq!((prompts.store.memory_bytes, prompts.store.limits.file_bytes), (1 << 30, 10 << 20));
    assert_eq!((prompts.store.limits.duration.as_secs(), prompts.load_within.as_secs()), (600, 1));
    let http = prompts.store.http;
    assert_eq!(
        (http.hosts, http.max_bytes, http.max_age.as_secs()),
        (vec!["*.example.org".into()], 4096, 3600)
    );
    assert!(http.danger_allow_private_addresses);
}

#[test]
fn a_refused_value_is_named_with_file_line_key_and_what_is_allowed() {
    let cases = [
        ("ng = \"host:1\"", "ng: \"host:1\" is no address with a port; allowed: such as 127.0.0.1:2223"),
        (
            "ng = \"unix:ng\"",
            "ng: \"ng\" is no path of a socket; allowed: an absolute one of 107 bytes at most",
        ),
        ("ng-mode = \"0888\"", "ng-mode: \"0888\" are no permissions; allowed: octal, such as \"0660\""),
        ("ng-mode = 1", "ng-mode: \"1\" are no permissions"),
        ("ng-owner = \"no-such-user\"", "ng-owner: \"no-such-user\" is not in /etc/passwd; allowed: USER"),
        ("ng-owner = \":no-such-group\"", "ng-owner: \"no-such-group\" is not in /etc/group; allowed: USER"),
        ("ng-owner = \":\"", "ng-owner: \":\" names nobody; allowed: USER"),
        ("danger-core-dumps = 1", "danger-core-dumps: invalid type: integer `1`, expected a boolean"),
        ("address = [\"239.1.2.3\"]", "address: a multicast or broadcast address"),
        ("address = [\"ff02::1\"]", "address: a multicast or broadcast address"),
        ("address = [\"255.255.255.255\"]", "address: a multicast or broadcast address"),
        ("address = [\"10.0.0.1!224.0.0.1\"]", "address: a multicast or broadcast address"),
        ("address = [\"10.0.0.1!0.0.0.0\"]", "address: an advertised address that stands for all"),
        ("ng = true", "ng: invalid type: boolean `true`, expected a string or a number"),
        ("ng-tcp = 70000", "ng-tcp: \"70000\" is no address with a port"),
        (
            "allow = [\"10.0.0.0/33\"]",
            "allow: \"10.0.0.0/33\" is no address prefix; allowed: such as 10.0.0.0/8",
        ),
        ("dtmf-log-dest = 2228", "dtmf-log-dest: \"2228\" is no destination; allowed: an address and port"),
        ("dtmf-log-dest = \"0.0.0.0:2228\"", "dtmf-log-dest: \"0.0.0.0:2228\" is no destination"),
        ("dtmf-log-dest = \"127.0.0.1:0\"", "dtmf-log-dest: \"127.0.0.1:0\" is no destination"),
        ("address = [\"a/b\"]", "address: \"b\" is no IP address in \"a/b\"; allowed: ADDR, NAME/ADDR"),
        ("address = [\"/10.0.0.1\"]", "address: an empty name in"),
        ("address = [\"0.0.0.0\"]", "address: an address that stands for all"),
        ("address = [\"10.0.0.1!2001:db8::1\"]", "address: an advertised address of the other IP version"),
        ("address = \"10.0.0.1\"", "address: invalid type: string \"10.0.0.1\", expected a sequence"),
        ("ports = \"30000\"", "ports: \"30000\" is no port range; allowed: FIRST-LAST within 1-65535"),
        ("ports = \"30001-30002\"", "ports: \"30001-30002\" is no port range"),
        ("ports = \"60000-30000\"", "ports: \"60000-30000\" is no port range"),
        ("ports = \"1-65536\"", "ports: \"1-65536\" is no port range"),
        ("dscp = 64", "dscp: \"64\" is out of range; allowed: 0 to 63"),
        ("dscp = -1", "dscp: \"-1\" is out of range; allowed: 0 to 63"),
        ("media-timeout = \"soon\"", "media-timeout: \"soon\" is no time within range; allowed: 1s to 7days"),
        ("hold-timeout = 0", "hold-timeout: \"0\" is no time within range"),
        ("workers = 0", "workers: \"0\" is out of range; allowed: 1 to 256"),
        ("cores = \"3-1\"", "cores: \"3-1\" is no list of cores; allowed: auto, none, or such as 1,3-5"),
        ("cores = \"1,\"", "cores: \"1,\" is no list of cores"),
        ("tick = \"20ms\"", "tick: \"20ms\" is no time within range; allowed: 100us to 10ms"),
        ("tick = -0.001", "tick: \"-0.001\" is no time within range"),
        ("budget = 0", "budget: \"0\" are no media points; allowed: 0.001 to 9999999.999"),
        ("budget = 1.2345", "budget: \"1.2345\" are no media points"),
        ("budget = -1", "budget: \"-1\" are no media points"),
        ("max-legs = 1", "max-legs: \"1\" is out of range; allowed: 2 to 65536"),
        ("grace = \"8days\"", "grace: \"8days\" is no time within range"),
        ("log = \"loud\"", "log: \"loud\" is no log level; allowed: off, error, warn"),
        ("io = \"xml\"", "io: \"xml\" is no way for packets; allowed: sockets, auto, xdp"),
        ("forward = \"yes\"", "forward: \"yes\" does not say whether the kernel forwards; allowed: on, off"),
        ("log-format = \"xml\"", "log-format: \"xml\" is no log format; allowed: text, json"),
        (
            "portrange = 1",
            "portrange: unknown key; allowed: ng, ng-tcp, ng-mode, ng-owner, ng-secret-file, allow, dtmf-log-dest, address",
        ),
        ("[serve]\nng = 1", "serve: unknown key; allowed: ng"),
        ("prompts.memory = 0", "prompts.memory: \"0\" is no size; allowed: 1 to 1024GiB, such as 64KiB"),
        ("prompts.max-file = \"1 lot\"", "prompts.max-file: \"1 lot\" is no size"),
        (
            "prompts.load-within = \"1min\"",
            "prompts.load-within: \"1min\" is no time within range; allowed: 100ms to 5s",
        ),
        ("prompts.folder = 1", "prompts.folder: unknown key; allowed: folders, language, hold-music"),
    ];
    for (text, reason) in cases {
        let expected = format!("test.toml:3: {reason}");
        let refusal = refusal(
            &format!("# a comment\nlog = \"info\"\n{text}\n").replace("log = \"info\"\nlog", "\nlog"),
        );
        assert!(refusal.starts_with(&expected), "{refusal}\n  instead of {expected}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn the_line_of_a_refused_element_in_a_long_list_is_its_own() {
    let refusal = refusal("address = [\n  \"10.0.0.1\",\n  \"10.0.0.256\",\n]\n");
    assert!(refusal.starts_with("test.toml:3: address: \"10.0.0.256\" is no IP address"), "{refusal}");
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    assert!(refusal("ng = \n").starts_with("test.toml:1: "), "{}", refusal("ng = \n"));
    let twice = refusal("dscp = 1\ndscp = 2\n");
    assert!(twice.starts_with("test.toml:2: ") && twice.contains("duplicate key"), "{twice}");
}

#[test]
fn settings_that_do_not_go_together_are_refused_by_key() {
    let cases = [
        ("ng = \"0.0.0.0:2223\"", "ng: 0.0.0.0:2223 can be reached from other machines; allowed: with allow"),
        ("ng-tcp = \"[::]:2223\"", "ng-tcp: [::]:2223 can be reached from other machines"),
        ("address = []", "address: the list is empty"),
        (
            "ng = 10500",
            "ng: 127.0.0.1:10500 is one of the media ports 10000-32767 of 127.0.0.1; allowed: a port outside",
        ),
        (
            "ng-tcp = \"0.0.0.0:2223\"\nallow = [\"10.0.0.0/8\"]\naddress = [\"10.0.0.1\"]\nports = \"2000-3000\"",
            "ng-tcp: 0.0.0.0:2223 is one of the media ports 2000-3000 of 10.0.0.1",
        ),
        ("ng = \"unix:/run/a\"\nng-tcp = \"unix:/run/a\"", "ng-tcp: unix:/run/a is the socket of ng already"),
        (
            "address = [\"10.0.0.1\", \"10.0.0.2\"]",
            "address: \"default\" has two addresses of the same IP version",
        ),
        ("cores = \"1023\"", "cores: core 1023 is not usable; allowed: 0"),
    ];
    for (text, reason) in cases {
        assert!(refusal(text).starts_with(reason), "{}", refusal(text));
    }
}

#[test]
fn a_unix_socket_needs_no_list_and_may_be_beside_any_ports() {
    let config = file("ng = \"unix:/run/mediapoint/ng\"\nng-owner = \"root:root\"").unwrap();
    assert_eq!(config.ng, Address::Unix("/run/mediapoint/ng".into()));
    assert_eq!((config.unix.user, config.unix.group), (Some(0), Some(0)));
    assert!(file("ng = \"127.0.0.2:10500\"").is_ok(), "an address without media");
}

#[test]
fn prices_come_from_a_file_and_a_budget_goes_before_its_own() {
    let path = std::env::temp_dir().join(format!("mediapoint-points-{}.toml", std::process::id()));
    std::fs::write(&path, "budget = 700\n[prices]\nsrtp-leg = 0.1\n").unwrap();
    let of = |more: &str| file(&format!("points = {:?}\n{more}", path.display().to_string()));
    let config = of("").unwrap();
    assert_eq!(config.budget, Points::whole(700));
    assert_eq!(config.points.prices.srtp_leg, Points::thousandths(100));
    assert_eq!(of("budget = 300").unwrap().budget, Points::whole(300));
    std::fs::remove_file(&path).unwrap();
    let error = of("").unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot read {}", path.display())), "{error}");
}

#[test]
fn settings_that_take_a_restart_are_named() {
    let config = |text: &str| file(text).unwrap();
    let new =
        config("ports = \"20000-29999\"\nworkers = 2\nlog = \"debug\"\ngrace = 5\nallow = [\"127.0.0.1\"]");
    assert_eq!(new.restart_keys(&config("")), ["ports", "workers"]);
    let every = "ng = 1\nng-tcp = 2\nng-mode = \"0600\"\nng-secret-file = \"x\"\naddress = [\"10.0.0.1\"]\ndscp = 0\n\
                 media-timeout = 5\nhold-timeout = 5\ncores = \"none\"\nio = \"xdp\"\ntick = \"2ms\"\nbudget = 1\nload-marks = [1]\nmax-legs = 2\n\
                 shed = false\nshed-late = \"30ms\"\nshed-after = 1\n\
                 room-members = 3\nlog-format = \"json\"\ndanger-core-dumps = true\nports = \"1000-2000\"\nworkers = 2\n\
                 [prompts]\nlanguage = \"es\"\n[recording]\nrecordings = \"r\"\nrecipient = [\"age1x\"]";
    // All but allow, grace and log; mode and owner are one.
    assert_eq!(config(every).restart_keys(&config("")).len(), 24);
}

#[test]
fn recording_is_read_from_the_table_and_from_arguments() {
    let table = "[recording]\nrecordings = \"/srv/rec\"\nrecipient = [\"age1a\", \"age1b\"]\nformat = \"flac\"\n\
                 channels = \"mixed\"\nrate = 16000\nkeep-free = \"2GiB\"\nthreads = 2\nnames = \"%c-%r\"\n\
                 beep = \"20s\"\nend-call-without = true\nnode-key = \"/etc/node.key\"\n\
                 playback-identity = \"/etc/playback.txt\"\nplugin-timeout = \"3s\"";
    let policy = file(table).unwrap().recording.unwrap();
    let settings = policy.to_settings();
    assert_eq!(
        (settings.mixed, settings.channels, settings.rate),
        (Format::Flac(Channels::Mono), Channels::Mono, 16_000)
    );
    assert_eq!((policy.keep_free, policy.threads, settings.end_call_without), (2 << 30, 2, true));
    assert_eq!(settings.beep.map(|beep| beep.every), Some(Some(Duration::from_secs(20))));
    assert_eq!(policy.node_key, Path::new("/etc/node.key"));
    assert_eq!(policy.recovery_identity, Path::new("/srv/rec/keys/recovery.txt"));
    assert_eq!(policy.playback_identity.as_deref(), Some(Path::new("/etc/playback.txt")));
    assert_eq!((policy.max_playbacks, policy.plugin_timeout), (64, Duration::from_secs(3)));
    assert!(file("").unwrap().recording.is_none(), "nothing is recorded by default");
    for (beep, every) in [("off", None), ("start", Some(None)), ("1h", Some(Some(Duration::from_secs(3600))))]
    {
        let text = table.replace("20s", beep);
        let settings = file(&text).unwrap().recording.unwrap().to_settings();
        assert_eq!(settings.beep.map(|beep| beep.every), every, "{beep}");
    }
    let settings = file(&table.replace("beep = \"20s\"\n", "")).unwrap().recording.unwrap().to_settings();
    assert_eq!(settings.beep, None, "no beep by default");
    assert!(refusal(&table.replace("20s", "1s")).contains("allowed: off, start, or 2s to 1h"));

    let over = flags(&["--recordings", "/elsewhere", "--recipient", "age1c"]).unwrap();
    let under = file::parse(table, Path::new("")).unwrap();
    let policy = Config::from_settings(over.over(under)).unwrap().recording.unwrap();
    assert_eq!(
        (policy.folder.as_path(), policy.recipients.as_slice()),
        (Path::new("/elsewhere"), &["age1c".to_owned()][..])
    );
    assert_eq!(policy.to_settings().rate, 16_000, "the rest of the table stays");

    let nobody = refusal("[recording]\nrecordings = \"/srv/rec\"");
    assert!(nobody.contains("nobody could listen; give recipients"), "{nobody}");
    assert!(file("[recording]\nrecordings = \"/srv/rec\"\ndanger-unencrypted = true").is_ok());
    let of_tenants = |list: &str| {
        let head = "[recording]\nrecordings = \"/srv/rec\"\nrecipient = [\"age1a\"]";
        file(&format!("{head}\ntenant-recipients = {{ acme = {list} }}"))
    };
    let policy = of_tenants("[\"age1b\", \"age1a\"]").unwrap().recording.unwrap();
    assert_eq!(policy.all_recipients(), ["age1a", "age1b"]);
    assert_eq!(policy.to_settings().tenants["acme"], ["age1b", "age1a"]);
    assert!(of_tenants("[]").is_err(), "nobody could listen to those of a tenant");
    for (line, said) in [
        ("names = \"%c\"", "the pattern of names lacks %r"),
        ("format = \"mp3\"", "\"mp3\" is no format of recordings; allowed: opus, flac, wav"),
        ("rate = 44100", "\"44100\" is no sample rate; allowed: 8000"),
        ("channels = \"left\"", "allowed: separate, mixed"),
        ("plugin-timeout = \"61s\"", "allowed: 1s to 1m"),
    ] {
        let refused = refusal(&format!("[recording]\n{line}"));
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Settings::default(), Some(Path::new("no/such.toml"))).unwrap_err().to_string();
    assert!(error.starts_with("cannot read no/such.toml: No such file"), "{error}");
}

#[test]
fn a_flag_overrides_its_key_and_leaves_the_others() {
    let over = flags(&["--workers", "2", "--address", "a/10.0.0.1,b/10.0.0.2", "--address", "b/2001:db8::1"])
        .unwrap();
    let under = file::parse("workers = 1\ndscp = 10\naddress = [\"10.9.9.9\"]", Path::new("")).unwrap();
    let config = Config::from_settings(over.over(under)).unwrap();
    assert_eq!((config.workers, config.dscp), (2, 10));
    let names: Vec<&str> = config.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "b"]);
}

#[test]
fn a_flag_is_refused_in_the_words_of_the_file() {
    let error = flags(&["--tick", "20ms"]).unwrap_err().to_string();
    assert!(error.contains("'--tick <TIME>'") && error.contains("allowed: 100us to 10ms"), "{error}");
    let error = flags(&["--workers", "1", "--workers", "2"]).unwrap_err().to_string();
    assert!(error.contains("cannot be used multiple times"), "{error}");
    let error = flags(&["--port", "1-2"]).unwrap_err().to_string();
    assert!(error.contains("unexpected argument '--port'"), "{error}");
}
