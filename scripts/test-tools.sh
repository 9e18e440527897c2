#!/usr/bin/env bash
# Installs the tools of the tests: a pooler, a library that makes disks fail, and those of the browser tests.
source "$(dirname "$0")/lib.sh"

scripts/pgbouncer.sh >/dev/null
scripts/libfiu.sh >/dev/null
exec scripts/e2e-tools.sh
