//! Playlists are played sample by sample as they say, without allocation.

use std::sync::Arc;
use std::time::Duration;

use mediapoint_codec::{Codec, Parameters, decoder};
use mediapoint_prompt::{
    Audio, Ended, Filled, Item, Playback, PlaybackState, Playlist, PlaylistState, Position, Prompt,
    PromptError, Repeat, SharedClock,
};
use proptest::prelude::*;

use crate::support::{noise, prompt, voice};

const RATE: u32 = 8_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Reads to the end in pieces of `step`, at most `most` samples.
fn all(playback: &mut Playback, step: usize, most: usize) -> Vec<i16> {
    let (mut heard, mut out) = (Vec::new(), vec![0; step]);
    while heard.len() < most {
        let filled = playback.read(&mut out);
        heard.extend(&out[..filled.samples]);
        if filled.finished {
            break;
        }
    }
    heard
}

#[test]
fn items_join_without_a_gap_bit_for_bit() {
    let parts: Vec<Vec<i16>> = [333, 1, 160, 799].iter().zip(1..).map(|(&n, seed)| noise(seed, n)).collect();
    let whole = parts.concat();
    let playlist = Playlist::of(parts.iter().map(|part| prompt("part", RATE, part.clone())));
    for step in [1, 7, 160, 5_000] {
        let mut playback = Playback::new(&playlist, RATE).unwrap();
        assert!(all(&mut playback, step, 10_000) == whole, "{step}");
        assert_eq!(playback.ended(), Some(Ended::Finished));
        let mut out = [1; 3];
        assert_eq!(playback.read(&mut out), Filled { samples: 0, finished: true });
        assert_eq!(out, [0; 3]);
    }
}

#[test]
fn parts_repeats_start_and_pauses_are_what_the_playlist_says() {
    let (a, b) = (noise(1, 800), noise(2, 400));
    let mut playlist = Playlist::of([prompt("a", RATE, a.clone()), prompt("b", RATE, b.clone())]);
    playlist.items[0].start = ms(10);
    playlist.items[0].end = Some(ms(60));
    playlist.pause = ms(5);
    playlist.repeat = Repeat { times: Some(2), duration: None };
    let silence = vec![0; 40];
    let cycle = [&a[80..480], &silence, &b[..]].concat();
    let wanted = [&cycle[..], &silence, &cycle].concat();
    let heard = |playlist: &Playlist| all(&mut Playback::new(playlist, RATE).unwrap(), 160, 100_000);
    assert!(heard(&playlist) == wanted);
    // The first time alone begins later.
    playlist.start = ms(30);
    assert!(heard(&playlist) == wanted[240..]);
    playlist.repeat.duration = Some(ms(100));
    assert!(heard(&playlist) == wanted[240..1_040]);
    playlist.repeat = Repeat { times: None, duration: Some(ms(2_000)) };
    assert_eq!(heard(&playlist).len(), 16_000);
    playlist.repeat.times = Some(0);
    assert!(heard(&playlist).is_empty());
    // Nothing without end is over at once.
    playlist.items.clear();
    playlist.repeat = Repeat::FOREVER;
    assert!(heard(&playlist).is_empty());
}

#[test]
fn volume_and_fades_follow_their_curves() {
    let flat =
        |db: f32| Playlist { volume_db: db, ..Playlist::of([prompt("flat", RATE, vec![10_000; 1_600])]) };
    let heard = |playlist: &Playlist| all(&mut Playback::new(playlist, RATE).unwrap(), 160, 10_000);
    assert!(heard(&flat(-6.0)).iter().all(|sample| *sample == 5_012));
    // Clipped, not wrapped.
    assert!(heard(&flat(24.0)).iter().all(|sample| *sample == i16::MAX));
    let faded = heard(&Playlist { fade_in: ms(50), fade_out: ms(100), ..flat(0.0) });
    assert_eq!((faded[0], faded[200], faded[400], faded[799]), (0, 5_000, 10_000, 10_000));
    assert_eq!((faded[1_200], faded[1_599]), (5_000, 13));
    assert!(faded.is_sorted_by(|a, b| a.abs_diff(*b) <= 26), "no step in it");

    let mut playback = Playback::new(&flat(0.0), RATE).unwrap();
    let mut out = [0; 160];
    playback.read(&mut out);
    playback.set_volume(-20.0);
    playback.read(&mut out);
    assert!(out[0] == 10_000 && out[159] < 1_100 && out.is_sorted_by(|a, b| a >= b), "{out:?}");
    playback.read(&mut out);
    assert!(out.iter().all(|sample| *sample == 1_000));
}

