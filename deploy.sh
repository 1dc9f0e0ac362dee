#!/usr/bin/env bash
# Installs or updates the system on a Kubernetes cluster: see --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
run_deploy deploy "$@"
