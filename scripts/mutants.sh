#!/usr/bin/env bash
# mutants.sh: changes src/credits in every small way and counts how often its own tests notice. It continues where the
# last run ended, for MUTANTS_MINUTES (60), and fails if the tests noticed fewer than MUTANTS_SCORE (95) percent.
# SHARD=1/8 runs the first eighth alone. .cargo/mutants.toml lists the changes without effect, with their reasons.
source "$(dirname "$0")/lib.sh"

readonly version=27.1.0
readonly minutes="${MUTANTS_MINUTES:-60}"
readonly shards="${MUTANTS_SHARDS:-16}"
readonly at_least="${MUTANTS_SCORE:-95}"
readonly package="$root/target/mutants/credits"
readonly program="$tools/cargo-mutants-$version/bin/cargo-mutants"

install_program() {
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=false CARGO_TARGET_DIR="$root/target/tools" \
    cargo install --locked --root "$tools/cargo-mutants-$version" cargo-mutants --version "=$version"
  rm -rf "$root/target/tools"
}

# A package of src/credits alone: seconds for each change, where the server takes minutes.
make_package() {
  mkdir -p "$package/src"
  rm -rf "$package/src/credits"
  cp -r src/credits "$package/src/"
  cp Cargo.lock "$package/"
  printf '//! The rules of credits alone.\npub mod credits;\n' >"$package/src/lib.rs"
  cat >"$package/Cargo.toml" <<TOML
[package]
name = "credits-alone"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
chrono = { version = "0.4", default-features = false, features = ["std", "serde"] }
serde = { version = "1", features = ["derive"] }
thiserror = "2"

[dev-dependencies]
chrono-tz = "0.10"
proptest = { version = "1", default-features = false, features = ["std"] }
serde_json = "1"

[profile.dev]
debug = false

[profile.dev.package."*"]
opt-level = 2
TOML
}

test_package() {
  (cd "$package" && CARGO_TARGET_DIR="$package/target" cargo test --lib)
}

# run_shard NUMBER COUNT RESULTS: runs a shard and keeps its results in RESULTS, unless they are there already.
run_shard() {
  local number="$1" count="$2" results="$3" status=0
  if [[ -e "$results/done" ]]; then return 0; fi
  mkdir -p "$results"
  # An interrupted run has left its change behind.
  make_package
  # All tests take 2 seconds. A change that loops forever must not take all memory before the timeout ends it.
  (cd "$package" && ulimit -v 8000000 && CARGO_TARGET_DIR="$package/target" PROPTEST_MAX_SHRINK_ITERS=0 "$program" mutants \
    --config "$root/.cargo/mutants.toml" --in-place --baseline skip --timeout 20 --cargo-test-arg=--lib \
    --sharding round-robin --shard "$((number - 1))/$count" --output "$results") || status=$?
  # 2: some were not noticed; 3: some ran into the timeout.
  case "$status" in 0 | 2 | 3) touch "$results/done" ;; *) return "$status" ;; esac
}

# Each change counts once, even if two shards ran it.
count() { { cat "$results"/*/mutants.out/"$1".txt 2>/dev/null || true; } | sort -u | wc -l; }

summary() {
  local caught missed unviable late noticed
  caught="$(count caught)" missed="$(count missed)" unviable="$(count unviable)" late="$(count timeout)"
  noticed=$((caught + late))
  printf '\n%8s %8s %8s %8s %8s\n%8d %8d %8d %8d %8d\n' mutants caught missed unviable late \
    "$((noticed + missed + unviable))" "$caught" "$missed" "$unviable" "$late"
  ((missed == 0)) || sort -u "$results"/*/mutants.out/missed.txt
  ((noticed + missed > 0)) || die "no change was tried"
  say "$(awk -v n="$noticed" -v m="$missed" 'BEGIN { printf "%.1f %% of the changes were noticed", 100 * n / (n + m) }')"
  ((100 * noticed >= at_least * (noticed + missed))) || die "fewer than $at_least % were noticed"
}

[[ -x "$program" ]] || step cargo-mutants "install cargo-mutants $version into .tools" install_program
make_package
step credits-alone "test src/credits alone" test_package
# Results count only for this state of the sources.
state="$(find src/credits .cargo/mutants.toml -type f | sort | xargs sha256sum | sha256sum | cut -c 1-12)"
results="$root/target/mutants/results/$state"
mkdir -p "$results"
if [[ -n "${SHARD:-}" ]]; then
  shard="${SHARD%/*}" of="${SHARD#*/}"
  step "mutants-$shard" "shard $shard of $of" run_shard "$shard" "$of" "$results/$shard-of-$of"
else
  for ((shard = 1; shard <= shards; shard++)); do
    ((SECONDS < minutes * 60)) || break
    step "mutants-$shard" "shard $shard of $shards" run_shard "$shard" "$shards" "$results/$shard-of-$shards"
  done
fi
summary
