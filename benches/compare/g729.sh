#!/usr/bin/env bash
# Measures our G.729 and the system's libbcg729 side by side: see benches/compare/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rounds=${1:-7}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet -p mediapoint-benches --bin g729
target=$(cargo metadata --no-deps --format-version 1 | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)
ours=$target/release/g729
cc -O2 -Wall -o "$work/oracle" benches/compare/g729_oracle.c -ldl
"$work/oracle" encode </dev/null >/dev/null || { echo "install libbcg729-0 first" >&2; exit 2; }

"$ours" signal 30 >"$work/pcm"
for dtx in 0 1; do
    "$ours" encode $dtx <"$work/pcm" >"$work/stream$dtx"
done

median() { sort -n "$1" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
printf '%-18s %12s %12s %8s\n' 'ns for 20 ms' mediapoint libbcg729 ratio
for case in 'encode 0' 'encode 1' 'decode 0' 'decode 1'; do
    read -r what dtx <<<"$case"
    input=$work/pcm
    [ "$what" = encode ] || input=$work/stream$dtx
    : >"$work/one"
    : >"$work/other"
    # In turn, so that whatever else the machine does falls on both.
    for _ in $(seq "$rounds"); do
        "$ours" "time-$what" "$dtx" 3 <"$input" >>"$work/one"
        "$work/oracle" "time-$what" "$dtx" 3 <"$input" >>"$work/other"
    done
    one=$(median "$work/one")
    other=$(median "$work/other")
    printf '%-18s %12s %12s %8s\n' "$what, dtx $dtx" "$one" "$other" \
        "$(awk -v a="$one" -v b="$other" 'BEGIN { printf "%.2f", a / b }')"
done
