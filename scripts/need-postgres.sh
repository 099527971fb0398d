#!/bin/sh
# PostgreSQL's programs (15 or newer) must be there: from PATH, from Debian's
# versioned directories, else they are installed.
set -eu
for dir in "$(dirname "$(command -v postgres || echo /none)")" /usr/lib/postgresql/*/bin; do
	if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
		major=$("$dir/postgres" --version | sed 's/.*) \([0-9]*\).*/\1/')
		[ "$major" -ge 15 ] && exit 0
	fi
done
exec "$(dirname "$0")/apt-install.sh" postgresql
