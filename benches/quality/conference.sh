#!/usr/bin/env bash
# PESQ of a speaker heard through a conference room, beside the same G.711 path without one. Repeats docs/conference.md.
#
#   benches/quality/conference.sh                    24 sentences
#   SENTENCES=8 benches/quality/conference.sh
#
# The room has three members: the speaker, one who sends a low noise, and one who sends nothing, who is the one that hears.
# Needs: python3 with venv, and of Debian asterisk-core-sounds-en-wav. PyPI's pesq goes into an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
OUT=${OUT:-$target/quality-conference}
SOUNDS=${SOUNDS:-/usr/share/asterisk/sounds/en_US_f_Allison}
SENTENCES=${SENTENCES:-24}
TOOLS=${TOOLS:-$target/release/mediapoint-tools}
venv=$target/quality-venv

[ -e "$SOUNDS" ] || { echo "missing: $SOUNDS (see the top of $0)" >&2; exit 2; }
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet numpy scipy pesq
fi
[ -x "$TOOLS" ] || cargo build --quiet --release --package mediapoint-tools
rm -rf "$OUT"
mkdir -p "$OUT"
# Sentences of 5 to 10 s.
mapfile -t files < <(find "$SOUNDS" -name '*.wav' -size +79999c -size -170001c ! -path '*/silence/*' ! -name 'tt-*' |
    sort | head -n "$SENTENCES")
[ "${#files[@]}" -gt 0 ] || { echo "no sentences below $SOUNDS" >&2; exit 2; }
"$venv/bin/python" benches/quality/conference.py noise "$OUT/noise.wav" "$OUT/nothing.wav"
for file in "${files[@]}"; do
    name=$(basename "$file" .wav)
    cp "$file" "$OUT/$name.wav"
    "$TOOLS" codec encode --quiet "$OUT/$name.wav" "$OUT/$name.ulaw"
    "$TOOLS" codec decode --quiet "$OUT/$name.ulaw" "$OUT/$name.plain.wav"
    "$TOOLS" mix --rate 8000 --out "$OUT/$name" "$OUT/$name.plain.wav" "$OUT/noise.wav" "$OUT/nothing.wav" > "$OUT/$name.txt"
    "$TOOLS" codec encode --quiet "$OUT/$name/3-nothing.wav" "$OUT/$name.ulaw"
    "$TOOLS" codec decode --quiet "$OUT/$name.ulaw" "$OUT/$name.mixed.wav"
done
exec "$venv/bin/python" benches/quality/conference.py score "$OUT"
