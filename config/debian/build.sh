#!/usr/bin/env bash
# Builds the Debian package: target/debian/rekindle_VERSION_ARCHITECTURE.deb. It needs cargo-deb and cargo-about
# (`cargo install cargo-deb --locked && cargo install cargo-about --locked --features cli`).
#
#   config/debian/build.sh            # of a release build
#   config/debian/build.sh BINARY     # of this binary: below target/packaging
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
if [ $# = 0 ]; then
    cargo build --release --locked --bin rekindle
else
    export CARGO_TARGET_DIR=$PWD/target/packaging
    install -D -m 755 "$1" "$CARGO_TARGET_DIR/release/rekindle"
fi
binary=$CARGO_TARGET_DIR/release/rekindle

# What the package has and the repository has not; [package.metadata.deb] of src/rekindle/Cargo.toml names it.
made=$CARGO_TARGET_DIR/release/package
rm -rf "$made"
mkdir -p "$made/completions"
"$binary" man "$made/man"
gzip -9n "$made"/man/*
gzip -9nc CHANGELOG.md >"$made/changelog.gz"
"$binary" completions bash >"$made/completions/rekindle"
"$binary" completions zsh >"$made/completions/_rekindle"
"$binary" completions fish >"$made/completions/rekindle.fish"
sed 's|^store = "checkpoints"$|store = "/var/lib/rekindle/checkpoints"|' config/rekindle.toml >"$made/rekindle.toml"
grep -q '^store = "/var/lib/rekindle/checkpoints"$' "$made/rekindle.toml"
version=$("$binary" --version | cut -d' ' -f2)
printf 'rekindle (%s-1) unstable; urgency=medium\n\n  * changelog.gz beside this file says what changed.\n\n -- %s  %s\n' "$version" \
    "$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' src/rekindle/Cargo.toml)" "$(git log -1 --format=%cD)" | gzip -9n >"$made/changelog.Debian.gz"

config/third-party.sh >"$made/third-party-licenses"
gzip -9n "$made/third-party-licenses"

# Of a binary that is only tried, quickly.
cargo deb --package rekindle --no-build --locked --strip ${1:+--fast}
