#!/usr/bin/env bash
# compress.sh dev|release FOLDER: lays a compressed copy beside each file, for the server to send as it is:
# .gz always, .br where Node is at hand. In a release as small as possible, and it says how small.
source "$(dirname "$0")/lib.sh"

readonly mode="$1" folder="$2"
files=("$folder"/recharge.{wasm,js,css})

rm -f "$folder"/*.br "$folder"/*.gz
gzip --keep --no-name "$([[ "$mode" == release ]] && echo -9 || echo -3)" "${files[@]}"
has node || exit 0
node - "$mode" "${files[@]}" <<'JS'
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompressSync, constants } = require("node:zlib");
const [mode, ...files] = process.argv.slice(2);
const params = { [constants.BROTLI_PARAM_QUALITY]: mode === "release" ? 11 : 4 };
const sizes = files.map((file) => {
  const compressed = brotliCompressSync(readFileSync(file), { params });
  writeFileSync(`${file}.br`, compressed);
  return compressed.length;
});
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const [wasm, js, css] = sizes;
if (mode === "release") console.log(`  - brotli: islands ${kB(wasm + js)} (wasm ${kB(wasm)}, js ${kB(js)}), styles ${kB(css)}`);
JS
