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

# The packages below are Debian's; npm is one of them where there is none of another kind. Nothing else
# is installed. axe-core judges the pages of the console: it is not ours, so it is not in the repository,
# and it is fetched once, as npm is configured to, and is what its digest says.
NEEDED := postgresql:/usr/lib/postgresql libxml2-utils:/usr/bin/xmllint strace:/usr/bin/strace e2fsprogs:/sbin/mkfs.ext4 \
  chromium:/usr/bin/chromium fonts-dejavu-core:/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf node-typescript:/usr/bin/tsc
AXE := axe-core-4.14.1.tgz
AXE_SHA512 := 1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5

deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  want=""; for n in $(NEEDED); do [ -e "$${n#*:}" ] || want="$$want $${n%%:*}"; done; \
	  [ -e .cache/$(AXE) ] || command -v npm >/dev/null || want="$$want npm"; \
	  if [ -n "$$want" ]; then echo "make test installs from Debian:$$want"; \
	    apt-get -qq -o DPkg::Lock::Timeout=400 update && \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=400 install --no-install-recommends $$want >/dev/null; fi; \
	else echo "not root on Debian: running with what is installed"; fi
	@axe() { echo "$(AXE_SHA512)  .cache/$(AXE)" | sha512sum --check --status 2>/dev/null; }; \
	if ! axe; then rm -f .cache/$(AXE); \
	  if ! command -v npm >/dev/null; then echo "no npm: axe-core is not fetched, and the console's pages are not judged by it"; exit 0; fi; \
	  echo "make test fetches $(AXE)"; mkdir -p .cache && npm pack --silent --pack-destination .cache axe-core@4.14.1 >/dev/null || \
	    { echo "npm does not get $(AXE): the console's pages are not judged by it"; exit 0; }; \
	  axe || { echo "$(AXE) is not what its digest says"; rm -f .cache/$(AXE); exit 1; }; fi

lint: ## gofmt, vet, staticcheck, the types of the console's script.
	@bad=$$(gofmt -l . | grep -v /testdata/); [ -z "$$bad" ] || { echo "gofmt: $$bad"; exit 1; }
	go vet ./...
	go vet -tags faults ./cmd/... ./internal/fault
	go run $(STATICCHECK) ./...
	@if command -v tsc >/dev/null; then echo "tsc -p web/console"; tsc -p web/console; \
	elif [ "$$CI" = true ]; then echo "no tsc: the types of the console's script must be checked"; exit 1; \
	else echo "no tsc: the types of the console's script are not checked"; fi

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
