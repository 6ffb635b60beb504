//! Every option of rtpengine's configuration file, and what becomes of it here. `docs/from-rtpengine.md` shows the same table,
//! and a test holds one to the other.

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    /// Addresses for media.
    Interface,
    /// Sections with addresses for media.
    InterfaceSections,
    /// The control port for datagrams.
    Ng,
    /// The control port for connections.
    NgTcp,
    /// The first media port.
    PortMin,
    /// The last media port.
    PortMax,
    /// A time of whole seconds in the setting of this name.
    Seconds,
    /// Where key presses are reported to.
    DigitLog,
    /// Type of service, of which the upper six bits are the DSCP.
    Tos,
    /// A level of syslog.
    LogLevel,
    /// Threads.
    Threads,
    /// Calls at most.
    Sessions,
    /// Metrics, where there are any.
    Http,
    /// Nothing, and nothing is missed.
    Harmless,
    /// No equivalent.
    Nothing,
}

/// Options with one fate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) names: &'static [&'static str],
    pub(super) becomes: Becomes,
    /// The setting here; empty where there is none.
    pub(super) ours: &'static str,
    /// How it differs, or why there is none.
    pub(super) remark: &'static str,
}

const fn group(
    names: &'static [&'static str],
    becomes: Becomes,
    ours: &'static str,
    remark: &'static str,
) -> Group {
    Group { names, becomes, ours, remark }
}

