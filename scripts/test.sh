#!/usr/bin/env bash
# Runs the tests, each tier against what it needs.
# usage: ./scripts/test.sh [TIER...] [--all] [--with COMPONENT]... [-- PYTEST ARGUMENTS]
#   lint         style, types, imports, security, shell, locks
#   unit         parts without servers
#   scripts      the scripts
#   manifests    the Kubernetes manifests
#   integration  parts with real servers
#   e2e          the whole system, as a user sees it
#   browser      the web page in a real browser
#   faults       the whole system while parts of it fail
#   cluster      the manifests in a real cluster; runs only when it is named
# --all: also the faults that take many minutes each
# --with COMPONENT: for the tier cluster, deploy with this component too; can be repeated
# Without a tier: all but cluster. Servers are started as needed and stopped afterwards; the faults run in parallel with the other tiers.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

all=(lint unit scripts manifests integration e2e browser faults cluster)
tiers=()
pytest_arguments=()
faults_arguments=()
cluster_arguments=()

has_tests() { [ "$1" = lint ] || [ -n "$(find "tests/$1" -name 'test_*.py' -print -quit 2>/dev/null)" ]; }

while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h)
            sed -n '2,15s/^# //p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        --all) faults_arguments=(--all) ;;
        --with)
            [ -n "${2:-}" ] || die "--with needs the name of a component."
            [ -d "manifests/components/$2" ] || die "There is no component $2. There are: $(ls -m manifests/components)."
            cluster_arguments+=(--with "$2")
            shift
            ;;
        --)
            shift
            pytest_arguments=("$@")
            break
            ;;
        *)
            [[ " ${all[*]} " == *" $1 "* ]] || die "There is no tier $1. There are: ${all[*]}."
            has_tests "$1" || die "The tier $1 has no tests in tests/$1."
            tiers+=("$1")
            ;;
    esac
    shift
done
if [ "${#tiers[@]}" = 0 ]; then
    for tier in "${all[@]}"; do
        if [ "$tier" != cluster ] && has_tests "$tier"; then tiers+=("$tier"); fi
    done
fi
requested() { [[ " ${tiers[*]} " == *" $1 "* ]]; }

if requested lint; then export NEED_LINT=1; fi
ensure_system
ensure_python
export PATH="$root/.venv/bin:$PATH"

# Total coverage is meaningful only when all tiers that measure it run completely.
coverage=""
if requested unit && requested integration && requested e2e && [ "${#pytest_arguments[@]}" = 0 ]; then coverage=1; fi

child=""
background=""
stacks=()

# run COMMAND...: runs it so that a signal to this script reaches it too; returns its exit code.
run() {
    local code=0
    "$@" <&0 &
    child=$!
    wait "$child" || code=$?
    child=""
    return "$code"
}