#[test]
fn pause_stop_and_positions_are_exact() {
    let playlist = Playlist::of([prompt("a", RATE, noise(1, 400)), prompt("b", RATE, noise(2, 400))]);
    let mut playback = Playback::new(&playlist, RATE).unwrap();
    let mut out = [0; 480];
    playback.read(&mut out);
    let at = Position { item: 1, offset: ms(10), played: ms(60) };
    assert_eq!(playback.position(), at);
    playback.pause();
    assert_eq!(playback.read(&mut out), Filled { samples: 0, finished: false });
    assert!(out.iter().all(|sample| *sample == 0));
    assert_eq!(playback.position(), at);
    playback.resume();
    playback.stop(ms(20));
    assert_eq!(playback.left_to_play(), Some(ms(20)));
    assert_eq!(playback.read(&mut out), Filled { samples: 160, finished: true });
    assert!(out[150..160].iter().all(|sample| sample.abs() < 2_000), "{out:?}");
    assert_eq!(playback.ended(), Some(Ended::Stopped));
    assert_eq!(playback.position(), Position { item: 1, offset: ms(30), played: ms(80) });

    let mut playback = Playback::new(&playlist, RATE).unwrap();
    all(&mut playback, 160, 10_000);
    assert_eq!(playback.position(), Position { item: 1, offset: ms(50), played: ms(100) });
    playback.stop(Duration::ZERO);
    assert_eq!(playback.ended(), Some(Ended::Finished), "the first reason stands");
}

#[test]
fn payloads_are_the_prompts_own_frames_and_reads_take_over_where_there_is_none() {
    let samples = noise(3, 1_000);
    let playlist = Playlist {
        repeat: Repeat { times: Some(2), duration: None },
        ..Playlist::of([prompt("a", RATE, samples.clone())])
    };
    let mut playback = Playback::new(&playlist, RATE).unwrap();
    let key = playback.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20).unwrap();
    let mut decode = decoder(&Codec::PCMU, RATE).unwrap();
    let (mut encoded, mut read, mut heard) = (0, 0, Vec::new());
    let mut pcm = [0; 160];
    while playback.ended().is_none() {
        match playback.payload(key) {
            Some(payload) => {
                assert_eq!(payload.len(), 160);
                decode.decode(payload, &mut pcm).unwrap();
                heard.extend(pcm);
                encoded += 1;
            }
            None => {
                let filled = playback.read(&mut pcm);
                heard.extend(&pcm[..filled.samples]);
                read += 1;
            }
        }
    }
    // Six frames, the join, and then never on a boundary again.
    assert_eq!((encoded, read), (6, 7));
    let wanted = [&samples[..], &samples].concat();
    assert_eq!(heard.len(), wanted.len());
    assert!(wanted.iter().zip(&heard).all(|(a, b)| a.abs_diff(*b) <= 1_024), "G.711's error at most");

    // Aligned items begin frames: all of it is encoded before.
    let mut playback = Playback::new(&Playlist { align: true, ..playlist }, RATE).unwrap();
    let key = playback.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20).unwrap();
    let mut frames = 0;
    while playback.payload(key).is_some() {
        frames += 1;
    }
    assert_eq!((frames, playback.ended(), playback.position().played), (14, Some(Ended::Finished), ms(280)));
}

