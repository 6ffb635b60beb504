//! What a file or the command line may say: the same names in both, each of them optional. Tables are the file's alone.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::prompts::PromptSettings;
use super::recording::RecordingTable;
use super::values::{
    Allowed, Backend, Budget, Cores, DigitLogAddress, Forward, InterfaceAddress, ListenAddress, LogFilter,
    LogFormat, MetricsAddress, Mode, Network, Number, Owner, PortRange, Span,
};

/// 100 µs to 10 ms.
pub(crate) type Tick = Span<100, 10_000>;
/// One second to a week.
pub(crate) type Timeout = Span<1_000_000, 604_800_000_000>;
/// 20 ms to 10 s.
pub(crate) type TooLate = Span<20_000, 10_000_000>;
/// 200 ms to an hour.
pub(crate) type TooLateFor = Span<200_000, 3_600_000_000>;
/// Nothing to a week.
pub(crate) type Grace = Span<0, 604_800_000_000>;

/// One layer of settings. Layers are laid over each other; what the upper one is silent on, the lower one says.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// UDP address of the ng control port, or unix:PATH for datagrams over a Unix socket; a port alone means this machine
    /// only [default: 127.0.0.1:2223]
    #[arg(long, value_name = "ADDR:PORT|unix:PATH", help_heading = "Control port")]
    pub(crate) ng: Option<ListenAddress>,
    /// TCP address of the ng control port, or unix:PATH for connections over a Unix socket; none by default
    #[arg(long, value_name = "ADDR:PORT|unix:PATH", help_heading = "Control port")]
    pub(crate) ng_tcp: Option<ListenAddress>,
    /// Permissions of Unix sockets, octal: whoever may write may speak [default: 0660]
    #[arg(long, value_name = "MODE", help_heading = "Control port")]
    pub(crate) ng_mode: Option<Mode>,
    /// Owner of Unix sockets, by name or number [default: the server's own]
    #[arg(long, value_name = "USER[:GROUP]|:GROUP", help_heading = "Control port")]
    pub(crate) ng_owner: Option<Owner>,
    /// File with a secret that each message over UDP and TCP must be authentic under; Kamailio and OpenSIPS cannot do
    /// that, mediapoint's own clients can
    #[arg(long, value_name = "FILE", help_heading = "Control port")]
    pub(crate) ng_secret_file: Option<PathBuf>,
    /// Machines that may speak to the control port, repeatable; only this one by default. A control port that others
    /// can reach needs it
    #[arg(long, value_name = "PREFIX", value_delimiter = ',', help_heading = "Control port")]
    pub(crate) allow: Option<Vec<Allowed>>,
    /// Where each key press of each call is reported to by UDP, in JSON; `DTMF-log-dest` of a message overrides it; nowhere
    /// by default
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Control port")]
    pub(crate) dtmf_log_dest: Option<DigitLogAddress>,

    /// Address for media, repeatable; the first is the default one. NAME is what the controller calls it in
    /// `interface` and `direction`, ADVERTISED what the parties are told behind one-to-one NAT [default: 127.0.0.1]
    #[arg(long, value_name = "[NAME/]ADDR[!ADVERTISED]", value_delimiter = ',', help_heading = "Media")]
    pub(crate) address: Option<Vec<InterfaceAddress>>,
    /// UDP ports for media [default: 10000-32767]
    #[arg(long, value_name = "FIRST-LAST", help_heading = "Media")]
    pub(crate) ports: Option<PortRange>,
    /// DSCP of what is sent, 0 to 63; the controller's TOS overrides it [default: 46, expedited forwarding]
    #[arg(long, value_name = "NUMBER", help_heading = "Media")]
    pub(crate) dscp: Option<Number<0, 63>>,
    /// Silence of all parties that ends a call [default: 60s]
    #[arg(long, value_name = "TIME", help_heading = "Media")]
    pub(crate) media_timeout: Option<Timeout>,
    /// Time on hold that ends a call [default: 1h]
    #[arg(long, value_name = "TIME", help_heading = "Media")]
    pub(crate) hold_timeout: Option<Timeout>,
    /// Networks that media may be sent to whatever else is said of them, repeatable; never the server's own ports
    #[arg(long, value_name = "NETWORK", value_delimiter = ',', help_heading = "Media")]
    pub(crate) media_allow: Option<Vec<Network>>,
    /// Networks that no media is sent to, repeatable. Loopback, link-local, multicast, broadcast and unspecified addresses
    /// are none in any case, but those of the address that a leg is on
    #[arg(long, value_name = "NETWORK", value_delimiter = ',', help_heading = "Media")]
    pub(crate) media_deny: Option<Vec<Network>>,
    /// Let media be sent to the server's own ports: a party can then command the control port, and two can make a loop
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Media")]
    pub(crate) danger_own_addresses: Option<bool>,

    /// Worker threads, each with its own calls and sockets [default: 1]
    #[arg(long, value_name = "NUMBER", help_heading = "Capacity")]
    pub(crate) workers: Option<Number<1, 256>>,
    /// Cores to pin the workers to: auto (the usable ones from the last), none, or such as 1,3-5 [default: auto]
    #[arg(long, value_name = "LIST", help_heading = "Capacity")]
    pub(crate) cores: Option<Cores>,
    /// Real-time priority of the workers, 1 to 99, or 0 for none: where the core has other work packets wait less; it takes
    /// CAP_SYS_NICE or a limit of RTPRIO [default: 0]
    #[arg(long, value_name = "NUMBER", help_heading = "Capacity")]
    pub(crate) realtime_priority: Option<Number<0, 99>>,
    /// How packets get to the workers: sockets; xdp, past the kernel by AF_XDP, which takes CAP_BPF, CAP_NET_ADMIN and
    /// CAP_NET_RAW; or auto, by AF_XDP where it is to be had [default: sockets]
    #[arg(long, value_name = "BACKEND", help_heading = "Capacity")]
    pub(crate) io: Option<Backend>,
    /// Whether RTP streams that are merely forwarded are handed over to the XDP program, on or off; with sockets without
    /// effect [default: off]
    #[arg(long, value_name = "SWITCH", help_heading = "Capacity")]
    pub(crate) forward: Option<Forward>,
    /// How often a busy worker looks at its sockets: half of it is added to each packet's delay, and a shorter one
    /// costs more core time [default: 1ms]
    #[arg(long, value_name = "TIME", help_heading = "Capacity")]
    pub(crate) tick: Option<Tick>,
    /// Media points that each worker may carry; a call of two parties costs one [default: 1000]
    #[arg(long, value_name = "POINTS", help_heading = "Capacity")]
    pub(crate) budget: Option<Budget>,
    /// Percents of a worker's budget that are logged as its calls' points reach them, and fall 5 percent below, repeatable
    /// [default: 80,95]
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', help_heading = "Capacity")]
    pub(crate) load_marks: Option<Vec<Number<1, 100>>>,
    /// Whether a worker that is too late for too long sheds its newest calls, one by one, until it is in time: to another worker
    /// that has room, or else they end. Calls with the ng flag `priority` never are [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Capacity")]
    pub(crate) shed: Option<bool>,
    /// Lateness beyond which a worker's round is too late [default: 40ms]
    #[arg(long, value_name = "TIME", help_heading = "Capacity")]
    pub(crate) shed_late: Option<TooLate>,
    /// How long every round has to be too late until calls are shed [default: 2s]
    #[arg(long, value_name = "TIME", help_heading = "Capacity")]
    pub(crate) shed_after: Option<TooLateFor>,
    /// File of prices and a budget measured on this machine [default: built-in prices]
    #[arg(long, value_name = "FILE", help_heading = "Capacity")]
    pub(crate) points: Option<PathBuf>,
    /// Call legs that each worker can hold [default: 8192, or as many as the limit of open files lets]
    #[arg(long, value_name = "NUMBER", help_heading = "Capacity")]
    pub(crate) max_legs: Option<Number<2, 65_536>>,
    /// Most members of a conference room on this server, where the message that makes it does not say; larger rooms are
    /// linked over several servers [default: 20]
    #[arg(long, value_name = "NUMBER", help_heading = "Capacity")]
    pub(crate) room_members: Option<Number<1, 2_000>>,

    /// How long running calls may go on after SIGTERM; a bare number is seconds [default: 60s]
    #[arg(long, value_name = "TIME", help_heading = "Running")]
    pub(crate) grace: Option<Grace>,
    /// What to log: error, warn, info, debug, trace, or TARGET=LEVEL, with commas [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Running")]
    pub(crate) log: Option<LogFilter>,
    /// How log lines are written: text or json [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Running")]
    pub(crate) log_format: Option<LogFormat>,
    /// TCP address of the metrics for Prometheus, at /metrics; a port alone means this machine only; none by default
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Running")]
    pub(crate) metrics_listen: Option<MetricsAddress>,
    /// Lets the system write the memory of the process to disk when it crashes, keys and audio included [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Running")]
    pub(crate) danger_core_dumps: Option<bool>,

    /// Where calls are recorded to, and who can listen; the rest of it is in the file alone.
    #[command(flatten)]
    pub(crate) recording: RecordingTable,
    /// What is played to parties; in the file alone.
    #[arg(skip)]
    pub(crate) prompts: Option<PromptSettings>,
}

