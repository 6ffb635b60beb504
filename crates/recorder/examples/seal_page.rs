//! What it costs to seal a page: digest, chain and cipher, without a disk.
//!
//! `cargo run --release -p mediapoint-recorder --features simulated --example seal_page`

use std::sync::Arc;
use std::time::{Duration, Instant};

use mediapoint_recorder::simulated::SimulatedDisk;
use mediapoint_recorder::{
    Chunk, ChunkKind, Files, Header, Journal, NodeKey, Recipients, RecordingId, RecoveryIdentity,
};

const PAGES: u32 = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (node, recovery) = (NodeKey::generate()?, RecoveryIdentity::generate());
    for octets in [400, 800, 12_800] {
        let files: Arc<dyn Files> = Arc::new(SimulatedDisk::new());
        let header = Header {
            id: RecordingId::new("r1")?,
            extension: "opus".to_owned(),
            media_type: "audio/ogg".to_owned(),
            rate: 8000,
            channels: 2,
            began: Duration::ZERO,
            recipients: Vec::new(),
            personal: Vec::new(),
        };
        let began = Instant::now();
        let mut journal =
            Journal::create(&files, &header, &Recipients::parse(&[])?, &recovery, node.public())?;
        println!("begin: {:.0} us", began.elapsed().as_secs_f64() * 1e6);
        let mut page =
            Chunk { bytes: vec![7; octets], first_sample: 0, samples: 3200, kind: ChunkKind::Body };
        let began = Instant::now();
        for _ in 0..PAGES {
            journal.append_chunk(&page)?;
            page.first_sample += page.samples;
        }
        let each = began.elapsed().as_secs_f64() * 1e6 / f64::from(PAGES);
        let began = Instant::now();
        journal.sign_head(&node, 0)?;
        println!(
            "{octets} octets: {each:.2} us a page; a signature {:.0} us",
            began.elapsed().as_secs_f64() * 1e6
        );
    }
    Ok(())
}
