#!/usr/bin/env bash
# What the browser tests need beside the server: the site, the npm packages of end2end, a Chromium.
source "$(dirname "$0")/lib.sh"

install_packages() {
  npm ci --prefix end2end --no-audit --no-fund
  cp end2end/package-lock.json end2end/node_modules/.installed
}

has npm || die "the browser tests need Node 20 or later with npm"
scripts/chromium.sh >/dev/null
if ! cmp -s end2end/package-lock.json end2end/node_modules/.installed; then
  step e2e-packages "install the npm packages of the browser tests" install_packages
fi
scripts/site.sh dev
