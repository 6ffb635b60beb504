#!/usr/bin/env bash
# What recordings cost the calls that they are of: `mediapoint-tools bench` with and without `--record`, in turn, each time with
# a server started anew. Prints a line for each run: loss, added delay, CPU, and how many warnings of lost audio the server gave.
# Recordings go to a folder inside FOLDER (the disk to be measured), and are removed after each run.
#   benches/recorded.sh FOLDER [CALLS [SECONDS [ROUNDS [wav|opus [KIND]]]]]
# Needs jq and a release build. 1,000 calls, 15 seconds and 3 rounds take some four minutes.
set -euo pipefail
folder=${1:?a folder on the disk that is to be measured}
calls=${2:-1000} seconds=${3:-15} rounds=${4:-3} format=${5:-wav} kind=${6:-pcmu}
tools=${TOOLS:-$(dirname "${BASH_SOURCE[0]}")/../target/release/mediapoint-tools}
[ -x "$tools" ] || { echo "build first: cargo build --release -p mediapoint-server -p mediapoint-tools" >&2; exit 2; }
command -v jq >/dev/null || { echo "jq is missing: apt-get install jq" >&2; exit 2; }
out=$(mktemp -d "$folder/recorded.XXXXXX")
trap 'rm -r "$out"' EXIT

run() {
    local flags=()
    if [ "$1" != alone ]; then
        mkdir "$out/calls"
        flags=(--record "$out/calls")
        [ "$format" = wav ] && flags+=(--record-wav)
    fi
    "$tools" bench --calls "$calls" --kind "$kind" --seconds "$seconds" --json "$out/json" "${flags[@]}" >"$out/log" 2>&1 ||
        { cat "$out/log" >&2; exit 1; }
    jq -r --arg what "$1" '.runs[0] | [$what, "\(.calls) calls", "\(.lost) lost",
        "added p50 \(.added.p50_us? // 0 | round) µs", "p99 \(.added.p99_us? // 0 | round) µs",
        "p99.9 \(.added.p999_us? // 0 | round) µs",
        "\(.server.us_per_packet * 100 | round / 100) µs a packet", "\(.server.busy_percent | round) % of a core",
        "load late p99 \(.generator.lateness.p99_us | round) µs"] | join(", ")' "$out/json"
    if [ "$1" != alone ]; then
        echo "    $(du -sm "$out/calls" | cut -f1) MB, warnings: $(grep -c WARN "$out/log" || true)"
        grep -m 3 -E 'WARN|ERROR' "$out/log" || true
        rm -r "$out/calls"
        sync -f "$folder"
    fi
}

for round in $(seq "$rounds"); do
    if [ $((round % 2)) = 1 ]; then
        run alone
        run "$format"
    else
        run "$format"
        run alone
    fi
done