/// All options, by what becomes of them.
pub(super) const OPTIONS: &[Group] = &[
    group(
        &[
            "active-switchover",
            "no-redis-required",
            "redis",
            "redis-allowed-errors",
            "redis-cmd-timeout",
            "redis-connect-timeout",
            "redis-delete-async",
            "redis-delete-async-interval",
            "redis-disable-time",
            "redis-expires",
            "redis-format",
            "redis-num-threads",
            "redis-resolve-on-reconnect",
            "redis-subscribe",
            "redis-tcp-keepalive-intvl",
            "redis-tcp-keepalive-probes",
            "redis-tcp-keepalive-time",
            "redis-write",
            "subscribe-keyspace",
        ],
        Becomes::Nothing,
        "",
        "no state is kept in Redis; a takeover by another server is not there yet",
    ),
    group(
        &[
            "amr-dtx",
            "cn-payload",
            "dtx-buffer",
            "dtx-cn-params",
            "dtx-delay",
            "dtx-lag",
            "dtx-shift",
            "evs-dtx",
            "max-dtx",
            "silence-detect",
        ],
        Becomes::Nothing,
        "",
        "pauses are concealed and filled with comfort noise in any case; there is nothing to set",
    ),
    group(
        &[
            "audio-buffer-delay",
            "audio-buffer-length",
            "codec-num-threads",
            "io-uring",
            "io-uring-buffers",
            "max-recv-iters",
            "media-num-threads",
            "poller-per-thread",
            "poller-size",
            "socket-cpu-affinity",
            "thread-stack",
            "timer-accuracy",
        ],
        Becomes::Nothing,
        "",
        "each worker forwards, transcodes and mixes its calls itself: `workers` and `cores` say how many and where",
    ),
    group(
        &[
            "audio-player",
            "cache-media-reload",
            "db-cache-expire",
            "db-cache-reload",
            "db-media-cache",
            "db-media-expire",
            "db-media-reload",
            "expiry-timer",
            "media-files-expire",
            "media-files-reload",
            "moh-attr-name",
            "moh-max-duration",
            "moh-max-repeats",
            "moh-prevent-double-hold",
            "mysql-host",
            "mysql-pass",
            "mysql-port",
            "mysql-query",
            "mysql-user",
            "player-cache",
            "preload-db-cache",
            "preload-db-media",
            "preload-media-files",
        ],
        Becomes::Nothing,
        "",
        "files come from the folders of `[prompts]` and are kept in memory once they are loaded; there is no database, and music lasts as long as the hold",
    ),
    group(
        &["b2b-url", "ng-client-retries", "ng-client-timeout", "xmlrpc-format"],
        Becomes::Nothing,
        "",
        "this server sends no requests of its own",
    ),
    group(
        &[
            "codec-chain-async",
            "codec-chain-concurrency",
            "codec-chain-interval",
            "codec-chain-lib-path",
            "codec-chain-nonblock",
            "codec-chain-opus-application",
            "codec-chain-opus-complexity",
            "codec-chain-runners",
        ],
        Becomes::Nothing,
        "",
        "there is no codec chain",
    ),
    group(
        &["codecs", "config-file", "config-section", "help", "version"],
        Becomes::Nothing,
        "",
        "an option of the command line only",
    ),
    group(
        &["control-pmtu", "control-tos"],
        Becomes::Nothing,
        "",
        "control replies go out with the system's own marking and path MTU",
    ),
    group(&["debug-srtp", "log-srtp-keys"], Becomes::Nothing, "", "keys are never logged"),
    group(
        &["delete-delay"],
        Becomes::Nothing,
        "",
        "the delay is given with each `delete` (`delete-delay`), and is 0 otherwise",
    ),
    group(
        &[
            "dtls-cert-cipher",
            "dtls-ciphers",
            "dtls-mtu",
            "dtls-passive",
            "dtls-rsa-key-size",
            "dtls-signature",
        ],
        Becomes::Nothing,
        "",
        "keys by DTLS are not supported yet; an offer of them is refused",
    ),
    group(
        &["dtmf-digit-delay"],
        Becomes::Nothing,
        "",
        "the digits of a `trigger` follow each other within 2.5 s, its default",
    ),
    group(
        &["dtmf-log-ng-tcp", "dtmf-no-log-injects", "dtmf-no-suppress"],
        Becomes::Nothing,
        "",
        "key presses are in no log; they are reported by UDP, where `dtmf-log-dest` says",
    ),
    group(
        &["dtmf-log-dest"],
        Becomes::DigitLog,
        "dtmf-log-dest",
        "the same datagrams, with `method` and `missed` of our own; key presses that are played (`play DTMF`) are not among them",
    ),
    group(
        &["endpoint-learning"],
        Becomes::Nothing,
        "",
        "given with each message: `asymmetric`, `strict-source`, `media-handover`; a party is learnt once, from its first packets",
    ),
    group(&["evs-lib-path"], Becomes::Nothing, "", "there is no EVS"),
    group(
        &["final-timeout"],
        Becomes::Nothing,
        "",
        "a call has no longest duration here; the proxy ends it (Kamailio: `dlg` lifetime)",
    ),
    group(&["foreground"], Becomes::Harmless, "", "the server stays in the foreground in any case"),
    group(
        &["graphite", "graphite-interval", "graphite-prefix", "graphite-timeout"],
        Becomes::Nothing,
        "",
        "Prometheus reads the figures (`metrics-listen`), nothing is pushed",
    ),
    group(
        &[
            "homer",
            "homer-disable-rtcp-stats",
            "homer-enable-ng",
            "homer-id",
            "homer-ng-capture-proto",
            "homer-protocol",
        ],
        Becomes::Nothing,
        "",
        "no HEP is sent to Homer yet",
    ),
    group(
        &[
            "http-buf-size",
            "http-idle-timeout",
            "http-threads",
            "https-cert",
            "https-key",
            "janus-secret",
            "listen-https",
        ],
        Becomes::Nothing,
        "",
        "no control over HTTPS or WebSocket; put a proxy before `metrics-listen` where it needs TLS",
    ),
    group(
        &["idle-priority", "idle-scheduling", "priority", "scheduling"],
        Becomes::Nothing,
        "",
        "workers are pinned to cores (`cores`); they alone run in real time by `realtime-priority`",
    ),
    group(
        &["interface"],
        Becomes::Interface,
        "address",
        "`name/addr!addr` is the same here; semicolons become a list. A name of a network card or host is written as its address, `any` as the addresses wanted, an alias as a second name of the address",
    ),
    group(
        &["interfaces-config"],
        Becomes::InterfaceSections,
        "address",
        "the sections are read; an address for each name and IP version",
    ),
    group(
        &[
            "iptables-chain",
            "kernel-num-threads",
            "kernel-player",
            "kernel-player-media",
            "kernel-slots",
            "nftables-append",
            "nftables-base-chain",
            "nftables-chain",
            "nftables-family",
            "nftables-start",
            "nftables-status",
            "nftables-stop",
            "no-fallback",
            "table",
            "xtables",
        ],
        Becomes::Nothing,
        "",
        "packets are forwarded in userspace; there is no kernel module",
    ),
    group(
        &["jb-adaptive", "jb-adaptive-max", "jb-adaptive-min", "jb-clock-drift", "jitter-buffer"],
        Becomes::Nothing,
        "",
        "what is transcoded passes an adaptive jitter buffer in any case; what is relayed passes none",
    ),
    group(
        &["listen-cli"],
        Becomes::Nothing,
        "",
        "`mediapoint ctl` asks over the control port; there is no second one",
    ),
    group(
        &["listen-http"],
        Becomes::Http,
        "metrics-listen",
        "only `/metrics`, which Prometheus reads; no control over HTTP or WebSocket",
    ),
    group(&["listen-ng"], Becomes::Ng, "ng", "one address; `unix:PATH` is possible, too"),
    group(
        &["listen-tcp", "listen-udp"],
        Becomes::Nothing,
        "",
        "ng over UDP, TCP and Unix sockets is the only control protocol",
    ),
    group(&["listen-tcp-ng"], Becomes::NgTcp, "ng-tcp", "one address"),
    group(
        &[
            "log-facility",
            "log-facility-cdr",
            "log-facility-dtmf",
            "log-facility-rtcp",
            "log-format",
            "log-mark-prefix",
            "log-mark-suffix",
            "log-name",
            "max-log-line-length",
            "no-log-timestamps",
            "split-logs",
        ],
        Becomes::Nothing,
        "",
        "the log goes to standard error, as text or JSON (`log-format`); journald or syslog takes it from there",
    ),
    group(
        &["log-level"],
        Becomes::LogLevel,
        "log",
        "0 to 3 are `error`, 4 is `warn`, 5 and 6 are `info`, 7 is `debug`",
    ),
    group(
        &["log-level-SUBSYSTEM"],
        Becomes::Nothing,
        "",
        "levels are given by target, such as `log = \"info,mediapoint_engine=debug\"`; the subsystems are others",
    ),
    group(&["log-stderr"], Becomes::Harmless, "", "the log is written to standard error in any case"),
    group(
        &["max-bandwidth", "max-cpu", "max-load"],
        Becomes::Nothing,
        "",
        "calls are admitted by media points (`budget`), and by none of the machine's averages",
    ),
    group(
        &["max-sessions"],
        Becomes::Sessions,
        "budget",
        "points for each worker: the sessions divided by `workers`. A call that is transcoded or has SRTP takes more of it",
    ),
    group(&["measure-rtp"], Becomes::Nothing, "", "every stream is measured in any case"),
    group(&["mos"], Becomes::Nothing, "", "MOS is that of listening quality by ITU-T G.107"),
    group(
        &[
            "mqtt-cafile",
            "mqtt-capath",
            "mqtt-certfile",
            "mqtt-host",
            "mqtt-id",
            "mqtt-keepalive",
            "mqtt-keyfile",
            "mqtt-pass",
            "mqtt-port",
            "mqtt-publish-interval",
            "mqtt-publish-qos",
            "mqtt-publish-scope",
            "mqtt-publish-topic",
            "mqtt-tls-alpn",
            "mqtt-user",
        ],
        Becomes::Nothing,
        "",
        "figures are read by `metrics-listen` or asked for by ng; nothing is published to a broker",
    ),
    group(
        &["num-threads"],
        Becomes::Threads,
        "workers",
        "a worker is a thread with its own calls, one for each core that is to carry media. Without it rtpengine starts one for each core",
    ),
    group(
        &["offer-timeout"],
        Becomes::Nothing,
        "",
        "an offer without an answer ends like any silent call, after `media-timeout`",
    ),
    group(&["pidfile"], Becomes::Nothing, "", "the service manager knows the process; nothing is written"),
    group(&["port-max"], Becomes::PortMax, "ports", "first and last port in one setting"),
    group(&["port-min"], Becomes::PortMin, "ports", "first and last port in one setting"),
    group(
        &[
            "record-both",
            "record-egress",
            "recording-dir",
            "recording-format",
            "recording-method",
            "vsc-pause-rec",
            "vsc-pause-resume-rec",
            "vsc-start-pause-resume-rec",
            "vsc-start-rec",
            "vsc-start-stop-rec",
            "vsc-stop-rec",
        ],
        Becomes::Nothing,
        "",
        "recording is not there yet; SIPREC with `subscribe request` is",
    ),
    group(&["reject-invalid-sdp"], Becomes::Nothing, "", "an unusable SDP is refused in any case"),
    group(&["rtcp-interval"], Becomes::Nothing, "", "reports are sent as RFC 3550 times them"),
    group(
        &["save-interface-ports"],
        Becomes::Nothing,
        "",
        "every address has ports of its own, and a leg takes them from the address it is told to",
    ),
    group(&["silent-timeout"], Becomes::Seconds, "hold-timeout", "the same: silence while on hold"),
    group(&["sip-source"], Becomes::Nothing, "", "given with each message: `SIP-source-address`"),
    group(&["software-id"], Becomes::Nothing, "", "nothing is named in an SDP"),
    group(&["ssrc-reporting"], Becomes::Nothing, "", "`query` shows streams by SSRC; there is one form"),
    group(
        &["templates"],
        Becomes::Nothing,
        "",
        "options are given with each message; templates live in the proxy's configuration",
    ),
    group(&["timeout"], Becomes::Seconds, "media-timeout", "the same: silence of all parties"),
    group(&["tos"], Becomes::Tos, "dscp", "the upper six bits: `tos = 184` is `dscp = 46`"),
    group(
        &["transcode-config"],
        Becomes::Nothing,
        "",
        "transcoding is asked for with each message (`codec`: `transcode`, `accept`, …)",
    ),
];

/// The option of this name.
pub(super) fn find(name: &str) -> Option<&'static Group> {
    let name = if name.starts_with("log-level-") { "log-level-SUBSYSTEM" } else { name };
    OPTIONS.iter().find(|group| group.names.contains(&name))
}
