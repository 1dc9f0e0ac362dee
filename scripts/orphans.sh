#!/usr/bin/env bash
# Decides what becomes of stored files that fit no job.
# usage: ./scripts/orphans.sh [--stack NAME | --kubernetes [--namespace NAME]] adopt [--user EMAIL] [--dry-run] | delete-held N
#   adopt              makes jobs for stored files that have none; --user owns those that name no owner
#   adopt --dry-run    shows what it would do
#   delete-held N      deletes up to N files that housekeeping holds back; its log names the number
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
            sed -n '2,8s/^# //p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        --stack) stack="${2:?--stack needs a name}" && shift ;;
        --namespace) namespace="${2:?--namespace needs a name}" && shift ;;
        --kubernetes) kubernetes=1 ;;
        *) break ;;
    esac
    shift
done
case "${1:-}" in
    adopt) command=(python -m gateway.housekeeping.adopt "${@:2}") ;;
    delete-held) command=(python -m gateway.housekeeping --delete-held "${2:?delete-held needs the number of files}") ;;
    *) die "Name a command: adopt or delete-held N (--help shows the usage)." ;;
esac

if [ -n "$kubernetes" ]; then
    exec kubectl --namespace "$namespace" exec deployment/gateway -- "${command[@]}"
fi
exec "$root/scripts/local.sh" exec --name "$stack" gateway "${command[@]}"
