# On a fresh machine with Rust, run `make demo` to try machex and `make test` to test it.

SAMPLE ?= target/demo
MACHEX := target/release/machex

.PHONY: demo test model-check check check-rust check-python deny bench bench-mount bench-training pictures setup test-setup

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
check: check-rust check-python deny

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
