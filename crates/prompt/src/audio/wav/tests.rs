#![expect(clippy::cast_possible_truncation, reason = "made up lengths")]

use super::*;

fn format(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
    let mut chunk = b"fmt \x10\0\0\0".to_vec();
    chunk.extend([tag, channels].iter().flat_map(|value| value.to_le_bytes()));
    chunk.extend(8000_u32.to_le_bytes());
    chunk.extend([0; 6]);
    chunk.extend(bits.to_le_bytes());
    chunk
}

fn data(bytes: &[u8]) -> Vec<u8> {
    [b"data", &(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    let chunks = chunks.concat();
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WAVE", &chunks].concat()
}

fn read(file: &[u8]) -> Result<(Vec<f32>, Option<u64>), ReadError> {
    let (riff, mut rest) = file.split_first_chunk().unwrap();
    let head = WavHead::read(&mut rest, riff)?;
    let mut reader = WavReader::new(rest, head);
    let mut samples = Vec::new();
    while let Some(block) = reader.next_block()? {
        samples.extend_from_slice(block);
    }
    assert_eq!(reader.read(), samples.len() as u64);
    Ok((samples, reader.announced()))
}

#[test]
fn every_coding_means_the_same() {
    let half = [0.5, -0.5];
    for (tag, bits, bytes) in [
        (1, 8, vec![192, 64]),
        (1, 16, vec![0, 0x40, 0, 0xc0]),
        (1, 24, vec![0, 0, 0x40, 0, 0, 0xc0]),
        (1, 32, vec![0, 0, 0, 0x40, 0, 0, 0, 0xc0]),
        (3, 32, half.iter().flat_map(|s: &f32| s.to_le_bytes()).collect()),
        (3, 64, half.iter().flat_map(|s| f64::from(*s).to_le_bytes()).collect()),
    ] {
        let read = read(&file(&[format(tag, 1, bits), data(&bytes)])).unwrap();
        assert_eq!(read, (half.to_vec(), Some(2)), "{tag} {bits}");
    }
    // A-law 0xd5 and mu-law 0xff are the positive value next to zero.
    assert_eq!(read(&file(&[format(6, 1, 8), data(&[0xd5])])).unwrap().0, [8.0 / 32_768.0]);
    assert_eq!(read(&file(&[format(7, 1, 8), data(&[0xff])])).unwrap().0, [0.0]);
}

#[test]
fn channels_are_mixed_and_what_is_left_of_a_sample_is_none() {
    let samples = [100_i16, 300, -50, 50, 7];
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let (mono, announced) = read(&file(&[format(1, 2, 16), data(&bytes)])).unwrap();
    assert_eq!((mono, announced), (vec![200.0 / 32_768.0, 0.0], Some(2)));
}

#[test]
fn extensible_says_its_coding_further_behind_and_other_chunks_are_passed_over() {
    let mut extensible = format(0xfffe, 1, 32);
    extensible[4] = 40;
    extensible.extend([22, 0, 32, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]);
    // An odd length has a byte behind it that belongs to nobody.
    let list = b"LIST\x03\0\0\0abc\0".to_vec();
    let audio = data(&0.25_f32.to_le_bytes());
    let behind = b"LIST\x04\0\0\0abcd".to_vec();
    assert_eq!(read(&file(&[list, extensible, audio, behind])).unwrap().0, [0.25]);
}

#[test]
fn lengths_that_were_never_filled_in_mean_all_there_is() {
    let good = file(&[format(1, 1, 16), data(&[1, 0, 2, 0])]);
    let wanted = [1.0 / 32_768.0, 2.0 / 32_768.0];
    for (riff, len) in [(0, 0), (36, 0), (u32::MAX, u32::MAX), (40, u32::MAX), (0x7fff_f024, 0x7fff_f000)] {
        let mut file = good.clone();
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        file[40..44].copy_from_slice(&len.to_le_bytes());
        assert_eq!(read(&file).unwrap(), (wanted.to_vec(), None), "{riff} {len}");
    }
    // One that is too long is told, one that is right though the whole's is wrong is not.
    let mut long = good.clone();
    long[40] = 100;
    assert_eq!(read(&long).unwrap(), (wanted.to_vec(), Some(50)));
    let mut short = good;
    short[4] = 4;
    assert_eq!(read(&short).unwrap(), (wanted.to_vec(), Some(2)));
    let empty = file(&[format(1, 1, 16), data(&[]), b"LIST\x04\0\0\0abcd".to_vec()]);
    assert_eq!(read(&empty).unwrap(), (vec![], None));
}

/// A chunk with its length and, where that is odd, the octet that fills it up.
fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = [id, &(body.len() as u32).to_le_bytes()[..], body].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

/// A file of 16-bit samples whose lengths were not filled in, and `behind` behind them.
fn unfinished(riff: Option<u32>, len: u32, pcm: &[i16], behind: &[Vec<u8>]) -> Vec<u8> {
    let pcm: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut file = file(&[&[format(1, 1, 16), data(&pcm)], behind].concat());
    if let Some(riff) = riff {
        file[4..8].copy_from_slice(&riff.to_le_bytes());
    }
    file[40..44].copy_from_slice(&len.to_le_bytes());
    file
}

/// Samples among which are the names of chunks, with lengths that end nowhere, or behind the end.
fn deceptive(count: usize) -> Vec<i16> {
    let mut pcm: Vec<i16> = (0..count).map(|n| (n as i16).wrapping_mul(37)).collect();
    for (at, len) in [(10, 20_u32), (count / 2, 4), (count - 30, 1000), (count - 20, u32::MAX)] {
        let name: Vec<u8> = [&b"LIST"[..], &len.to_le_bytes()].concat();
        for (sample, octets) in pcm[at..].iter_mut().zip(name.as_chunks().0) {
            *sample = i16::from_le_bytes(*octets);
        }
    }
    pcm
}

#[test]
fn samples_without_a_length_end_where_chunks_begin_that_end_with_the_file() {
    let list = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0");
    let id3 = chunk(b"id3 ", &[7; 50_001]);
    let mut unfilled = id3.clone();
    unfilled.pop();
    for count in [0, 1, 37, 8191, 8192, 8193, 40_000] {
        let pcm = if count > 100 { deceptive(count) } else { vec![1; count] };
        let wanted: Vec<f32> = pcm.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        for behind in [
            vec![],
            vec![list.clone()],
            vec![id3.clone()],
            vec![list.clone(), chunk(b"XYZ ", b"abc"), id3.clone()],
            vec![list.clone(), unfilled.clone()],
        ] {
            for riff in [None, Some(0), Some(36), Some(u32::MAX), Some(1000)] {
                for len in [0, u32::MAX, 0x7fff_f000] {
                    let file = unfinished(riff, len, &pcm, &behind);
                    let (samples, announced) = read(&file).unwrap();
                    assert_eq!(samples.len(), wanted.len(), "{count} {} {riff:?} {len}", behind.len());
                    assert!(samples == wanted && announced.is_none());
                }
            }
        }
    }
}

#[test]
fn a_chunk_behind_a_length_that_was_filled_in_is_no_audio_whatever_the_whole_is_said_to_be() {
    let audio = data(&[1, 0, 2, 0]);
    for behind in [chunk(b"LIST", b"abcd"), chunk(b"id3 ", &[0xff; 301]), chunk(b"none", b"x")] {
        for riff in [0, 36, 1000, u32::MAX] {
            let mut file = file(&[format(1, 1, 16), audio.clone(), behind.clone()]);
            file[4..8].copy_from_slice(&u32::to_le_bytes(riff));
            assert_eq!(read(&file).unwrap(), (vec![1.0 / 32_768.0, 2.0 / 32_768.0], Some(2)), "{riff}");
        }
    }
    // An odd number of octets: the one behind them is none of them.
    let odd = chunk(b"data", &[192, 64, 192]);
    let file = file(&[format(1, 1, 8), odd, chunk(b"LIST", b"abcd")]);
    assert_eq!(read(&file).unwrap(), (vec![0.5, -0.5, 0.5], Some(3)));
}

/// A file with 64-bit lengths: `data` octets, and a table with one entry.
fn long(name: &[u8; 4], data_len: u64, table: (&[u8; 4], u64), chunks: &[Vec<u8>]) -> Vec<u8> {
    let sizes = [
        &0_u64.to_le_bytes()[..],
        &data_len.to_le_bytes(),
        &0_u64.to_le_bytes(),
        &1_u32.to_le_bytes(),
        table.0,
        &table.1.to_le_bytes(),
    ];
    let mut file = file(&[&[chunk(b"ds64", &sizes.concat())], chunks].concat());
    file[..4].copy_from_slice(name);
    file[4..8].fill(0xff);
    file
}

#[test]
fn lengths_of_64_bits_count_where_the_short_ones_say_so() {
    let list = chunk(b"LIST", b"abcd");
    let mut audio = data(&[1, 0, 2, 0]);
    audio[4..8].fill(0xff);
    let none = (b"none", 0);
    let wanted = vec![1.0 / 32_768.0, 2.0 / 32_768.0];
    for name in [b"RF64", b"BW64", b"RIFF"] {
        let file = long(name, 4, none, &[format(1, 1, 16), audio.clone(), list.clone()]);
        assert_eq!(read(&file).unwrap(), (wanted.clone(), Some(2)));
    }
    // More than is there: a file that was cut off, and longer than 4 GiB.
    let file = long(b"RF64", 6 << 30, none, &[format(1, 1, 16), audio.clone()]);
    assert_eq!(read(&file).unwrap(), (wanted.clone(), Some(3 << 30)));
    // A short length that says something counts, and one that was never filled in does not.
    let file = long(b"RF64", 4, none, &[format(1, 1, 16), data(&[1, 0]), list.clone()]);
    assert_eq!(read(&file).unwrap(), (vec![1.0 / 32_768.0], Some(1)));
    for never in [0, u64::MAX] {
        let file = long(b"RF64", never, none, &[format(1, 1, 16), audio.clone(), list.clone()]);
        assert_eq!(read(&file).unwrap(), (wanted.clone(), None));
    }
    // Other chunks may be as long.
    let mut before = list.clone();
    before[4..8].fill(0xff);
    let file = long(b"RF64", 4, (b"LIST", 4), &[before, format(1, 1, 16), audio, list]);
    assert_eq!(read(&file).unwrap(), (wanted, Some(2)));
}

/// `format` with the octets of all channels' sample filled in, and where `valid` is not 0, in its long form.
fn bits(bits: u16, octets: u16, valid: u16) -> Vec<u8> {
    let mut chunk = format(if valid == 0 { 1 } else { 0xfffe }, 1, bits);
    chunk[20..22].copy_from_slice(&octets.to_le_bytes());
    if valid > 0 {
        chunk[4] = 40;
        chunk.extend([22, 0]);
        chunk.extend(valid.to_le_bytes());
        chunk.extend([4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]);
    }
    chunk
}

#[test]
fn bits_that_do_not_fill_their_octets_are_the_upper_ones() {
    // 0.5 and the least value of 12 or 20 bits, with something in the bits that mean nothing.
    let twelve = vec![0x07, 0x40, 0x1f, 0x00];
    let twenty = vec![0x07, 0, 0x40, 0x1f, 0, 0];
    let in_four = vec![9, 0x07, 0, 0x40, 9, 0x1f, 0, 0];
    for (format, audio, least) in [
        (bits(12, 2, 0), &twelve, 1.0 / 2048.0),
        (bits(12, 0, 0), &twelve, 1.0 / 2048.0),
        (bits(16, 2, 12), &twelve, 1.0 / 2048.0),
        (bits(20, 3, 0), &twenty, 1.0 / 524_288.0),
        (bits(24, 3, 20), &twenty, 1.0 / 524_288.0),
        (bits(20, 4, 0), &in_four, 1.0 / 524_288.0),
        (bits(32, 4, 20), &in_four, 1.0 / 524_288.0),
        (bits(6, 1, 0), &vec![0xc3, 0x87], 0.0625 - 1.0 / 128.0),
    ] {
        let (samples, announced) = read(&file(&[format.clone(), data(audio)])).unwrap();
        assert_eq!(announced, Some(2));
        assert_eq!(samples[0], 0.5, "{format:?}");
        let wanted = if audio.len() == 2 { 4.0 / 128.0 } else { least };
        assert_eq!(samples[1], wanted, "{format:?}");
    }
    // Full ones are what they were.
    assert_eq!(read(&file(&[bits(16, 2, 16), data(&[1, 0x40])])).unwrap().0, [16_385.0 / 32_768.0]);
    assert_eq!(read(&file(&[bits(16, 4, 0), data(&[1, 0x40])])).unwrap().0, [16_385.0 / 32_768.0]);
}

#[test]
fn chunks_of_an_odd_length_may_lack_the_octet_that_fills_them_up() {
    let whole = b"LIST\x03\0\0\0abc\0".to_vec();
    let dirty = b"LIST\x03\0\0\0abcd".to_vec();
    let none = b"LIST\x03\0\0\0abc".to_vec();
    for before in [&whole, &dirty, &none] {
        for after in [&whole, &dirty, &none] {
            let file = file(&[before.clone(), format(1, 1, 16), after.clone(), data(&[0, 0x40])]);
            assert_eq!(read(&file).unwrap(), (vec![0.5], Some(1)), "{before:?} {after:?}");
        }
    }
}

#[test]
fn any_bytes_are_read_or_refused() {
    let mut state = 1_u64;
    let mut random = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let list = chunk(b"LIST", b"abcd");
    let good = [
        unfinished(None, 0, &deceptive(200), std::slice::from_ref(&list)),
        long(b"RF64", 4, (b"LIST", 4), &[list, bits(24, 3, 20), data(&[9; 30])]),
    ];
    let mut read_some = 0;
    for round in 0..4000 {
        let mut file = good[round % 2].clone();
        for _ in 0..=random(3) {
            let at = 12 + random(file.len() - 12);
            file[at] = random(256) as u8;
        }
        let len = if random(3) == 0 { 12 + random(file.len() - 12) } else { file.len() };
        read_some += usize::from(read(&file[..len]).is_ok());
    }
    assert!((1000..4000).contains(&read_some), "{read_some}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let audio = data(&[0; 4]);
    for (file, wanted) in [
        (file(&[format(0x11, 1, 4), audio.clone()]), ReadError::Coding { at: 20, tag: 0x11, bits: 4 }),
        (file(&[format(1, 1, 33), audio.clone()]), ReadError::Coding { at: 20, tag: 1, bits: 33 }),
        (file(&[format(1, 0, 16), audio.clone()]), ReadError::Channels { at: 20, channels: 0 }),
        (file(&[format(1, 500, 16), audio.clone()]), ReadError::Channels { at: 20, channels: 500 }),
        (file(&[audio]), ReadError::NoFormat { at: 20 }),
        (file(&[format(1, 1, 16)]), ReadError::Ends { at: 36 }),
        (file(&[b"fmt \x04\0\0\0\x01\0\x01\0".to_vec()]), ReadError::Ends { at: 20 }),
    ] {
        assert_eq!(read(&file).unwrap_err(), wanted);
    }
    let mut no_rate = file(&[format(1, 1, 16), data(&[0; 4])]);
    no_rate[24..28].fill(0);
    assert_eq!(read(&no_rate).unwrap_err(), ReadError::Rate(0));
    let mut odd_rate = file(&[format(1, 1, 16), data(&[0; 4])]);
    odd_rate[24..28].fill(0xff);
    assert_eq!(read(&odd_rate).unwrap_err(), ReadError::Rate(u32::MAX));
}

#[test]
fn no_number_becomes_silence() {
    let bytes: Vec<u8> = [f32::NAN, f32::INFINITY, 3.0].iter().flat_map(|s| s.to_le_bytes()).collect();
    assert_eq!(read(&file(&[format(3, 1, 32), data(&bytes)])).unwrap().0, [0.0, 0.0, 1.0]);
}
