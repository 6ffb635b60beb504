//! Files to be played, and who hears them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mediapoint_control_ng::wire::Dict;
use mediapoint_control_ng::{ControllerConfig, Prompts, PromptsConfig, Reply, StoreConfig};

use mediapoint_engine::EngineBuilder;

use super::party::{Party, call};
use super::phone::Phone;
use super::{Server, builder, dict, get, keys, list};

/// A folder that goes with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mediapoint-ng-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A server that plays the files of a folder.
pub(crate) fn server(folder: &Folder, change: impl FnOnce(&mut PromptsConfig)) -> Server {
    server_with(builder(), folder, change)
}

/// The same with an engine of its own settings.
pub(crate) fn server_with(
    engine: EngineBuilder,
    folder: &Folder,
    change: impl FnOnce(&mut PromptsConfig),
) -> Server {
    let store = StoreConfig { roots: vec![folder.path().to_owned()], ..StoreConfig::default() };
    let mut config = PromptsConfig { store, ..PromptsConfig::default() };
    change(&mut config);
    let prompts = Some(Arc::new(Prompts::new(config).unwrap()));
    Server::with(engine, ControllerConfig { prompts, ..ControllerConfig::default() })
}

/// So many milliseconds of one sample at 8 kHz; half as many at 16 kHz.
pub(crate) fn constant(sample: i16, millis: usize) -> Vec<i16> {
    vec![sample; millis * 8]
}

/// A WAV file of 16-bit samples.
pub(crate) fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap();
    let mut out = b"RIFF".to_vec();
    out.extend((36 + bytes).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend(rate.to_le_bytes());
    out.extend((rate * 2).to_le_bytes());
    out.extend(b"\x02\0\x10\0data");
    out.extend(bytes.to_le_bytes());
    samples.iter().for_each(|sample| out.extend(sample.to_le_bytes()));
    out
}

/// Receives until a packet is all of this octet, behind what fades; a packet of anything else may come before.
pub(crate) fn receives(phone: &mut Phone, octet: u8) {
    let found =
        (0..100).any(|_| phone.receive().1.get(100..).is_some_and(|rest| rest.iter().all(|o| *o == octet)));
    assert!(found, "{octet:#04x} is heard");
}

pub(crate) fn ok(reply: &Reply) {
    let texts = [reply.text("result"), reply.text("error-reason"), reply.text("warning")];
    assert_eq!(texts, ["ok", "", ""]);
}

/// A request about the call `c`.
pub(crate) fn ask(server: &Server, command: &str, more: &str) -> Reply {
    server.ask(command, &keys(r#""call-id":"c""#, more), None)
}

/// What `query` shows of what a party is played.
pub(crate) fn players(server: &Server, tag: &str) -> Vec<Dict> {
    let query = ask(server, "query", "");
    let party = dict(get(dict(query.value("tags")), tag)).clone();
    get(&party, "players")
        .map(|shown| list(Some(shown)).to_vec())
        .unwrap_or_default()
        .iter()
        .map(|player| dict(Some(player)).clone())
        .collect()
}

/// The call `c` of two phones.
pub(crate) fn pair(server: &Server) -> [Party; 2] {
    call(server, "c", ["a", "b"], ["0", "0"])
}
