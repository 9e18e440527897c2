#!/usr/bin/env bash
# soak.sh: runs the long forms of the reliability tests in turn, for SOAK_MINUTES (60). It continues where the last
# run ended, and prints one table of all runs on this commit. SOAK_RESULTS names the file that keeps them; SOAK_ONLY,
# a regular expression, picks proofs: SOAK_ONLY='^R(8|23) '. SOAK_OLD, for R19, is the commit of the previous release
# (default: the last tag, if there is one). The output of each run stays in target/soak. One round of all proofs takes
# about an hour on two cores.
source "$(dirname "$0")/checks.sh"
# shellcheck source=commits.sh
source scripts/commits.sh

readonly minutes="${SOAK_MINUTES:-60}"
readonly only="${SOAK_ONLY:-.}"
readonly results="${SOAK_RESULTS:-$root/target/soak/results.tsv}"
# As fast as a release, but with the debug-only code by which tests decide what fails.
readonly build=(--config 'profile.release.package.recharge.debug-assertions=true')

# What is proved; the environment of its long form; how often it runs; the modules of its tests, each in one proof only
readonly proofs=(
  "R1 random histories against a model;TEST_HISTORIES=20000;1;ledger_model"
  "R2 R3 crowds on few accounts;;5;ledger_concurrency ledger_crowd"
  "R4 R5 kills of the program and of PostgreSQL;;20;api_crash"
  "R4 kills at a payment;;3;payments_crash recharge_crash"
  "R5 a database that does not flush;;5;durability"
  "R6 cut connections;TEST_CUTS=5000;1;cuts"
  "R6 Stripe away or silent;;3;payments_outage payments_slow recharge_failures"
  "R7 callers that go away;;20;api_disconnect"
  "R8 failures at every write;TEST_EVERY_POINT=1;1;fail_points fail_points_beyond"
  "R8 commits that SQLite forgets;;5;forgotten_commits"
  "R9 full and failing disks;;10;disks failing_disks"
  "R9 disks and databases that refuse;;5;read_only_disk refusals"
  "R10 R14 copies, backups, restore;TEST_BACKUPS=50;1;backup"
  "R10 R14 databases that have forgotten;;3;acknowledged acknowledged_files acknowledged_watch"
  "R11 clocks and calendars;;10;expiry expiry_page cycles ledger_reading"
  "R12 webhooks of Stripe;TEST_WEBHOOKS=full;1;payments_crowd payments_race"
  "R13 rows that somebody changed;;1;ledger_corruption corruption_beside"
  "R15 odd bytes;TEST_FUZZ_SECONDS=60;1;fuzz fuzz_api fuzz_doors fuzz_files fuzz_text"
  "R15 nonsense at every address;;3;bad_addresses"
  "R17 a standby takes over;;15;failover"
  "R18 PgBouncer between;;5;pgbouncer"
  "R19 releases side by side, tables that grow;;5;release_before newer_schema"
  "R19 migrations killed at each statement;TEST_EVERY_STATEMENT=1;1;migrations"
  "R19 changes of tables in use;;3;upgrades stale_plans"
  "R20 clocks that differ, jobs that die;;10;clocks leases"
  "R20 clocks not compared, session locks;;5;unproven_clocks session_locks"
  "R21 crowds of connections;TEST_CROWD=full;1;crowd connections"
  "R21 slow clients and streams;;3;slow_clients streams"
  "R22 silence;;10;silence"
  "R22 a dead standby, locks, trial writes;;4;standby table_locks idle_transactions trial_writes"
  "R22 waits that end;;3;silent_database deadlines api_deadlines vanished_clients"
  "R23 simulation;TEST_OPERATIONS=1000000;1;simulation"
)

# sum_up LOG: prints what the tests of a run report (src/tests/survival.rs), each number after a tab: the sums of the
# faults and of the requests acknowledged, lost and done twice, and the longest time to recover in milliseconds. The
# five are empty if no test reports.
sum_up() {
  grep -ao 'RESULT faults=.*' "$1" | awk '
    {
      for (field = 2; field <= NF; field++) { split($field, pair, "="); told[pair[1]] = pair[2] }
      faults += told["faults"]; acknowledged += told["acknowledged"]
      lost += told["lost"]; doubled += told["doubled"]
      if (told["recovered_ms"] + 0 > longest) longest = told["recovered_ms"] + 0
    }
    END {
      if (NR) printf "\t%d\t%d\t%d\t%d\t%d", faults, acknowledged, lost, doubled, longest
      else printf "\t\t\t\t\t"
    }'
}

