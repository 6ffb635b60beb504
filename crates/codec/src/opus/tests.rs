use super::*;

#[test]
fn rate_carries_what_there_is_and_stays_within_what_is_played() {
    assert_eq!([8000, 11_025, 16_000, 44_100, 96_000].map(rate_for), [8000, 12_000, 16_000, 48_000, 48_000]);
    assert_eq!([4000, 8000, 20_000, 47_999, 48_000].map(rate_within), [8000, 8000, 16_000, 24_000, 48_000]);
}
