#!/usr/bin/env bash
# Shows what was given up and why, and tries it again after the fix.
# usage: ./scripts/dead-letters.sh [--stack NAME | --kubernetes [--namespace NAME]] list | show | replay | drop [WHICH...]
#   list               every dead letter: its number, queue, time, job and reason
#   show WHICH...      the letter with its job as JSON
#   replay WHICH...    sends it again and takes it away; a failed job is queued anew
#   drop WHICH...      takes it away for good
#   WHICH              numbers from the list, ids of jobs, or all; --queue video|mp3|summary and --json work everywhere
#   --stack NAME       the local stack of that name (default: dev, which ./scripts/local.sh up starts)
#   --kubernetes       the cluster that kubectl points to, in --namespace (default: video2mp3)
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

stack=dev
namespace=video2mp3
kubernetes=""
while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h)
            sed -n '2,10s/^# //p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        --stack) stack="${2:?--stack needs a name}" && shift ;;
        --namespace) namespace="${2:?--namespace needs a name}" && shift ;;
        --kubernetes) kubernetes=1 ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || die "Say what to do: list, show, replay or drop (--help tells more)."

if [ -n "$kubernetes" ]; then
    exec kubectl --namespace "$namespace" exec deployment/gateway -- python -m gateway.dead_letters "$@"
fi
exec "$root/scripts/local.sh" exec --name "$stack" gateway python -m gateway.dead_letters "$@"
