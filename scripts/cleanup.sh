#!/usr/bin/env bash
# Removes a state folder: the embedded database with all its jobs, and the outbox.
#
#   scripts/cleanup.sh [--yes] [FOLDER]               (.perdura)
#
# Stop every process that uses it first. Anything that is no state folder is refused.
set -euo pipefail

sure=no folder=${PERDURA_STATE_DIR:-.perdura}
for argument in "$@"; do
  case $argument in
    --yes) sure=yes ;;
    -*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
    *) folder=$argument ;;
  esac
done
if [[ ! -d $folder ]]; then
  echo "There is no $folder: nothing to remove"
  exit 0
fi
if [[ ! -f $folder/users.lock && ! -d $folder/outbox ]]; then
  echo "$folder is not a state folder of Perdura" >&2
  exit 1
fi
if [[ -f $folder/data/postmaster.pid ]]; then
  echo "Its database is running: stop every process that uses it first" >&2
  exit 1
fi
if [[ $sure != yes ]]; then
  read -r -p "Remove $folder with all its jobs? [y/N] " answer
  [[ $answer == [yY]* ]] || exit 1
fi
rm -rf -- "$folder"
echo "Removed $folder"
