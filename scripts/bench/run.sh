#!/usr/bin/env bash
# Measures the system against ffmpeg, nginx, plain GridFS and a Flask route, in interleaved pairs: see --help.
# usage: ./scripts/bench/run.sh [NAME...] [--write] [--quick] [--pairs N]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

bench() { env PYTHONSAFEPATH=1 PYTHONPATH="$root:$root/src:$root/src/cli" "$root/.venv/bin/python" -m scripts.bench "$@"; }

ensure_system
ensure_python
case " $* " in
    *" --help "* | *" -h "* | *" --list "*)
        bench "$@"
        exit
        ;;
esac

# `serving`, which is measured by default, needs wrk.
if [[ " $* " == *" serving "* || ! " $* " =~ \ [a-z] ]]; then ensure_program wrk; fi

# Called by the trap.
# shellcheck disable=SC2317
finish() {
    local code=$?
    trap - EXIT INT TERM
    "$root/scripts/local.sh" down --wipe --name bench >&2 || code=1
    exit "$code"
}
# V2M_STACK names the state file of a stack that is running already, which is not stopped.
if [ -z "${V2M_STACK:-}" ]; then
    "$root/scripts/local.sh" down --wipe --name bench >/dev/null
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "$root/scripts/local.sh" up --name bench --set REQUIRE_VERIFICATION=false --set QUOTA_CONVERSIONS=0 >&2 || die "The system did not start; the lines above say why."
    export V2M_STACK="$root/.local/stack/bench/state.json"
fi
bench "$@"
