#!/bin/bash
# stage.sh NAME SECONDS COMMAND: runs COMMAND with a time limit and says how
# long it took.
set -u
name=$1 limit=$2 command=$3
began=$(date +%s)
timeout --kill-after=30 "$limit" bash -eu -o pipefail -c "$command"
code=$?
took=$(($(date +%s) - began))
if [ $code = 0 ]; then
	echo "== $name: ok, $took s"
	exit 0
fi
if [ $code = 124 ] || [ $code = 137 ]; then
	echo "== $name: stopped after its limit of $limit s"
else
	echo "== $name: FAILED ($code), $took s"
fi
exit $code
