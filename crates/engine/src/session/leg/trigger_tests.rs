use std::num::NonZeroU32;

use super::*;

fn sequence(text: &str) -> DigitSequence {
    DigitSequence::new(text).unwrap()
}

fn press(code: char, method: KeyMethod) -> KeyPress {
    let code = sequence(&code.to_string()).codes()[0];
    KeyPress { code, duration: Duration::from_millis(80), volume: 10, missed: 0, method, secret: false }
}

/// A trigger on a clock on which a digit is complete every 160 ms.
struct Typist {
    now: Time,
    spec: DigitTrigger,
    trigger: Trigger,
    method: KeyMethod,
}

impl Typist {
    fn new(spec: DigitTrigger) -> Self {
        let now = Time::ZERO + Duration::from_secs(10);
        Self { now, spec, trigger: Trigger::new(now), method: KeyMethod::TelephoneEvent }
    }

    fn wait(&mut self, millis: u64) -> bool {
        self.now = self.now + Duration::from_millis(millis);
        self.trigger.handle_timeout(self.now, &self.spec, false)
    }

    /// Types digits; the number of those behind which secure input is on.
    fn type_digits(&mut self, text: &str) -> Vec<bool> {
        let each = |code| {
            if self.method == KeyMethod::TelephoneEvent {
                self.trigger.begin_event(&self.spec);
            }
            self.wait(160);
            self.trigger.press(self.now, &self.spec, &press(code, self.method));
            self.trigger.phase == Phase::On
        };
        text.chars().map(each).collect()
    }

    fn is_on(&self) -> bool {
        self.trigger.secure_input(&self.spec, SecureInput::Off).is_on()
    }
}

fn on_after(begin: &str, typed: &str) -> Option<usize> {
    let mut typist = Typist::new(DigitTrigger::new(sequence(begin)));
    typist.type_digits(typed).iter().position(|on| *on)
}

#[test]
fn it_goes_on_with_the_last_of_its_digits_wherever_they_stand() {
    assert_eq!(on_after("*1", "*1"), Some(1));
    assert_eq!(on_after("*1", "23*1456"), Some(3));
    assert_eq!(on_after("*1", "1*"), None);
    assert_eq!(on_after("5", "5"), Some(0));
    // What has come may be the start of the sequence in another place.
    assert_eq!(on_after("112", "1112"), Some(3));
    assert_eq!(on_after("121213", "12121213"), Some(7));
    assert_eq!(on_after("ABCABD", "ABCABCABD"), Some(8));
    assert_eq!(on_after("112", "11312"), None);
}

#[test]
fn digits_far_apart_are_of_no_sequence() {
    let mut typist = Typist::new(DigitTrigger::new(sequence("12")));
    typist.type_digits("1");
    typist.wait(2500);
    assert_eq!(typist.type_digits("2"), [false]);
    typist.type_digits("1");
    typist.wait(2400);
    assert_eq!(typist.type_digits("2"), [true]);
}

#[test]
fn tones_count_where_they_are_to_and_no_event_has_come() {
    let tone = |tones| {
        let mut typist = Typist::new(DigitTrigger { tones, ..DigitTrigger::new(sequence("12")) });
        typist.method = KeyMethod::Tone;
        typist
    };
    assert_eq!(tone(true).type_digits("12"), [false, true]);
    assert_eq!(tone(false).type_digits("12"), [false, false]);
    let mut both = tone(true);
    assert!(both.trigger.begin_event(&both.spec), "the audio is not looked into any more");
    assert!(!both.trigger.begin_event(&both.spec));
    assert_eq!(both.type_digits("12"), [false, false]);
    both.method = KeyMethod::TelephoneEvent;
    assert_eq!(both.type_digits("12"), [false, true]);
}

#[test]
fn it_ends_by_digits_by_their_number_or_by_time_and_acts_once() {
    let plain = || DigitTrigger::new(sequence("*"));
    let by_digits = DigitTrigger { end: Some(sequence("#1")), ..plain() };
    let by_number = DigitTrigger { end_digits: NonZeroU32::new(5), ..plain() };
    let by_time = DigitTrigger { end_after: Some(Duration::from_millis(800)), ..plain() };
    for method in [KeyMethod::TelephoneEvent, KeyMethod::Tone] {
        for spec in [&by_digits, &by_number] {
            let mut typist = Typist::new(DigitTrigger { tones: true, ..*spec });
            typist.method = method;
            typist.type_digits("*");
            // The last is kept back as a whole, and its tones that may come later.
            let all = typist.type_digits("123#1");
            assert_eq!(all[..4], [true; 4]);
            assert_eq!(typist.is_on(), method == KeyMethod::TelephoneEvent);
            typist.wait(100);
            assert!(!typist.is_on(), "{method:?} {spec:?}");
            assert_eq!(typist.type_digits("*12"), [false; 3], "it acts once");
        }
        let mut typist = Typist::new(DigitTrigger { tones: true, ..by_time });
        typist.method = method;
        typist.type_digits("*");
        assert_eq!(typist.type_digits("1234"), [true; 4]);
        assert!(typist.wait(160) && !typist.is_on());
    }
}

#[test]
fn an_event_behind_the_last_digit_is_not_kept_back() {
    let spec = DigitTrigger { end_digits: NonZeroU32::new(1), ..DigitTrigger::new(sequence("*")) };
    let mut typist = Typist::new(spec);
    typist.type_digits("*1");
    assert!(typist.is_on());
    assert!(typist.trigger.begin_event(&typist.spec) && !typist.is_on());
}

#[test]
fn a_digit_under_way_when_the_time_ends_is_kept_back_to_its_end() {
    let end_after = Some(Duration::from_millis(100));
    let mut typist = Typist::new(DigitTrigger { end_after, tones: true, ..DigitTrigger::new(sequence("*")) });
    typist.method = KeyMethod::Tone;
    typist.type_digits("*");
    let end = typist.trigger.deadline(&typist.spec).unwrap();
    assert!(!typist.trigger.handle_timeout(end, &typist.spec, true));
    assert_eq!(typist.trigger.deadline(&typist.spec), None);
    assert!(typist.trigger.press(end, &typist.spec, &press('7', KeyMethod::Tone)) && !typist.is_on());
}

#[test]
fn a_saved_trigger_goes_on_in_every_state() {
    let spec = DigitTrigger {
        end: Some(sequence("##")),
        end_after: Some(Duration::from_secs(5)),
        afterwards: SecureInput::Random,
        ..DigitTrigger::new(sequence("12"))
    };
    let typed = "312#4##";
    for cut in 0..=typed.len() {
        let mut typist = Typist::new(spec);
        let mut on = typist.type_digits(&typed[..cut]);
        let saved = typist.trigger.save(typist.now);
        let bytes = serde_json::to_vec(&saved).unwrap();
        let saved = serde_json::from_slice(&bytes).unwrap();
        assert!(!format!("{saved:?}").contains("matched"));
        // Another clock.
        typist.now = typist.now + Duration::from_secs(1000);
        typist.trigger = Trigger::restored(typist.now, &spec, &saved);
        on.extend(typist.type_digits(&typed[cut..]));
        assert_eq!(on, [false, false, true, true, true, true, true], "{cut}");
        typist.wait(100);
        assert_eq!(typist.trigger.secure_input(&spec, SecureInput::Off), SecureInput::Random);
    }
}
