#!/usr/bin/env bash
# e2e.sh [ARGUMENTS OF PLAYWRIGHT]: the browser tests, on the debug build.
source "$(dirname "$0")/lib.sh"

scripts/e2e-tools.sh
step e2e-types "check the types of the browser tests" npm run --prefix end2end types
# With the tests, as the other checks build it: another choice of targets would compile the server once more.
step server-dev "build the server (dev)" cargo build --workspace --bins --tests
CHROMIUM="$(scripts/chromium.sh)"
export CHROMIUM
cd end2end
exec npx playwright test "$@"
