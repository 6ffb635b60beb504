//! The catalogue over SQLite and over PostgreSQL: the same checks for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mediapoint_content::{
    Action, Catalogue, CatalogueError, Database, DatabaseError, Deed, FileSum, Files, Headers, Query, Record,
    SCHEMA_VERSION, SqliteDatabase, State,
};

use crate::faults::{FailingDatabase, Fault, Plan};
use crate::servers::Postgres;
use crate::support::{DAY, Folder, START, columns, entry, id};

/// Opens connections to one database.
type Open<'a> = &'a (dyn Fn() -> Box<dyn Database> + Sync);

fn record(name: &str, party: &str, started: i64) -> Record {
    let mut fields = columns().apply(&entry(party));
    fields.started = started;
    let sum = |bytes| FileSum { bytes, sha256: format!("{bytes:064}"), header: 10 };
    Record {
        id: id(name),
        entry: fields,
        folder: "acme/2026/03/01".into(),
        files: Files { audio: sum(100), manifest: sum(20), meta: Some(sum(30)) },
        stored: started,
        state: State::Present,
        hold: None,
    }
}

fn headers() -> Headers {
    Headers { audio: b"a header of audio".to_vec(), meta: b"a header of metadata".to_vec() }
}

fn deed(action: Action) -> Deed {
    Deed { at: START, who: "test".into(), action, detail: "because".into() }
}

async fn a_row_is_written_once(open: Open<'_>) {
    let catalogue = Catalogue::new(open());
    let one = record("a", "+1", START);
    assert_eq!(catalogue.insert(&one, &headers(), &deed(Action::Stored)).await, Ok(true));
    assert_eq!(catalogue.insert(&one, &headers(), &deed(Action::Stored)).await, Ok(false));
    let mut other = one.clone();
    other.files.audio.sha256 = "other".into();
    let conflict = catalogue.insert(&other, &headers(), &deed(Action::Stored)).await;
    assert_eq!(conflict, Err(CatalogueError::Conflict(id("a"))));
    assert_eq!(catalogue.record(&id("a")).await, Ok(Some(one.clone())));
    assert_eq!(catalogue.record(&id("b")).await, Ok(None));
    assert_eq!(catalogue.headers(&id("a"), &deed(Action::Opened)).await, Ok((one, headers())));
    let unknown = catalogue.headers(&id("b"), &deed(Action::Opened)).await;
    assert_eq!(unknown, Err(CatalogueError::Unknown(id("b"))));
    assert_eq!(catalogue.audit_log(0, 10).await.unwrap().len(), 2);
}

async fn a_commit_whose_answer_is_lost_counts_once(open: Open<'_>) {
    // Migrated before, so that operations are those of the insert alone.
    Catalogue::new(open()).find(&Query::default()).await.unwrap();
    for at in 0.. {
        let plan = Plan::new(at, 1, Fault::FailAfter);
        let failing = FailingDatabase { inner: open(), plan: Arc::clone(&plan) };
        let (catalogue, one) =
            (Catalogue::new(Box::new(failing)), record(&format!("lost-{at}"), "+1", START));
        let first = catalogue.insert(&one, &headers(), &deed(Action::Stored)).await;
        drop(catalogue);
        // What comes next is another connection's, as after a lost one.
        let catalogue = Catalogue::new(open());
        let second = catalogue.insert(&one, &headers(), &deed(Action::Stored)).await;
        assert!(second.is_ok(), "{at}: {second:?}");
        let log = catalogue.audit_log(0, 1000).await.unwrap();
        assert_eq!(log.iter().filter(|entry| entry.recording == one.id.as_str()).count(), 1, "{at}");
        if !plan.hit.load(Ordering::SeqCst) {
            assert!(first.is_ok() && at > 5);
            break;
        }
    }
    assert!(Catalogue::new(open()).audit_check(None).await.unwrap().is_ok());
}

