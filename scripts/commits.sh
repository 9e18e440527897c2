# shellcheck shell=bash
# The program of another commit. Sourced, never run.

# build_commit COMMIT PROFILE: leaves it in target/compare/target. With a target folder of its own: in one folder
# cargo would take what was built from the other tree as fresh. What both share is copied instead of compiled.
# The sources stand elsewhere: below ours, our flags would be added to theirs.
build_commit() (
  local commit="$1" profile="$2" folder part tree target="$root/target/compare/target"
  folder="$(profile_folder "$profile")"
  tree="$(mktemp -d "${TMPDIR:-/tmp}/recharge-commit.XXXXXX")"
  # shellcheck disable=SC2064 # this tree, whatever the variable is by then
  trap "rm -rf '$tree'" EXIT
  mkdir -p "$target/$folder"
  for part in .fingerprint build deps; do
    [[ -d "$target/$folder/$part" || ! -d "target/$folder/$part" ]] ||
      cp -a "target/$folder/$part" "$target/$folder/$part"
  done
  # -m: written now. Files as old as their commit would be taken for what was built last.
  git archive "$commit" | tar -x -m -C "$tree" || exit 1
  cd "$tree" || exit 1
  CARGO_TARGET_DIR="$target" cargo build --bin recharge --profile "$profile"
)

# built_commit PROFILE: where it is then.
built_commit() { printf '%s\n' "$root/target/compare/target/$(profile_folder "$1")/recharge"; }

# profile_folder PROFILE: the folder in which cargo keeps what it builds with a profile.
profile_folder() { if [[ "$1" == dev ]]; then echo debug; else echo "$1"; fi; }
