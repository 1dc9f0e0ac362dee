#!/usr/bin/env bash
# Simulates a day with 100 to 1,000,000 videos: what it needs, and how long they wait. Needs no server: see --help.
# usage: ./scripts/bench/simulate.sh [VIDEOS...] [--costs FILE] [--write]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
ensure_python
exec env PYTHONSAFEPATH=1 PYTHONPATH="$root:$root/src" "$root/.venv/bin/python" -m scripts.bench.simulate "$@"
