#!/usr/bin/env bash
# wasm-std.sh RUSTLIB: compiles std for the browser from RUSTLIB/src/rust/library and puts it beside the
# compiler's other targets.
source "$(dirname "$0")/lib.sh"

readonly lib="$1"
readonly target="wasm32-unknown-unknown"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
touch "$work/src/lib.rs"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "nothing"
edition = "2024"

[workspace]
TOML

# The same compiler as in the project's folder, although the work is outside of it.
if has rustup && [[ -z "${RUSTUP_TOOLCHAIN:-}" ]]; then
  RUSTUP_TOOLCHAIN="$(rustup show active-toolchain | cut -d' ' -f1)"
  export RUSTUP_TOOLCHAIN
fi

# build-std is a nightly option. Bitcode lets the release build optimise std and the program together;
# the mark keeps std's private crates private, as in the published std.
cd "$work" || exit
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cembed-bitcode=yes -Zforce-unstable-if-unmarked" CARGO_TARGET_DIR="$work/target" \
  CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_DEBUG=false \
  cargo build --release --target "$target" -Zbuild-std=std,panic_abort

staged="$(mktemp -d "$lib/.$target.XXXXXX")"
mkdir "$staged/lib"
cp "$work/target/$target/release/deps/"*.rlib "$staged/lib/"
rm -f "$staged/lib/libnothing"*
chmod -R a+rX "$staged"

# Into place in one move; a std of an earlier compiler goes.
if [[ -e "$lib/$target" ]]; then mv -T "$lib/$target" "$work/old"; fi
mv -T "$staged" "$lib/$target"
