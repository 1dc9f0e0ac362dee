#!/usr/bin/env bash
# Prepares the databases of this machine for a minikube cluster: see --help.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

find_python
[ -n "$PYTHON" ] || die "Python 3.11 or newer is needed. Install it, or name it in V2M_PYTHON, then try again."
exec env PYTHONSAFEPATH=1 PYTHONPATH="$root" "$PYTHON" -m scripts.deploy set-up-host "$@"
