# On a fresh machine with Rust, run `make demo` to try machex and `make test` to test it.

SAMPLE ?= target/demo
MACHEX := target/release/machex

.PHONY: demo test model-check check check-rust check-python deny bench bench-mount bench-training pictures setup test-setup
.PHONY: check-project lint-workflows lint-scripts lint-citation doc msrv minimal-versions advisories
.PHONY: release-check release-notes checksums draft-release try-wheel

# Builds machex, writes a synthetic sample of all datasets, mounts it, and reads from it.
demo: setup
	cargo build --release --locked
	-@$(MACHEX) unmount $(SAMPLE)/mnt 2>/dev/null
	rm -rf $(SAMPLE)
	$(MACHEX) sample $(SAMPLE)
	$(MACHEX) check $(SAMPLE)/config.yml
	mkdir $(SAMPLE)/mnt
	$(MACHEX) mount $(SAMPLE)/config.yml $(SAMPLE)/mnt
	@echo
	@echo "The tree, $(SAMPLE)/mnt, of which nothing has been rendered yet:"
	@find $(SAMPLE)/mnt | sort | sed 's|^$(SAMPLE)/||' | awk 'NR <= 14; END { print "... " NR " entries" }'
	@echo
	@echo "The first lines of an index, and an image that is rendered now:"
	@head -n 6 $(SAMPLE)/mnt/chexpert/index.json
	@cp $(SAMPLE)/mnt/chexpert/00/000000.jpg $(SAMPLE)/first.jpg && ls -l $(SAMPLE)/first.jpg
	@echo
	$(MACHEX) status $(SAMPLE)/mnt
	$(MACHEX) unmount $(SAMPLE)/mnt

# Runs all tests of the program and of the Python package. Tests that need root say so.
test: test-setup
	cargo test --locked
	$(MAKE) model-check
	sh scripts/test-python.sh

# Checks the possible interleavings of threads that share state. See src/sync.rs.
model-check: test-setup
	cargo test --locked --lib --features model-check model

# Checks that every change must pass before it lands, in addition to the tests.
check: check-rust check-python check-project deny

check-rust: test-setup
	cargo fmt --all -- --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --lib --tests --features model-check -- -D warnings

check-python: test-setup
	@python="$$(sh scripts/python-clients.sh target/python-clients)" && set -x && \
		"$$python" -m ruff format --check . && "$$python" -m ruff check . && "$$python" -m mypy

# Checks licences, sources and versions of the dependencies by deny.toml. Needs no network.
deny:
	@if cargo deny --version >/dev/null 2>&1; then \
		cargo deny --locked --offline check bans licenses sources; \
	else \
		echo "NOT CHECKED, for want of cargo-deny: licences and sources of the dependencies"; \
	fi

# Measures the figures of docs/performance.md.
bench: setup
	cargo bench --locked

# Measures the figures for a mount in docs/performance.md.
bench-mount: test-setup
	cargo build --release --locked
	$$(sh scripts/python-clients.sh target/python-clients) benches/mount.py $(MACHEX)

# Measures the figures for training in docs/performance.md.
bench-training: test-setup
	$$(sh scripts/python-clients.sh target/python-clients) -m pip install --quiet --force-reinstall --no-deps .
	$$(sh scripts/python-clients.sh target/python-clients) benches/training.py

# Makes the pictures of docs/.
pictures: test-setup
	$$(sh scripts/python-clients.sh target/python-clients) -m pip install --quiet --force-reinstall --no-deps .
	$$(sh scripts/python-clients.sh target/python-clients) scripts/pictures.py docs

setup:
	@sh scripts/setup.sh

test-setup:
	@sh scripts/setup.sh test

# Targets that need nothing but the repository, and those of a release. See docs/releasing.md.

# The version of a release, such as 0.1.0.
VERSION ?=

# Checks the workflows, the scripts, the citation, and that all files name the same version.
check-project: lint-workflows lint-scripts lint-citation release-check

lint-workflows:
	sh scripts/lint-workflows.sh

lint-scripts:
	sh scripts/lint-scripts.sh

lint-citation:
	"$$(sh scripts/lint-tools.sh)/cffconvert" --validate

# The documentation of the code; a broken link is an error.
doc: setup
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps

# Compiles with the oldest Rust, and with the oldest crates, that Cargo.toml allows.
msrv: setup
	sh scripts/msrv.sh

minimal-versions: setup
	sh scripts/minimal-versions.sh

# Looks for known faults of the dependencies. Needs the network: the list of faults is on GitHub.
advisories:
	cargo deny --version >/dev/null 2>&1 || cargo install --locked --quiet cargo-deny@0.20.2
	cargo deny --locked check advisories

# Checks that all files name one version; with VERSION, that this one is ready to be released.
release-check:
	@sh scripts/release-check.sh $(VERSION)

# Prints the section of VERSION in the changelog.
release-notes:
	@sh scripts/release-notes.sh $(VERSION)

# Collects the files of a release in target/dist, with SHA256SUMS.
checksums:
	sh scripts/checksums.sh

# Makes a draft of a release on GitHub from target/dist.
draft-release:
	sh scripts/draft-release.sh $(VERSION)

# Uses WHEEL on this machine: a sample, a check, a tree.
try-wheel:
	sh scripts/try-wheel.sh $(WHEEL)
