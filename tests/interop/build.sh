#!/usr/bin/env bash
# Builds mosaik-peer in a per-user cache and prints the path of the program.
# Exit status 77 when there is no cargo to build with.
set -euo pipefail

KEPT_DAYS=30 # programs of earlier sources

peer=$(cd "$(dirname "${BASH_SOURCE[0]}")/peer" && pwd)

if ! command -v cargo >/dev/null; then
    echo "build.sh: NO CARGO: the tests against the Rust reference cannot run." >&2
    echo "build.sh: install Rust 1.93 or later (https://rustup.rs) and try again." >&2
    exit 77
fi

# Another lock file or compiler gets a directory of its own. The program is kept under the hash of its sources, so that
# checkouts that build at the same time do not get each other's.
key=$({ cat "$peer/Cargo.lock"; rustc -vV; } | sha256sum | cut -c1-16)
sources=$(find "$peer" -type f -not -path '*/target/*' -print0 | sort -z | xargs -0 cat | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mosaik-c/rust-peer-$key
program=$cache/peers/$sources/mosaik-peer

build() {
    local quiet=--quiet
    if [[ ! -e $cache/release ]]; then
        echo "build.sh: first build of the Rust peer in $cache: some minutes" >&2
        quiet=
    fi
    cargo build $quiet --locked --release --manifest-path "$peer/Cargo.toml" --target-dir "$cache" >&2
    mkdir -p "${program%/*}"
    cp "$cache/release/mosaik-peer" "$program.new"
    mv "$program.new" "$program"
    find "$cache/peers" -mindepth 1 -maxdepth 1 -mtime +"$KEPT_DAYS" -exec rm -r {} +
}

if [[ ! -e $program ]]; then
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    [[ -e $program ]] || build
fi
echo "$program"
