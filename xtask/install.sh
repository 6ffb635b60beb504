#!/bin/sh
# Installs Debian packages without starting any daemon that they bring: a media server that starts by itself would take the
# very ports that a test is about to use. Needs root.
#   install.sh PACKAGE...
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
install() {
    apt-get install --yes --quiet --no-install-recommends "$@"
}
# A fresh machine has no lists, or old ones.
install "$@" || { apt-get update --quiet && install "$@"; }
