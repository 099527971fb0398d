#!/bin/sh
# apt-install.sh PACKAGE…: installs what is missing from Debian's packages,
# without questions and without starting anything. Not root: one line that says
# what to install.
set -eu
missing=
for p in "$@"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "postroom: error: not installed:$missing" >&2
	echo "postroom: hint: these are Debian's names, and this is no Debian: install the same by its own means" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "postroom: error: not installed:$missing" >&2
	echo "postroom: hint: sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

# No cluster is made and no daemon is started by the installation: this server
# runs a private PostgreSQL of its own. What we put there is taken away again.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/postroom.conf
made=
cleanup() { for f in $made; do rm -f "$f"; done; }
trap cleanup EXIT
trap 'exit 1' INT TERM
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	made=$policy
fi
mkdir -p ${cluster%/*}
echo 'create_main_cluster = false' >$cluster
made="$made $cluster"

export DEBIAN_FRONTEND=noninteractive
# Tests give Postfix a configuration of their own; without one in /etc it does not
# start with the system either.
case "$missing " in
*" postfix "*) echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections ;;
esac
echo "installing:$missing" >&2
log=$(mktemp)
for try in 1 2 3; do
	# shellcheck disable=SC2086
	if { apt-get -qq update && apt-get -y -qq -o DPkg::Lock::Timeout=60 --no-install-recommends --no-remove install $missing; } </dev/null >"$log" 2>&1; then
		rm -f "$log"
		exit 0
	fi
	echo "try $try failed: $(grep '^E:' "$log" | tail -1)" >&2
	sleep $((try * 5))
done
tail -5 "$log" >&2
echo "postroom: error: these packages could not be installed:$missing" >&2
echo "postroom: hint: the lines above are apt-get's own; the whole log is $log" >&2
exit 1
