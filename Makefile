# make test is everything CI does. On Debian, as root, it installs what the tests run against (the real
# PostgreSQL, xmllint, strace) and says so; elsewhere it runs with what is there, and the closing
# line counts what did not run.

SHELL := /bin/bash
export CGO_ENABLED := 0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
COUNTS := $(abspath .engine-counts)
export HOUVAST_ENGINE_COUNTS := $(COUNTS)

.PHONY: help test deps lint nightly race bench demo

help: ## Show this text.
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' Makefile

test: deps lint ## Everything that must hold: lint, all tests on both engines, the crash test, the demo on both engines.
	@rm -f $(COUNTS)
	HOUVAST_FULL=1 go test -count=1 -timeout 30m ./...
	@awk -F '[ ,:]+' '{for(i=1;i<NF;i++){if($$i=="sqlite")s+=$$(i+1);if($$i=="postgres")p+=$$(i+1);if($$i=="run")n+=$$(i+1)}}\
	  END{printf "tests that open a store, per engine: sqlite %d, postgres %d, not run %d\n",s,p,n}' $(COUNTS)
	@rm -f $(COUNTS)

# The packages below are Debian's. Nothing else is installed.
NEEDED := postgresql:/usr/lib/postgresql libxml2-utils:/usr/bin/xmllint strace:/usr/bin/strace e2fsprogs:/sbin/mkfs.ext4

deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  want=""; for n in $(NEEDED); do [ -e "$${n#*:}" ] || want="$$want $${n%%:*}"; done; \
	  if [ -n "$$want" ]; then echo "make test installs from Debian:$$want"; \
	    apt-get -qq -o DPkg::Lock::Timeout=400 update && \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=400 install --no-install-recommends $$want >/dev/null; fi; \
	else echo "not root on Debian: running with what is installed"; fi

lint: ## gofmt, vet, staticcheck.
	@bad=$$(gofmt -l . | grep -v /testdata/); [ -z "$$bad" ] || { echo "gofmt: $$bad"; exit 1; }
	go vet ./...
	go vet -tags faults ./cmd/... ./internal/fault
	go run $(STATICCHECK) ./...

nightly: ## Fuzzing for ten processor minutes a target, and the race detector.
	@for t in $$(grep -rl '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$t/*_test.go | cut -c6-); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime 5m $$t || exit 1; done; done
	$(MAKE) race

race: ## All tests under the race detector (needs gcc).
	CGO_ENABLED=1 go test -race -count=1 -timeout 60m ./...

bench: ## The benchmarks, for benchstat.
	go test -run '^$$' -bench . -benchmem ./...

demo: ## The walk, with drawn pictures.
	go run ./cmd/houvast demo --once
