//! A load of conference rooms: members of rooms of one size, of whom some speak and the others send the noise of a quiet
//! line, over this project's ng commands or over another bridge's own interface.
//!
//! Every member sends a packet each 20 ms and is to be sent one each 20 ms, G.711 mu-law. What comes is counted by number
//! and by whether there is voice in it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use mediapoint_net::{UdpSocket, pin_current_thread, raise_fd_limit};
use serde::Serialize;

use super::beside::{Beside, Running};
use super::calls::describe;
use super::cores::CoresUse;
use super::endpoint::{self, Endpoint, Line};
use super::far::{FarEnd, Phones};
use super::janus::Janus;
use super::report::{GeneratorCost, count, generator, ratio, rounded};
use super::run::{Measured, Outcome, Run};
use super::voice::{Coded, Voice};
use super::{CpuSource, LoadError, MAX_CALLS, Stop, Window};
use crate::codec::{Codec, PACKET};
use crate::delay::DelaySummary;
use crate::ng::{Client, Command, NgError};
use crate::sdp::{Description, Format};
use crate::speech;

/// How much speech is encoded, to be said over again.
const SPEECH: Duration = Duration::from_secs(20);

/// Peak of the noise that those send who do not speak, of 32,767: -71 dBov.
const NOISE: i16 = 16;

/// Payload type of PCMU [RFC3551 6].
const PCMU: u8 = 0;

/// The server whose rooms are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bridge {
    /// This project's ng commands, at this control port.
    Ng(SocketAddr),
    /// Janus with its `AudioBridge`.
    Janus {
        /// The Unix datagram socket of its own interface.
        socket: PathBuf,
        /// Sample rate of its rooms in hertz; what G.711 has is 8000, what it has unless told otherwise is 16000.
        rate: u32,
    },
}

/// What to generate, against whom.
#[derive(Debug, Clone)]
pub struct ConferenceConfig {
    /// The server.
    pub bridge: Bridge,
    /// Its process, where its CPU time is to be measured.
    pub server_pid: Option<u32>,
    /// Cores whose time is measured as a whole, whoever uses them.
    pub cores: Vec<usize>,
    /// Relayed calls over another server meanwhile; not where there is a far end.
    pub beside: Option<Beside>,
    /// Where there is no server, and phones send to others at the far end of the network.
    pub far: Option<FarEnd>,
    /// Rooms at one time.
    pub rooms: usize,
    /// Members of each room, at most 2000.
    pub members: usize,
    /// How many of them speak.
    pub speakers: usize,
    /// The others join with the role of listeners, over ng.
    pub listeners: bool,
    /// How long to measure.
    pub duration: Duration,
    /// How long to send before measuring.
    pub warm_up: Duration,
    /// The core the generating thread is pinned to; `None` leaves it free.
    pub core: Option<usize>,
    /// The address the phones bind to.
    pub address: IpAddr,
    /// The first UDP port tried for a phone.
    pub first_port: u16,
    /// How long the generator sleeps between rounds; zero never sleeps.
    pub tick: Duration,
    /// An audio file with what speakers say; recorded prompts where there is none, or a voice that counts.
    pub speech: Option<PathBuf>,
    /// Parts of the measurement whose CPU time is told apart; 0 is one.
    pub windows: u32,
    /// Shows a progress bar where standard error is a terminal.
    pub progress: bool,
    /// Ends the load before its time.
    pub stop: Stop,
}

impl ConferenceConfig {
    /// One room of 20 with three speakers for ten seconds over `bridge`.
    #[must_use]
    pub fn new(bridge: Bridge) -> Self {
        Self {
            bridge,
            server_pid: None,
            cores: Vec::new(),
            beside: None,
            far: None,
            rooms: 1,
            members: 20,
            speakers: 3,
            listeners: false,
            duration: Duration::from_secs(10),
            warm_up: Duration::from_secs(2),
            core: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            first_port: 30_000,
            tick: Duration::ZERO,
            speech: None,
            windows: 1,
            progress: true,
            stop: Stop::default(),
        }
    }

