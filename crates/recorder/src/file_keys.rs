//! The keys of a recording's three files, wrapped for its recipients.
//!
//! Plugins take their time. So where there are any, keys are wrapped ahead by a thread for each list of recipients, which
//! keeps a stock of them; a recording takes its keys from there when it begins, and needs no plugin when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::error::SealError;
use crate::journal::Secret;
use crate::recipients::{Limit, Recipients, encryptor};

/// Recordings that can begin before a plugin is run again.
const STOCK: usize = 16;
/// Lists of recipients with a stock.
const MOST_LISTS: usize = 64;
/// How long after a failure it is tried again, where nobody asks before.
const AGAIN: Duration = Duration::from_secs(30);

/// The keys of one recording.
pub(crate) struct FileKeys {
    /// The journal's.
    pub(crate) secret: Secret,
    /// The same, wrapped.
    pub(crate) wrapped: String,
    /// Those of the finished files; none where there are no recipients.
    pub(crate) finished: Option<FinishedKeys>,
}

/// The keys of the finished files, which are used once.
pub(crate) struct FinishedKeys {
    pub(crate) audio: age::Encryptor,
    pub(crate) metadata: age::Encryptor,
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKeys(..)")
    }
}

impl FileKeys {
    /// Makes keys, and wraps them for the node itself, which opens journals only, and for the recipients.
    pub(crate) fn make(
        node: &age::x25519::Recipient,
        recipients: &Recipients,
        limit: Limit,
    ) -> Result<Self, SealError> {
        let wrappers = recipients.within(limit);
        let all = || wrappers.iter().map(|wrapper| wrapper.as_age());
        let (secret, wrapped) = Secret::generate(node, all())?;
        let finished = match recipients.is_empty() {
            true => None,
            false => Some(FinishedKeys { audio: encryptor(all())?, metadata: encryptor(all())? }),
        };
        Ok(Self { secret, wrapped, finished })
    }
}

type Make = Box<dyn Fn() -> Result<FileKeys, SealError> + Send>;

/// Where recordings have their keys from.
pub(crate) struct KeyStock {
    node: age::x25519::Recipient,
    timeout: Duration,
    lists: Mutex<BTreeMap<Vec<String>, Arc<List>>>,
}

impl KeyStock {
    /// Plugins get `timeout` for the keys of one recording.
    pub(crate) fn new(node: age::x25519::Recipient, timeout: Duration) -> Self {
        Self { node, timeout, lists: Mutex::default() }
    }

    /// The keys of a recording for these recipients. Where there are plugins among them and no keys are ready, it waits for
    /// them; where the plugins failed the last time, it fails at once, and they are tried again behind its back.
    pub(crate) fn take(&self, texts: &[String]) -> Result<FileKeys, SealError> {
        let recipients = Recipients::parse(texts)?;
        if !recipients.has_plugins() {
            return FileKeys::make(&self.node, &recipients, Limit::within(self.timeout));
        }
        let late = recipients.late(self.timeout);
        self.list(texts, recipients)?.take(self.timeout).unwrap_or(Err(late))
    }

    /// Has keys made ahead.
    pub(crate) fn prepare(&self, texts: &[String]) -> Result<(), SealError> {
        let recipients = Recipients::parse(texts)?;
        if recipients.has_plugins() {
            self.list(texts, recipients)?;
        }
        Ok(())
    }

    fn list(&self, texts: &[String], recipients: Recipients) -> Result<Arc<List>, SealError> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(texts) {
            return Ok(Arc::clone(list));
        }
        let (node, timeout) = (self.node.clone(), self.timeout);
        let make = move || FileKeys::make(&node, &recipients, Limit::within(timeout));
        let list = List::start(Box::new(make))?;
        if lists.len() >= MOST_LISTS {
            lists.pop_first();
        }
        lists.insert(texts.to_vec(), Arc::clone(&list));
        Ok(list)
    }
}

/// Keys for one list of recipients.
struct List {
    state: Mutex<State>,
    changed: Condvar,
    /// Wakes the thread, which ends when this is dropped.
    wake: SyncSender<()>,
}

#[derive(Default)]
struct State {
    ready: VecDeque<FileKeys>,
    /// Why the last attempt failed.
    failed: Option<SealError>,
}

