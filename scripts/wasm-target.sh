#!/usr/bin/env bash
# Gives the active Rust compiler the standard library for wasm32-unknown-unknown.
#
# 1. `rustup target add`, unless RUSTUP_AUTO_INSTALL=0 says that rustup is not to download.
# 2. Else the sources of exactly this compiler (rustup's rust-src when it is there, or Debian's), built here.
#
# Both end in the same place, the compiler's own sysroot, so that afterwards plain cargo works.
source "$(dirname "$0")/lib.sh"

readonly target="wasm32-unknown-unknown"
sysroot="$(rustc --print sysroot)"
readonly sysroot
readonly lib="$sysroot/lib/rustlib"

# Compiles a browser library that formats a string: needs a std that fits this compiler.
target_works() {
  local dir status=0
  dir="$(mktemp -d)"
  # shellcheck disable=SC2016
  printf '#[unsafe(no_mangle)]\npub extern "C" fn probe(n: u32) -> usize { format!("{n}").len() }\n' >"$dir/probe.rs"
  rustc --edition 2024 --crate-type cdylib --target "$target" -o "$dir/probe.wasm" "$dir/probe.rs" >"$dir/log" 2>&1 || status=$?
  rm -rf "$dir"
  return "$status"
}

rustup_may_download() {
  has rustup && [[ "${RUSTUP_AUTO_INSTALL:-1}" != 0 ]]
}

# The std of `make run` on a machine without rustup's downloads.
build_std() {
  [[ -w "$lib" ]] || die "$lib is not writable; add the target $target to this compiler by its own means"
  # Several folders of the project may share one compiler: one builds, the others wait and find it done.
  exec 9>"$lib/.$target.lock"
  flock 9
  target_works && return 0
  [[ -f "$lib/src/rust/library/Cargo.lock" ]] ||
    step rust-src "fetch the sources of Rust's standard library" scripts/rust-src.sh "$lib"
  step wasm-std "build the standard library for the browser" scripts/wasm-std.sh "$lib"
}

target_works && exit 0
if rustup_may_download && step wasm-target "add the target $target" rustup target add "$target" && target_works; then
  exit 0
fi
build_std
target_works || die "the standard library for $target does not compile a program; see target/logs/wasm-std.log"
