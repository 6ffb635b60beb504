//! The content service: finished recordings go to a store, are read back, catalogued and announced; only then the local
//! copy goes. Operators find, open, export, hold and delete them.
//!
//! Recordings come as age files, which it cannot open: it holds no key. It never overwrites an object, never removes a local
//! file that the store does not have, and goes on after a crash at the step that was not finished. It refuses names that
//! are no file names, files that are no age files, and a catalogue that is newer than itself.
//!
//! ```
//! use mediapoint_content::{Step, Transfer, Next, Outcome, BackOff};
//!
//! // The way of a recording is a state machine that is told the time and the result of each step.
//! let mut transfer = Transfer::default();
//! assert_eq!(transfer.next(0), Next::Do(Step::Measure));
//! transfer.handle(0, Outcome::Later("disk busy".into()), &BackOff::default(), 0);
//! assert_eq!(transfer.next(0), Next::At(1000));
//! ```
//!
//! Order of calls: a [`Store`], a [`Catalogue`] and a [`Listener`] make a [`Service`]; [`Service::adopt`] takes up what a
//! crash left, [`Service::run`] works on a thread of its own; [`Service::register`] at the start of a recording,
//! [`Service::submit`] at its end. [`Library`] is for operators, with [`Library::open`] for listening and
//! [`Library::play`] for calls.
//!
//! Specifications: C2SP age (where a header ends), RFC 2104 (HMAC). Blocking and async code is here alone: nothing of a call
//! waits for it.

mod age_header;
mod catalogue;
mod database;
mod entry;
mod library;
mod notify;
mod queue;
mod retention;
mod service;
mod size;
mod store;
mod tls;
mod transfer;

pub use age_header::{MAX_HEADER, NotAge, header_length};
pub use catalogue::{
    Action, AuditBroken, AuditEntry, AuditHead, Catalogue, CatalogueError, Deed, FileSum, Files, Headers,
    Query, Record, SCHEMA_VERSION, State,
};
pub use database::{
    Answer, Database, DatabaseError, Dialect, PostgresConfig, PostgresDatabase, PostgresTls, Row,
    SqliteDatabase, Value,
};
pub use entry::{Entry, PersonalColumns, PseudonymKey};
pub use library::{Asker, Checked, Library, LibraryError, Listening, Part, Pruned};
pub use mediapoint_recorder::{RecordingId, RecordingIdError};
pub use notify::{
    Delivery, Listener, NoListener, SIGNATURE_HEADER, StoredEvent, Webhook, WebhookError, signature,
};
pub use retention::{Retention, Rule};
pub use service::{Clock, Pending, Service, ServiceConfig, ServiceError, Shredding};
pub use size::{StorageDemand, storage_bytes};
pub use store::{PART_BYTES, S3Config, S3Credentials, Store, StoreError, Upload, measure, remove_staged};
pub use tls::Roots;
pub use transfer::{BackOff, Next, Outcome, Stage, Step, Transfer};

/// Small hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
