#!/usr/bin/env bash
# What the tests need beside the server: a pooler, a library that lets disks fail, and what the browser tests need.
source "$(dirname "$0")/lib.sh"

scripts/pgbouncer.sh >/dev/null
scripts/libfiu.sh >/dev/null
exec scripts/e2e-tools.sh
