#!/usr/bin/env bash
# Runs the whole system on this machine, without containers: see --help.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

case "${1:-}" in
    up)
        ensure_system
        ensure_python
        # The API works without the page.
        [[ " $* " == *" --servers-only "* ]] || (ensure_web) || say "Continuing without the page."
        ;;
    *) [ -x "$root/.venv/bin/python" ] || { ensure_system && ensure_python; } ;;
esac
# `exec` runs in the caller's directory, which must not be searched for Python modules.
exec env PYTHONSAFEPATH=1 PYTHONPATH="$root" "$root/.venv/bin/python" -m scripts.stack "$@"
