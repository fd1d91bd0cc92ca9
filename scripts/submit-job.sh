#!/usr/bin/env bash
# Stores a job and prints its id.
#
#   scripts/submit-job.sh TYPE [PAYLOAD] [OPTIONS]
#   scripts/submit-job.sh debug.noop '{"n": 1}' '{"delayMs": 60000, "tags": ["demo"]}'
#
# PERDURA_URL: the API (http://127.0.0.1:8000). PERDURA_KEY: a key, when AUTH=keys.
set -euo pipefail

if (($# < 1 || $# > 3)) || [[ $1 == -* ]]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
url=${PERDURA_URL:-http://127.0.0.1:8000}
type=$1 payload=${2-'{}'} options=${3-'{}'}

headers=(-H 'content-type: application/json')
if [[ -n ${PERDURA_KEY:-} ]]; then headers+=(-H "authorization: Bearer $PERDURA_KEY"); fi

# The options without their braces, in front of what they must not replace.
inner=${options#\{} inner=${inner%\}}
body="{${inner:+$inner,}\"type\":\"$type\",\"payload\":$payload}"

answer=$(curl -sS --max-time 30 -w '\n%{http_code}' "${headers[@]}" --data-binary "$body" "$url/jobs")
status=${answer##*$'\n'} json=${answer%$'\n'*}
if [[ $status != 20* ]]; then
  printf '%s: %s\n' "$status" "$json" >&2
  exit 1
fi
sed 's/^{"id":"\([0-9a-f-]*\)".*/\1/' <<<"$json"
