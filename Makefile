# On a fresh machine with Rust, run `make demo` to try machex and `make test` to test it.

SAMPLE ?= target/demo
MACHEX := target/release/machex
# Where packaging/cargo-tool.sh installs.
CARGO_TOOLS := $(CURDIR)/target/packaging/bin

.PHONY: demo test model-check check check-rust check-python deny bench bench-mount bench-training \
	pictures wheel wheel-aarch64 test-aarch64 binary binary-aarch64 packages packages-aarch64 packages-test sdist \
	third-party check-project lint-workflows lint-scripts lint-tools doc msrv \
	minimal-versions advisories release-check release-notes checksums draft-release try-wheel \
	setup test-setup packages-setup

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
	cargo test --locked --no-fail-fast
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
	@python="$$(sh scripts/python-environment.sh target/python-clients)" && set -x && \
		"$$python" -m ruff format --check . && "$$python" -m ruff check . && "$$python" -m mypy

# Checks licences, sources and versions of the dependencies by deny.toml. Needs no network.
deny:
	@PATH="$(CARGO_TOOLS):$$PATH"; if cargo deny --version >/dev/null 2>&1; then \
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
	$$(sh scripts/python-environment.sh target/python-clients) benches/mount.py $(MACHEX)

# Measures the figures for training in docs/performance.md.
bench-training: test-setup
	$$(sh scripts/python-environment.sh target/python-clients) -m pip install --quiet --force-reinstall --no-deps .
	$$(sh scripts/python-environment.sh target/python-clients) benches/training.py

# Makes the pictures of docs/.
pictures: test-setup
	$$(sh scripts/python-environment.sh target/python-clients) -m pip install --quiet --force-reinstall --no-deps .
	$$(sh scripts/python-environment.sh target/python-clients) scripts/pictures.py docs
	cargo build --release --locked
	$$(sh scripts/python-environment.sh target/python-clients) scripts/terminal.py $(MACHEX) docs/terminal.svg

# Builds the wheel for x86-64 Linux with glibc 2.17 or later.
wheel: packages-setup
	sh packaging/wheel.sh x86_64

# Builds the wheel for 64-bit ARM, on any machine that has Rust's standard library for it.
wheel-aarch64: packages-setup
	sh packaging/wheel.sh aarch64

# Runs the golden set through the program of the aarch64 wheel, below qemu-user on other machines.
test-aarch64: test-setup
	sh packaging/test-aarch64.sh

# Builds static programs, which run on every Linux of their architecture.
binary: packages-setup
	sh packaging/binary.sh x86_64

binary-aarch64: packages-setup
	sh packaging/binary.sh aarch64

# Builds the .deb and the .rpm from the wheel of an architecture.
packages: packages-setup
	sh packaging/packages.sh x86_64

packages-aarch64: packages-setup
	sh packaging/packages.sh aarch64

# Installs the wheel and the .deb in new roots of old and new distributions, and uses them there.
# Needs root, debootstrap and FUSE.
packages-test: packages-setup
	sh packaging/packages.sh "$$(uname -m)" deb
	sh packaging/test-roots.sh

# Builds the source archives of cargo and maturin, and tests them from the archives alone.
sdist: test-setup
	sh packaging/source-archives.sh

# Lists the licences of everything that is linked into the program in THIRD-PARTY.txt.
third-party:
	python3 packaging/third-party.py

setup:
	@sh scripts/setup.sh

test-setup:
	@sh scripts/setup.sh test

packages-setup:
	@sh scripts/setup.sh packages

# Targets that need nothing but the repository, and those of a release. See docs/releasing.md.

# The version of a release, such as 0.1.0.
VERSION ?=

# Checks what GitHub reads, the scripts, that all files name the same version, and THIRD-PARTY.txt.
check-project: lint-workflows lint-scripts release-check
	python3 packaging/third-party.py --check

lint-workflows: lint-tools
	sh scripts/lint-workflows.sh

lint-scripts: lint-tools
	sh scripts/lint-scripts.sh

# Of its own, since `make -j` runs the two above at the same time.
lint-tools: test-setup
	@sh scripts/python-environment.sh target/lint scripts/lint-requirements.txt >/dev/null

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
	sh packaging/cargo-tool.sh cargo-deny 0.20.2
	PATH="$(CARGO_TOOLS):$$PATH" cargo deny --locked check advisories

# Checks that all files name one version; with VERSION, that this one is ready to be released.
release-check:
	@sh packaging/release-check.sh $(VERSION)

# Prints the section of VERSION in the changelog.
release-notes:
	@sh packaging/release-notes.sh $(VERSION)

# Collects the files of a release in target/dist, with SHA256SUMS.
checksums:
	sh packaging/checksums.sh

# Makes a draft of a release on GitHub from target/dist.
draft-release:
	sh packaging/draft-release.sh $(VERSION)

# Uses WHEEL on this machine: a sample, a check, a tree.
try-wheel:
	sh packaging/try-wheel.sh $(WHEEL)
