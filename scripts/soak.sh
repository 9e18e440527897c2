#!/usr/bin/env bash
# soak.sh: the long forms of the tests of what must survive, in turn, for SOAK_MINUTES (60). It goes on where the
# last one ended, and prints one table of all runs on this commit. SOAK_RESULTS names the file that keeps them;
# SOAK_ONLY, a regular expression, picks proofs: SOAK_ONLY='^R(8|23) '. SOAK_OLD is the commit of the release before,
# for R19; the last tag if there is one. What a run printed stays in target/soak.
source "$(dirname "$0")/checks.sh"
# shellcheck source=commits.sh
source scripts/commits.sh

readonly minutes="${SOAK_MINUTES:-60}"
readonly only="${SOAK_ONLY:-.}"
readonly results="${SOAK_RESULTS:-$root/target/soak/results.tsv}"
# As fast as a release, and with the places in it where tests decide what fails.
readonly build=(--config 'profile.release.package.recharge.debug-assertions=true')

# What is proved; the environment of its long form; how often it runs; which tests
readonly proofs=(
  "R1 random histories against a model;TEST_HISTORIES=20000;1;test(ledger_model)"
  "R2 R3 crowds on few accounts;;5;test(ledger_concurrency) | test(ledger_crowd)"
  "R4 R5 kills of the program and of PostgreSQL;;20;test(/^api_crash::/)"
  "R6 cut connections;TEST_CUTS=5000;1;test(cuts)"
  "R7 callers that go away;;20;test(api_disconnect)"
  "R8 failures at every write;TEST_EVERY_POINT=1;1;test(fail_points)"
  "R9 full and failing disks;;10;test(disks)"
  "R10 R14 copies, backups, restore;TEST_BACKUPS=50;1;test(backup)"
  "R11 clocks and calendars;;10;test(expiry) | test(cycles) | test(ledger_reading)"
  "R12 webhooks of Stripe;TEST_WEBHOOKS=full;1;test(payments_crowd) | test(payments_race) | test(payments_crash)"
  "R13 rows that somebody changed;;1;test(corruption)"
  "R15 odd bytes;TEST_FUZZ_SECONDS=60;1;test(fuzz)"
  "R17 a standby takes over;;15;test(failover)"
  "R18 PgBouncer between;;5;test(pgbouncer)"
  "R19 releases side by side, tables that grow;;5;test(release_before) | test(newer_schema)"
  "R19 migrations killed at each statement;TEST_EVERY_STATEMENT=1;1;test(migrations)"
  "R20 clocks that differ, jobs that die;;10;test(clocks) | test(leases)"
  "R21 crowds of connections;TEST_CROWD=full;1;test(/^(crowd|connections)::/)"
  "R22 silence;;10;test(silence)"
  "R23 simulation;TEST_OPERATIONS=1000000;1;test(simulation)"
)

# run_proof WORDS ENVIRONMENT TIMES FILTER: one run, noted in the results.
run_proof() {
  local words="$1" environment="$2" times="$3" filter="$4" started="$SECONDS" outcome=passed count seeds
  local log="$root/target/soak/$(date -u +%Y%m%dT%H%M%SZ).log"
  local -a set=()
  [[ -z "$environment" ]] || set=("$environment")
  env "${set[@]}" cargo nextest run --cargo-profile release "${build[@]}" --profile soak --no-fail-fast \
    --success-output immediate --stress-count "$times" -E "$filter" >"$log" 2>&1 || outcome=failed
  count="$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -ac '^ *PASS \[')" || true
  seeds="$(grep -ao 'TEST_SEED=[0-9]*' "$log" | sort -u | head -n 4 | cut -d = -f 2 | paste -sd ' ')" || true
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(git rev-parse --short HEAD)" "$(date -u +%FT%TZ)" "$words" \
    "$((SECONDS - started))" "${count:-0}" "$outcome" "$seeds" >>"$results"
  if [[ "$outcome" == passed ]]; then
    say "  ✓ $words (${count:-0} tests, $((SECONDS - started)) s)"
  else
    say "  ✗ $words: see ${log#"$root"/}"
  fi
}

summary() {
  printf '\n%-46s %6s %8s %8s %8s\n' "on $(git rev-parse --short HEAD)" runs tests failed minutes
  awk -F '\t' -v commit="$(git rev-parse --short HEAD)" '
    $1 == commit { runs[$3]++; tests[$3] += $5; failed[$3] += ($6 != "passed"); seconds[$3] += $4 }
    END { for (it in runs) printf "%-46s %6d %8d %8d %8.1f\n", it, runs[it], tests[it], failed[it], seconds[it] / 60 }
  ' "$results" | sort -V
}

# The tests ask for a cluster of PostgreSQL: all of this runs beside one, and on the disk, as in production.
export TMPDIR="${TMPDIR:-/tmp}"
if [[ -z "${TEST_POSTGRES_URL:-}" ]]; then exec scripts/with-postgres.sh "$0"; fi

mkdir -p "$(dirname "$results")"
touch "$results"
has cargo-nextest || die "make soak needs cargo-nextest"
step soak-build "build the tests as fast as a release" cargo nextest run --cargo-profile release "${build[@]}" --no-run
old="${SOAK_OLD:-$(git describe --tags --abbrev=0 2>/dev/null || true)}"
if [[ -n "$old" ]]; then
  step soak-old "build the release before, $(git log -1 --format='%h %s' "$old")" build_commit "$old" release
  TEST_OLD_SERVER="$(built_commit release)"
  export TEST_OLD_SERVER
fi
chosen=()
for proof in "${proofs[@]}"; do
  if [[ "$proof" =~ $only ]]; then chosen+=("$proof"); fi
done
((${#chosen[@]} > 0)) || die "no proof is called $only"
turn="$(wc -l <"$results")"
while ((SECONDS < minutes * 60)); do
  IFS=';' read -r words environment times filter <<<"${chosen[turn % ${#chosen[@]}]}"
  run_proof "$words" "$environment" "$times" "$filter"
  turn=$((turn + 1))
done
summary
! awk -F '\t' -v commit="$(git rev-parse --short HEAD)" '$1 == commit && $6 != "passed" { found = 1 } END { exit !found }' "$results"
