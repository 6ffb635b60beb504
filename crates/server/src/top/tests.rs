//! The screen from recorded statistics, as a terminal of its size shows it.

use std::time::{Duration, Instant};

use mediapoint_control_ng::wire::decode;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::figures::Figures;
use super::model::{Key, Model, Sort};
use super::screen::draw;

const FIRST: &str = include_str!("../../testdata/top/statistics-1.json");
const SECOND: &str = include_str!("../../testdata/top/statistics-2.json");

/// A file of the package.
fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn figures(json: &str) -> Figures {
    Figures::read(&decode(json.as_bytes()).unwrap())
}

/// The model after two questions a second apart.
fn model() -> Model {
    let began = Instant::now();
    let mut model = Model::new("127.0.0.1:2223".to_owned(), (figures(FIRST), began));
    model.take(Ok((figures(SECOND), began + Duration::from_secs(1))));
    model
}

fn terminal(model: &Model, (width, height): (u16, u16), colour: bool) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, colour)).unwrap();
    terminal
}

/// The lines of the screen without blanks at their ends.
fn screen(model: &Model, size: (u16, u16)) -> String {
    let terminal = terminal(model, size, false);
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        let line: String = (0..size.0).map(|x| buffer[(x, y)].symbol().to_owned()).collect();
        format!("{}\n", line.trim_end())
    };
    (0..size.1).map(line).collect()
}

#[test]
fn the_screen_of_80_columns_is_as_it_was() {
    let shown = screen(&model(), (80, 24));
    assert_eq!(shown, file("testdata/top/80x24.txt"), "\n{shown}");
    // The documentation shows this one.
    let page = file("../../docs/operations.md");
    assert!(page.contains(&shown), "docs/operations.md has another picture");
}

#[test]
fn a_narrow_screen_has_what_matters_most() {
    let shown = screen(&model(), (40, 20));
    assert_eq!(shown, file("testdata/top/40x20.txt"), "\n{shown}");
}

#[test]
fn a_budget_that_has_shrunk_is_shown_beside_what_the_worker_was_given() {
    let mut model = model();
    let worker = &mut model.figures.workers[2];
    worker.budget = worker.configured / 4 * 3;
    let shown = screen(&model, (80, 24));
    let line =
        |with: &str| shown.lines().find(|line| line.contains(with)).unwrap_or_else(|| panic!("{shown}"));
    assert!(line("points 2040.7").ends_with("of 3750.0 (54.4 %)  free 1920.4  cut from 4000.0"), "{shown}");
    assert!(line("core time").ends_with("calls   cut"), "{shown}");
    assert!(line("   2 ###").ends_with("   733  -25%"), "{shown}");
    assert!(line("   1 ###").ends_with("   508"), "{shown}");
}

#[test]
fn every_size_has_its_help_in_the_last_line_and_none_panics() {
    for size in (1..100).step_by(3).flat_map(|width| (1..40).map(move |height| (width, height))) {
        let shown = screen(&model(), size);
        let last = shown.lines().last().unwrap();
        assert!("q quit".starts_with(&last.chars().take(6).collect::<String>()), "{size:?} {last}");
        assert_eq!(shown.lines().count(), usize::from(size.1));
    }
}

#[test]
fn a_full_worker_is_red_unless_colour_is_not_wanted() {
    let colours = |colour| {
        let terminal = terminal(&model(), (80, 24), colour);
        let cells = terminal.backend().buffer().content.iter();
        let mut colours: Vec<Color> = cells.map(|cell| cell.fg).filter(|fg| *fg != Color::Reset).collect();
        colours.sort_by_key(|colour| format!("{colour:?}"));
        colours.dedup();
        colours
    };
    assert_eq!(colours(true), [Color::Green, Color::Red, Color::Yellow]);
    assert_eq!(colours(false), []);
}

#[test]
fn keys_sort_pause_and_end() {
    let mut model = model();
    let first = |model: &Model| model.calls().first().unwrap().id.clone();
    assert_eq!((model.sort, first(&model).as_str()), (Sort::Age, "3c26a-7d@192.0.2.7"));
    assert!(!model.press(Key::Sort));
    assert_eq!((model.sort, first(&model).as_str()), (Sort::Points, "room-sales@192.0.2.9"));
    assert!(!model.press(Key::Sort) && !model.press(Key::Sort));
    assert_eq!(model.sort, Sort::Age);

    model.press(Key::Pause);
    let before = model.figures.clone();
    let mut newer = figures(SECOND);
    newer.calls = 7;
    model.take(Ok((newer.clone(), Instant::now())));
    assert_eq!(model.figures, before, "it stays while it is paused");
    assert!(screen(&model, (80, 24)).contains("paused"));
    model.press(Key::Pause);
    model.take(Ok((newer, Instant::now())));
    assert_eq!(model.figures.calls, 7);
    assert!(model.press(Key::Quit));
}

#[test]
fn a_server_that_is_gone_is_told_and_one_that_began_anew_has_no_rates() {
    let mut model = model();
    model.take(Err("no reply from 127.0.0.1:2223".to_owned()));
    assert!(screen(&model, (80, 24)).contains("no reply from"));
    let mut anew = figures(FIRST);
    anew.uptime = Duration::from_secs(1);
    model.take(Ok((anew, Instant::now() + Duration::from_secs(9))));
    assert!(model.rates.is_none() && model.error.is_none());
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let shown = screen(&model(), (80, 40));
    assert!(shown.contains("bell?@192.0.2.1") && !shown.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn what_a_reply_lacks_is_zero() {
    let empty = Figures::read(&decode(b"{}").unwrap());
    assert_eq!(empty, Figures::default());
    let model = Model::new("unix:/run/ng".to_owned(), (empty, Instant::now()));
    assert!(screen(&model, (80, 24)).contains("none used"));
}
