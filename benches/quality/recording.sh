#!/usr/bin/env bash
# PESQ of each channel of stereo recordings, where the parties take turns and where both talk. Repeats docs/recording.md.
#
#   benches/quality/recording.sh                          complexity 0, 16 kbit/s
#   COMPLEXITY=2 BIT_RATE=24000 benches/quality/recording.sh
#
# Needs: python3 with venv, gcc, ffmpeg, and of Debian asterisk-core-sounds-en-wav (recorded speech). PyPI's pesq goes into an
# environment of its own. It fails if a mean is below LEAST, 3.7.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
OUT=${OUT:-$target/recording-quality}
SOUNDS=${SOUNDS:-/usr/share/asterisk/sounds/en_US_f_Allison}
venv=${VENV:-$target/quality-venv}

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet numpy scipy pesq
fi
rm -rf "$OUT"
mkdir -p "$OUT"
cargo build --quiet --release --package mediapoint-recorder --example two_voices
# Sentences of 5 to 10 s.
mapfile -t files < <(find "$SOUNDS" -name '*.wav' -size +79999c -size -170001c ! -path '*/silence/*' ! -name 'tt-*' |
    sort | head -n "${SENTENCES:-24}")
[ "${#files[@]}" -gt 0 ] || { echo "no sentences below $SOUNDS" >&2; exit 2; }
"$target/release/examples/two_voices" "$OUT" "${COMPLEXITY:-0}" "${BIT_RATE:-16000}" "${files[@]}"
exec "$venv/bin/python" benches/quality/recording.py "$OUT" "${LEAST:-3.7}"