# run_proof WORDS ENVIRONMENT TIMES MODULES: runs one proof, and adds it to the results.
run_proof() {
  local words="$1" environment="$2" times="$3" filter="test(/^(${4// /|})::/)"
  local started="$SECONDS" outcome=passed count seeds
  local log="$root/target/soak/$(date -u +%Y%m%dT%H%M%SZ).log"
  local -a set=()
  [[ -z "$environment" ]] || set=("$environment")
  env "${set[@]}" cargo nextest run --cargo-profile release "${build[@]}" --profile soak --no-fail-fast \
    --success-output immediate --failure-output immediate --stress-count "$times" -E "$filter" >"$log" 2>&1 ||
    outcome=failed
  count="$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -ac '^ *PASS \[')" || true
  seeds="$(grep -ao 'TEST_SEED=[0-9]*' "$log" | sort -u | head -n 4 | cut -d = -f 2 | paste -sd ' ')" || true
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s%s\n' "$(git rev-parse --short HEAD)" "$(date -u +%FT%TZ)" "$words" \
    "$((SECONDS - started))" "${count:-0}" "$outcome" "$seeds" "$(sum_up "$log")" >>"$results"
  if [[ "$outcome" == passed ]]; then
    say "  ✓ $words (${count:-0} tests, $((SECONDS - started)) s)"
  else
    say "  ✗ $words: see ${log#"$root"/}"
  fi
}

# summary: prints all runs on this commit, a line for each proof. A dash stands for what no test of the proof reports.
summary() {
  local format='%-46s %5s %6s %7s %7s %13s %5s %8s %10s %8s\n'
  # shellcheck disable=SC2059 # awk gets the same format
  printf "\n$format" "on $(git rev-parse --short HEAD)" \
    runs tests failed faults acknowledged lost doubled recovered minutes
  awk -F '\t' -v commit="$(git rev-parse --short HEAD)" -v format="$format" '
    $1 == commit { runs[$3]++; tests[$3] += $5; failed[$3] += ($6 != "passed"); seconds[$3] += $4 }
    $1 == commit && $8 != "" {
      reports[$3] = 1
      faults[$3] += $8; acknowledged[$3] += $9; lost[$3] += $10; doubled[$3] += $11
      if ($12 + 0 > longest[$3]) longest[$3] = $12 + 0
    }
    function shown(it, number) { return it in reports ? number + 0 : "-" }
    END {
      for (it in runs) printf format, it, runs[it], tests[it], failed[it], shown(it, faults[it]),
        shown(it, acknowledged[it]), shown(it, lost[it]), shown(it, doubled[it]),
        (longest[it] > 0 ? longest[it] " ms" : "-"), sprintf("%.1f", seconds[it] / 60)
    }
  ' "$results" | sort -V
}

chosen=()
for proof in "${proofs[@]}"; do
  if [[ "$proof" =~ $only ]]; then chosen+=("$proof"); fi
done
((${#chosen[@]} > 0)) || die "no proof is called $only"
old=""
if [[ "${chosen[*]}" == *release_before* ]]; then
  old="${SOAK_OLD:-$(git describe --tags --abbrev=0 2>/dev/null || true)}"
  [[ -n "$old" ]] || die "R19 needs the previous release: name its commit with SOAK_OLD, or leave R19 out (SOAK_ONLY)"
fi

# The tests need a cluster of PostgreSQL: all of this runs beside one, on the disk as in production.
export TMPDIR="${TMPDIR:-/tmp}"
if [[ -z "${TEST_POSTGRES_URL:-}" ]]; then exec scripts/with-postgres.sh "$0"; fi

mkdir -p "$(dirname "$results")"
touch "$results"
has cargo-nextest || die "make soak needs cargo-nextest"
step soak-build "build the tests as fast as a release" cargo nextest run --cargo-profile release "${build[@]}" --no-run
if [[ -n "$old" ]]; then
  step soak-old "build the release before, $(git log -1 --format='%h %s' "$old")" build_commit "$old" release
  TEST_OLD_SERVER="$(built_commit release)"
  export TEST_OLD_SERVER
fi
turn="$(wc -l <"$results")"
while ((SECONDS < minutes * 60)); do
  IFS=';' read -r words environment times modules <<<"${chosen[turn % ${#chosen[@]}]}"
  run_proof "$words" "$environment" "$times" "$modules"
  turn=$((turn + 1))
done
summary
! awk -F '\t' -v commit="$(git rev-parse --short HEAD)" '$1 == commit && $6 != "passed" { found = 1 } END { exit !found }' "$results"
