#!/usr/bin/env bash
# Sends batches of jobs, waits until they have ended, and prints how fast it went.
#
#   scripts/stress-test.sh [JOBS] [BATCH] [TYPE]      (10000 jobs, 1000 per batch, debug.noop)
#
# At most 1000000 jobs. PERDURA_URL and PERDURA_KEY as for submit-job.sh.
set -euo pipefail

if [[ ${1:-} == -* ]]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
jobs=${1:-10000} batch=${2:-1000} type=${3:-debug.noop}
for number in "$jobs" "$batch"; do
  if ! [[ $number =~ ^[1-9][0-9]{0,6}$ ]] || ((number > 1000000)); then
    echo "JOBS and BATCH must be whole numbers from 1 to 1000000" >&2
    exit 2
  fi
done
if ((batch > 10000)); then batch=10000; fi
url=${PERDURA_URL:-http://127.0.0.1:8000}
headers=()
if [[ -n ${PERDURA_KEY:-} ]]; then headers+=(-H "authorization: Bearer $PERDURA_KEY"); fi

call() { curl -sS --fail-with-body --max-time 60 ${headers[@]+"${headers[@]}"} "$@"; }
# Jobs that have ended, whatever way.
ended() {
  call "$url/admin/metrics" | sed 's/,"queues".*//' | grep -oE '"(succeeded|dead_letter|cancelled)":[0-9]+' |
    cut -d: -f2 | paste -sd+ | bc
}
now() { date +%s%N; }

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
before=$(ended)
started=$(now)
for ((sent = 0; sent < jobs; sent += batch)); do
  count=$((jobs - sent < batch ? jobs - sent : batch))
  for ((i = 0; i < count; i++)); do printf '{"type":"%s","payload":{"n":%d}}\n' "$type" $((sent + i)); done >"$lines"
  call -o /dev/null -H 'content-type: application/x-ndjson' --data-binary "@$lines" "$url/jobs/batch"
done
stored=$(now)
for ((tries = 0; tries < 600; tries++)); do
  if (($(ended) - before >= jobs)); then break; fi
  sleep 0.5
done
finished=$(now)
rate() { echo $(($1 * 1000000000 / ($2 > 0 ? $2 : 1))); }
printf 'stored   %d jobs, %d per second\n' "$jobs" "$(rate "$jobs" $((stored - started)))"
printf 'ended    %d of them, %d per second from the first request on\n' \
  $(($(ended) - before)) "$(rate "$jobs" $((finished - started)))"
call "$url/admin/metrics" | sed 's/,"queues".*/}/'
echo
