#!/bin/sh
# Builds stand-ins for the images that docker-compose.yml names, from Debian's
# packages and this host's Go, for machines that can pull no image. Their names
# are their own (postroom-base/…), so nobody takes them for the official ones.
# An image whose content label fits is kept.
#
#   deploy/base-images.sh [env]     env: print the .env lines that use them
set -eu
cd "$(dirname "$0")/.."

suite=bookworm
goroot=$(go env GOROOT)
gover=$(go env GOVERSION | sed 's/^go//')
debian=postroom-base/debian:12
golang=postroom-base/golang:$gover
postgres=postroom-base/postgres:15-debian

if [ "${1:-}" = env ]; then
	printf 'BUILDER_IMAGE=%s\nRUN_IMAGE=%s\nDATABASE_IMAGE=%s\n' "$golang" "$debian" "$postgres"
	exit 0
fi

say() { echo "base-images: $*" >&2; }
fail() { say "error: $1"; say "hint: $2"; exit 1; }
[ "$(id -u)" = 0 ] || fail "debootstrap needs root" "run it as root, or set BUILDER_IMAGE, RUN_IMAGE and DATABASE_IMAGE in .env to images you have"
command -v docker >/dev/null || fail "docker is not installed" "apt-get install docker.io"
command -v debootstrap >/dev/null || sh scripts/apt-install.sh debootstrap

tmp=$(mktemp -d)
trap 'rm -rf --one-file-system "$tmp"' EXIT INT TERM

# The host's own mirror, when its sources name one; else debootstrap's default.
mirror=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
	awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^http/) {print $i; exit}}')}

# hash_of FILE-OR-WORD…: what an image is made from
hash_of() {
	for a in "$0" "$@"; do if [ -f "$a" ]; then cat "$a"; else echo "$a"; fi; done | sha256sum | cut -c1-16
}
have() { # IMAGE HASH
	[ "$(docker image inspect -f '{{index .Config.Labels "postroom.content"}}' "$1" 2>/dev/null)" = "$2" ]
}
# rootfs DIR PACKAGES: a minimal Debian. --foreign, so that nothing that the
# packages' scripts would start is started.
rootfs() {
	# shellcheck disable=SC2086
	debootstrap --foreign --variant=minbase --include="$2" "$suite" "$1" $mirror >"$tmp/log" 2>&1 || { tail -5 "$tmp/log" >&2; return 1; }
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
	DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$1" /debootstrap/debootstrap --second-stage >"$tmp/log" 2>&1 || { tail -5 "$tmp/log" >&2; return 1; }
	rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale \
		"$1"/var/log/*.log "$1"/etc/apt/sources.list "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/usr/sbin/policy-rc.d
}
import() { # DIR IMAGE HASH CHANGE…
	dir=$1 image=$2 label=$3
	shift 3
	tar -C "$dir" --numeric-owner --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* -cf - . |
		docker import --change "LABEL postroom.content=$label" "$@" - "$image" >/dev/null
	say "made $image"
}

h=$(hash_of "$suite" debian)
if have "$debian" "$h"; then say "kept $debian"; else
	rootfs "$tmp/debian" ca-certificates,tzdata
	import "$tmp/debian" "$debian" "$h" --change 'CMD ["bash"]'
	rm -rf "$tmp/debian"
fi

h=$(hash_of "$h" "$gover" go.mod go.sum)
if have "$golang" "$h"; then say "kept $golang"; else
	# Go as it stands on this host, and the modules of go.sum: the build in the
	# container then needs no network.
	mkdir -p "$tmp/go/mod"
	GOMODCACHE="$tmp/go/mod" GOPROXY="file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)" GOFLAGS=-modcacherw go mod download
	cp -a "$goroot" "$tmp/go/root"
	cat >"$tmp/go/Dockerfile" <<-END
		FROM $debian
		COPY root /usr/local/go
		COPY mod /go/pkg/mod
		ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go GOTOOLCHAIN=local GOPROXY=off
		LABEL postroom.content=$h
	END
	docker build -q -t "$golang" "$tmp/go" >/dev/null
	say "made $golang"
	rm -rf "$tmp/go"
fi

h=$(hash_of "$suite" deploy/postgres-entrypoint.sh)
if have "$postgres" "$h"; then say "kept $postgres"; else
	rootfs "$tmp/postgres" ca-certificates,tzdata,postgresql-15,util-linux
	rm -rf "$tmp"/postgres/var/lib/postgresql/* "$tmp"/postgres/etc/postgresql/*
	install -m 755 deploy/postgres-entrypoint.sh "$tmp/postgres/usr/local/bin/docker-entrypoint.sh"
	import "$tmp/postgres" "$postgres" "$h" \
		--change 'ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
		--change 'ENV PGDATA=/var/lib/postgresql/data' --change 'VOLUME /var/lib/postgresql/data' \
		--change 'EXPOSE 5432' \
		--change 'ENTRYPOINT ["docker-entrypoint.sh"]' --change 'CMD ["postgres"]'
fi
