#!/usr/bin/env bash
# Installs wasm-opt and lightningcss into .tools/site, from the locked versions in scripts/site-tools.
# Both are optional: without npm, or without a network, the site is only larger.
source "$(dirname "$0")/lib.sh"

readonly folder="$tools/site"
readonly lock="scripts/site-tools/package-lock.json"

cmp -s "$lock" "$folder/installed.json" && exit 0
if ! has npm; then
  say "  - no npm here: the site stays larger (wasm-opt and lightningcss come from npm)"
  exit 0
fi

install() {
  rm -rf "$folder"
  mkdir -p "$folder"
  cp scripts/site-tools/package.json scripts/site-tools/.npmrc "$lock" "$folder/"
  npm ci --prefix "$folder" --no-audit --no-fund
  cp "$lock" "$folder/installed.json"
}

step site-tools "install wasm-opt and lightningcss into .tools" install ||
  say "  - without wasm-opt and lightningcss the site stays larger"