    fn parties(&self) -> usize {
        self.rooms.saturating_mul(self.members)
    }

    /// Sets the rooms up, talks in all of them, ends them, and reports what came. Blocks for as long as warm-up and
    /// measurement together, and for the set-up.
    ///
    /// # Errors
    /// Every case of [`LoadError`]; members that joined leave then, too.
    pub fn run(&self) -> Result<ConferenceReport, LoadError> {
        let parties = self.parties();
        if parties == 0 || parties > MAX_CALLS {
            return Err(LoadError::Calls(parties));
        }
        let config = self.clone();
        let thread = std::thread::Builder::new().name("load".to_owned()).spawn(move || config.generate())?;
        thread.join().unwrap_or(Err(LoadError::Panicked))
    }

    fn generate(&self) -> Result<ConferenceReport, LoadError> {
        if let Some(core) = self.core {
            pin_current_thread(core).map_err(|source| LoadError::Core { core, source })?;
        }
        raise_fd_limit()?;
        let voices = self.voices()?;
        if let Some(far) = &self.far {
            let outcome = self.measure(self.pairs(far, &voices)?, Phones::default())?;
            return Ok(self.report(&outcome));
        }
        let sockets = endpoint::bind_phones(self.address, self.first_port, self.parties())?;
        let mut rooms = Rooms::open(&self.bridge)?;
        let mut endpoints = Vec::with_capacity(sockets.len());
        for (socket, number) in sockets.iter().zip(0_u16..) {
            let (room, member) = (usize::from(number) / self.members, usize::from(number) % self.members);
            self.stop.check()?;
            let listens = self.listeners && member >= self.speakers;
            let line = rooms.join(socket, usize::from(number), (room, self.members), listens)?;
            endpoints.push(Endpoint::member(number, line, self.voice(number, &voices)));
        }
        let mut beside = Running::set_up(self.beside.as_ref(), (self.address, self.first_port), &self.stop)?;
        let outcome = self.measure((sockets, endpoints), beside.take_phones())?;
        rooms.end()?;
        beside.tear_down()?;
        Ok(self.report(&outcome))
    }

    /// The same phones in pairs with no server between them.
    fn pairs(&self, far: &FarEnd, voices: &[Voice; 2]) -> Result<Phones, LoadError> {
        let sockets = far.bind(self.address, self.first_port, self.parties().div_ceil(2))?;
        let partners = sockets.as_chunks::<2>().0.iter().flat_map(|[near, far]| [far, near]);
        let endpoints = partners.zip(0..).map(|(partner, number)| {
            let line = Line { remote: partner.local_addr(), payload_type: PCMU, keys: None };
            Endpoint::member(number, line, self.voice(number, voices))
        });
        let endpoints = endpoints.collect();
        Ok((sockets, endpoints))
    }

