# shellcheck shell=bash
# The program of another commit. Sourced, never run.

# build_commit COMMIT PROFILE: builds the program of COMMIT in a target folder of its own, target/compare/target: in a
# shared folder cargo would take the builds of the other tree as fresh. It copies what both share instead of compiling
# it. The sources of COMMIT are outside this tree: inside it, cargo would add our flags to theirs.
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
  # -m dates the files now: cargo would take files as old as their commit for those that it built last.
  git archive "$commit" | tar -x -m -C "$tree" || exit 1
  cd "$tree" || exit 1
  CARGO_TARGET_DIR="$target" cargo build --bin recharge --profile "$profile"
)

# built_commit PROFILE: prints the path of that program.
built_commit() { printf '%s\n' "$root/target/compare/target/$(profile_folder "$1")/recharge"; }

# profile_folder PROFILE: prints the name of the folder for what cargo builds with a profile.
profile_folder() { if [[ "$1" == dev ]]; then echo debug; else echo "$1"; fi; }
