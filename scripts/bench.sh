#!/usr/bin/env bash
# bench.sh: builds the bench and the limit on SQLite, and runs them on databases of their own.
# FULL=1 (or BENCH=full) measures everything; BENCH_ONLY=TEXT only the rows with this in their name.
source "$(dirname "$0")/lib.sh"

# The limit is linked with the SQLite that Recharge is built with.
build_limit() {
  local library
  library="$(find target/release/build -path '*libsqlite3-sys-*/out/libsqlite3.a' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-)"
  [[ -n "$library" ]] || die "SQLite was not built"
  "${CC:-cc}" -O2 -Wall -o target/limit-on-sqlite benches/limit/debit.c "$library" -lpthread -ldl -lm
}

step bench-build "build the bench" cargo bench --bench bench --no-run
step bench-limit "build the limit on SQLite" build_limit
export BENCH_SQLITE_LIMIT="$root/target/limit-on-sqlite"
POSTGRES=durable exec scripts/with-postgres.sh cargo bench --quiet --bench bench
