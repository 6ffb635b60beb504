use super::table::{Column, WIDTH, format_columns, wrap};
use super::*;

#[test]
fn a_target_is_an_address_with_its_transport() {
    let at = |text: &str| text.parse::<Where>().map(|Where(target)| target.to_string());
    assert_eq!(at("2223").unwrap(), "127.0.0.1:2223");
    assert_eq!(at("udp:192.0.2.1:2223").unwrap(), "192.0.2.1:2223");
    assert_eq!(at("0.0.0.0:2223").unwrap(), "127.0.0.1:2223", "one that stands for all is asked on loopback");
    assert_eq!(at("tcp:[::1]:2223").unwrap(), "tcp:[::1]:2223");
    assert_eq!(at("unix:/run/mediapoint/ng").unwrap(), "unix:/run/mediapoint/ng");
    assert!(at("tcp:nowhere").unwrap_err().contains("allowed: such as tcp:127.0.0.1:2223"));
    assert!(at("nowhere").unwrap_err().contains("allowed: such as 127.0.0.1:2223"));
}

#[test]
fn a_table_fits_a_terminal_and_shows_long_names_whole() {
    let columns = [Column { title: "CALL-ID", right: false }, Column { title: "PACKETS", right: true }];
    let long = "x".repeat(100);
    let rows = [["short", "1"], [long.as_str(), "22"]].map(|row| row.map(str::to_owned).to_vec());
    let lines = format_columns(&columns, &rows);
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| *line == long || line.chars().count() <= WIDTH), "{lines:?}");
    assert_eq!(lines[2], long);
    let at_right = |line: &str, text: &str| line.len() == WIDTH && line.ends_with(text);
    assert!(
        at_right(&lines[0], "PACKETS") && at_right(&lines[1], " 1") && at_right(&lines[3], " 22"),
        "{lines:?}"
    );
}

#[test]
fn sentences_are_broken_between_words() {
    let text = "word ".repeat(40);
    let lines = wrap(&text, 4);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.len() <= WIDTH && line.starts_with("    word")), "{lines:?}");
}
