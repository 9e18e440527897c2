#!/usr/bin/env bash
# Everything, from an empty clone: what it needs is installed on the way. While the server's few very large
# dependencies compile on one core, the other builds the site and fetches the browser.
source "$(dirname "$0")/checks.sh"

# Many tests wait for something to time out or to start: others run meanwhile.
export NEXTEST_TEST_THREADS="${NEXTEST_TEST_THREADS:-$(($(nproc) * 3 / 2))}"

check_format
lint_what_is_built
beside scripts/test-tools.sh
# The bench, too: it is linted.
build_tests --all-targets
join_beside
run_tests
scripts/e2e.sh
check_conformance
say "all tests passed"
