//! What a reply without a description means: the state of a call in `query` and `delete`, and the kinds of values of
//! all other replies.

use std::collections::BTreeSet;

use bt_bencode::Value;

use super::meaning::Meaning;

/// Tags of the parties in every case.
const PARTIES: [&str; 2] = [super::cases::A, super::cases::B];

/// A number that is a date: seconds since 1970.
const DATES: [&str; 3] = ["created", "last signal", "last packet"];

/// Describes the keys of a reply.
///
/// Under `tags` and `totals`, and of a `duration`, values count: addresses and ports of parties as they are, our ports by their distance from
/// the first one of the section, dates by being dates. Elsewhere the kind of a value counts. Flags and relations are
/// sets. The dictionary of a party that has no tag yet is named alike, whatever its key.
pub(super) fn describe(reply: &Value, out: &mut Meaning) {
    let Value::Dict(reply) = reply else { return };
    for (key, value) in reply {
        let key = String::from_utf8_lossy(key.as_slice());
        let path = format!("reply.{key}");
        match (&*key, value) {
            ("result" | "error-reason", _) => {}
            ("tags", Value::Dict(tags)) => {
                for (tag, party) in tags {
                    let name = tag_name(&String::from_utf8_lossy(tag.as_slice()));
                    exact(&format!("{path}.{name}"), party, 0, out);
                }
            }
            ("totals" | "created" | "created_us" | "last signal" | "duration", _) => {
                exact(&path, value, 0, out)
            }
            _ => kinds(&path, value, out),
        }
    }
}

fn tag_name(tag: &str) -> String {
    if tag.is_empty() || tag.starts_with("<untagged") { "untagged".to_owned() } else { tag.to_owned() }
}

/// Values as they are but for what differs from run to run. `first` is the section's first port of the server's.
fn exact(path: &str, value: &Value, first: u64, out: &mut Meaning) {
    let name = path.rsplit('.').next().unwrap_or_default();
    let told = match value {
        Value::Dict(dictionary) => {
            if dictionary.is_empty() {
                out.insert(path.to_owned(), "nothing".to_owned());
            }
            for (key, item) in dictionary {
                exact(&format!("{path}.{}", String::from_utf8_lossy(key.as_slice())), item, first, out);
            }
            return;
        }
        Value::List(list) if name == "flags" => {
            for flag in list.iter().map(text) {
                out.insert(format!("{path}.{flag}"), "on".to_owned());
            }
            return;
        }
        Value::List(list) if name == "subscriptions" || name == "subscribers" => {
            words(list.iter().map(|item| {
                let of = |key| member(item, key).map(text).unwrap_or_default();
                format!("{} by {}", tag_name(&of("tag")), of("type"))
            }))
        }
        Value::List(list) => {
            let first = list.first().and_then(|item| member(item, "local port")).and_then(Value::as_u64);
            for (index, item) in list.iter().enumerate() {
                if name == "medias" && is_refused(item) {
                    out.insert(format!("{path}[{index}]"), "refused".to_owned());
                    continue;
                }
                exact(&format!("{path}[{index}]"), item, first.unwrap_or(0), out);
            }
            list.len().to_string()
        }
        Value::Int(_) => number(name, value.as_u64().unwrap_or(0), first),
        Value::ByteStr(_) if path.matches('.').count() == 2 && name == "tag" => tag_name(&text(value)),
        Value::ByteStr(_) => text(value),
    };
    out.insert(path.to_owned(), told);
}

/// True for a section without ports of ours. What else is said of it means nothing.
fn is_refused(section: &Value) -> bool {
    let first = member(section, "streams").and_then(Value::as_list).and_then(|streams| streams.first());
    first.is_none_or(|stream| member(stream, "local port").is_none())
}

fn number(name: &str, number: u64, first: u64) -> String {
    match name {
        "local port" if number == 0 => "closed".to_owned(),
        "local port" => format!("ours {:+}", i128::from(number) - i128::from(first)),
        "created_us" if number < 1_000_000 => "the fraction of a second".to_owned(),
        _ if DATES.contains(&name) && number > 1_000_000_000 => "a date".to_owned(),
        _ => number.to_string(),
    }
}

fn words(list: impl Iterator<Item = String>) -> String {
    list.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    value
        .as_byte_str()
        .map(|bytes| String::from_utf8_lossy(bytes.as_slice()).into_owned())
        .unwrap_or_default()
}

fn member<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.as_dict()?.iter().find(|(name, _)| name.as_slice() == key.as_bytes()).map(|(_, value)| value)
}

/// The keys and what kind of value each has. Elements of a list share a name, as do the dictionaries of the parties.
fn kinds(path: &str, value: &Value, out: &mut Meaning) {
    let kind = match value {
        Value::ByteStr(_) => "text",
        Value::Int(_) => "number",
        Value::List(list) => {
            list.iter().for_each(|item| kinds(&format!("{path}[]"), item, out));
            "list"
        }
        Value::Dict(dictionary) => {
            for (key, item) in dictionary {
                let key = String::from_utf8_lossy(key.as_slice());
                let key = if PARTIES.contains(&&*key) { "TAG".into() } else { key };
                kinds(&format!("{path}.{key}"), item, out);
            }
            "dictionary"
        }
    };
    out.insert(path.to_owned(), kind.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> Meaning {
        let mut out = Meaning::new();
        describe(&bt_bencode::from_slice(text.as_bytes()).unwrap(), &mut out);
        out
    }

    #[test]
    fn ports_of_ours_are_told_by_their_distance_and_flags_as_a_set() {
        let stream = |port| format!("d5:flagsl3:RTP6:fillede10:local porti{port}ee");
        let streams = format!("l{}{}e", stream(4000), stream(4001));
        let told = meaning(&format!("d4:tagsd5:tag-ad7:streams{streams}ee6:result2:oke"));
        assert_eq!(told["reply.tags.tag-a.streams[1].local port"], "ours +1");
        assert_eq!(told["reply.tags.tag-a.streams[0].flags.filled"], "on");
        assert_eq!(told["reply.tags.tag-a.streams"], "2");
    }

    #[test]
    fn a_fraction_of_a_second_and_dates_are_told_from_other_numbers() {
        let told = meaning("d7:createdi1700000000e10:created_usi999999e11:last signali5ee");
        assert_eq!(told["reply.created"], "a date");
        assert_eq!(told["reply.created_us"], "the fraction of a second");
        assert_eq!(told["reply.last signal"], "5");
        assert_eq!(meaning("d10:created_usi1700000000999999ee")["reply.created_us"], "1700000000999999");
    }

    #[test]
    fn other_replies_are_told_by_the_kind_of_their_values() {
        let told = meaning("d5:callsl1:xe6:result2:oke");
        assert_eq!(told["reply.calls"], "list");
        assert_eq!(told.len(), 2);
    }
}
