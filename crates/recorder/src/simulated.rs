//! A disk in memory that loses power and fills up where a test wants it.
//!
//! Content and names that were not synced are what a loss of power may take. What of them survives is for the test to
//! say ([`Survives`]): file systems differ, and a recording must come through all of them.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files::{Append, Files};

/// What happens at a call of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power goes: half of what the call adds is done, and nothing after it.
    PowerLoss,
    /// The disk is full at this call alone: half of what it adds is done.
    FullOnce,
    /// The disk is full from this call on.
    Full,
}

/// How much of what was not synced is there after a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// None.
    Nothing,
    /// The older half.
    Half,
    /// The newer half: what was done later reached the disk earlier. Of content, zeros stand for the older half.
    Newer,
    /// All.
    All,
    /// As long as all, and zeros: content alone.
    Zeros,
}

#[derive(Debug, Clone)]
enum NameChange {
    Made(String, usize),
    Renamed(String, String),
    Removed(String),
}

#[derive(Debug, Default, Clone)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    pending: Vec<NameChange>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    off: bool,
}

/// A folder in memory. Clones are the same folder.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

/// What a call may do.
enum Verdict {
    Whole,
    Half(io::Error),
    None(io::Error),
}

impl State {
    /// Counts a call; `adds` says that it needs room.
    fn call(&mut self, adds: bool) -> Verdict {
        let number = self.calls;
        self.calls += 1;
        if self.off {
            return Verdict::None(io::Error::other("the power is off"));
        }
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        match self.fault {
            Some((at, Fault::PowerLoss)) if at == number => {
                self.off = true;
                Verdict::Half(io::Error::other("the power went off"))
            }
            Some((at, Fault::FullOnce)) if at == number && adds => Verdict::Half(full()),
            Some((at, Fault::Full)) if at <= number && adds => Verdict::Half(full()),
            _ => Verdict::Whole,
        }
    }

    fn plain(&mut self, adds: bool) -> io::Result<()> {
        match self.call(adds) {
            Verdict::Whole => Ok(()),
            Verdict::Half(error) | Verdict::None(error) => Err(error),
        }
    }

    fn change(names: &mut BTreeMap<String, usize>, change: &NameChange) {
        match change {
            NameChange::Made(name, content) => {
                names.insert(name.clone(), *content);
            }
            NameChange::Renamed(from, to) => {
                if let Some(content) = names.remove(from) {
                    names.insert(to.clone(), content);
                }
            }
            NameChange::Removed(name) => {
                names.remove(name);
            }
        }
    }

    fn record(&mut self, change: NameChange) {
        Self::change(&mut self.names, &change);
        self.pending.push(change);
    }

    fn keep_names(&mut self) {
        self.pending.clear();
        self.synced_names = self.names.clone();
    }
}

impl SimulatedDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `fault` happen at the call with this number, counted from 0 as [`Self::calls`] does.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// Takes back what [`Self::fail_at`] said.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The disk as it is found when the power returns, without faults.
    #[must_use]
    pub fn after_power_loss(&self, names: Survives, content: Survives) -> Self {
        let state = self.state();
        let (all, half) = (state.pending.len(), state.pending.len() / 2);
        let (skipped, kept) = match names {
            Survives::Nothing => (0, 0),
            Survives::Half => (0, half),
            Survives::Newer => (half, all - half),
            Survives::All | Survives::Zeros => (0, all),
        };
        let mut found = state.synced_names.clone();
        for change in state.pending.iter().skip(skipped).take(kept) {
            State::change(&mut found, change);
        }
        let contents: Vec<Content> = state
            .contents
            .iter()
            .map(|file| {
                let now = survivor(file, content);
                Content { synced: now.clone(), now }
            })
            .collect();
        Self(Arc::new(Mutex::new(State {
            contents,
            synced_names: found.clone(),
            names: found,
            ..State::default()
        })))
    }

    /// Content of a file.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let content = state.contents.get(*state.names.get(name)?)?;
        Some(content.now.clone())
    }

    /// Puts a file there, synced, whatever was there before.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        state.contents.push(Content { now: bytes.to_vec(), synced: bytes.to_vec() });
        let content = state.contents.len() - 1;
        state.names.insert(name.to_owned(), content);
        state.synced_names.insert(name.to_owned(), content);
    }
}