impl Settings {
    /// These settings, with recordings in a folder where one is named.
    pub(crate) fn recording_to(mut self, folder: Option<PathBuf>) -> Self {
        self.recording = self.recording.to(folder);
        self
    }

    /// These settings, and those of `lower` where these are silent.
    pub(crate) fn over(self, lower: Self) -> Self {
        Self {
            ng: self.ng.or(lower.ng),
            ng_tcp: self.ng_tcp.or(lower.ng_tcp),
            ng_mode: self.ng_mode.or(lower.ng_mode),
            ng_owner: self.ng_owner.or(lower.ng_owner),
            ng_secret_file: self.ng_secret_file.or(lower.ng_secret_file),
            allow: self.allow.or(lower.allow),
            dtmf_log_dest: self.dtmf_log_dest.or(lower.dtmf_log_dest),
            address: self.address.or(lower.address),
            ports: self.ports.or(lower.ports),
            dscp: self.dscp.or(lower.dscp),
            media_timeout: self.media_timeout.or(lower.media_timeout),
            hold_timeout: self.hold_timeout.or(lower.hold_timeout),
            media_allow: self.media_allow.or(lower.media_allow),
            media_deny: self.media_deny.or(lower.media_deny),
            danger_own_addresses: self.danger_own_addresses.or(lower.danger_own_addresses),
            workers: self.workers.or(lower.workers),
            cores: self.cores.or(lower.cores),
            realtime_priority: self.realtime_priority.or(lower.realtime_priority),
            io: self.io.or(lower.io),
            forward: self.forward.or(lower.forward),
            tick: self.tick.or(lower.tick),
            budget: self.budget.or(lower.budget),
            load_marks: self.load_marks.or(lower.load_marks),
            shed: self.shed.or(lower.shed),
            shed_late: self.shed_late.or(lower.shed_late),
            shed_after: self.shed_after.or(lower.shed_after),
            points: self.points.or(lower.points),
            max_legs: self.max_legs.or(lower.max_legs),
            room_members: self.room_members.or(lower.room_members),
            grace: self.grace.or(lower.grace),
            log: self.log.or(lower.log),
            log_format: self.log_format.or(lower.log_format),
            metrics_listen: self.metrics_listen.or(lower.metrics_listen),
            danger_core_dumps: self.danger_core_dumps.or(lower.danger_core_dumps),
            recording: self.recording.over(lower.recording),
            prompts: self.prompts.or(lower.prompts),
        }
    }
}
