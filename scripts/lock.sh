#!/usr/bin/env bash
# Updates the locks: requirements.lock (everything, for development) and src/<service>/requirements.lock (for the images).
# They hold hashes and no registry address, so that any mirror serves them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
ensure_uv

compile() {
    "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command ./scripts/lock.sh --override overrides.txt "${upgrade[@]}" "$@"
}

upgrade=()
case "${1:-}" in
    --upgrade) upgrade=(--upgrade) ;;
    --help | -h) echo "usage: ./scripts/lock.sh [--upgrade]"; exit 0 ;;
    "") ;;
    *) die "unknown option $1: see --help" ;;
esac

compile src/*/pyproject.toml --group dev --output-file requirements.lock
upgrade=()
for service in src/*/pyproject.toml; do
    compile "$service" --constraint requirements.lock --output-file "$(dirname "$service")/requirements.lock"
done