async fn each_field_is_searched(open: Open<'_>) {
    let catalogue = Catalogue::new(open());
    for (name, party, day) in [("c", "+1", 2), ("a", "+2", 0), ("b", "+1", 0), ("d", "+3", 5)] {
        let one = record(name, party, START + day * DAY);
        catalogue.insert(&one, &headers(), &deed(Action::Stored)).await.unwrap();
    }
    let find = async |query: Query| {
        let found = catalogue.find(&query.with_columns(&columns())).await.unwrap();
        found.into_iter().map(|record| record.id.to_string()).collect::<Vec<_>>()
    };
    let all = Query::default;
    assert_eq!(find(all()).await, ["a", "b", "c", "d"]);
    assert_eq!(find(Query { party: Some("+1".into()), ..all() }).await, ["b", "c"]);
    assert_eq!(find(Query { call: Some("call-of-+2".into()), ..all() }).await, ["a"]);
    assert_eq!(
        find(Query { tag: Some(("queue".into(), "sales".into())), limit: 2, ..all() }).await,
        ["a", "b"]
    );
    assert_eq!(find(Query { tag: Some(("queue".into(), "other".into())), ..all() }).await, [""; 0]);
    assert_eq!(find(Query { tenant: Some("other".into()), ..all() }).await, [""; 0]);
    let span = Query { from: Some(START + 1), until: Some(START + 5 * DAY), ..all() };
    assert_eq!(find(span).await, ["c"]);
    let both =
        Query { party: Some("+1".into()), from: Some(START + DAY), tenant: Some("acme".into()), ..all() };
    assert_eq!(find(both).await, ["c"]);
    let page = Query { after: Some((START, id("a"))), limit: 2, ..all() };
    assert_eq!(find(page).await, ["b", "c"]);
    let hostile = Query { party: Some("' OR 1=1 --".into()), ..all() };
    assert_eq!(find(hostile).await, [""; 0]);
}

async fn a_hold_keeps_and_shredding_erases(open: Open<'_>) {
    let catalogue = Catalogue::new(open());
    let one = record("a", "+1", START);
    catalogue.insert(&one, &headers(), &deed(Action::Stored)).await.unwrap();
    catalogue.hold(&id("a"), Some("case 7"), "law", START).await.unwrap();
    let held = catalogue.shred(&id("a"), &deed(Action::Shredded)).await;
    assert_eq!(held, Err(CatalogueError::Held { id: id("a"), reason: "case 7".into() }));
    assert!(catalogue.headers(&id("a"), &deed(Action::Opened)).await.is_ok());
    catalogue.hold(&id("a"), None, "law", START).await.unwrap();
    for _ in 0..2 {
        let shredded = catalogue.shred(&id("a"), &deed(Action::Shredded)).await.unwrap();
        assert_eq!(shredded.state, State::Shredded);
        assert_eq!((shredded.entry.call.as_str(), shredded.entry.parties.len()), ("", 0));
        assert_eq!(shredded.entry.tags.len(), 0);
    }
    let gone = catalogue.headers(&id("a"), &deed(Action::Opened)).await;
    assert_eq!(gone, Err(CatalogueError::Deleted(id("a"))));
    assert_eq!(
        catalogue.hold(&id("a"), Some("late"), "law", START).await,
        Err(CatalogueError::Deleted(id("a")))
    );
    assert_eq!(
        catalogue.hold(&id("b"), Some("?"), "law", START).await,
        Err(CatalogueError::Unknown(id("b")))
    );
    assert_eq!(catalogue.removed(&id("a"), "test", START).await, Ok(true));
    assert_eq!(catalogue.removed(&id("a"), "test", START).await, Ok(false));
    assert_eq!(catalogue.find(&Query::default()).await.unwrap(), []);
    assert_eq!(catalogue.find(&Query { deleted: true, ..Query::default() }).await.unwrap().len(), 1);
    let log = catalogue.audit_log(0, 100).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["stored", "held", "opened", "released", "shredded", "opened", "removed"]);
}

