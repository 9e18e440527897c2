#!/usr/bin/env bash
# The fast part of the tests: formatting, lints for both targets, the unit and integration tests that take no time.
source "$(dirname "$0")/checks.sh"

# A twentieth of the random histories: enough to notice, quick enough to be asked often.
export TEST_HISTORIES="${TEST_HISTORIES:-100}"
export TEST_PAGES="${TEST_PAGES:-200}"
# Many tests wait for something to time out: others run meanwhile.
export NEXTEST_TEST_THREADS="${NEXTEST_TEST_THREADS:-4}"

check_format
lint_server
lint_islands
build_tests
run_tests quick
