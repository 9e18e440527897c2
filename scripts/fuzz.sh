#!/usr/bin/env bash
# fuzz.sh: spoils whatever comes from outside (bodies, signatures, forms, addresses, amounts, files), for
# FUZZ_SECONDS (60) of each kind. A failure names the seed that runs it again.
source "$(dirname "$0")/lib.sh"

has cargo-nextest || die "make fuzz needs cargo-nextest"
export TEST_FUZZ_SECONDS="${FUZZ_SECONDS:-60}"
# The property tests beside the code count cases instead.
export PROPTEST_CASES="${PROPTEST_CASES:-100000}"

step fuzz-build "build the tests" cargo nextest run --lib --test tests --no-run
status=0
step fuzz "spoil each kind of input for $TEST_FUZZ_SECONDS seconds" \
  cargo nextest run --lib --test tests --profile soak --no-fail-fast --success-output final \
  -E 'test(/^fuzz_/) | test(/address::tests::/)' || status=$?
sed 's/\x1b\[[0-9;]*m//g' "$logs/fuzz.log" | awk '
  / PASS .* fuzz_/ { name = $NF }
  / cases$/ && name != "" { printf "  %8d cases  %s\n", $1, name; name = "" }
'
exit "$status"
