#!/bin/sh
# Entry point of the stand-in database image (deploy/base-images.sh): the part
# of the official image's contract that docker-compose.yml uses, which is
# POSTGRES_USER, POSTGRES_PASSWORD(_FILE), POSTGRES_DB and PGDATA.
set -eu
: "${PGDATA:=/var/lib/postgresql/data}" "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"
run=/var/run/postgresql

if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" "$run"
	chown postgres:postgres "$PGDATA" "$run"
	chmod 700 "$PGDATA"
	chmod 3777 "$run"
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi
	if [ -z "${POSTGRES_PASSWORD:-}" ]; then
		echo "error: POSTGRES_PASSWORD is not set" >&2
		exit 1
	fi
	umask 077
	pw=$(mktemp)
	printf '%s\n' "$POSTGRES_PASSWORD" >"$pw"
	initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$pw" -E UTF8 --locale=C.UTF-8 --data-checksums \
		--auth-local=trust --auth-host=scram-sha-256
	rm -f "$pw"
	if [ "$POSTGRES_DB" != postgres ]; then
		printf 'CREATE DATABASE "%s"\n' "$POSTGRES_DB" | postgres --single -D "$PGDATA" postgres >/dev/null
	fi
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi

if [ "${1:-}" = postgres ]; then shift; fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories="$run" "$@"
