#!/usr/bin/env bash
# Shows the dead letters with their reasons, and replays them after the cause is fixed.
# usage: ./scripts/dead-letters.sh [--stack NAME | --kubernetes [--namespace NAME]] list | show | replay | drop [WHICH...]
#   list               lists the dead letters with number, queue, time, job and reason
#   show WHICH...      shows the dead letter and its job as JSON
#   replay WHICH...    replays it: publishes the message again and removes the dead letter; a failed job is queued again
#   drop WHICH...      deletes it
#   WHICH              numbers from the list, ids of jobs, or all; --queue video|mp3|summary|mail and --json work everywhere
#   --stack NAME       the local stack of that name (default: dev, which ./scripts/local.sh up starts)
#   --kubernetes       the cluster that kubectl points to, in --namespace (default: video2mp3)
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Called by run_in_gateway.
# shellcheck disable=SC2317
gateway_command() {
    [ $# -gt 0 ] || die "Name a command: list, show, replay or drop (--help shows the usage)."
    command=(gateway.dead_letters "$@")
}
run_in_gateway "$@"