# Called by the traps.
# shellcheck disable=SC2317
finish() {
    local code=$? name
    trap - EXIT INT TERM
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    if [ -n "$background" ]; then
        kill -TERM "$background" 2>/dev/null || true
        wait "$background" 2>/dev/null || true
    fi
    for name in "${stacks[@]}"; do
        ./scripts/local.sh down --wipe --name "$name" >&2 || code=1
    done
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start_stack NAME [SETTINGS]: a fresh stack with the variables of a file of NAME=VALUE lines.
start_stack() {
    local line options=()
    if [ -n "${2:-}" ] && [ -f "$2" ]; then
        while IFS= read -r line; do
            if [ -n "$line" ] && [[ "$line" != \#* ]]; then options+=(--set "$line"); fi
        done <"$2"
    fi
    ./scripts/local.sh down --wipe --name "$1" >/dev/null
    stacks+=("$1")
    run ./scripts/local.sh up --provider --name "$1" "${options[@]}"
}

# one_at_a_time STACK: only one test run of a checkout at a time may use each stack.
one_at_a_time() {
    mkdir -p .local
    exec 9>".local/test-$1.lock"
    flock --nonblock 9 || {
        say "Another test run of this checkout uses the stack $1; waiting until it exits..."
        flock --timeout 3600 9 || die "The other test run did not exit within an hour. Stop it, then try again."
    }
}

shared_stack() {
    [ -n "${V2M_STACK:-}" ] && return
    one_at_a_time test
    V2M_COVERAGE="$coverage" start_stack test tests/settings.env || return
    export V2M_STACK="$root/.local/stack/test/state.json"
}

# measured COMMAND...: runs it under coverage when the total is wanted.
measured() {
    if [ -n "$coverage" ]; then
        COVERAGE_PROCESS_START="$root/pyproject.toml" COVERAGE_FILE="$root/.local/coverage/.coverage" run "$@"
    else
        run "$@"
    fi
}

tier_lint() {
    local failed=0 files
    mapfile -t files < <(git ls-files -co --exclude-standard '*.sh' .ci/run)
    run ruff check . || failed=1
    run ruff format --check . || failed=1
    run mypy src scripts tests || failed=1
    run env PYTHONPATH=src:src/cli lint-imports || failed=1
    run bandit --quiet --recursive --configfile pyproject.toml src || failed=1
    run shellcheck --external-sources "${files[@]}" || failed=1
    run python scripts/locks.py || failed=1
    (ensure_web) || failed=1
    run npm --prefix src/web run lint || failed=1
    run npm --prefix src/web run typecheck || failed=1
    run npm --prefix src/web run types -- --check || failed=1
    return "$failed"
}
tier_unit() {
    local failed=0
    (ensure_web) && run npm --prefix src/web test || failed=1
    measured pytest -n 2 tests/unit "${pytest_arguments[@]}" || failed=1
    return "$failed"
}
tier_scripts() { run pytest -n 2 tests/scripts "${pytest_arguments[@]}"; }
tier_manifests() { run pytest tests/manifests "${pytest_arguments[@]}"; }
tier_integration() { shared_stack && measured pytest -n 2 tests/integration "${pytest_arguments[@]}"; }
tier_e2e() { shared_stack && measured pytest -n 2 tests/e2e "${pytest_arguments[@]}"; }
tier_browser() {
    # In subshells: a missing program fails only this tier.
    (ensure_web) && (ensure_program chromium) && shared_stack && run pytest -n 2 tests/browser "${pytest_arguments[@]}"
}
tier_faults() {
    local code=0
    if [ -n "$background" ]; then
        wait "$background" || code=$?
        background=""
        cat .local/faults.log
        return "$code"
    fi
    one_at_a_time faults
    start_stack faults tests/faults/settings.env || return
    V2M_STACK="$root/.local/stack/faults/state.json" run pytest tests/faults "${faults_arguments[@]}" "${pytest_arguments[@]}"
}
tier_cluster() { run pytest --capture=no --verbose tests/cluster "${cluster_arguments[@]}" "${pytest_arguments[@]}"; }

# show_logs TIER: the last log lines of the services after the tier failed.
show_logs() {
    local name=test service
    [ "$1" != faults ] || name=faults
    for service in auth gateway gateway-nginx converter notification summary summary-worker housekeeping supervisord; do
        [ ! -f ".local/stack/$name/logs/$service.log" ] || tail -v -n 25 ".local/stack/$name/logs/$service.log" >&2
    done
}

total_coverage() {
    # The services write their data when they exit.
    ./scripts/local.sh down --wipe --name test >&2
    coverage combine --quiet --data-file=.local/coverage/.coverage .local/coverage || return
    coverage report --data-file=.local/coverage/.coverage --fail-under=90
}

rm -rf .local/coverage
mkdir -p .local/coverage
# The faults mostly wait: they run in parallel with the other tiers, on a separate stack.
if requested faults && [ "${#tiers[@]}" -gt 1 ]; then
    ./scripts/test.sh faults "${faults_arguments[@]}" -- "${pytest_arguments[@]}" >.local/faults.log 2>&1 </dev/null &
    background=$!
fi

summary=()
failures=0
for tier in "${tiers[@]}"; do
    printf '\n== %s\n' "$tier"
    started=$SECONDS
    result=passed
    if ! "tier_$tier"; then
        result=FAILED
        failures=$((failures + 1))
        case "$tier" in integration | e2e | browser | faults) show_logs "$tier" ;; esac
    fi
    summary+=("$(printf '%-12s %-7s %5d s' "$tier" "$result" $((SECONDS - started)))")
done
if [ -n "$coverage" ]; then
    printf '\n== coverage\n'
    result=passed
    total_coverage || { result=FAILED; failures=$((failures + 1)); }
    summary+=("$(printf '%-12s %-7s' coverage "$result")")
fi

printf '\n'
printf '%s\n' "${summary[@]}"
printf '\nTiers: %d passed, %d failed\n' $((${#summary[@]} - failures)) "$failures"
[ "$failures" = 0 ]
