use std::time::Duration;

use super::{NameParts, NamePattern, NamePatternError, checked};

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