    fn voice<'a>(&self, number: u16, [speech, quiet]: &'a [Voice; 2]) -> &'a Voice {
        if usize::from(number) % self.members < self.speakers { speech } else { quiet }
    }

    fn measure(&self, phones: Phones, beside: Phones) -> Result<Outcome, LoadError> {
        let measured = Measured {
            windows: self.windows,
            server: self.server_pid,
            beside: self.beside.map(|beside| beside.server_pid),
            cores: &self.cores,
        };
        let run = Run::new(self.tick, self.progress, phones, beside)?.stopped_by(&self.stop);
        run.measure(self.warm_up, self.duration, measured)
    }

    /// What speakers say, and what the others send.
    fn voices(&self) -> Result<[Voice; 2], LoadError> {
        let [speech, _] = speech::find_or_count(self.speech.as_deref(), SPEECH)?;
        let noise: Vec<i16> = (0..PACKET * 50).map(|_| rand::random_range(-NOISE..=NOISE)).collect();
        let coded = |samples: &[i16]| Coded::new(Codec::Pcmu, samples).map(Arc::new).map(Voice::Speech);
        Ok([coded(&speech.samples)?, coded(&noise)?])
    }

    fn report(&self, outcome: &Outcome) -> ConferenceReport {
        let seconds = outcome.elapsed.as_secs_f64();
        let parties = count(self.parties() as u64);
        let audio = outcome.audio.as_ref();
        let (voiced, unheard) = audio.map_or((0, 0), |audio| audio.voiced);
        ConferenceReport {
            rooms: self.rooms,
            members: self.members,
            speakers: self.speakers,
            seconds: rounded(seconds, 3),
            sent: outcome.sent,
            received: outcome.arrived,
            lost: audio.map_or(0, |audio| audio.lost),
            missing: audio.map_or(0, |audio| audio.missing),
            duplicated: outcome.counts.duplicated,
            damaged: outcome.counts.damaged,
            misrouted: outcome.counts.misrouted,
            unheard,
            voiced_percent: rounded(100.0 * ratio(count(voiced), count(outcome.arrived)), 1),
            regularity: audio.map(|audio| audio.regularity.summary()),
            server: outcome.server.map(|(used, source)| {
                let share = ratio(used.as_secs_f64(), seconds);
                RoomCost {
                    busy_percent: rounded(share * 100.0, 1),
                    us_per_member_second: rounded(ratio(share * 1e6, parties), 1),
                    source,
                }
            }),
            windows: outcome.windows.clone(),
            cores: outcome.cores.clone(),
            generator: generator(outcome),
        }
    }
}

/// The outcome of a load of rooms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConferenceReport {
    /// Rooms at one time.
    pub rooms: usize,
    /// Members of each.
    pub members: usize,
    /// How many of them spoke.
    pub speakers: usize,
    /// How long was measured.
    pub seconds: f64,
    /// Packets sent by all members.
    pub sent: u64,
    /// Packets that members were sent and got, each once.
    pub received: u64,
    /// Packets on the way to members that did not come.
    pub lost: u64,
    /// Packets' time in which a member was sent nothing at all.
    pub missing: u64,
    /// Copies that came beside the first.
    pub duplicated: u64,
    /// Datagrams that could not be read.
    pub damaged: u64,
    /// Packets of more than one stream.
    pub misrouted: u64,
    /// Members that heard no voice at all.
    pub unheard: usize,
    /// Packets to members that had voice in them, in percent.
    pub voiced_percent: f64,
    /// How much earlier or later than its timestamp says each packet came after the one before it.
    pub regularity: Option<DelaySummary>,
    /// What the server used.
    pub server: Option<RoomCost>,
    /// The same in the parts of the measurement.
    pub windows: Vec<Window>,
    /// What whole cores did, where that was asked for.
    pub cores: Option<CoresUse>,
    /// What the generator itself used.
    pub generator: GeneratorCost,
}

/// CPU time of the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RoomCost {
    /// Share of one core, in percent; above 100 where it used more than one.
    pub busy_percent: f64,
    /// Microseconds of CPU time that a member takes in a second.
    pub us_per_member_second: f64,
    /// Where the figure was read.
    pub source: CpuSource,
}

impl ConferenceReport {
    /// True where every member was sent every packet once, and heard voice.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let faults = self.lost + self.missing + self.duplicated + self.damaged + self.misrouted;
        faults == 0 && (self.unheard == 0 || self.speakers == 0)
    }
}

