//! TLS to store and database: required, and checked against the authority that is configured.

use mediapoint_content::{
    Catalogue, CatalogueError, DatabaseError, PostgresTls, Query, Roots, S3Config, Service, ServiceConfig,
    Store,
};

use crate::servers::{Certificate, Moto, Postgres};
use crate::support::{Finished, Folder, Hand, Receiver, columns, entry, spool};

#[tokio::test]
async fn a_database_is_reached_by_tls_and_its_certificate_is_checked() {
    let (Some(right), Some(wrong)) = (Certificate::make(), Certificate::make()) else { return };
    let Some(postgres) = Postgres::start_with(Some(&right)) else { return };
    postgres.make("tls").await;
    let open = |roots: Roots| {
        Catalogue::new(postgres.open_with("tls", postgres.address(), PostgresTls::Required(roots)))
    };
    assert_eq!(open(right.authority()).find(&Query::default()).await, Ok(Vec::new()));
    for roots in [wrong.authority(), Roots::System] {
        let refused = open(roots).find(&Query::default()).await;
        let Err(CatalogueError::Database(DatabaseError::Unavailable(reason))) = refused else {
            panic!("{refused:?}")
        };
        assert!(reason.contains("certificate"), "{reason}");
    }
}

#[tokio::test]
async fn a_database_without_tls_is_refused() {
    let Some(postgres) = Postgres::start() else { return };
    let tls = PostgresTls::Required(Roots::System);
    let catalogue = Catalogue::new(postgres.open_with("postgres", postgres.address(), tls));
    let refused = catalogue.find(&Query::default()).await.unwrap_err().to_string();
    assert!(refused.contains("TLS"), "{refused}");
}

#[tokio::test]
async fn a_store_is_reached_by_tls_and_its_certificate_is_checked() {
    let (Some(right), Some(wrong)) = (Certificate::make(), Certificate::make()) else { return };
    let Some(moto) = Moto::start_with(Some(&right)) else { return };
    let store = |roots: Roots| {
        let endpoint = Some(format!("https://{}", moto.address()));
        let config = S3Config { endpoint, roots, danger_plain_http: false, ..Moto::config(moto.address()) };
        Store::s3(&config).unwrap()
    };
    // There is no bucket: the server says so, which it can only by TLS.
    for (roots, expected) in
        [(right.authority(), "NoSuchBucket"), (wrong.authority(), "error sending request")]
    {
        let (folder, hand) = (Folder::new(), Hand::new());
        let database = mediapoint_content::SqliteDatabase::open(&folder.join("catalogue.sqlite")).unwrap();
        let catalogue = std::sync::Arc::new(Catalogue::new(Box::new(database)));
        let listener = Box::new(Receiver::default());
        let config = ServiceConfig::new(&spool(&folder), columns());
        let service = Service::open(config, store(roots), catalogue, listener, hand.clock()).unwrap();
        let finished = Finished::new("tls", &age::x25519::Identity::generate().to_public(), 10);
        finished.write(&spool(&folder));
        service.submit(&finished.id, &entry("+1")).unwrap();
        service.work().await.unwrap();
        let pending = service.pending().unwrap();
        let reason = pending[0].last_failure.clone().or_else(|| pending[0].stuck.clone()).unwrap();
        assert!(reason.contains(expected), "{reason}");
    }
}
