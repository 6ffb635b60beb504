#!/usr/bin/env bash
# Measures our G.711 and G.722 and the system's libspandsp side by side: see benches/compare/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rounds=${1:-7}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet -p mediapoint-benches --bin codecs
target=$(cargo metadata --no-deps --format-version 1 | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)
ours=$target/release/codecs
cc -O2 -Wall -o "$work/spandsp" benches/compare/spandsp.c -ldl
"$work/spandsp" encode pcmu </dev/null >/dev/null || { echo "install libspandsp2 first" >&2; exit 2; }

median() { sort -n "$1" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
printf '%-18s %12s %12s %8s\n' 'ns for 20 ms' mediapoint libspandsp ratio
for codec in pcmu pcma g722; do
    rate=8000
    [ $codec != g722 ] || rate=16000
    "$ours" signal $rate >"$work/pcm"
    "$ours" encode $codec <"$work/pcm" >"$work/octets"
    "$work/spandsp" encode $codec <"$work/pcm" >"$work/theirs"
    same='same octets'
    cmp --quiet "$work/octets" "$work/theirs" || same='other octets'
    for what in encode decode; do
        input=$work/pcm
        [ $what = encode ] || input=$work/octets
        : >"$work/one"
        : >"$work/other"
        # In turn, so that whatever else the machine does falls on both.
        for _ in $(seq "$rounds"); do
            "$ours" time-$what $codec <"$input" >>"$work/one"
            "$work/spandsp" time-$what $codec <"$input" >>"$work/other"
        done
        one=$(median "$work/one")
        other=$(median "$work/other")
        printf '%-18s %12s %12s %8s  %s\n' "$codec $what" "$one" "$other" \
            "$(awk -v a="$one" -v b="$other" 'BEGIN { printf "%.2f", a / b }')" "$([ $what = encode ] && echo "$same")"
    done
done
