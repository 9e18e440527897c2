#!/usr/bin/env bash
# site-size.sh FOLDER: what a browser downloads, compressed as the server sends it. Says nothing without Node.
source "$(dirname "$0")/lib.sh"

has node || exit 0
node - "$1" <<'JS'
const { readFileSync } = require("node:fs");
const { brotliCompressSync } = require("node:zlib");
const size = (name) => brotliCompressSync(readFileSync(`${process.argv[2]}/${name}`)).length;
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const [wasm, js, css] = ["recharge.wasm", "recharge.js", "recharge.css"].map(size);
console.log(`  - brotli: islands ${kB(wasm + js)} (wasm ${kB(wasm)}, js ${kB(js)}), styles ${kB(css)}`);
JS