#[test]
fn there_is_no_payload_where_the_volume_is_not_0_db_or_nothing_plays() {
    let playlist =
        Playlist { fade_in: ms(40), fade_out: ms(40), ..Playlist::of([prompt("a", RATE, noise(3, 1_600))]) };
    let mut playback = Playback::new(&playlist, RATE).unwrap();
    let key = playback.prepare(&Codec::PCMA, &Parameters::parse(&Codec::PCMA, ""), 20).unwrap();
    let mut out = [0; 160];
    let mut turns = Vec::new();
    while playback.ended().is_none() {
        let is_encoded = playback.payload(key).is_some();
        if !is_encoded {
            playback.read(&mut out);
        }
        turns.push(is_encoded);
    }
    assert_eq!(turns, [false, false, true, true, true, true, true, true, false, false]);

    let plain = Playlist::of([prompt("a", RATE, noise(3, 16_000))]);
    let mut playback = Playback::new(&plain, RATE).unwrap();
    let key = playback.prepare(&Codec::PCMA, &Parameters::parse(&Codec::PCMA, ""), 20).unwrap();
    playback.set_volume(-3.0);
    assert!(playback.payload(key).is_none());
    playback.set_volume(0.0);
    assert!(playback.payload(key).is_none(), "it is still rising");
    playback.read(&mut out);
    assert!(playback.payload(key).is_some());
    playback.pause();
    assert!(playback.payload(key).is_none());
    playback.resume();
    playback.read(&mut out[..80]);
    assert!(playback.payload(key).is_none(), "in the middle of a frame");
    playback.read(&mut out[..80]);
    assert!(playback.payload(key).is_some());
    playback.stop(ms(100));
    assert!(playback.payload(key).is_none());
}

#[test]
fn a_thousand_listeners_cost_one_encoding_a_codec() {
    let music = prompt("music", 48_000, voice(48_000, 1.0));
    let playlist = Playlist { repeat: Repeat::FOREVER, ..Playlist::of([Arc::clone(&music)]) };
    let codecs = [Codec::PCMU, Codec::PCMA, Codec::G722, Codec::G729, Codec::OPUS];
    let mut listeners = Vec::new();
    for _ in 0..200 {
        for codec in &codecs {
            let mut playback = Playback::new(&playlist, RATE).unwrap();
            let key = playback.prepare(codec, &Parameters::parse(codec, ""), 20).unwrap();
            listeners.push((playback, key));
        }
    }
    let mut sent = 0;
    for (playback, key) in &mut listeners {
        for _ in 0..50 {
            sent += usize::from(playback.payload(*key).is_some_and(|payload| !payload.is_empty()));
        }
    }
    assert_eq!((sent, music.encodings()), (50_000, 5));
    // Another packet time is another encoding; a time that is none is refused.
    let party = Parameters::parse(&Codec::PCMU, "");
    assert_eq!(music.encoded(&Codec::PCMU, &party, 30).unwrap().frames(), 34);
    assert_eq!(music.encoded(&Codec::PCMU, &party, 25).unwrap_err(), PromptError::PacketTime(25));
    assert_eq!(music.encodings(), 6);
}

#[test]
fn encoded_frames_decode_to_the_prompt() {
    let samples = voice(RATE, 1.0);
    let prompt = prompt("voice", RATE, samples.clone());
    for codec in [Codec::PCMU, Codec::PCMA, Codec::L16_8K] {
        let encoded = prompt.encoded(&codec, &Parameters::parse(&codec, ""), 20).unwrap();
        let mut decode = decoder(&codec, RATE).unwrap();
        let mut heard = Vec::new();
        for frame in 0..encoded.frames() {
            let mut pcm = [0; 160];
            decode.decode(encoded.frame(frame).unwrap(), &mut pcm).unwrap();
            heard.extend(pcm);
        }
        assert!(encoded.is_whole() && encoded.frame(encoded.frames()).is_none());
        let snr = crate::support::snr(&samples, &heard);
        assert!(snr > 30.0, "{codec}: {snr:.1} dB");
    }
}

