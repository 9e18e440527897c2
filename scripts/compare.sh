#!/usr/bin/env bash
# compare.sh OLD: builds the program of the commit OLD and of this tree, and asks both in turns:
# debits a second on SQLite and PostgreSQL, and instructions per debit. PROFILE=dev tries the tool itself.
source "$(dirname "$0")/lib.sh"
# shellcheck source=commits.sh
source scripts/commits.sh

[[ -n "${1:-}" ]] || die "name the older commit: make compare OLD=main~1"
old="$(git rev-parse --verify --quiet "$1^{commit}")" || die "there is no commit $1"
profile="${PROFILE:-release}"

get_valgrind() { apt-get update && apt-get install --yes --no-install-recommends valgrind; }

has valgrind || step compare-valgrind "install valgrind" get_valgrind
# This tree first: the old one takes over what was compiled for it.
step compare-new "build this tree and the bench" cargo bench --bench bench --no-run --profile "$profile"
step compare-old "build $(git log -1 --format='%h %s' "$old")" build_commit "$old" "$profile"
POSTGRES=durable exec scripts/with-postgres.sh cargo bench --quiet --bench bench --profile "$profile" -- \
  --compare "$(built_commit "$profile")" "$root/target/$(profile_folder "$profile")/recharge"
