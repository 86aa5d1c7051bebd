# GNU make and bash drive everything. `make run` and `make test` need nothing but git and make on Debian or Ubuntu.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export ATTESTREAM_HOME ?= $(CURDIR)/.attestream
node := bin/node
cli := $(node) --enable-source-maps dist/apps/cli/src/main.js
sources := $(shell find apps libs -name '*.ts' -not -name '*.spec.ts' 2>/dev/null) tsconfig.base.json tsconfig.build.json package-lock.json

.PHONY: help chaos chaos-anchor costs audit run forget-report test conformance bench-audit bench-gate bench-log bench-sink doctor repair stop reset deps build lint docs ceremony ceremony-verify check-bare

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-16s %s\n' "$$name" "$$text"; done

run: forget-report deps build ## start everything and watch it (ONCE=1: do the main job once, check it, stop; KEEP=1: leave it running)
	@exec $(cli) run $(if $(filter-out 0,$(ONCE)),--once) $(if $(filter-out 0,$(KEEP)),--keep)

# Before anything can fail: the report that is there after ONCE=1 is always its own.
forget-report:
	@$(if $(filter-out 0,$(ONCE)),rm -f -- '$(ATTESTREAM_HOME)/report.json')

test: deps ## every test, on ports and folders of its own
	@scripts/test

# make turns every failure into 2; bin/attestream audit itself tells 1 (violated) from 2 (could not check).
audit: deps build ## audit what make run has done, while it runs or after (writes audit.json and audit.html)
	@$(cli) audit --html '$(ATTESTREAM_HOME)/audit.html'

conformance: deps ## foreign tools on our log and ours on foreign logs, each also on tampered copies (writes conformance.json)
	@$(node) --import ./bin/typescript.mjs test/conformance/run.ts

bench-audit: deps ## what an audit costs: entries a second without proofs, and beside the verifier alone with them (writes bench-audit.json)
	@$(node) --import ./bin/typescript.mjs test/perf/audit/bench-audit.ts

bench-gate: deps build ## the gate beside what one writes in an afternoon, on the same messages (ROWS=native2 RECORDS=3000 for one row; writes bench-gate.json)
	@GATE_FROM=dist $(node) --import ./bin/typescript.mjs test/perf/gate/bench-gate.ts

bench-log: deps ## the log's store beside Tessera's POSIX driver, and the cost of an entry from 1e4 to 1e7 (writes bench-log.json)
	@$(node) --import ./bin/typescript.mjs test/perf/log/bench-log.ts

chaos: deps ## everything under SIGKILLs, evictions and broker kills: every message judged, logged and shown once (SEED=5 KILLS=110 BROKER_KILLS=6 EVICTIONS=8 VALID=20000 BAD=2000 KAFKA=cluster|single BOUND_SECONDS=1500; the single node by itself: 30 kills, 5 of the broker, 5500 messages; writes chaos.json)
	@$(node) --import ./bin/typescript.mjs test/chaos/gate/main.ts

bench-sink: deps ## the sink beside the most that Icinga2 takes, and produce to Icinga2 at half load, with 2,000 services (SHORT=1; writes bench-sink.json)
	@$(node) --import ./bin/typescript.mjs test/perf/sink/bench-sink.ts

chaos-anchor: deps ## anchoring under kills, reorganisations and lying endpoints (SEED=4 CHAIN=anvil|geth KILLS=150 REORGS=40 BOUND_SECONDS=1800; writes chaos-anchor.json)
	@$(node) --import ./bin/typescript.mjs test/chaos/anchor/main.ts

costs: deps ## what an event costs on chain, by transactions measured in the run: docs/costs.md with its plot (writes costs.json)
	@$(node) --import ./bin/typescript.mjs test/perf/costs/run.ts

doctor: ## what is here, what is missing and how to get it
	@scripts/doctor

# make turns every failure into 2; bin/attestream repair-transactions itself tells 1 (something hangs still) from 2 (could not look).
repair: deps build ## end the transactions that a killed Kafka broker left hanging, as they had been decided (LOOK=1: only say what it would do)
	@$(cli) repair-transactions $(if $(filter-out 0,$(LOOK)),,--yes)

stop: ## stop what KEEP=1 left running
	@[ ! -f dist/.stamp ] || $(cli) stop

reset: deps build ## forget all data of make run
	@$(cli) reset

deps: ## install what is missing, from Debian, npm, Maven Central and PyPI; build native/ where cargo is
	@scripts/install-prerequisites
	@scripts/install-node-modules
	@scripts/install-tools
	@scripts/install-native

build: dist/.stamp ## compile the apps

dist/.stamp: $(sources)
	@scripts/install-node-modules
	@printf '  build    dist\n' >&2
	@$(node) node_modules/typescript/bin/tsc -p tsconfig.build.json
	@touch $@

lint: deps ## types and lint
	@scripts/lint

docs: deps ## write what is generated from schemas and configurations: types, docs/asyncapi.json, docs/configuration.md
	@scripts/docs

ceremony: deps ## make the circuits' keys again from nothing (PTAU=file: from these powers of tau)
	@INIT_CWD=$(CURDIR) $(MAKE) -C circuits ceremony

ceremony-verify: deps ## check the committed keys against a powers-of-tau file (PTAU=file)
	@INIT_CWD=$(CURDIR) $(MAKE) -C circuits ceremony-verify

check-bare: ## run both commands in a fresh Debian that holds git and make only (needs root)
	@scripts/check-bare
