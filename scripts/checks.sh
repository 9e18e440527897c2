# shellcheck shell=bash
# The checks, one function each, for check.sh and test.sh. Sourced, never run.
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

check_format() {
  step format "check the formatting" cargo fmt --all --check
}

lint_server() {
  step clippy-server "lint the server and the tests" cargo clippy --workspace --all-targets -- -D warnings
}

# Lets clippy compile our own crates from here on, with warnings as errors: every build lints them, too.
# `cargo clippy` would compile every dependency once more.
lint_what_is_built() {
  export RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
}

lint_islands() {
  scripts/wasm-target.sh
  step clippy-islands "lint the islands" cargo clippy --lib --no-default-features --features hydrate \
    --target wasm32-unknown-unknown --target-dir target/front -- -D warnings
}

# build_tests [OPTIONS OF CARGO]
build_tests() {
  step build-tests "build the server and the tests" cargo test --workspace "$@" --no-run
}

# Unit, property and integration tests on SQLite and on a PostgreSQL of their own: all of them, or the quick ones.
run_tests() {
  local profile="${1:-default}"
  if has cargo-nextest; then
    step tests "run the tests" scripts/with-postgres.sh \
      cargo nextest run --profile "$profile" --workspace --no-fail-fast
  else
    local quick=()
    if [[ "$profile" == quick ]]; then quick=(-- --skip postgres --skip crash --skip load --skip outage); fi
    step tests "run the tests" scripts/with-postgres.sh \
      cargo test --workspace --lib --bins --tests --no-fail-fast "${quick[@]}"
  fi
  sed 's/\x1b\[[0-9;]*m//g' "$logs/tests.log" | grep -E '^ *Summary|^test result' | tail -n 5
}

# The simulator's answers and events, what it accepts, and what the server asked of it in the browser tests, against
# Stripe's own description of its API.
check_conformance() {
  step conformance "hold all that was said to Stripe against its specification" \
    end2end/stripe-simulator/conformance/run --recorded target/logs/stripe-requests
}
