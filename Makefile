# make demo    builds Upkeep and shows it on a sample product
# make test    installs what the tests need (Debian) and runs them, under two minutes
# make help    lists the rest

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Caches that Go and the tests keep go below the home folder. Without one that
# can be written they go into the checkout.
HOMELESS := $(shell [ -n "$$HOME" ] && [ -d "$$HOME" ] && [ -w "$$HOME" ] || echo yes)
ifeq ($(HOMELESS),yes)
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
export XDG_CONFIG_HOME ?= $(CURDIR)/.cache/config
export GOPATH ?= $(CURDIR)/.cache/go
endif

GO ?= go
# What a person has set for other projects must not change what is built here.
# No stamp of the version control: it needs git, and a checkout of one's own.
# One way of compiling for all of it, so that nothing is compiled twice.
export GOFLAGS := -mod=readonly -modcacherw -buildvcs=false -trimpath
export CGO_ENABLED := 0
export GOWORK := off

FUZZTIME ?= 5m
CODE := cmd internal examples

.PHONY: help demo demo-console build test test-slow bench fuzz fuzz-short cross lint vet schema requirements requirements-mutants licences setup restic versitygw axe.js screenshots openapi lab lab-shell crash crash-short crash-all crash-hosts own-release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' Makefile

build: ## build bin/upkeep
	$(GO) build -ldflags '-s -w' -o bin/upkeep ./cmd/upkeep

demo: build ## upgrade a sample product, then take a failing upgrade back; needs no root
	bin/upkeep demo

demo-console: build ## the same to click: a sample product whose upgrade is ready to start, on a page at 127.0.0.1:8080 (or PORT=9000), until Ctrl+C
	bin/upkeep demo console --listen 127.0.0.1:$(or $(PORT),8080)

setup:
	sh scripts/setup-debian.sh

# What keeps restore points on other computers, and the S3 server that the tests
# run it with. Their versions are in internal/lab/restic.go, too; the sums are
# those of Go's checksum database.
CACHE := $(or $(UPKEEP_CACHE),$(CURDIR)/.cache)
RESTIC := 0.18.1
VERSITYGW := 1.8.0

restic: $(CACHE)/restic-$(RESTIC)/restic ## build restic, the second engine of restore points, into the cache
versitygw: $(CACHE)/versitygw-$(VERSITYGW)/versitygw

$(CACHE)/restic-$(RESTIC)/restic:
	cd / && GOBIN=$(@D) GOFLAGS='-trimpath -modcacherw' $(GO) install github.com/restic/restic/cmd/restic@v$(RESTIC)

$(CACHE)/versitygw-$(VERSITYGW)/versitygw:
	cd / && GOBIN=$(@D) GOFLAGS='-trimpath -modcacherw' $(GO) install github.com/versity/versitygw/cmd/versitygw@v$(VERSITYGW)

# What looks whether everybody can use the page (MPL-2.0, for tests only). The sum
# is that of npm's registry: its dist.integrity, as hexadecimal digits.
AXE := 4.14.1
AXE_SUM := 1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5

axe.js: $(CACHE)/axe.js-$(AXE)/axe.js

$(CACHE)/axe.js-$(AXE)/axe.js:
	mkdir -p $(@D)
	cd $(@D) && npm pack --silent --ignore-scripts axe-core@$(AXE)
	cd $(@D) && echo "$(AXE_SUM)  axe-core-$(AXE).tgz" | sha512sum --check --quiet
	cd $(@D) && tar -xzf axe-core-$(AXE).tgz --strip-components=1 package/axe.min.js && mv axe.min.js axe.js && rm axe-core-$(AXE).tgz

# SCREENS=run bounds it to the screens with that in their names.
screenshots: ## pictures of every screen of the page, in dist/screenshots
	rm -rf dist/screenshots
	UPKEEP_SCREENSHOTS=$(CURDIR)/dist/screenshots UPKEEP_SCREENS=$(SCREENS) $(GO) test -count 1 -timeout 30m -v -run 'TestScreenshots$$' ./internal/console

vet:
	$(GO) vet ./...

test: setup vet ## vet and test
	$(GO) test ./...

