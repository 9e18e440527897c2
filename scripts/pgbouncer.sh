#!/usr/bin/env bash
# Prints the path of PgBouncer. Unpacks Debian's into .tools if there is none: installing the package would start a
# service.
source "$(dirname "$0")/lib.sh"

readonly own="$tools/pgbouncer"

find_pgbouncer() {
  local program
  for program in "${PGBOUNCER:-}" /usr/sbin/pgbouncer "$own/pgbouncer"; do
    [[ -n "$program" && -x "$program" ]] && say "$program" && return 0
  done
  return 1
}

# A wrapper names the libraries that were unpacked beside the program.
install_pgbouncer() {
  local unpacked="$own/unpacked" sudo=()
  if ((EUID != 0)); then sudo=(sudo -n); fi
  "${sudo[@]}" apt-get update
  mkdir -p "$unpacked"
  (cd "$own" && apt-get download pgbouncer libevent-2.1-7 libc-ares2)
  local package
  for package in "$own"/*.deb; do dpkg -x "$package" "$unpacked"; done
  local libraries
  libraries="$(dirname "$(find "$unpacked" -name 'libevent-2.1.so.7' | head -n 1)")"
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$unpacked/usr/sbin/pgbouncer" >"$own/pgbouncer"
  chmod +x "$own/pgbouncer"
  "$own/pgbouncer" --version
}

find_pgbouncer && exit 0
has apt-get || die "the tests need PgBouncer; name yours with PGBOUNCER=/path/to/it"
step pgbouncer "install PgBouncer" install_pgbouncer >&2
find_pgbouncer
