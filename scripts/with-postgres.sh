#!/usr/bin/env bash
# with-postgres.sh COMMAND...: runs COMMAND with TEST_POSTGRES_URL, a superuser's address in a PostgreSQL
# cluster that exists for just as long. An address that is already set is used as it is. What the tests write is kept
# in memory; TMPDIR=/tmp keeps it on the disk, and so does POSTGRES=durable.
source "$(dirname "$0")/lib.sh"

if [[ -n "${TEST_POSTGRES_URL:-}" ]]; then exec "$@"; fi

# The newest server binaries on this machine: Debian keeps them out of PATH.
find_binaries() {
  local initdb
  initdb="$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)"
  [[ -n "$initdb" ]] || initdb="$(command -v initdb)" || die "PostgreSQL's server programs (initdb, postgres) are needed for the tests; on Debian: apt-get install postgresql"
  dirname "$(readlink -f "$initdb")"
}

# PostgreSQL refuses to run as root.
as_owner() {
  if ((EUID == 0)); then
    runuser -u "$owner" -- "$@"
  else
    "$@"
  fi
}

free_port() {
  local port
  for _ in {1..50}; do
    port=$((20000 + RANDOM % 12000))
    port_taken "$port" || break
  done
  say "$port"
}

stop_cluster() {
  (cd / && as_owner "$bin/pg_ctl" -D "$cluster/data" -m immediate -w stop) >/dev/null 2>&1 || true
  rm -rf "$cluster" "${memory:-}"
}

start_cluster() {
  local options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$cluster -c max_connections=400"
  if [[ "${POSTGRES:-}" == durable ]]; then
    options+=" -c fsync=on -c synchronous_commit=on -c shared_buffers=1GB -c max_wal_size=8GB"
  else
    # It lives for one test run: nothing needs to survive a crash.
    options+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0"
  fi
  cd /
  as_owner "$bin/initdb" -D "$cluster/data" -U postgres -A trust --no-sync --locale=C.UTF-8 --encoding=UTF8
  as_owner "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -o "$options" -w start || {
    cat "$cluster/log"
    return 1
  }
}

bin="$(find_binaries)"
owner="$(getent passwd postgres >/dev/null 2>&1 && echo postgres || echo nobody)"
port="$(free_port)"
if [[ "${POSTGRES:-}" != durable ]]; then keep_in_memory; fi
cluster="$(mktemp -d "${TMPDIR:-/tmp}/recharge-postgres.XXXXXX")"
if ((EUID == 0)); then chown "$owner" "$cluster"; fi
trap stop_cluster EXIT
trap 'exit 130' INT TERM

pgbouncer="$(scripts/pgbouncer.sh)"
libfiu="$(scripts/libfiu.sh)"
mkdir -p "$logs"
(start_cluster) >"$logs/postgres.log" 2>&1 || {
  tail -n 30 "$logs/postgres.log" >&2
  die "the throw-away PostgreSQL cluster did not start"
}
POSTGRES_BIN="$bin" POSTGRES_OWNER="$owner" PGBOUNCER="$pgbouncer" LIBFIU="$libfiu" TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres" "$@"
