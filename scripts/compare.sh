#!/usr/bin/env bash
# compare.sh OLD: builds the program of the commit OLD and of this tree, and asks both in turns:
# debits a second on SQLite and PostgreSQL, and instructions per debit. PROFILE=dev tries the tool itself.
source "$(dirname "$0")/lib.sh"

[[ -n "${1:-}" ]] || die "name the older commit: make compare OLD=main~1"
old="$(git rev-parse --verify --quiet "$1^{commit}")" || die "there is no commit $1"
profile="${PROFILE:-release}"
place="$root/target/compare"

get_valgrind() { apt-get update && apt-get install --yes --no-install-recommends valgrind; }

# With a target folder of its own: in one folder cargo would take what was built from the other tree as fresh. What
# both share is copied instead of compiled. The sources stand elsewhere: below ours, our flags would be added to theirs.
build_old() (
  local part tree
  tree="$(mktemp -d "${TMPDIR:-/tmp}/recharge-compare.XXXXXX")"
  # shellcheck disable=SC2064 # this tree, whatever the variable is by then
  trap "rm -rf '$tree'" EXIT
  mkdir -p "$place/target/$folder"
  for part in .fingerprint build deps; do
    [[ -d "$place/target/$folder/$part" || ! -d "target/$folder/$part" ]] ||
      cp -a "target/$folder/$part" "$place/target/$folder/$part"
  done
  # -m: written now. Files as old as their commit would be taken for what was built last.
  git archive "$old" | tar -x -m -C "$tree" || exit 1
  cd "$tree" || exit 1
  CARGO_TARGET_DIR="$place/target" cargo build --bin recharge --profile "$profile"
)

folder="$([[ "$profile" == dev ]] && echo debug || echo "$profile")"
has valgrind || step compare-valgrind "install valgrind" get_valgrind
step compare-old "build $(git log -1 --format='%h %s' "$old")" build_old
step compare-new "build this tree and the bench" cargo bench --bench bench --no-run --profile "$profile"
POSTGRES=durable exec scripts/with-postgres.sh cargo bench --quiet --bench bench --profile "$profile" -- --compare "$place/target/$folder/recharge" "$root/target/$folder/recharge"
