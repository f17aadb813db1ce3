# Two commands do everything on a fresh machine with Rust: `make demo` and `make test`.

SAMPLE ?= target/demo
MACHEX := target/release/machex

.PHONY: demo test check bench setup

# Builds machex, writes a synthetic sample of all ten datasets, renders it, and shows the tree.
demo: setup
	cargo build --release --locked
	rm -rf $(SAMPLE)
	$(MACHEX) sample $(SAMPLE)
	$(MACHEX) check $(SAMPLE)/config.yml
	$(MACHEX) materialize $(SAMPLE)/config.yml
	@echo
	@echo "The tree, $(SAMPLE)/machex:"
	@find $(SAMPLE)/machex | sort | sed 's|^$(SAMPLE)/||' | awk 'NR <= 14; END { print "... " NR " entries" }'
	@echo
	@echo "The first lines of an index:"
	@head -n 6 $(SAMPLE)/machex/*/index.json | head -n 8

# All tests. One mounts a small tmpfs, to fill it up; only root can.
test: setup
	@if [ "$$(id -u)" -ne 0 ]; then \
		echo "not root: the test of a full disk is left out"; export MACHEX_SKIP_MOUNT=1; \
	fi; \
	cargo test --locked

# What a change must pass before it lands, besides the tests.
check: setup
	cargo fmt --all -- --check
	cargo clippy --locked --all-targets -- -D warnings

# The figures of docs/performance.md.
bench: setup
	cargo bench --locked

setup:
	@sh scripts/setup.sh
