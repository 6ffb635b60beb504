//! Tones as text, by country, and as samples.

use std::time::Duration;

use mediapoint_prompt::{TableError, ToneDefinition, ToneError, ToneSine, ToneTable};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn definitions_are_read_as_the_grammar_says() {
    let busy = ToneDefinition::parse("425/500,0/500").unwrap().uniform().unwrap();
    assert_eq!(busy.sines, [ToneSine { frequency: 425.0, level: -10.0 }]);
    assert_eq!((busy.cadence, busy.cycles), (vec![(ms(500), ms(500))], None));
    let ring = ToneDefinition::parse(" 400@-20 + 450 /400 , 0/200, 400@-20+450/400,0/2000 x3").unwrap();
    let ring = ring.uniform().unwrap();
    assert_eq!((ring.sines[0].level, ring.sines[1].frequency), (-20.0, 450.0));
    assert!((ring.sines[1].level + 13.01).abs() < 0.01);
    assert_eq!((ring.cadence, ring.cycles), (vec![(ms(400), ms(200)), (ms(400), ms(2000))], Some(3)));
    assert_eq!(ToneDefinition::parse("440").unwrap().uniform().unwrap().cadence, []);
    let sit = ToneDefinition::parse("!950/330,!1400/330,!1800/330").unwrap();
    assert_eq!((sit.cycles, sit.uniform()), (Some(1), None), "three sines in turn are no cadence of one");
    for text in
        ["425/500,0/500", "!950/330,!1400/330,!1800/330", "440", "400+450/400,0/200 x2", "!425/100,350+440"]
    {
        let tone = ToneDefinition::parse(text).unwrap();
        assert_eq!(ToneDefinition::parse(&tone.to_string()).unwrap(), tone, "{text}");
    }
    for (text, error) in [
        ("", ToneError::Part(String::new())),
        ("425/500,", ToneError::Part(String::new())),
        ("425/0", ToneError::Duration("0".to_owned())),
        ("425/long", ToneError::Duration("long".to_owned())),
        ("4000/500", ToneError::Sine("4000".to_owned())),
        ("NaN/500", ToneError::Sine("NaN".to_owned())),
        ("425@9/500", ToneError::Sine("425@9".to_owned())),
        ("425/500 x0", ToneError::Cycles("x0".to_owned())),
        ("1+2+3+4+5", ToneError::TooMany),
        ("425,0/500", ToneError::Endless),
    ] {
        assert_eq!(ToneDefinition::parse(text), Err(error), "{text}");
    }
    assert_eq!(ToneDefinition::parse(&["0/1"; 33].join(",")), Err(ToneError::TooMany));
}

#[test]
fn every_country_has_every_tone_and_a_users_file_has_the_last_word() {
    let table = ToneTable::embedded();
    let countries: Vec<&str> = table.countries().map(|(code, _)| code).collect();
    assert!(countries.len() >= 45, "{}", countries.len());
    for country in &countries {
        for tone in ["dial", "busy", "ringback", "congestion"] {
            let uniform = table.find(country, tone).unwrap().uniform();
            assert!(uniform.is_some(), "{country} {tone}: one set of sines, so that the engine can make it");
        }
        assert!(table.find(country, "sit").is_some());
    }
    let german = table.find("DE", "busy").unwrap();
    assert_eq!(german, &ToneDefinition::parse("425/480,0/480").unwrap());
    assert_eq!(table.find("xx", "busy"), table.find("default", "busy"));
    assert_eq!(table.find("de", "howler"), None);

    let own = "[de]\nbusy = \"430/100,0/100\"\nhowler = \"1400+2060/100,0/100\"\n[office]\nname = \"Ours\"\ndial = \"300\"";
    let table = ToneTable::with(own).unwrap();
    assert_eq!(table.find("de", "busy"), ToneDefinition::parse("430/100,0/100").ok().as_ref());
    assert_eq!(table.find("de", "dial"), ToneTable::embedded().find("de", "dial"));
    assert!(table.find("de", "howler").is_some() && table.find("office", "dial").is_some());
    assert!(matches!(ToneTable::with("de = 1"), Err(TableError::Toml(_))));
    let wrong = ToneTable::with("[de]\nbusy = \"beep\"").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "busy of de: \"beep\": a frequency is 1 to 3999 Hz, with @ and a level of -63 to 3.17 dBm0 where one is wanted"
    );
}

#[test]
fn samples_have_the_level_frequency_and_cadence_of_the_definition() {
    let tone = ToneDefinition::parse("!1000@-10/100,500@-20/200,0/100").unwrap().render(8_000);
    let cycle = tone.cycle.unwrap();
    assert_eq!((tone.first.samples.len(), cycle.samples.len()), (3_200, 2_400));
    assert_eq!(tone.first.samples[800..], cycle.samples);
    let level = |samples: &[i16]| {
        let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * (power * 2.0 / 32_767_f64.powi(2)).log10() + 3.17
    };
    assert!((level(&tone.first.samples[..800]) + 10.0).abs() < 0.05);
    assert!((level(&cycle.samples[..1_600]) + 20.0).abs() < 0.05);
    assert!(cycle.samples[1_600..].iter().all(|sample| *sample == 0));
    let rises = |samples: &[i16]| samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    assert_eq!(rises(&cycle.samples[..1_600]), 99, "500 Hz for 200 ms");
    let once = ToneDefinition::parse("!950/330,!1400/330,!1800/330").unwrap().render(8_000);
    assert_eq!((once.first.samples.len(), once.cycle), (7_920, None));
}
