#!/usr/bin/env bash
# A worker in bash and curl, as an example: takes jobs of one queue over HTTP and runs a command for
# each. The command gets the job as JSON on its standard input; what it prints is the output (JSON).
# Its exit code 0 is SUCCEED, anything else FAIL.
#
#   scripts/worker.sh QUEUE COMMAND [ARGUMENT…]
#
# PERDURA_URL  the API, http://127.0.0.1:8000
# PERDURA_KEY  a key with the scopes read and worker, when AUTH=keys
# TENANT       default
# LEASE_MS     the time-limited right to work on a job, renewed at a third: 30000
# ONCE         set: ends after one job, with 0, or 3 when its lease was lost meanwhile
#
# Keep the ordinary workers away from the queue with their setting WORKER_QUEUES.
# The version of the claim is the fence: every later call carries it as If-Match, and once somebody
# else has taken the job over the answer is 409 or 412, and nothing is written.
set -u -o pipefail

if (($# < 2)); then
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
url=${PERDURA_URL:-http://127.0.0.1:8000}
tenant=${TENANT:-default}
lease_ms=${LEASE_MS:-30000}
queue=$1
shift
work=$(mktemp -d)
# Only here: whoever renews, ended before it has begun, would run this too.
trap '[[ $BASHPID == "$$" ]] && rm -rf "$work"' EXIT

# call METHOD PATH VERSION BODY: sets $status and $version; the answer is in $work/body.
call() {
  local arguments=(-s -X "$1" -o "$work/body" -D "$work/head" -w '%{http_code}')
  [[ $1 == HEAD ]] && arguments=(-s -I -o "$work/body" -D "$work/head" -w '%{http_code}')
  [[ -n ${PERDURA_KEY:-} ]] && arguments+=(-H "authorization: Bearer $PERDURA_KEY")
  [[ -n $3 ]] && arguments+=(-H "if-match: \"$3\"")
  # On standard input: an output is longer than an argument may be.
  [[ -n $4 ]] && arguments+=(-H 'content-type: application/json' --data-binary @-)
  status=$(curl "${arguments[@]}" "$url$2" <<<"$4")
  version=$(sed -n 's/^etag: "\([0-9]*\)".*/\1/ip' "$work/head")
}

# Renews until it is ended or the lease is lost: then it ends the command. An API that is away for a
# moment (000, 5xx), or has too much to do (429), has not said so: it is asked again. Of a worker that
# was killed nobody brings the ending home: its job is left to the sweep.
keep() {
  local id=$1 claimed=$2 command=$3
  while sleep "$(((lease_ms + 2999) / 3000))"; do
    kill -0 "$$" 2>/dev/null || { kill "$command" 2>/dev/null; return; }
    call POST "/jobs/$id/renew" "$claimed" "{\"leaseMs\":$lease_ms}"
    [[ $status =~ ^(200|000|429|5..)$ ]] || kill "$command" 2>/dev/null
  done
}

# end ID CLAIMED BODY: tells how the job ended, for as long as its lease may last while the API is away. A second
# time is refused by the version.
end() {
  local until=$((SECONDS + (lease_ms + 999) / 1000))
  while true; do
    call POST "/jobs/$1/events" "$2" "$3"
    [[ $status =~ ^(000|429|5..)$ ]] && ((SECONDS < until)) || return 0
    sleep 1
  done
}

# run ID: claims, works, brings the ending home. False when the job went to somebody else.
run() {
  local id=$1 claimed command keeper code
  shift
  call HEAD "/jobs/$id" "" ""
  [[ $status == 200 ]] || return 1
  call POST "/jobs/$id/events" "$version" "{\"type\":\"CLAIM\",\"leaseMs\":$lease_ms}"
  [[ $status == 200 ]] || return 1
  claimed=$version
  cp "$work/body" "$work/job"
  "$@" <"$work/job" >"$work/output" &
  command=$!
  if [[ -z ${NO_RENEW:-} ]]; then
    (work=$(mktemp -d) && keep "$id" "$claimed" "$command") &
    keeper=$!
  fi
  wait "$command"
  code=$?
  [[ -n ${keeper:-} ]] && kill "$keeper" 2>/dev/null
  if ((code == 0)); then
    [[ -s $work/output ]] || echo null >"$work/output"
    end "$id" "$claimed" "{\"type\":\"SUCCEED\",\"output\":$(<"$work/output")}"
    # Refused for what it is, the job would run on to the end of its lease, and be claimed again for the same.
    if [[ $status =~ ^(400|413|422)$ ]]; then
      end "$id" "$claimed" "{\"type\":\"FAIL\",\"error\":\"Output refused: $status\",\"retryable\":false}"
    fi
  else
    end "$id" "$claimed" "{\"type\":\"FAIL\",\"error\":\"Exit code $code\"}"
  fi
  case $status in
    200) echo "$id done" ;;
    *)
      echo "$id lost: $status" >&2
      [[ -z ${ONCE:-} ]] || exit 3
      ;;
  esac
}

# look: sets $ids. A page may hold nothing and still name a cursor: there is more to look through.
look() {
  local cursor=
  while true; do
    call GET "/jobs?tenantId=$tenant&queue=$queue&state=pending,scheduled,retry&limit=20$cursor" "" ""
    ids=$(grep -o '"id":"[0-9a-f-]\{36\}"' "$work/body" | cut -d'"' -f4)
    cursor=$(sed -n 's/.*"nextCursor":"\([^"]*\)".*/\&cursor=\1/p' "$work/body")
    [[ -z $ids && -n $cursor ]] || return 0
  done
}

while true; do
  look
  for id in $ids; do
    if run "$id" "$@" && [[ -n ${ONCE:-} ]]; then exit 0; fi
  done
  sleep 1
done
