#!/usr/bin/env bash
# Measures this server and Debian's rtpengine under the same load: see benches/compare/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec cargo xtask compare "$@"
