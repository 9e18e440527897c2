#!/usr/bin/env bash
# Everything, from an empty clone: what it needs is installed on the way. While the server's few very large
# dependencies compile on one core, the other builds the site and fetches the browser.
source "$(dirname "$0")/checks.sh"

check_format
beside scripts/test-tools.sh
lint_server
build_tests
join_beside
lint_islands
run_tests
scripts/e2e.sh
check_conformance
say "all tests passed"
