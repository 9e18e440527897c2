# shellcheck shell=bash
# What every script here shares: where things are, one line per step, long output to files.
# Sourced, never run.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly root
# shellcheck disable=SC2034 # used by those who source this
readonly tools="$root/.tools"
readonly logs="$root/target/logs"
cd "$root"

say() { printf '%s\n' "$*"; }

# die MESSAGE: say what is wrong in one sentence and stop.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# step NAME WORDS COMMAND...: run COMMAND with its output in target/logs/NAME.log; a line when it is done,
# signs of life when it takes long, the end of the log when it fails.
step() {
  local name="$1" words="$2" started="$SECONDS" status=0 ticker
  local log="$logs/$name.log"
  shift 2
  mkdir -p "$logs"
  : >"$log"
  signs_of_life "$words" "$log" &
  ticker=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if ((status == 0)); then
    printf '  ✓ %s (%ds)\n' "$words" "$((SECONDS - started))"
    return 0
  fi
  printf '  ✗ %s (%ds), the end of %s:\n' "$words" "$((SECONDS - started))" "${log#"$root"/}" >&2
  tail -n "${LOG_LINES:-60}" "$log" >&2
  return "$status"
}

# signs_of_life WORDS LOG: after 3 seconds and then every 20, the last line of LOG.
signs_of_life() {
  local pause=3 last
  # The sleep outlives us by up to its length: it must not keep our output open.
  while sleep "$pause" >/dev/null 2>&1; do
    last="$(tail -c 400 "$2" | tr '\r' '\n' | grep -v '^ *$' | tail -n 1 | sed 's/^ *//' | cut -c 1-70 || true)"
    printf '  … %s%s\n' "$1" "${last:+: $last}"
    pause=20
  done
}

# locked_version CRATE: the version of CRATE in Cargo.lock.
locked_version() {
  awk -v name="\"$1\"" '$1 == "name" { found = ($3 == name) } found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' Cargo.lock
}

# beside COMMAND...: start COMMAND next to what follows; join_beside waits for it and fails when it failed.
# It has a process group of its own, so that it ends with us, whole, whatever ends us.
beside() {
  set -m
  "$@" &
  beside_pid=$!
  set +m
  trap 'kill -- "-$beside_pid" 2>/dev/null || true' EXIT
  trap 'exit 130' INT TERM
}

join_beside() {
  wait "$beside_pid" || exit 1
  trap - EXIT INT TERM
}

# port_taken PORT: whether something on this machine answers there.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# keep_in_memory: puts temporary files into memory from here on, if there is enough of it. The script must remove the
# folder, which `memory` names. A test commits hundreds of times, and a disk takes milliseconds for each.
keep_in_memory() {
  local free
  free="$(df --output=avail -B 1G /dev/shm 2>/dev/null | tail -n 1)" || return 0
  [[ -z "${TMPDIR:-}" && -w /dev/shm ]] && ((free >= 6)) || return 0
  memory="$(mktemp -d /dev/shm/recharge.XXXXXX)"
  # PostgreSQL runs as another user, who must get in.
  chmod 755 "$memory"
  export TMPDIR="$memory"
}
