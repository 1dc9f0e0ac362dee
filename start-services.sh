#!/usr/bin/env bash
# Forwards ports of this machine to the cluster's services: see --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
run_deploy start-services "$@"
