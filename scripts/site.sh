#!/usr/bin/env bash
# site.sh dev|release: builds what the browser loads into target/site: the islands (pkg/recharge.js and .wasm),
# the style sheet (pkg/recharge.css) and the files of public/.
source "$(dirname "$0")/lib.sh"

readonly mode="${1:-dev}"
readonly site="target/site"
# Its own target folder (the one that cargo-leptos uses): the server can be built at the same time.
readonly front="target/front"
readonly wasm_opt="$tools/site/node_modules/.bin/wasm-opt"

case "$mode" in
  dev) profile=dev folder=debug ;;
  release) profile=wasm-release folder=wasm-release ;;
  *) die "usage: scripts/site.sh dev|release" ;;
esac

# What Chromium, Firefox and Safari know. Never --all-features: browsers refuse the result, and the page
# silently stays without its islands.
readonly wasm_features=(
  --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext
  --enable-mutable-globals --enable-reference-types --enable-multivalue
)

compile() {
  cargo build --lib --target wasm32-unknown-unknown --profile "$profile" --no-default-features --features hydrate --target-dir "$front"
}

bind() {
  local wasm="$1" out="$front/bindgen"
  rm -rf "$out"
  "$wasm_bindgen" --target web --no-typescript --out-dir "$out" --out-name recharge "$wasm"
  # Worth its quarter of a minute in a release only.
  if [[ "$mode" == release && -x "$wasm_opt" ]]; then
    "$wasm_opt" -Oz "${wasm_features[@]}" "$out/recharge_bg.wasm" -o "$out/recharge.wasm"
  else
    mv "$out/recharge_bg.wasm" "$out/recharge.wasm"
  fi
  mkdir -p "$site/pkg"
  mv "$out/recharge.js" "$out/recharge.wasm" "$site/pkg/"
}

# The islands are as they were when neither the compiled program nor a tool has changed.
bind_if_changed() {
  local wasm="$front/wasm32-unknown-unknown/$folder/recharge.wasm" stamp="$front/bindgen.stamp" now
  now="$(sha256sum "$wasm") $wasm_bindgen $(test -x "$wasm_opt" && echo optimised)"
  [[ -f "$site/pkg/recharge.wasm" && "$(cat "$stamp" 2>/dev/null)" == "$now" ]] && return 0
  step wasm-bind "bind the islands" bind "$wasm"
  printf '%s' "$now" >"$stamp"
}

scripts/wasm-target.sh
wasm_bindgen="$(scripts/wasm-bindgen.sh)"
scripts/site-tools.sh
step site-style "bundle the style sheets" scripts/style.sh "$site/pkg/recharge.css"
step "site-$mode" "build the islands ($mode)" compile
bind_if_changed
cp -R public/. "$site/"
scripts/compress.sh "$mode" "$site/pkg"
