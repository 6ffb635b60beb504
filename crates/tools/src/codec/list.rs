//! `mediapoint-tools codec list`.

use comfy_table::{CellAlignment, Table};
use mediapoint_codec::{Codec, Unsupported, decoder};

use super::name::CodecName;
use crate::text;

/// What is known of a codec beyond what its coders say.
struct Row {
    codec: Codec,
    payload_type: Option<u8>,
    /// Its files, where it has some.
    name: Option<CodecName>,
    bit_rate: &'static str,
    frame: &'static str,
    rates: Option<&'static str>,
}

/// All codecs that are converted.
fn rows() -> Vec<Row> {
    let row = |codec, payload_type, name, bit_rate, frame| Row {
        codec,
        payload_type,
        name,
        bit_rate,
        frame,
        rates: None,
    };
    let opus = row(Codec::OPUS, None, Some(CodecName::Opus), "6-510", "10-120 ms");
    let linear = row(Codec::L16_16K, None, None, "128\n256\n768", "1 sample");
    vec![
        row(Codec::PCMU, Some(0), Some(CodecName::Pcmu), "64", "1 sample"),
        row(Codec::PCMA, Some(8), Some(CodecName::Pcma), "64", "1 sample"),
        row(Codec::G722, Some(9), Some(CodecName::G722), "64", "2 samples"),
        row(Codec::G729, Some(18), Some(CodecName::G729), "8", "10 ms"),
        row(Codec::GSM, Some(3), Some(CodecName::Gsm), "13", "20 ms"),
        Row { rates: Some("8 12 16\n24 48"), ..opus },
        Row { rates: Some("8 16 48"), ..linear },
    ]
}

/// The table.
pub(super) fn table() -> Result<Table, Unsupported> {
    let mut table = text::table();
    table.set_header(["codec", "PT", "audio\nkHz", "clock\nkHz", "kbit/s", "frame", "DTX", "PLC", "files"]);
    for row in rows() {
        table.add_row(cells(&row)?);
    }
    for index in 1..5 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(table)
}

fn cells(row: &Row) -> Result<[String; 9], Unsupported> {
    let coder = decoder(&row.codec, 48_000)?;
    let yes = |yes: bool| if yes { "yes" } else { "-" }.to_owned();
    let files = row.name.map(|name| {
        let names: Vec<String> = name.extensions().map(|extension| format!(".{extension}")).collect();
        names.join("\n")
    });
    Ok([
        row.codec.sdp_name().to_owned(),
        row.payload_type.map_or_else(|| "dynamic".to_owned(), |number| number.to_string()),
        row.rates.map_or_else(|| (coder.sample_rate() / 1000).to_string(), str::to_owned),
        match row.name {
            None => row.rates.unwrap_or_default().to_owned(),
            Some(_) => (row.codec.clock_rate / 1000).to_string(),
        },
        row.bit_rate.to_owned(),
        row.frame.to_owned(),
        yes(row.name.is_some_and(CodecName::has_dtx)),
        yes(coder.conceals()),
        files.unwrap_or_else(|| "-".to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use mediapoint_packet::rtp::PayloadType;

    use super::*;

    #[test]
    fn payload_types_are_those_that_mean_the_codec_without_a_word() {
        for number in 0..96 {
            let codec = PayloadType::new(number).and_then(Codec::from_static);
            let listed = rows().into_iter().find(|row| row.payload_type == Some(number)).map(|row| row.codec);
            if listed.is_some() || codec.as_ref().is_some_and(Codec::is_convertible) {
                assert_eq!(listed, codec, "{number}");
            }
        }
    }

    #[test]
    fn every_codec_of_files_is_listed() {
        let shown = table().unwrap().to_string();
        for part in ["PCMU", "PCMA", "G722", "G729", "GSM", "opus", "L16", ".bit", "dynamic"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(shown.lines().all(|line| line.chars().count() <= text::WIDTH), "{shown}");
    }
}