#[test]
fn neither_reading_nor_payloads_allocate() {
    let playlist = Playlist {
        repeat: Repeat::FOREVER,
        pause: ms(40),
        align: true,
        ..Playlist::of([prompt("a", RATE, noise(1, 999)), prompt("b", RATE, noise(2, 3_200))])
    };
    let mut playback = Playback::new(&playlist, RATE).unwrap();
    let key = playback.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20).unwrap();
    let clock = SharedClock { epoch: Duration::ZERO };
    let mut shared = Playback::shared(&playlist, RATE, clock).unwrap();
    let shared_key = shared.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20).unwrap();
    let mut out = [0; 160];
    let (mut payloads, mut reads) = (0, 0);
    let counts = mediapoint_allocations::measure(|| {
        for turn in 0..2_000_u64 {
            match turn % 500 {
                100 => playback.pause(),
                110 => playback.resume(),
                200 => playback.set_volume(-6.0),
                300 => playback.set_volume(0.0),
                _ => {}
            }
            if playback.payload(key).is_some() {
                payloads += 1;
            } else {
                playback.read(&mut out);
                reads += 1;
            }
            shared.follow(ms(20 * turn));
            if shared.payload(shared_key).is_none() {
                shared.read(&mut out);
            }
            std::hint::black_box(playback.position());
        }
        playback.stop(ms(100));
        playback.read(&mut out);
    });
    assert_eq!(counts.calls(), 0, "{counts:?}");
    assert!(payloads > 800 && reads > 500, "{payloads} {reads}");
}

#[test]
fn listeners_of_a_shared_clock_hear_the_same_whenever_they_come() {
    let music = prompt("music", RATE, noise(9, 12_345));
    let playlist = Playlist { start: ms(500), fade_in: ms(100), ..Playlist::of([Arc::clone(&music)]) };
    let clock = SharedClock { epoch: ms(1_000_000) };
    let listener = || {
        let mut playback = Playback::shared(&playlist, RATE, clock).unwrap();
        let key = playback.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20).unwrap();
        (playback, key)
    };
    let (mut first, first_key) = listener();
    let mut late = None;
    for turn in 0..400_u64 {
        // The tick comes up to 5 ms late.
        let now = ms(1_000_000 + turn * 20 + turn % 6);
        first.follow(now);
        let heard = first.payload(first_key).map(<[u8]>::to_vec);
        assert!(heard.is_some(), "all of it is encoded before: {turn}");
        if turn == 123 {
            late = Some(listener());
        }
        if let Some((late, key)) = &mut late {
            late.follow(now + ms(3));
            assert!(late.payload(*key).map(<[u8]>::to_vec) == heard, "{turn}");
        }
    }
    assert_eq!(music.encodings(), 1);
    // One that was away comes back to where the others are.
    let (mut away, _) = late.unwrap();
    away.follow(ms(1_000_000 + 20_000));
    first.follow(ms(1_000_000 + 20_000));
    assert_eq!(away.position().offset, first.position().offset);
    assert_eq!(away.position().item, 0);
}

