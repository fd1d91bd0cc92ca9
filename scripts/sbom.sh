#!/usr/bin/env bash
# Writes a software bill of materials (CycloneDX 1.6) of everything in a lock.
#
#   scripts/sbom.sh [LOCK]      LOCK: deno.lock by default
set -euo pipefail
usage() { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
if (($# > 1)) || [[ ${1:-} == -* ]]; then usage; fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec deno run --quiet --no-prompt --allow-read tools/sbom.ts "${1:-deno.lock}"
