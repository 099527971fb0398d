#!/bin/sh
# Go must be there and not be older than go.mod wants.
set -eu
want=$(awk '$1 == "go" {print $2}' go.mod)
if ! command -v go >/dev/null; then
	echo "postroom: error: Go is not installed, and postroom is built with Go $want" >&2
	echo "postroom: hint: install Go $want or newer from go.dev/dl or your distribution, and put it on PATH" >&2
	exit 1
fi
have=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//')
if [ "$(printf '%s\n%s\n' "$want" "$have" | sort -V | head -1)" != "$want" ]; then
	echo "postroom: error: Go $have is older than go.mod wants ($want)" >&2
	echo "postroom: hint: install Go $want or newer from go.dev/dl or your distribution, and put it first on PATH" >&2
	exit 1
fi
