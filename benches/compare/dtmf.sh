#!/usr/bin/env bash
# Measures our DTMF detector and suppressor and the system's libspandsp side by side: see benches/compare/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet -p mediapoint-dtmf --example speed
target=$(cargo metadata --no-deps --format-version 1 | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)
cc -O2 -Wall -o "$work/spandsp" crates/dtmf/tests/spandsp_digits.c -ldl
"$work/spandsp" </dev/null >/dev/null 2>&1 || { echo "install libspandsp2 first" >&2; exit 2; }
speech=(/usr/share/asterisk/sounds/en_US_f_Allison/*.wav)
[ -e "${speech[0]}" ] || { echo "no speech: install asterisk-core-sounds-en-wav for that row" >&2; speech=(); }
MEDIAPOINT_DTMF_PEER=$work/spandsp "$target/release/examples/speed" "${speech[@]}"
