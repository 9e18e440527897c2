#!/usr/bin/env bash
# Builds Recharge, gives it a database with demo data on the first start, and runs it with the Stripe
# simulator until Ctrl-C. PORT and SIMULATOR_PORT say where; DATABASE_URL and the other settings of
# `recharge --help` are passed on.
source "$(dirname "$0")/lib.sh"

readonly port="${PORT:-3000}" simulator_port="${SIMULATOR_PORT:-12111}"
readonly address="127.0.0.1:$port" simulator="127.0.0.1:$simulator_port"
readonly database="data/recharge.db"

export PUBLIC_URL="${PUBLIC_URL:-http://$address}"
export LEPTOS_SITE_ADDR="$address" LEPTOS_SITE_ROOT="target/site" LEPTOS_OUTPUT_NAME="recharge"
# Not secrets: the simulator on this machine is the only one that knows them.
export STRIPE_API_BASE="http://$simulator" STRIPE_SECRET_KEY="sk_test_simulator" STRIPE_WEBHOOK_SECRET="whsec_simulator"

pids=()
# A database that somebody brings along has their own people in it.
has_demo=""

require_free() {
  if ! [[ "$1" =~ ^[1-9][0-9]{0,4}$ ]] || (($1 > 65535)); then die "$2=$1 is not a port"; fi
  ! port_taken "$1" || die "port $1 is taken by another program; end it, or choose another port: make run $2=$(($1 + 1))"
}

# The demo data is complete or not there: it is made under another name and moved into place.
first_start() {
  local new="$database.new" part
  mkdir -p "$(dirname "$database")"
  rm -f "$new" "$new-wal" "$new-shm"
  step migrate "create the database $database" env DATABASE_URL="sqlite://$new" target/debug/recharge migrate
  step seed "fill it with demo data" env DATABASE_URL="sqlite://$new" target/debug/recharge seed
  for part in -wal ""; do
    if [[ -f "$new$part" ]]; then mv "$new$part" "$database$part"; fi
  done
  rm -f "$new-shm"
}

prepare_database() {
  if [[ -z "${DATABASE_URL:-}" ]]; then
    has_demo=yes
    export DATABASE_URL="sqlite://$database"
    if [[ ! -f "$database" ]]; then first_start; fi
  fi
  target/debug/recharge migrate >"$logs/migrate.log" 2>&1 || {
    cat "$logs/migrate.log" >&2
    die "the database could not be migrated"
  }
}

# Ends both programs, gently and then for certain.
stop() {
  local pid tenths=0
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    while kill -0 "$pid" 2>/dev/null && ((tenths++ < 100)); do sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null || true
}

# Whether /readyz answers 200. In a subshell: it ends with the connection.
ready() (
  exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
  printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$address" >&3
  read -r -t 5 status <&3 && [[ "$status" == *" 200"* ]]
)

# wait_until TEST NAME PID
wait_until() {
  local tenths=0
  until "$1"; do
    kill -0 "$3" 2>/dev/null || die "$2 ended before it was ready; see above and target/logs/simulator.log"
    ((tenths++ < 600)) || die "$2 was not ready after a minute"
    sleep 0.1
  done
}

simulator_ready() { port_taken "$simulator_port"; }

require_free "$port" PORT
require_free "$simulator_port" SIMULATOR_PORT
[[ "$port" != "$simulator_port" ]] || die "PORT and SIMULATOR_PORT must differ"
scripts/build.sh dev
prepare_database

trap stop EXIT
trap 'echo; exit 0' INT TERM
target/debug/stripe-simulator --addr "$simulator" --webhook "http://$address/webhooks/stripe" --secret "$STRIPE_WEBHOOK_SECRET" >"$logs/simulator.log" 2>&1 &
pids+=($!)
wait_until simulator_ready "the Stripe simulator" "${pids[0]}"
target/debug/recharge &
pids+=($!)
wait_until ready "the server" "${pids[1]}"

say
say "  Recharge is ready:  http://$address"
if [[ -n "$has_demo" ]]; then
  cat <<END
  sign in as          demo@recharge.test       a year and a half of purchases and operations
                      new@recharge.test        nothing yet
                      expiring@recharge.test   lots about to expire, nearly empty
                      support@recharge.test    staff
  password            recharge-demo
  see it spend        export RECHARGE_KEY="\$(target/debug/recharge api-key add --email demo@recharge.test --name Simulation --scope read --scope spend)"
                      target/debug/recharge simulate-load --url http://$address
END
else
  say "  sign in as          the people of your database; recharge user add makes more"
fi
say "  Ctrl-C ends it."
say
wait -n "${pids[@]}" || true
die "one of the two programs ended by itself; see above and target/logs/simulator.log"
