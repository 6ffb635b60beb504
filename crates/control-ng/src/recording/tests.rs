use std::collections::BTreeMap;
use std::time::Duration;

use mediapoint_recorder::{Channels, Format};

use super::{NameParts, NamePattern, NamePatternError, RecordingSettings, checked};
use crate::NgError;
use crate::request::RecordingOptions;

const OF_SERVER: &str = "age19ah26u0j2gnt0tvlmhqs8mh925supq3mphp8dl9gnu5hyyp2uvys09lxvm";
const OF_PLUGIN: &str = "age1mptest1gpq5ys6yg4rywjzfff95cn2wfukefj5j";
const OF_TENANT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

#[test]
fn the_message_says_who_can_open_a_recording_then_the_tenant_then_the_server() {
    let mut settings = RecordingSettings {
        separate: Format::Wav(Channels::Stereo),
        mixed: Format::Wav(Channels::Mono),
        channels: Channels::Stereo,
        rate: 8000,
        complexity: 0,
        recipients: vec![OF_SERVER.to_owned()],
        tenants: BTreeMap::from([("acme".to_owned(), vec![OF_TENANT.to_owned()])]),
        names: NamePattern::default(),
        beep: None,
        end_call_without: false,
    };
    let by = |settings: &RecordingSettings, tenant: &str, recipients: &[&str]| {
        let mut options = RecordingOptions::default();
        options.tenant = tenant.to_owned();
        options.recipients = recipients.iter().map(|&one| one.to_owned()).collect();
        settings.recipients_of(&options)
    };
    let of = |tenant: &str, recipients: &[&str]| by(&settings, tenant, recipients);
    assert_eq!(of("", &[]).unwrap(), [OF_SERVER]);
    assert_eq!(of("other", &[]).unwrap(), [OF_SERVER]);
    assert_eq!(of("acme", &[]).unwrap(), [OF_TENANT]);
    assert_eq!(of("acme", &[OF_SERVER, OF_TENANT]).unwrap(), [OF_SERVER, OF_TENANT]);
    let refused = NgError::BadValue { key: "recording-recipients" };
    assert_eq!(of("", &["age1nobody"]), Err(refused.clone()));
    assert_eq!(of("", &[OF_SERVER; 17]), Err(refused.clone()));
    // A message starts no program that the settings do not name.
    assert_eq!(of("", &[OF_PLUGIN]), Err(refused));
    settings.tenants.insert("vault".to_owned(), vec![OF_PLUGIN.to_owned()]);
    assert_eq!(by(&settings, "", &[OF_PLUGIN]).unwrap(), [OF_PLUGIN]);
}

fn parts(call_id: &[u8]) -> NameParts<'_> {
    // 2026-11-29 17:12:04.000056 UTC.
    let now = Duration::from_secs(1_795_972_324) + Duration::from_micros(56);
    NameParts { call_id, random: 0x1f, kind: "stereo", now }
}

#[test]
fn a_pattern_gives_names() {
    let name = |pattern: &str, call_id: &[u8]| {
        NamePattern::new(pattern).unwrap().name(&parts(call_id)).map(|id| id.to_string())
    };
    let plain = NamePattern::default().name(&parts(b"a")).unwrap();
    assert_eq!(plain.as_str(), "20261129-171204-000000000000001f");
    assert_eq!(name("%c-%r-%t", b"1@x.y").unwrap(), "1_x_y-000000000000001f-stereo");
    assert_eq!(name("%S.%u%%%r", b"").unwrap(), "04_000056_000000000000001f");
    assert_eq!(name("../../%r", b"").unwrap(), "000000000000001f", "no way out of the folder");
    let long = name("%c-%r", &[b'a'; 200]).unwrap();
    assert_eq!((long.len(), long.ends_with("a-000000000000001f")), (64, true));
}

#[test]
fn a_pattern_has_to_be_unique_and_known() {
    assert_eq!(NamePattern::new("%c-%t"), Err(NamePatternError::NotUnique));
    assert_eq!(NamePattern::new("%r-%q"), Err(NamePatternError::Unknown('q')));
    assert_eq!(NamePattern::new("%r%"), Err(NamePatternError::Unknown('%')));
}

#[test]
fn a_given_name_becomes_one_that_files_can_have() {
    assert_eq!(checked("/var/rec/call 1").unwrap().as_str(), "var_rec_call_1");
    assert!(checked("").is_none() && checked("///").is_none());
}
