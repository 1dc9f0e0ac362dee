#!/usr/bin/env bash
# Adopts or deletes orphaned files: stored files that belong to no job.
# usage: ./scripts/orphans.sh [--stack NAME | --kubernetes [--namespace NAME]] adopt [--user EMAIL] [--dry-run] | delete-held N
#   adopt              creates jobs for stored files without a job; --user is the owner of files without one
#   adopt --dry-run    shows what it would do
#   delete-held N      deletes up to N files that housekeeping holds back; its log names the number
#   --stack NAME       the local stack of that name (default: dev, which ./scripts/local.sh up starts)
#   --kubernetes       the cluster that kubectl points to, in --namespace (default: video2mp3)
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Called by run_in_gateway.
# shellcheck disable=SC2317
gateway_command() {
    case "${1:-}" in
        adopt) command=(gateway.housekeeping.adopt "${@:2}") ;;
        delete-held) command=(gateway.housekeeping --delete-held "${2:?delete-held needs the number of files}") ;;
        *) die "Name a command: adopt or delete-held N (--help shows the usage)." ;;
    esac
}
run_in_gateway "$@"