impl fmt::Display for ConferenceReport {
    /// A table of two columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY);
        let title = format!("{} rooms of {}", self.rooms, self.members);
        table.set_header(vec![title, format!("{} speak in each, {:.1} s", self.speakers, self.seconds)]);
        let mut row = |name: &str, value: String| {
            table.add_row(vec![name.to_owned(), value]);
        };
        row("packets sent / received", format!("{} / {}", self.sent, self.received));
        row("lost, missing, duplicated", format!("{}, {}, {}", self.lost, self.missing, self.duplicated));
        row("damaged, of another stream", format!("{}, {}", self.damaged, self.misrouted));
        row("packets with voice", format!("{:.1} %", self.voiced_percent));
        row("members that heard none", self.unheard.to_string());
        if let Some(DelaySummary { p50_us, p99_us, max_us, .. }) = self.regularity {
            row(
                "packets off their time p50 / p99 / max",
                format!("{p50_us:.0} / {p99_us:.0} / {max_us:.0} µs"),
            );
        }
        if let Some(server) = &self.server {
            row("server CPU", format!("{:.1} % of a core", server.busy_percent));
            row("server CPU a member", format!("{:.1} µs a second", server.us_per_member_second));
        }
        row("generator CPU", format!("{:.1} % of a core", self.generator.busy_percent));
        row("  its lateness p99", format!("{:.0} µs", self.generator.lateness.p99_us));
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{table}")
    }
}

/// The rooms of a server; who is in them leaves when this goes.
enum Rooms {
    Ng(NgRooms),
    Janus(Janus),
}

impl Rooms {
    fn open(bridge: &Bridge) -> Result<Self, LoadError> {
        Ok(match bridge {
            Bridge::Ng(server) => Self::Ng(NgRooms::connect(*server)?),
            Bridge::Janus { socket, rate } => Self::Janus(Janus::connect(socket, *rate)?),
        })
    }

    /// Lets a phone into a room, which its first member makes for `size` members.
    fn join(
        &mut self,
        phone: &UdpSocket,
        member: usize,
        (room, size): (usize, usize),
        listens: bool,
    ) -> Result<Line, LoadError> {
        let remote = match self {
            Self::Ng(rooms) => rooms.join(phone.local_addr(), member, (room, size), listens)?,
            Self::Janus(janus) => janus.join(phone.local_addr(), member, room)?,
        };
        Ok(Line { remote, payload_type: PCMU, keys: None })
    }

    fn end(&mut self) -> Result<(), LoadError> {
        match self {
            Self::Ng(rooms) => rooms.end(),
            Self::Janus(janus) => janus.end(),
        }
    }
}

/// Rooms over ng: each member is a call of one party.
struct NgRooms {
    client: Client,
    name: String,
    joined: usize,
}

impl NgRooms {
    fn connect(server: SocketAddr) -> Result<Self, LoadError> {
        let client = Client::connect(server).map_err(|source| LoadError::Ng { call: 0, source })?;
        Ok(Self { client, name: format!("room-{:016x}", rand::random::<u64>()), joined: 0 })
    }

    fn join(
        &mut self,
        phone: SocketAddr,
        member: usize,
        (room, size): (usize, usize),
        listens: bool,
    ) -> Result<SocketAddr, LoadError> {
        let ng = |source: NgError| LoadError::Ng { call: member, source };
        let id = self.call_id(member);
        let sdp = describe(phone, Format::audio(Codec::Pcmu), None).to_sdp();
        let publish = Command::new("publish").text("call-id", &id).text("from-tag", "a").text("sdp", &sdp);
        let answer = self.client.offer(&publish.list("flags", &["bidirectional"])).map_err(ng)?;
        self.joined = member + 1;
        let join = Command::new("conference join").text("call-id", &id).text("from-tag", "a");
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let join = join.text("room", &format!("{}-{room}", self.name)).int("max", size);
        let join = if listens { join.text("role", "listener") } else { join };
        self.client.request(&join).map_err(ng)?;
        let answer = Description::parse(&answer).map_err(|source| LoadError::Sdp { call: member, source })?;
        Ok(answer.rtp)
    }

    fn end(&mut self) -> Result<(), LoadError> {
        while let Some(member) = self.joined.checked_sub(1) {
            self.joined = member;
            let ended = self.client.delete(&self.call_id(member), "a");
            ended.map_err(|source| LoadError::Ng { call: member, source })?;
        }
        Ok(())
    }

    fn call_id(&self, member: usize) -> String {
        format!("{}-{member}", self.name)
    }
}

impl Drop for NgRooms {
    fn drop(&mut self) {
        // Best effort after an error that is already on its way to the caller.
        let _ = self.end();
    }
}
