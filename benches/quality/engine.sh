#!/usr/bin/env bash
# PESQ of recorded speech through the engine's media path under loss, as a Markdown table. Repeats docs/quality.md.
#
#   benches/quality/engine.sh [CODEC]         24 sentences, 3 seeds; pcmu unless told otherwise
#
# Needs what benches/quality/run.sh needs, but no libspandsp.
set -euo pipefail
cd "$(dirname "$0")/../.."

codec=${1:-pcmu}
target=${CARGO_TARGET_DIR:-target}
out=$target/quality-engine/$codec
sounds=${SOUNDS:-/usr/share/asterisk/sounds/en_US_f_Allison}
venv=$target/quality-venv

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet numpy scipy pesq
fi
mapfile -t files < <(find "$sounds" -name '*.wav' -size +79999c -size -170001c ! -path '*/silence/*' ! -name 'tt-*' |
    sort | head -n "${SENTENCES:-24}")
[ "${#files[@]}" -gt 0 ] || { echo "no sentences below $sounds: install asterisk-core-sounds-en-wav" >&2; exit 2; }
cargo build --quiet --package mediapoint-testkit --example through_engine
rm -rf "$out"
for seed in $(seq "${SEEDS:-3}"); do
    for loss in 0 0.01 0.03 0.05 0.10; do
        for burst in 1 2.5; do
            "$target/debug/examples/through_engine" --codec "$codec" --loss "$loss" --burst "$burst" --seed "$seed" \
                --out "$out/$loss/$burst/$seed" "${files[@]}"
        done
    done
done
exec "$venv/bin/python" benches/quality/engine.py "$out" "${files[@]}"
