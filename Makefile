# postroom: make help lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
# Where the archive of go.dev is unpacked, for a PATH that does not name it.
export PATH := $(PATH):/usr/local/go/bin

STATICCHECK_VERSION := v0.8.2
STATICCHECK := bin/staticcheck-$(STATICCHECK_VERSION)
# The ACME authority of e2e/11-certificates.
PEBBLE_VERSION := v2.10.3
PEBBLE := bin/pebble-$(PEBBLE_VERSION)
TIME ?= 10m
# The commit goes into the binary where git may read it: not in a tree of
# another user.
BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=$$(git status >/dev/null 2>&1 && echo auto || echo false)
PACKAGES = $$(go list ./... | grep -v '^postroom/e2e')

comma := ,
# stage NAME,SECONDS,COMMAND: runs it with a time limit and prints its seconds.
stage = @scripts/stage.sh "$(1)" $(2) '$(3)'

.PHONY: help run build build-crash check test e2e crash interop fuzz bench bench-peers base-images clean
.PHONY: go modules postgres race clients thunderbird peers

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: postgres build ## start a demo server on loopback ports (ONCE=1: show the flow and end)
	@exec bin/postroom demo --data-dir var/demo $(if $(ONCE),--once,)

build: modules ## bin/postroom
	@$(BUILD) -o bin/postroom ./cmd/postroom

build-crash: modules ## bin/postroom-crash, which ends itself at named points (e2e/crash only)
	@$(BUILD) -tags crashpoints -o bin/postroom-crash ./cmd/postroom

check: modules $(STATICCHECK) ## gofmt, vet, staticcheck, import table, cited RFCs
	$(call stage,gofmt,60,test -z "$$($$(go env GOROOT)/bin/gofmt -l . | tee /dev/stderr)")
	$(call stage,vet,300,go vet ./...)
	$(call stage,staticcheck,600,$(STATICCHECK) ./...)
	$(call stage,import table and cited RFCs,120,go test -count=1 ./internal/archtest/)

test: race ## unit, store, protocol and flow tests with the race detector
	$(call stage,test,900,go run ./internal/pgembed/withpg go test -race -skip ^TestHeavy -timeout 14m $(PACKAGES))
	$(call stage,test of floods$(comma) crowds and long commands without the race detector,300,go run ./internal/pgembed/withpg go test -run ^TestHeavy -timeout 5m ./imapd/)

e2e: clients build build-crash $(PEBBLE) ## the whole product: real clients, two instances, compose, faults
	$(if $(CI),$(call stage,fuzz 10 targets for 30 s,900,go run ./internal/pgembed/withpg scripts/fuzz.sh 30s 10))
	$(call stage,e2e,1200,go run ./internal/pgembed/withpg go test -timeout 19m ./e2e/...)

crash: postgres build-crash ## kill -9 of postroom and PostgreSQL under load, 200 times
	$(call stage,crash,7200,POSTROOM_TEST_CRASHES=200 go test -timeout 115m -count=1 ./e2e/crash/)

interop: clients thunderbird build ## 10,000 messages to 30 MB (MAIL=folder: more), the real clients and Thunderbird
	$(call stage,interop,7200,POSTROOM_TEST_MESSAGES=10000 POSTROOM_TEST_LARGE=31457280 POSTROOM_TEST_MAIL=$(MAIL) go test -timeout 115m -count=1 ./e2e/01-octets/ ./e2e/interop/clients/ ./e2e/05-move/)
	$(call stage,thunderbird,1200,go test -tags thunderbird -timeout 19m -count=1 ./e2e/interop/thunderbird/)
	$(call stage,interop: postroom and Dovecot,1500,POSTROOM_TEST_DIFFERENTIAL=900 POSTROOM_TEST_SEED=$$(date +%s) go test -timeout 24m -count=1 ./e2e/interop/differential/)

fuzz: postgres ## every fuzz target for TIME each (TIME=10m)
	@go run ./internal/pgembed/withpg scripts/fuzz.sh $(TIME)

bench: postgres build ## deliveries, notification, memory, checks of incoming mail, as ratios of one run
	@go run ./bench

bench-peers: peers build ## the same load against Debian's Postfix with Dovecot
	@go run ./bench -peers

base-images: modules ## stand-ins for the images of docker-compose.yml, from Debian's packages
	@deploy/base-images.sh

clean: ## remove bin and the demo's data
	@scripts/clean.sh

# What has to be there.

go:
	@scripts/need-go.sh

modules: go
	@scripts/need.sh modules

postgres: go
	@scripts/need.sh modules postgres

race: go
	@scripts/need.sh modules postgres race

clients: go
	@scripts/need.sh modules postgres openssl isync mutt msmtp swaks libnet-ssleay-perl curl fetchmail dovecot-imapd postfix offlineimap3 neomutt getmail6 python3 poppler-utils unzip catdoc bubblewrap

# Not in CI.
thunderbird: go
	@scripts/need.sh thunderbird

peers: go
	@scripts/need.sh modules postgres postfix dovecot-imapd dovecot-lmtpd

$(STATICCHECK): modules
	@if [ ! -x $@ ]; then mkdir -p bin; GOBIN=$(CURDIR)/bin/tmp go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION); mv bin/tmp/staticcheck $@; rmdir bin/tmp; fi

$(PEBBLE): modules
	@if [ ! -x $@ ]; then mkdir -p bin; GOBIN=$(CURDIR)/bin/tmp go install github.com/letsencrypt/pebble/v2/cmd/pebble@$(PEBBLE_VERSION); mv bin/tmp/pebble $@; rmdir bin/tmp; fi