impl List {
    fn start(make: Make) -> io::Result<Arc<Self>> {
        let (wake, woken) = mpsc::sync_channel(1);
        let list = Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), wake });
        let weak = Arc::downgrade(&list);
        thread::Builder::new().name("rec-keys".to_owned()).spawn(move || refill(&weak, &make, &woken))?;
        Ok(list)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes keys; `None` where there are none in time.
    fn take(&self, timeout: Duration) -> Option<Result<FileKeys, SealError>> {
        let nothing = |state: &mut State| state.ready.is_empty() && state.failed.is_none();
        let waited = self.changed.wait_timeout_while(self.state(), timeout, nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let taken = match (state.ready.pop_front(), &state.failed) {
            (Some(keys), _) => Some(Ok(keys)),
            (None, Some(error)) => Some(Err(error.again())),
            (None, None) => None,
        };
        drop(state);
        // Where it is full the thread is about to look.
        let _ = self.wake.try_send(());
        taken
    }

    fn is_full(&self) -> bool {
        self.state().ready.len() >= STOCK
    }

    fn put(&self, made: Result<FileKeys, SealError>) {
        let mut state = self.state();
        match made {
            Ok(keys) => {
                state.failed = None;
                state.ready.push_back(keys);
            }
            Err(error) => state.failed = Some(error),
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// Keeps a stock until nobody has the list any more, which it does not hold while it works or waits.
fn refill(list: &Weak<List>, make: &Make, woken: &Receiver<()>) {
    while let Some(full) = list.upgrade().map(|list| list.is_full()) {
        if full {
            if woken.recv().is_err() {
                return;
            }
            continue;
        }
        let made = make();
        let failed = made.is_err();
        let Some(list) = list.upgrade() else { return };
        list.put(made);
        drop(list);
        if failed && woken.recv_timeout(AGAIN) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::RecoveryIdentity;
    use crate::recipients::{PluginError, PluginFailure};

    const LONG: Duration = Duration::from_secs(600);

    fn keys() -> FileKeys {
        let node = RecoveryIdentity::generate().recipient();
        FileKeys::make(&node, &Recipients::parse(&[]).unwrap(), Limit::within(LONG)).unwrap()
    }

    fn hangs() -> SealError {
        let failure = PluginFailure::Timeout(LONG);
        SealError::Plugin(PluginError { number: 1, name: "x".to_owned(), failure })
    }

    /// A list whose attempts are what is sent to it, and are told of as they begin.
    fn list() -> (Arc<List>, mpsc::Sender<Result<FileKeys, SealError>>, Receiver<()>) {
        let (results, given) = mpsc::channel();
        let (begins, begun) = mpsc::channel();
        let given = Mutex::new(given);
        let make = move || {
            let _ = begins.send(());
            given.lock().unwrap().recv().unwrap_or(Err(SealError::Encryption))
        };
        (List::start(Box::new(make)).unwrap(), results, begun)
    }

    #[test]
    fn a_stock_is_made_ahead_and_refilled() {
        let (list, results, begun) = list();
        (0..STOCK).for_each(|_| results.send(Ok(keys())).unwrap());
        (0..STOCK).for_each(|_| begun.recv().unwrap());
        assert!(list.take(LONG).unwrap().is_ok());
        begun.recv().unwrap();
        // The thread waits for an attempt to end, and what is ready is there all the same.
        (1..STOCK).for_each(|_| assert!(list.take(LONG).unwrap().is_ok()));
        assert!(list.take(Duration::from_millis(1)).is_none(), "it is late");
        results.send(Ok(keys())).unwrap();
        assert!(list.take(LONG).unwrap().is_ok());
    }

    #[test]
    fn after_a_failure_nobody_waits_until_it_works_again() {
        let (list, results, begun) = list();
        results.send(Err(hangs())).unwrap();
        begun.recv().unwrap();
        assert!(matches!(list.take(LONG), Some(Err(SealError::Plugin(_)))));
        // That it was asked for has it tried again, and the next one is still refused at once.
        begun.recv().unwrap();
        assert!(matches!(list.take(LONG), Some(Err(SealError::Plugin(_)))));
        results.send(Ok(keys())).unwrap();
        begun.recv().unwrap();
        assert!(list.take(LONG).unwrap().is_ok());
    }

    #[test]
    fn its_thread_ends_with_the_list() {
        let (list, results, begun) = list();
        begun.recv().unwrap();
        drop(list);
        results.send(Ok(keys())).unwrap();
        // The thread was the only one to have the other end.
        assert!(begun.recv().is_err());
        let (list, results, begun) = self::list();
        results.send(Err(hangs())).unwrap();
        begun.recv().unwrap();
        assert!(list.take(LONG).unwrap().is_err());
        drop((list, results));
        while begun.recv().is_ok() {}
    }
}
