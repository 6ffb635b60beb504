#!/usr/bin/env bash
# PESQ of telephone speech in Opus, and the instructions of its encoder, by complexity, as a Markdown table. Repeats
# docs/codecs.md.
#
#   benches/quality/opus.sh                       24 sentences of each voice: a quarter of an hour
#   SENTENCES=2 benches/quality/opus.sh
#   benches/quality/opus.sh --no-instructions     without valgrind
#
# Needs: python3 with venv, gcc, valgrind, and of Debian asterisk-core-sounds-{en,es,fr,it,ru}-wav, or some of them. PyPI's pesq goes
# into an environment of its own. Neither figure depends on what else the machine does.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
out=$target/quality-opus
sounds=${SOUNDS:-/usr/share/asterisk/sounds}
venv=$target/quality-venv
program=$target/release/examples/opus_complexity

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet numpy scipy pesq
fi
# Sentences of 5 to 10 s, of each voice as many.
files=()
for voice in "$sounds"/*_*_*_*/; do
    mapfile -t found < <(find "$voice" -maxdepth 1 -name '*.wav' -size +79999c -size -170001c ! -name 'tt-*' | sort |
        head -n "${SENTENCES:-24}")
    files+=("${found[@]}")
done
[ "${#files[@]}" -gt 0 ] || { echo "no sentences below $sounds: install asterisk-core-sounds-en-wav" >&2; exit 2; }
cargo build --quiet --release --package mediapoint-codec --example opus_complexity
rm -rf "$out"
mkdir -p "$out"
"$program" "$out" "${files[@]}"

# Instructions of a packet: the difference of two runs, so that what is done once does not count.
if [ "${1:-}" != --no-instructions ]; then
    few=200 many=600
    collected() { # SOURCE COMPLEXITY PACKETS
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" --encode "$1" "$2" "$3" "${files[0]}" 2>&1 |
            sed -n 's/.*Collected : //p'
    }
    for source in pcmu pcmu-fec; do
        for complexity in $(seq 0 10); do
            echo "$source $complexity $((($(collected "$source" "$complexity" $many) -
                $(collected "$source" "$complexity" $few)) / (many - few)))"
        done
    done > "$out/instructions"
fi
exec "$venv/bin/python" benches/quality/opus.py "$out"
