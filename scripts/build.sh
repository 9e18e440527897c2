#!/usr/bin/env bash
# build.sh dev|release: compiles the server and the Stripe simulator, and the site at the same time
# (the server leaves one core idle for long, while it compiles its few very large dependencies).
source "$(dirname "$0")/lib.sh"

readonly mode="${1:-dev}"
case "$mode" in
  dev) profile=dev ;;
  release) profile=release ;;
  *) die "usage: scripts/build.sh dev|release" ;;
esac

beside scripts/site.sh "$mode"
step "server-$mode" "build the server ($mode)" cargo build --workspace --bins --profile "$profile"
join_beside
