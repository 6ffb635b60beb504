#!/usr/bin/env bash
# PESQ of concealment under loss, as a Markdown table. Repeats docs/quality.md.
#
#   benches/quality/run.sh                    24 sentences, 3 seeds: some minutes
#   SENTENCES=8 SEEDS=1 benches/quality/run.sh
#
# Needs: python3 with venv, gcc, and of Debian asterisk-core-sounds-en-wav (recorded speech) and libspandsp-dev (run as a
# program to be compared with, never linked into the project). PyPI's pesq goes into an environment of its own.
# Files stay in OUT. Recordings made elsewhere from the same references and losses, such as through the server, are
# scored beside them: put them at OUT/PATTERN/PERCENT/SEED/NAME.METHOD.wav and run
#   benches/quality/run.sh --score-only METHOD...
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
OUT=${OUT:-$target/quality}
SOUNDS=${SOUNDS:-/usr/share/asterisk/sounds/en_US_f_Allison}
SENTENCES=${SENTENCES:-24}
SEEDS=${SEEDS:-3}
venv=$target/quality-venv

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet numpy scipy pesq
fi
if [ "${1:-}" = --score-only ]; then
    shift
    exec "$venv/bin/python" benches/quality/score.py "$OUT" "$@"
fi

for needed in "$SOUNDS" /usr/include/spandsp/plc.h; do
    [ -e "$needed" ] || { echo "missing: $needed (see the top of $0)" >&2; exit 2; }
done
mkdir -p "$OUT"
gcc -O2 -o "$OUT/spandsp_plc" benches/quality/spandsp_plc.c -lspandsp -lm
cargo build --quiet --release --package mediapoint-jitter --example lossy_link
# Sentences of 5 to 10 s.
mapfile -t files < <(find "$SOUNDS" -name '*.wav' -size +79999c -size -170001c ! -path '*/silence/*' ! -name 'tt-*' |
    sort | head -n "$SENTENCES")
[ "${#files[@]}" -gt 0 ] || { echo "no sentences below $SOUNDS" >&2; exit 2; }
"$target/release/examples/lossy_link" "$OUT" "$SEEDS" "${files[@]}"
find "$OUT" -name '*.losses' | while read -r losses; do
    name=$(basename "$losses" .losses)
    "$OUT/spandsp_plc" "$OUT/$name.coded.wav" "$losses" 160 "${losses%.losses}.spandsp.wav"
done
exec "$venv/bin/python" benches/quality/score.py "$OUT" zero spandsp blind ours "$@"