async fn the_audit_log_is_append_only_and_shows_what_was_altered(open: Open<'_>) {
    let catalogue = Catalogue::new(open());
    for _ in 0..5 {
        catalogue.audit(&id("a"), &deed(Action::Verified)).await.unwrap();
    }
    let head = catalogue.audit_check(None).await.unwrap().unwrap();
    assert_eq!(head.entries, 5);
    catalogue.audit(&id("a"), &deed(Action::Verified)).await.unwrap();
    assert!(catalogue.audit_check(Some(&head)).await.unwrap().is_ok());
    let mut database = open();
    for sql in ["UPDATE audit SET who = 'x' WHERE seq = 3", "DELETE FROM audit WHERE seq = 6"] {
        database.begin().await.unwrap();
        let refused = database.execute(sql, &[]).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
        database.rollback().await.unwrap();
    }
    // Whoever may change the schema can take the triggers off. The chain shows what follows.
    database.begin().await.unwrap();
    let off = match database.dialect() {
        mediapoint_content::Dialect::Sqlite => "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete",
        _ => "DROP TRIGGER audit_append_only ON audit",
    };
    database.batch(off).await.unwrap();
    database.execute("DELETE FROM audit WHERE seq >= 5", &[]).await.unwrap();
    database.commit().await.unwrap();
    assert!(catalogue.audit_check(None).await.unwrap().is_ok(), "a log cut at its end is whole by itself");
    assert_eq!(catalogue.audit_check(Some(&head)).await.unwrap().unwrap_err().entry, 5);
    database.begin().await.unwrap();
    database.execute("UPDATE audit SET who = 'x' WHERE seq = 3", &[]).await.unwrap();
    database.commit().await.unwrap();
    assert_eq!(catalogue.audit_check(None).await.unwrap().unwrap_err().entry, 3);
}

async fn two_servers_share_the_log(open: Open<'_>) {
    let (one, two) = (Catalogue::new(open()), Catalogue::new(open()));
    let write = async |catalogue: &Catalogue| {
        for _ in 0..20 {
            catalogue.audit(&id("a"), &deed(Action::Verified)).await.unwrap();
        }
    };
    tokio::join!(write(&one), write(&two));
    assert_eq!(one.audit_check(None).await.unwrap().unwrap().entries, 40);
}

async fn a_later_schema_is_refused(open: Open<'_>) {
    Catalogue::new(open()).find(&Query::default()).await.unwrap();
    let mut database = open();
    database.begin().await.unwrap();
    let later = SCHEMA_VERSION + 1;
    database.execute("INSERT INTO content_schema (version) VALUES ($1)", &[later.into()]).await.unwrap();
    database.commit().await.unwrap();
    let refused = Catalogue::new(open()).find(&Query::default()).await.unwrap_err();
    let expected = DatabaseError::Newer { found: later, known: SCHEMA_VERSION };
    assert_eq!(refused, CatalogueError::Database(expected));
}

/// Runs each check on a database of its own.
macro_rules! for_both {
    ($($check:ident),+ $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $check() {
                let folder = Folder::new();
                let open = || -> Box<dyn Database> {
                    Box::new(SqliteDatabase::open(&folder.join("catalogue.sqlite")).unwrap())
                };
                super::$check(&open).await;
            })+
        }

        #[tokio::test]
        async fn postgres_passes_the_same_checks() {
            let Some(postgres) = Postgres::start() else { return };
            let next = AtomicUsize::new(0);
            $({
                let name = format!("check_{}", next.fetch_add(1, Ordering::Relaxed));
                postgres.make(&name).await;
                println!("{}", stringify!($check));
                $check(&|| postgres.open(&name, postgres.address())).await;
            })+
        }
    };
}

for_both!(
    a_row_is_written_once,
    a_commit_whose_answer_is_lost_counts_once,
    each_field_is_searched,
    a_hold_keeps_and_shredding_erases,
    the_audit_log_is_append_only_and_shows_what_was_altered,
    two_servers_share_the_log,
    a_later_schema_is_refused,
);
