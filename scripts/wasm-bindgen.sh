#!/usr/bin/env bash
# Prints the path of a wasm-bindgen of exactly the version in Cargo.lock; installs it into .tools when the
# machine has none.
source "$(dirname "$0")/lib.sh"

version="$(locked_version wasm-bindgen)"
readonly version
readonly prefix="$tools/wasm-bindgen-$version"

fits() { [[ "$("$1" --version 2>/dev/null)" == "wasm-bindgen $version" ]]; }

# Quick to compile matters more than quick to run: it works on a few megabytes. Without --locked: the
# published lock file names a version that is no longer to be had.
install() {
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false \
    CARGO_TARGET_DIR="$root/target/tools" \
    cargo install wasm-bindgen-cli --version "=$version" --no-default-features --bin wasm-bindgen --root "$prefix"
  rm -rf "$root/target/tools"
}

if fits wasm-bindgen; then
  command -v wasm-bindgen
  exit 0
fi
if ! fits "$prefix/bin/wasm-bindgen"; then
  step wasm-bindgen "install wasm-bindgen $version into .tools" install >&2
fi
say "$prefix/bin/wasm-bindgen"
