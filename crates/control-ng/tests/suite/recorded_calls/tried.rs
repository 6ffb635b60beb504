//! `start recording` with `dry-run`.

use super::*;

fn files(scene: &Scene) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        fs::read_dir(scene.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_recording_on_trial_has_a_price_and_makes_no_file() {
    let scene = Scene::new(|_| {});
    let _parties = pair(&scene.server);
    let before = (files(&scene), scene.recordings.recordings(), engine_call(&scene.server, 1).points());
    let keys = r#""from-tag":"a","metadata":"queue:sales""#;
    let tried = ask(&scene.server, "start recording", &format!(r#"{keys},"dry-run":1"#));
    ok(&tried);
    assert_eq!(tried.text("admitted"), "1");
    assert_eq!(text(dict(tried.value("points-by-kind")), "recording"), "0.850");
    let uses = list(tried.value("path")).iter().filter_map(|path| dict(Some(path)).get(b"uses".as_slice()));
    assert_eq!(uses.flat_map(|uses| list(Some(uses)).to_vec()).collect::<Vec<_>>(), ["recorded".into()]);
    let after = (files(&scene), scene.recordings.recordings(), engine_call(&scene.server, 1).points());
    assert_eq!(after, before);
    ok(&ask(&scene.server, "start recording", keys));
    assert_eq!(engine_call(&scene.server, 1).points().to_string(), tried.text("points"));
}