test-slow: setup restic axe.js ## the slow tests too, but for those of make crash: disks that are full, Miniflux, Unleash, WordPress, whole machines
	UPKEEP_SLOW=1 $(GO) test -timeout 80m $$($(GO) list ./... | grep -v $(foreach s,/lab/crash $(SKIP),-e $(s)))

crash: setup ## proof that nothing in between exists: crashes, power cuts, faults, mutants; about 15 minutes
	$(GO) run ./internal/lab/crash/cmd

crash-short: setup ## a small sample of it: minutes
	UPKEEP_CRASH=short $(GO) run ./internal/lab/crash/cmd

crash-all: setup ## the same at every operation, without limits; hours
	UPKEEP_CRASH=all $(GO) run ./internal/lab/crash/cmd

bench: setup ## the figures: outage against a plain script, large trees, memory
	UPKEEP_BENCH=1 UPKEEP_SLOW=1 $(GO) test -p 1 -timeout 60m -v -run '(Outage|Figure)' -bench . -benchtime 1x ./...

fuzz: ## every fuzz function for FUZZTIME (5m)
	GO="$(GO)" sh scripts/fuzz.sh "$(FUZZTIME)"

fuzz-short: ## every fuzz function for a second
	GO="$(GO)" sh scripts/fuzz.sh 1s

cross: ## build for the other platforms
	GOOS=linux GOARCH=arm64 $(GO) build -ldflags '-s -w' -o dist/upkeep-linux-arm64 ./cmd/upkeep
	GOOS=windows GOARCH=amd64 $(GO) build -ldflags '-s -w' -o dist/upkeep-windows-amd64.exe ./cmd/upkeep
	GOOS=linux GOARCH=arm64 $(GO) vet ./...

lint: vet ## gofmt and vet
	@bad=$$(gofmt -l $(CODE)); [ -z "$$bad" ] || { echo "not formatted by gofmt:"; echo "$$bad"; exit 1; }

requirements: setup restic ## which of the 207 rows are proven
	$(GO) run ./internal/requirements/cmd report $(if $(ALL),-all) $(if $(BESIDE),-beside '$(BESIDE)')

# MUTANTS takes options: MUTANTS='-example miniflux -rows S3-46'
requirements-mutants: setup ## which rows notice when a line of an example is taken away
	rm -rf .cache/mutants && mkdir -p .cache/mutants
	$(GO) run ./internal/requirements/cmd mutants -work .cache/mutants $(MUTANTS)

lab: setup ## make the base of the lab's machines (root; once, two minutes)
	$(GO) run ./internal/lab/host/cmd -base

lab-shell: build lab ## boot a machine of the lab and give a shell in it (root)
	$(GO) run ./internal/lab/host/cmd

# MOMENTS and SEED take other numbers: MOMENTS=100 SEED=17
crash-hosts: setup ## as root: whole machines ended, rebooted and cut from power at 30 moments of an upgrade, a package database locked for five minutes
	UPKEEP_SLOW=1 UPKEEP_MOMENTS=$(or $(MOMENTS),30) UPKEEP_SEED=$(SEED) $(GO) test -v -count 1 -timeout 120m -run 'NotesHosts|XivoHosts|XivoFaults' ./internal/e2e

own-release: ## the bundle of a release of Upkeep itself: make own-release VERSION=1.4.0
	@[ -n "$(VERSION)" ] || { echo "say VERSION=1.4.0"; exit 2; }
	GO="$(GO)" sh scripts/own-release.sh "$(VERSION)" "dist/upkeep-$(VERSION).tar.zst"

openapi: ## the description of the interface for programs, judged by a library of others; it takes minutes to build
	$(GO) test -tags openapi -run TestOpenAPI ./internal/console/api

schema: build ## the JSON Schemas of the documents, in dist
	mkdir -p dist
	bin/upkeep schema manifest >dist/manifest.schema.json
	bin/upkeep schema installation >dist/installation.schema.json

licences: ## write docs/licences.md anew
	GO="$(GO)" sh scripts/licences.sh >docs/licences.md.new && mv docs/licences.md.new docs/licences.md

clean: ## remove what was built and kept in the checkout
	rm -rf bin dist .cache
