#!/bin/sh
# need.sh [modules] [postgres] [race] [PACKAGE…]: what a target needs beside Go.
# All that is missing is installed, or named, at once.
set -eu
cd "$(dirname "$0")/.."

# modules: they come over HTTPS, unless they are in Go's cache already.
modules() {
	[ -e /etc/ssl/certs/ca-certificates.crt ] || ! command -v dpkg-query >/dev/null || GOPROXY=off go mod download 2>/dev/null
}

# postgres: its programs (15 or newer), on PATH or in Debian's versioned
# directories.
postgres() {
	for dir in "$(dirname "$(command -v postgres || echo /none)")" /usr/lib/postgresql/*/bin; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
			major=$("$dir/postgres" --version | sed 's/.*) \([0-9]*\).*/\1/')
			[ "$major" -lt 15 ] || return 0
		fi
	done
	return 1
}

# race: the race detector is linked by a C compiler, with libc's own parts.
race() {
	echo '#include <stdlib.h>' | $(go env CC) -E -x c - >/dev/null 2>&1
}

packages=
for need in "$@"; do
	case $need in
	modules) modules || packages="$packages ca-certificates" ;;
	postgres) postgres || packages="$packages postgresql" ;;
	race) race || packages="$packages gcc libc6-dev" ;;
	*) packages="$packages $need" ;;
	esac
done
# shellcheck disable=SC2086
[ -z "$packages" ] || exec scripts/apt-install.sh $packages
