#!/usr/bin/env bash
# Which system calls a worker makes in the steady state: strace counts those of the media thread of a server under the
# load of `mediapoint-tools bench`. Anything but receive and send, the look at the poller and the sleep to the tick fails the
# script. Needs strace and a release build; takes some ten seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
server=target/release/mediapoint
tools=target/release/mediapoint-tools
calls=${1:-100}
[ -x "$server" ] && [ -x "$tools" ] || {
    echo "build first: cargo build --release -p mediapoint-server -p mediapoint-tools" >&2
    exit 2
}
command -v strace >/dev/null || { echo "strace is missing: apt-get install strace" >&2; exit 2; }

out=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -r "$out"' EXIT
"$server" serve --ng 127.0.0.1:22399 --ports 10000-20000 --workers 1 --grace 0 2>"$out/log" &
pid=$!
"$tools" bench --ng 127.0.0.1:22399 --pid "$pid" --calls "$calls" --seconds 8 >"$out/bench" 2>&1 &
bench=$!
media=
for _ in $(seq 100); do
    media=$(grep -l '^media-0$' /proc/"$pid"/task/*/comm 2>/dev/null | cut -d/ -f5 || true)
    [ -n "$media" ] && break
    sleep 0.1
done
# Past the set-up of the calls and into the steady state.
sleep 4
timeout 3 strace -c -p "$media" -o "$out/calls" 2>/dev/null || true
wait "$bench" || true
cat "$out/calls"
others=$(awk 'NR > 2 && $NF !~ /^(total|-+|recvfrom|recvmsg|sendto|epoll_wait|clock_nanosleep|restart_syscall)$/ && NF > 3 { print $NF }' "$out/calls")
# Core time is read and the wall clock set once a second; the housekeeper is woken where something is told.
others=$(grep -vxE 'clock_gettime|futex' <<<"$others" || true)
if [ -n "$others" ]; then
    echo "calls that do not belong there: $others" >&2
    exit 1
fi
echo "ok: only input and output, the poller and the tick"
