#!/bin/sh
# Removes bin and the demo's data, with the cluster that stands elsewhere where
# PostgreSQL's user cannot enter this directory.
set -eu
cd "$(dirname "$0")/.."
if [ -f var/demo/postgres.path ]; then
	cluster=$(cat var/demo/postgres.path)
	case $cluster in
	*..* | *[!a-z0-9/-]*) ;;
	/var/lib/postroom-private/?*) rm -rf --one-file-system "$cluster" "$cluster.sock" ;;
	esac
fi
rm -rf --one-file-system bin var/demo