/// A file after a loss of power. One that was cut shorter since it was synced is as long as it was cut.
fn survivor(file: &Content, survives: Survives) -> Vec<u8> {
    let kept = file.synced.len().min(file.now.len());
    let fresh = file.now.len() - kept;
    let mut bytes = file.now.clone();
    match survives {
        Survives::Nothing => bytes.truncate(kept),
        Survives::Half => bytes.truncate(kept + fresh / 2),
        Survives::Newer => bytes.iter_mut().skip(kept).take(fresh / 2).for_each(|byte| *byte = 0),
        Survives::All => {}
        Survives::Zeros => bytes.iter_mut().skip(kept).for_each(|byte| *byte = 0),
    }
    bytes
}

struct SimulatedFile {
    disk: SimulatedDisk,
    content: usize,
}

impl SimulatedFile {
    fn with<T>(&self, state: &mut State, work: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        state.contents.get_mut(self.content).map(work).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Append for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let (done, result) = match state.call(true) {
            Verdict::Whole => (bytes.len(), Ok(())),
            Verdict::Half(error) => (bytes.len() / 2, Err(error)),
            Verdict::None(error) => (0, Err(error)),
        };
        self.with(&mut state, |content| {
            content.now.extend_from_slice(bytes.get(..done).unwrap_or_default())
        })?;
        result
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.plain(false)?;
        self.with(&mut state, |content| content.now.truncate(usize::try_from(len).unwrap_or(usize::MAX)))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.plain(true)?;
        self.with(&mut state, |content| content.synced = content.now.clone())
    }
}

impl Files for SimulatedDisk {
    fn create_new(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut state = self.state();
        state.plain(true)?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = state.contents.len();
        state.contents.push(Content::default());
        state.record(NameChange::Made(name.to_owned(), content));
        Ok(Box::new(SimulatedFile { disk: self.clone(), content }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        self.state().plain(false)?;
        let content = self.content(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(content)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.plain(true)?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.record(NameChange::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.plain(false)?;
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.record(NameChange::Removed(name.to_owned()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.plain(false)?;
        Ok(state.names.keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        state.plain(true)?;
        state.keep_names();
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        let mut state = self.state();
        state.plain(true)?;
        for content in &mut state.contents {
            content.synced = content.now.clone();
        }
        state.keep_names();
        Ok(())
    }

    fn free_space(&self) -> io::Result<u64> {
        let mut state = self.state();
        state.plain(false)?;
        Ok(if matches!(state.fault, Some((_, Fault::Full))) { 0 } else { 1 << 40 })
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synced_is_lost_with_the_power() {
        let disk = SimulatedDisk::new();
        let mut file = disk.create_new("a").unwrap();
        file.append(b"kept").unwrap();
        assert_eq!(disk.after_power_loss(Survives::Nothing, Survives::All).content("a"), None);
        disk.sync_all().unwrap();
        file.append(b"lost").unwrap();
        disk.rename("a", "b").unwrap();
        let found = |names, content| disk.after_power_loss(names, content);
        assert_eq!(found(Survives::Nothing, Survives::Nothing).content("a").unwrap(), b"kept");
        assert_eq!(found(Survives::All, Survives::Half).content("b").unwrap(), b"keptlo");
        assert_eq!(found(Survives::All, Survives::Newer).content("b").unwrap(), b"kept\0\0st");
        assert_eq!(found(Survives::All, Survives::Zeros).content("b").unwrap(), b"kept\0\0\0\0");
        file.sync().unwrap();
        assert_eq!(found(Survives::Nothing, Survives::Nothing).content("a").unwrap(), b"keptlost");
        disk.sync_names().unwrap();
        assert_eq!(found(Survives::Nothing, Survives::Nothing).content("b").unwrap(), b"keptlost");
    }

    #[test]
    fn faults_come_at_the_call_they_are_set_for() {
        let disk = SimulatedDisk::new();
        disk.fail_at(2, Fault::FullOnce);
        let mut file = disk.create_new("a").unwrap();
        file.append(b"1234").unwrap();
        assert_eq!(file.append(b"5678").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.content("a").unwrap(), b"123456");
        file.truncate(4).unwrap();
        file.append(b"5678").unwrap();
        assert_eq!((disk.content("a").unwrap().as_slice(), disk.calls()), (&b"12345678"[..], 5));
        disk.fail_at(5, Fault::PowerLoss);
        assert!(file.sync().is_err() && file.append(b"9").is_err() && disk.list().is_err());
        assert_eq!(disk.after_power_loss(Survives::Nothing, Survives::Nothing).list().unwrap().len(), 0);
    }
}