#[test]
fn a_state_goes_on_sample_by_sample_in_another_process() {
    let (a, b) = (prompt("a", RATE, noise(1, 777)), prompt("b", RATE, noise(2, 1_234)));
    let mut playlist = Playlist::of([Arc::clone(&a), Arc::clone(&b)]);
    playlist.items[1].start = ms(7);
    playlist.repeat = Repeat { times: Some(3), duration: None };
    playlist.fade_out = ms(60);
    for before in [0, 1, 160, 777, 1_999, 5_000] {
        let mut playback = Playback::new(&playlist, RATE).unwrap();
        playback.set_volume(-4.0);
        all(&mut playback, 1, before);
        // What is rising is at its end on the other side.
        all(&mut playback, 1, if before == 0 { 160 } else { 0 });
        let text = serde_json::to_string(&(playlist.state(), playback.save())).unwrap();
        let (list, state): (PlaylistState, PlaybackState) = serde_json::from_str(&text).unwrap();
        let find = |name: &str| [&a, &b].into_iter().find(|prompt| prompt.name() == name).cloned();
        let list = Playlist::restored(&list, find).unwrap();
        let mut restored = Playback::restored(&list, &state, RATE).unwrap();
        assert_eq!(restored.position(), playback.position(), "{before}");
        if before >= 160 {
            assert!(all(&mut restored, 33, 100_000) == all(&mut playback, 33, 100_000), "{before}");
        }
    }
    let state = Playback::new(&playlist, RATE).unwrap().save();
    let other = Playlist::of([b]);
    assert_eq!(Playback::restored(&other, &state, RATE).unwrap_err(), PromptError::State);
    assert!(Playlist::restored(&playlist.state(), |_| None).is_none());
}

#[test]
fn a_prompt_is_made_at_a_rate_once_and_plays_as_long() {
    let prompt = prompt("a", 44_100, voice(44_100, 2.0));
    let narrow = prompt.samples(8_000).unwrap();
    assert_eq!(narrow.len(), 16_000);
    assert!(Arc::ptr_eq(&narrow, &prompt.samples(8_000).unwrap()));
    assert_eq!(prompt.bytes(), 2 * (88_200 + 16_000));
    assert_eq!(prompt.duration(), ms(2_000));
}

/// A naive twin: all that is to be heard, at once.
fn twin(items: &[(Vec<i16>, usize, usize)], pause: usize, times: usize) -> Vec<i16> {
    let mut heard = Vec::new();
    for time in 0..times {
        for (index, (samples, from, to)) in items.iter().enumerate() {
            if time + index > 0 {
                heard.extend(vec![0; pause]);
            }
            heard.extend(&samples[*from..*to]);
        }
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_playlist_read_in_any_pieces_is_what_its_twin_says(
        items in prop::collection::vec((1_usize..60, 0_usize..60, 0_usize..60), 1..5),
        pause in 0_usize..40,
        times in 1_u32..4,
        steps in prop::collection::vec(1_usize..300, 1..8),
        paused in any::<bool>(),
    ) {
        // A rate of 1000 Hz: a sample a millisecond.
        let items: Vec<(Vec<i16>, usize, usize)> = items
            .into_iter()
            .enumerate()
            .map(|(index, (len, from, to))| {
                let to = to.min(len).max(1);
                (noise(index as u64, len), from.min(to - 1), to)
            })
            .collect();
        let list = items.iter().map(|(samples, from, to)| Item {
            prompt: Prompt::new("a", Audio { rate: 1_000, samples: samples.clone() }),
            start: ms(*from as u64),
            end: Some(ms(*to as u64)),
        });
        let playlist = Playlist {
            items: list.collect(),
            pause: ms(pause as u64),
            repeat: Repeat { times: Some(times), duration: None },
            ..Playlist::of([])
        };
        let wanted = twin(&items, pause, times as usize);
        let mut playback = Playback::new(&playlist, 1_000).unwrap();
        prop_assert_eq!(playback.left_to_play(), Some(ms(wanted.len() as u64)));
        let mut heard: Vec<i16> = Vec::new();
        for step in steps.iter().cycle() {
            let mut out = vec![7; *step];
            if paused {
                playback.pause();
                prop_assert_eq!(playback.read(&mut out).samples, 0);
                playback.resume();
            }
            let filled = playback.read(&mut out);
            heard.extend(&out[..filled.samples]);
            prop_assert_eq!(playback.position().played, ms(heard.len() as u64));
            if filled.finished {
                break;
            }
        }
        prop_assert_eq!(heard, wanted);
    }
}
