#!/bin/sh
# Runs the golden set through the program of the aarch64 wheel: on another machine below qemu-user,
# with the C library of Debian's package for cross-compiling.
set -eu
cd "$(dirname "$0")/.."

missing=""
if [ "$(uname -m)" != aarch64 ]; then
    command -v qemu-aarch64-static >/dev/null || missing="$missing qemu-user-static"
    [ -d /usr/aarch64-linux-gnu/lib ] || missing="$missing libc6-arm64-cross"
fi
if [ -n "$missing" ]; then
    echo "this needs$missing: apt-get install$missing" >&2
    exit 1
fi

wheel="$(sh packaging/wheel.sh aarch64 | tail -n 1)"
rm -rf target/unpacked/aarch64
python3 -m zipfile -e "$wheel" target/unpacked/aarch64
program="$(echo "$(pwd)"/target/unpacked/aarch64/*.data/scripts/machex)"
chmod +x "$program"
if [ "$(uname -m)" != aarch64 ]; then
    emulated="$(pwd)/target/unpacked/aarch64/emulated"
    # Not with qemu's -L: it would look up every absolute path below that folder first.
    libraries=/usr/aarch64-linux-gnu/lib
    cat >"$emulated" <<EOT
#!/bin/sh
exec qemu-aarch64-static $libraries/ld-linux-aarch64.so.1 --library-path $libraries "$program" "\$@"
EOT
    chmod +x "$emulated"
    program="$emulated"
fi
MACHEX_TEST_PROGRAM="$program" cargo test --locked --test golden
