#!/usr/bin/env bash
# Deletes the system from a Kubernetes cluster: see --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
run_deploy undeploy "$@"
