#!/usr/bin/env bash
# Prepares the databases of this machine for a minikube cluster: see --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
run_deploy setup-host "$@"
