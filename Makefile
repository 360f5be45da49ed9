# Everything a developer runs, in one place. Needs Go 1.26; `make web`, `make sdl` and the program's tests need Node 20 as well.
GO      ?= go
LINT    := $(GO) tool -modfile=tools/go.mod golangci-lint
PKG     ?= ./...
RUN     ?= .
RACE    ?= -race
FUZZTIME ?= 20s
SEEDS   ?= 1000
LDFLAGS := -s -w
CHROMIUM ?= /usr/bin/chromium

# What is handed out is a function of these and of the source: the version, the commit, and its date (dist/ says what came of it).
VERSION           ?= 0.1.0-dev
REVISION          := $(shell git rev-parse HEAD 2>/dev/null)
SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)
IMAGE_ARCH        ?= amd64 arm64
IMAGE_USER        ?= 65532
PLATFORMS         ?= linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64
RELEASE           := $(GO) run ./internal/release
SAID               = --version $(VERSION) $(if $(REVISION),--revision $(REVISION)) --epoch $(SOURCE_DATE_EPOCH)

.PHONY: help all build image release cross FORCE program svm-deps svm-test sdl web test netns lint fmt bench sim fuzz fuzz-api testnet clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

all: lint test build ## lint, test, build

build: ## bin/paradox, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/paradox ./cmd/paradox

dist/bin/%/paradox: FORCE
	CGO_ENABLED=0 GOOS=$(firstword $(subst -, ,$*)) GOARCH=$(lastword $(subst -, ,$*)) $(GO) build -trimpath -buildvcs=false \
	  -ldflags '$(LDFLAGS) -X main.version=$(VERSION)' -o $@ ./cmd/paradox

image: $(IMAGE_ARCH:%=dist/bin/linux-%/paradox) ## dist/image, an OCI image for IMAGE_ARCH without a daemon; the same bytes wherever it is built
	$(RELEASE) image --out dist --user $(IMAGE_USER) $(if $(NETWORK),--network $(NETWORK)) $(SAID) $(foreach a,$(IMAGE_ARCH),$(a)=dist/bin/linux-$(a)/paradox)

release: $(PLATFORMS:%=dist/bin/%/paradox) ## dist/release: an archive for each of PLATFORMS, and SHA256SUMS
	$(RELEASE) archives --out dist/release $(SAID) $(foreach p,$(PLATFORMS),$(p)=dist/bin/$(p)/paradox)

cross: ## compile for the systems that CI does not run on
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) build -trimpath -o /dev/null ./cmd/paradox
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build -trimpath -o /dev/null ./cmd/paradox

# Networks of real sockets and processes run one package after the other, and those under storms alone: what else would run beside
# them is weather of another kind. Those on hosts of their own are `make netns`: they need what not every machine gives.
ALL    = $(eval ALL := $(or $(shell $(GO) list $(PKG)),$(error go list $(PKG) names no package)))$(ALL)
LIVE   = $(filter %/chain %/chain/svm %/chain/wallet %/cmd/paradox %/node %/p2p %/testnet,$(ALL))
STORMS = $(filter %/testnet/chaos,$(ALL))
REST   = $(filter-out $(LIVE) $(STORMS) %/testnet/netns,$(ALL))
test: $(if $(filter ./... ./chain% ./testnet% ./cmd%,$(PKG)),svm-deps) ## all Go tests with the race detector (PKG=./netting RUN=TestX to choose, RACE= without it)
	rc=0; \
	$(if $(REST),.ci/gotest $(RACE) -timeout 30m -run '$(RUN)' $(REST) || rc=1;) \
	$(if $(LIVE),.ci/gotest $(RACE) -p 1 -timeout 30m -run '$(RUN)' $(LIVE) || rc=1;) \
	$(if $(STORMS),.ci/gotest $(RACE) -timeout 25m -run '$(RUN)' $(STORMS) || rc=1;) \
	exit $$rc

netns: ## networks of hosts in Linux network namespaces; needs iproute2, nftables, and root or user namespaces
	.ci/gotest -timeout 15m ./testnet/netns

program: ## build the vault program and pin program/vault.so (CHECK=--check to compare instead)
	program/build.sh $(CHECK)

svm-deps: program/svm/node_modules/.package-lock.json ## the Solana VM that tests and testnet up --chain svm run on
program/svm/node_modules/.package-lock.json: program/svm/package-lock.json
	npm ci --prefix program/svm --no-fund --no-audit

svm-test: svm-deps ## the vault program on the Solana VM, and a network on it
	.ci/gotest $(RACE) -timeout 30m ./chain/svm/... ./testnet

sdl: build akash/sdl/node_modules/.package-lock.json ## the Akash deployment files under Akash's own chain-sdk, from npm
	node akash/sdl/check.mjs bin/paradox
akash/sdl/node_modules/.package-lock.json: akash/sdl/package-lock.json
	npm ci --prefix akash/sdl --no-fund --no-audit

web: build $(CHROMIUM) web/test/node_modules/.package-lock.json ## the status page of a network in headless Chromium
	CHROMIUM=$(CHROMIUM) npm test --prefix web/test
web/test/node_modules/.package-lock.json: web/test/package-lock.json
	npm ci --prefix web/test --no-fund --no-audit
$(CHROMIUM): # Debian's
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core

lint: ## gofmt, go vet, golangci-lint
	@out=$$(git ls-files '*.go' | xargs gofmt -l); if [ -n "$$out" ]; then echo "not gofmt'ed:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(LINT) run

fmt: ## gofmt -w
	git ls-files '*.go' | xargs gofmt -w

bench: ## benchmarks (PKG=./netting to choose)
	$(GO) test -run '^$$' -bench . -benchmem $(PKG)

sim: ## committees in virtual time: SEEDS=1000 of them for each size, N=7 one size only, SEED=42 replays one seed
	$(GO) test ./agreement/sim -run 'TestSeeds' -v -count=1 -timeout 0 -seeds $(SEEDS) $(if $(N),-members $(N)) $(if $(SEED),-seed $(SEED))

fuzz: ## every fuzz target for FUZZTIME each
	.ci/fuzz $(FUZZTIME) $(PKG)

fuzz-api: build ## the HTTP API of a running node under schemathesis, from PyPI (CASES=40 an operation)
	node .ci/fuzz-api.mjs $(or $(CASES),40)

testnet: $(if $(filter svm,$(CHAIN)),svm-deps) ## a network of five nodes on this machine (CHAIN=svm: on a Solana VM)
	$(GO) run ./cmd/paradox testnet up $(if $(CHAIN),--chain $(CHAIN))

clean: ## what the build left
	rm -rf bin dist
