#!/bin/sh
# The barest server on sockets and on AF_XDP in turn, over a pair of virtual Ethernet cards between two network namespaces.
#
#   benches/xdp.sh [calls] [rounds]
#
# As root, on a quiet machine of two cores or more. The callers run on core 0, the server on core 1. A virtual card has its
# receiver's work done by whoever sends: so what the server costs is what both spend, less what the callers spend alone,
# which is the same in both cases. Only figures of one run compare.
set -eu
calls=${1:-400}
rounds=${2:-3}
cargo build --release -p mediapoint-net --examples
bin=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/examples
server=mpbench-server-$$
client=mpbench-client-$$
clean() {
    ip netns del "$server" 2>/dev/null || true
    ip netns del "$client" 2>/dev/null || true
}
trap clean EXIT INT TERM
ip netns add "$server"
ip netns add "$client"
ip -n "$server" link add media type veth peer name phone netns "$client"
ip -n "$server" addr add 198.51.100.1/24 dev media
ip -n "$client" addr add 198.51.100.2/24 dev phone
ip -n "$server" link set media up
ip -n "$client" link set phone up
for round in $(seq "$rounds"); do
    for backend in sockets xdp; do
        echo "round $round, $backend"
        ip netns exec "$server" "$bin/forward" "$calls" 1000 8 1 0 198.51.100.1 "$backend" &
        sleep 0.5
        ip netns exec "$client" "$bin/callers" "$calls" 10 0 1000 198.51.100.1 198.51.100.2
        wait $!
    done
done
