#!/usr/bin/env bash
# figures.sh: measures the release build with the demo customer's data, as the README states it: start to ready,
# idle memory, the time of the credits page over a kept connection, and what a browser downloads. Run `make build`
# first, on a quiet machine.
source "$(dirname "$0")/lib.sh"

readonly program="target/release/recharge" pages=300
[[ -x "$program" ]] || die "the release build is missing: run make build"

folder="$(mktemp -d)"
port=$((20000 + RANDOM % 12000))
site="http://127.0.0.1:$port"
export DATABASE_URL="sqlite://$folder/recharge.db" LEPTOS_SITE_ADDR="127.0.0.1:$port" PUBLIC_URL="$site" RUST_LOG=warn
trap 'kill "$server" 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' EXIT

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

start() {
  local began
  began="$(milliseconds)"
  "$program" serve >"$folder/log" 2>&1 &
  server=$!
  until curl -sf -o "$folder/ready" "$site/readyz"; do
    kill -0 "$server" 2>/dev/null || die "the server ended: $(cat "$folder/log")"
    sleep 0.005
  done
  echo $(($(milliseconds) - began))
}

"$program" seed >"$folder/seed" 2>&1 || die "$(cat "$folder/seed")"
start >"$folder/started"
say "start to ready     $(cat "$folder/started") ms"
say "idle memory        $(($(awk '/VmRSS/ { print $2 }' "/proc/$server/status") / 1024)) MB"

curl -sf -o "$folder/answer" -c "$folder/cookies" -H 'Sec-Fetch-Site: same-origin' \
  --data-urlencode email=demo@recharge.test --data-urlencode password=recharge-demo --data next= "$site/sign-in"
for ((page = 0; page < pages; page++)); do
  printf 'url = "%s/settings/credits"\noutput = "%s/page"\n' "$site" "$folder"
done >"$folder/pages"
curl -sf -b "$folder/cookies" -H 'Accept-Encoding: br' -K "$folder/pages" -w '%{time_starttransfer} %{http_code}\n' |
  awk '$2 == 200 { print $1 * 1000 }' | sort -n >"$folder/times"
say "credits page       $(awk -v n="$(wc -l <"$folder/times")" '
  NR == int(n * 0.5) + 1 { p50 = $1 } NR == int(n * 0.99) + 1 { p99 = $1 }
  END { printf "p50 %.1f ms, p99 %.1f ms over %d pages", p50, p99, n }' "$folder/times")"
say "credits page       $(wc -c <"$folder/page") bytes compressed"
say "memory after that  $(($(awk '/VmRSS/ { print $2 }' "/proc/$server/status") / 1024)) MB"
for file in target/site/pkg/recharge.{wasm,js,css}; do
  say "$(basename "$file")  $(wc -c <"$file.br") bytes compressed"
done
