#!/usr/bin/env bash
# Prints the path of a Chromium; installs Debian's where there is none. CHROMIUM names another.
source "$(dirname "$0")/lib.sh"

find_chromium() {
  local name
  for name in "${CHROMIUM:-chromium}" chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" && return 0
  done
  return 1
}

install_chromium() {
  local sudo=()
  if ((EUID != 0)); then sudo=(sudo -n); fi
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" apt-get update
  "${sudo[@]}" apt-get install -y --no-install-recommends chromium fonts-liberation
}

find_chromium && exit 0
has apt-get || die "the browser tests need Chromium or Chrome; name yours with CHROMIUM=/path/to/it"
step chromium "install Chromium" install_chromium >&2
find_chromium
