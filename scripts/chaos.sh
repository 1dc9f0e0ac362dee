#!/usr/bin/env bash
# Uploads videos while processes of the system fail at random, then checks that nothing was lost: see --help.
# usage: ./scripts/chaos.sh [--minutes 30] [--uploads 1000] [--every 10] [--seed N] [--limit 900] [--report FILE]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

chaos() {
    env PYTHONSAFEPATH=1 PYTHONPATH="$root:$root/src:$root/src/cli" "$root/.venv/bin/python" -m scripts.chaos "$@" &
    child=$!
    local code=0
    wait "$child" || code=$?
    child=""
    return "$code"
}

ensure_system
ensure_python
child=""
case " $* " in
    *" --help "* | *" -h "*)
        chaos --help
        exit
        ;;
esac

# Called by the traps.
# shellcheck disable=SC2317
finish() {
    local code=$?
    trap - EXIT INT TERM
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    if [ "$code" = 1 ]; then
        "$root/scripts/local.sh" down --name chaos >&2
        say "The data and logs are kept in .local/stack/chaos; ./scripts/local.sh up --name chaos starts it again."
    else
        "$root/scripts/local.sh" down --wipe --name chaos >&2 || code=1
    fi
    exit "$code"
}
"$root/scripts/local.sh" down --wipe --name chaos >/dev/null
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mapfile -t settings < <(sed -n 's/^[A-Z].*/--set\n&/p' "$root/scripts/chaos/settings.env")
"$root/scripts/local.sh" up --provider --converters 2 --mongodb-members 3 --name chaos "${settings[@]}" >&2 ||
    die "The system did not start; the lines above say why."
export V2M_STACK="$root/.local/stack/chaos/state.json"
chaos "$@"
