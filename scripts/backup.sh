#!/usr/bin/env bash
# Backs up accounts, jobs and files into a restic repository: see docs/backup.md.
# usage: ./scripts/backup.sh [--stack NAME | --env | --kubernetes [--namespace NAME]] [create | list | verify [ID]]
#   create             back up, verify, and delete old backups (default); exits with 3 if stored files are damaged
#   list               list the backups
#   verify [ID]        fetch a backup (default: the last one) and verify all of it, without databases
#   --stack NAME       the local stack of that name (default: dev, which ./scripts/local.sh up starts)
#   --env              the servers that MONGO_URI and MYSQL_HOST, MYSQL_USER, MYSQL_PASSWORD, ... name
#   --kubernetes       the cluster that kubectl points to, in --namespace (default: video2mp3): runs the CronJob now
# Without --kubernetes it needs RESTIC_PASSWORD or RESTIC_PASSWORD_FILE, and stores the backups in RESTIC_REPOSITORY
# (default: .local/backup/NAME/repository).
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

verb=create
options=()
while [ $# -gt 0 ]; do
    case "$1" in
        create | list | verify) verb="$1" ;;
        restore) die "Use ./scripts/restore.sh." ;;
        *) options+=("$1") ;;
    esac
    shift
done
run_backup "$verb" "${options[@]}"
