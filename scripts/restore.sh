#!/usr/bin/env bash
# Verifies a backup of ./scripts/backup.sh and restores it into empty databases: see docs/backup.md.
# usage: ./scripts/restore.sh [--stack NAME | --env | --kubernetes [--namespace NAME]] [ID] [--force]
#   ID                 which backup (./scripts/backup.sh list); default: the last one
#   --force            delete all accounts, jobs and files that the databases contain
#   --stack NAME       the local stack of that name (default: dev, which ./scripts/local.sh up starts)
#   --env              the servers that MONGO_URI and MYSQL_HOST, MYSQL_USER, MYSQL_PASSWORD, ... name
#   --kubernetes       the cluster that kubectl points to, in --namespace (default: video2mp3): runs a Job
# Without --kubernetes it needs RESTIC_PASSWORD or RESTIC_PASSWORD_FILE, and reads RESTIC_REPOSITORY
# (default: .local/backup/NAME/repository).
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run_backup restore "$@"
