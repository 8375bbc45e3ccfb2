#!/bin/bash
# Builds mosaik-peer in a per-user cache and prints the path of the program.
# Exit status 77 when there is no cargo to build with.
set -euo pipefail

peer=$(cd "$(dirname "${BASH_SOURCE[0]}")/peer" && pwd)

if ! command -v cargo >/dev/null; then
    echo "build.sh: NO CARGO: the tests against the Rust reference cannot run." >&2
    echo "build.sh: install Rust 1.93 or later (https://rustup.rs) and try again." >&2
    exit 77
fi

# Another lock file or compiler gets a directory of its own, so that builds of
# two checkouts do not undo each other.
key=$({ cat "$peer/Cargo.lock"; rustc -vV; } | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mosaik-c/rust-peer-$key
mkdir -p "$cache"

quiet=--quiet
if [ ! -e "$cache/release/mosaik-peer" ]; then
    echo "build.sh: first build of the Rust peer in $cache: some minutes" >&2
    quiet=
fi
cargo build $quiet --locked --release --manifest-path "$peer/Cargo.toml" --target-dir "$cache" >&2
echo "$cache/release/mosaik-peer"
