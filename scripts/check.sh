#!/usr/bin/env bash
# The fast part of the tests: formatting, lints for both targets, unit and integration tests on both databases.
source "$(dirname "$0")/checks.sh"

# A tenth of the random histories: enough to notice, quick enough to be asked often.
export TEST_HISTORIES="${TEST_HISTORIES:-200}"

check_format
lint_server
lint_islands
build_tests
run_tests
