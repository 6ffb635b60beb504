//! The media that controllers play: files in folders, with a folder for each language, URLs, bytes of a message. What is
//! loaded is shared by all calls; it is decoded, converted and encoded by the store's threads.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mediapoint_prompt::{
    Form, Prompt, PromptError, PromptHandle, PromptSet, PromptSource, PromptStore, StoreConfig, StoreFigures,
};

use crate::NgError;
use crate::request::MediaSource;

/// How long the names in the folders are taken as they were read.
const NAMES_LAST: Duration = Duration::from_secs(5);
/// How long the hold music may take to load when prompts are made.
const FIRST_LOAD: Duration = Duration::from_secs(60);
/// How long those wait that are more than may: as long as it takes to load a usual file.
const BEYOND: Duration = Duration::from_millis(100);
/// How long payloads that are made before are waited for. Without them the worker encodes.
const PAYLOADS_WITHIN: Duration = Duration::from_millis(100);

/// Settings of [`Prompts`].
#[derive(Debug, Clone)]
pub struct PromptsConfig {
    /// Folders, bounds, hosts of URLs. Each folder may have one for each language in it, named by its tag.
    pub store: StoreConfig,
    /// The language where a request names none, or one that there is no such file in; `en` by default.
    pub language: String,
    /// What everybody hears who is put on hold, where the controller names nothing else; nothing by default.
    pub hold_music: Option<String>,
    /// How long a request waits for what it asks for to be loaded; 3 s by default.
    pub load_within: Duration,
    /// Most requests that wait so at once: each keeps a thread of the control port. 6 by default.
    pub waiting: usize,
}

impl Default for PromptsConfig {
    fn default() -> Self {
        Self {
            store: StoreConfig::default(),
            language: "en".to_owned(),
            hold_music: None,
            load_within: Duration::from_secs(3),
            waiting: 6,
        }
    }
}

/// The media that a controller plays. Controllers share it.
pub struct Prompts {
    store: PromptStore,
    folders: Vec<PathBuf>,
    language: String,
    names: Mutex<Names>,
    hold_music: Option<(PromptSource, Mutex<Arc<Prompt>>)>,
    load_within: Duration,
    limit: usize,
    waiting: AtomicUsize,
}

/// The files of each folder, by language and name.
struct Names {
    sets: Vec<PromptSet>,
    read_at: Instant,
}

impl Prompts {
    /// Media of these settings; the hold music is loaded at once.
    ///
    /// # Errors
    /// [`PromptError`] where a folder cannot be read, a thread not be started, or the hold music not be loaded.
    pub fn new(config: PromptsConfig) -> Result<Self, PromptError> {
        let PromptsConfig { store, language, hold_music, load_within, waiting } = config;
        let folders = store.roots.clone();
        let store = PromptStore::new(store)?;
        let names = Names { sets: read_names(&folders, &language)?, read_at: Instant::now() };
        let mut prompts = Self {
            store,
            folders,
            language,
            names: Mutex::new(names),
            hold_music: None,
            load_within,
            limit: waiting.max(1),
            waiting: AtomicUsize::new(0),
        };
        if let Some(name) = hold_music {
            let source = match name.contains("://") {
                true => PromptSource::url(&name),
                false => prompts.file(&name, None),
            };
            let busy = PromptError::Busy(1);
            let music = prompts.store.load(&source).wait(FIRST_LOAD).unwrap_or(Err(busy))?;
            prompts.hold_music = Some((source, Mutex::new(music)));
        }
        Ok(prompts)
    }

    /// Most requests that wait for media to be loaded at once.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.limit
    }

    /// What was loaded, and what is held.
    #[must_use]
    pub fn figures(&self) -> StoreFigures {
        self.store.figures()
    }

    /// Until when a request may wait that comes now, for all that it asks for together.
    pub(crate) fn wait_until(&self) -> Instant {
        Instant::now() + self.load_within
    }

    /// The prompt of a source. Waits for it to be loaded: no lock may be held.
    pub(crate) fn load(
        &self,
        source: &MediaSource,
        language: Option<&str>,
        until: Instant,
    ) -> Result<Arc<Prompt>, NgError> {
        let source = match source {
            MediaSource::File(name) => self.file(name, language),
            MediaSource::Url(url) => PromptSource::url(url),
            MediaSource::Blob(bytes) => PromptSource::blob(&**bytes),
            MediaSource::Database => return Err(NgError::NoDatabase),
        };
        self.wait(&self.store.load(&source), until)
    }

    /// Has a prompt made ready for whom it is to be played to: samples at these rates, and payloads of these codecs. Waits:
    /// no lock may be held. True where the payloads are there, too.
    pub(crate) fn make(
        &self,
        prompt: &Arc<Prompt>,
        (samples, payloads): (Vec<Form>, Vec<Form>),
        until: Instant,
    ) -> Result<bool, NgError> {
        self.wait(&self.store.make(prompt, samples), until)?;
        let within = until.saturating_duration_since(Instant::now()).min(PAYLOADS_WITHIN);
        Ok(self.store.make(prompt, payloads).wait(within).is_some_and(|made| made.is_ok()))
    }

    /// The music of whom is put on hold, as it is now.
    pub(crate) fn hold_music(&self) -> Option<Arc<Prompt>> {
        let (source, music) = self.hold_music.as_ref()?;
        let now = self.store.load(source).poll();
        let mut music = music.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(now)) = now {
            *music = now;
        }
        Some(Arc::clone(&music))
    }

    fn wait(&self, handle: &PromptHandle, until: Instant) -> Result<Arc<Prompt>, NgError> {
        if let Some(outcome) = handle.poll() {
            return Ok(outcome?);
        }
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let left = until.saturating_duration_since(Instant::now());
        let outcome = handle.wait(if before < self.limit { left } else { left.min(BEYOND) });
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        match outcome {
            Some(outcome) => Ok(outcome?),
            None if before < self.limit => Err(NgError::StillLoading { seconds: self.load_within.as_secs() }),
            None => Err(NgError::TooManyLoads { limit: self.limit }),
        }
    }

    /// A file in the folder of its language, else as its path says.
    fn file(&self, name: &str, language: Option<&str>) -> PromptSource {
        let language = language.unwrap_or(&self.language);
        let mut names = self.names();
        let find = |names: &Names| {
            let found = names.sets.iter().find_map(|set| set.find(name, language));
            found.map(|found| found.source)
        };
        if let Some(found) = find(&names) {
            return found;
        }
        if !self.folders.is_empty() && names.read_at.elapsed() >= NAMES_LAST {
            names.read_at = Instant::now();
            // Folders that cannot be read now keep the names that they had.
            if let Ok(sets) = read_names(&self.folders, &self.language) {
                names.sets = sets;
            }
        }
        find(&names).unwrap_or_else(|| PromptSource::file(name))
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_names(folders: &[PathBuf], language: &str) -> Result<Vec<PromptSet>, PromptError> {
    let read = |folder: &PathBuf| {
        PromptSet::open(folder, language).map_err(|error| PromptError::File {
            name: folder.display().to_string(),
            reason: error.to_string(),
        })
    };
    folders.iter().map(read).collect()
}

impl fmt::Debug for Prompts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hold_music = self.hold_music.is_some();
        f.debug_struct("Prompts")
            .field("folders", &self.folders)
            .field("language", &self.language)
            .field("hold_music", &hold_music)
            .finish_non_exhaustive()
    }
}
