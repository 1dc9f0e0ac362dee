# shellcheck shell=bash
# What every script of the project needs: messages, and the programs and packages that must be installed.
# Source it from the checkout's root; every ensure_* function is quick when everything is installed.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Debian keeps servers in sbin, which is not on the PATH of an ordinary user.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
# One Python for everything: uv must not download another one.
export PATH UV_PYTHON_DOWNLOADS=never

# say SENTENCE: prints a progress line to standard error.
say() { printf '%s\n' "$*" >&2; }

# die SENTENCE: exits with an error, which says what is wrong and what to do.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND...: runs it as root, with sudo unless this is root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "This needs root: $*. Run it as root, or install sudo, and try again."
    fi
}

# find_python: sets PYTHON to the first interpreter that is new enough (3.11), or to an empty string.
find_python() {
    local name
    PYTHON=""
    for name in "${V2M_PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if have "$name" && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            PYTHON="$name"
            return
        fi
    done
}

# require_python: exits with an error unless there is such an interpreter.
require_python() {
    [ -n "${PYTHON:-}" ] || find_python
    [ -n "$PYTHON" ] || die "Python 3.11 or newer is needed. Install it, or name it in V2M_PYTHON, then try again."
}

# missing_packages: prints the Debian packages that hold what this machine lacks (with NEED_LINT=1 the linters' too).
missing_packages() {
    local has_headers has_venv python_package=python3
    if [ -z "$PYTHON" ]; then
        # Where python3 is too old (Ubuntu 22.04), a newer one has a separate package.
        if have apt-cache && apt-cache show python3.11 >/dev/null 2>&1; then python_package=python3.11; fi
        printf '%s\n' "$python_package" "$python_package-dev" "$python_package-venv"
    else
        read -r has_headers has_venv python_package < <("$PYTHON" - <<'PROBE'
import importlib.util, pathlib, sys, sysconfig
print(
    int((pathlib.Path(sysconfig.get_paths()["include"]) / "Python.h").exists()),
    int(importlib.util.find_spec("ensurepip") is not None),
    f"python{sys.version_info.major}.{sys.version_info.minor}",
)
PROBE
        )
        [ "$has_headers" = 1 ] || echo "$python_package-dev"
        [ "$has_venv" = 1 ] || echo "$python_package-venv"
    fi
    have mariadbd && have mariadb-install-db && have mariadb || echo mariadb-server
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && have epmd || echo rabbitmq-server
    { have pkg-config && pkg-config --exists libmariadb; } || echo libmariadb-dev
    have pkg-config || echo pkg-config
    have gcc || printf '%s\n' gcc libc6-dev
    have openssl || echo openssl
    have curl || echo curl
    have flock || echo util-linux
    have restic || echo restic
    have nginx || echo nginx
    have envsubst || echo gettext-base
    # mongod, where it comes with the Python packages, is linked against it.
    have mongod || [[ "$(ldconfig -p 2>/dev/null)" == *"libcurl.so.4 "* ]] || echo libcurl4
    [ -z "${NEED_LINT:-}" ] || have shellcheck || echo shellcheck
}

# install_packages NAME...: installs Debian packages without letting them start their own daemons.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    kept=""
    # shellcheck disable=SC2317  # the trap below calls it
    restore() {
        if [ -n "$kept" ]; then as_root mv -f "$kept" "$policy"; else as_root rm -f "$policy"; fi
    }
    if [ -e "$policy" ]; then
        kept="$policy.video2mp3"
        as_root mv -f "$policy" "$kept"
    fi
    trap restore EXIT
    trap 'exit 130' INT TERM
    # invoke-rc.d asks this file first; 101 says "not allowed" (see invoke-rc.d(8)).
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 ||
        die "apt-get update failed. Check the network and /etc/apt/sources.list, then try again."
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "$@" >&2 ||
        die "apt-get could not install: $*. Install them by hand, then try again."
    # Servers for a private stack must not start at the next boot either.
    if have systemctl && [ -d /run/systemd/system ]; then
        for package in "$@"; do
            case "$package" in
                mariadb-server) as_root systemctl disable --quiet mariadb.service >&2 || true ;;
                nginx) as_root systemctl disable --quiet nginx.service >&2 || true ;;
                rabbitmq-server) as_root systemctl disable --quiet rabbitmq-server.service epmd.socket >&2 || true ;;
            esac
        done
    fi
)

# ensure_system: the programs that are not in Python packages. Sets PYTHON.
ensure_system() {
    local missing
    find_python
    mapfile -t missing < <(missing_packages)
    if [ "${#missing[@]}" -gt 0 ]; then
        have apt-get || die "These programs are missing (named as on Debian): ${missing[*]}. Install them, then try again."
        say "Installing ${missing[*]} (once)..."
        install_packages "${missing[@]}"
        find_python
        mapfile -t missing < <(missing_packages)
        [ "${#missing[@]}" = 0 ] || die "Still missing after the installation: ${missing[*]}. Install them by hand, then try again."
    fi
    require_python
}

# ensure_uv: uv in a separate environment, so that it cannot conflict with other packages. Sets UV.
ensure_uv() {
    UV="$ROOT/.local/uv/bin/uv"
    [ -x "$UV" ] && return
    require_python
    say "Installing uv..."
    "$PYTHON" -m venv --clear "$ROOT/.local/uv" ||
        die "$PYTHON cannot make an environment. Install its venv package (python3-venv), then try again."
    "$ROOT/.local/uv/bin/python" -m pip install --quiet --disable-pip-version-check uv ||
        die "uv cannot be installed from PyPI. Check the network and pip's settings, then try again."
}

# ensure_environment FOLDER UV-PIP-ARGUMENT...: a virtual environment with packages of requirements.lock.
ensure_environment() {
    local folder="$1" stamp="$1/.lock.sha256" wanted
    require_python
    wanted="$("$PYTHON" -V) $(cat "$ROOT/requirements.lock" "$ROOT/pyproject.toml" | sha256sum)"
    [ -x "$folder/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    ensure_uv
    say "Installing Python packages of requirements.lock into ${folder#"$ROOT"/}..."
    if ! [ "$("$folder/bin/python" -V 2>/dev/null)" = "$("$PYTHON" -V)" ]; then
        "$UV" venv --quiet --clear --python "$PYTHON" "$folder" || die "uv cannot create $folder. Remove it, then try again."
    fi
    "$UV" pip "${@:2}" --quiet --python "$folder/bin/python" ||
        die "The packages of requirements.lock cannot be installed; see the lines above. Then try again."
    printf '%s\n' "$wanted" >"$stamp"
}

# ensure_python: .venv with exactly the packages of requirements.lock. Sets PYTHON if it is not set.
ensure_python() { ensure_environment "$ROOT/.venv" sync --require-hashes "$ROOT/requirements.lock"; }

# run_deploy COMMAND ARGUMENT...: runs a command of scripts/deploy in place of this shell.
run_deploy() {
    find_python
    # A Python that has the packages is used as it is.
    if [ -z "$PYTHON" ] || ! "$PYTHON" -c '
import importlib.util, sys
names = ["dotenv", "email_validator", "psutil", "pydantic_settings", "requests", "yaml"]
sys.exit(None in map(importlib.util.find_spec, names))'; then
        # Versions and hashes are those of the lock.
        ensure_environment "$ROOT/.local/deploy-venv" \
            install --constraint "$ROOT/requirements.lock" --group "$ROOT/pyproject.toml:deploy"
        PYTHON="$ROOT/.local/deploy-venv/bin/python"
    fi
    exec env PYTHONSAFEPATH=1 PYTHONPATH="$ROOT:$ROOT/src" "$PYTHON" -m scripts.deploy "$@"
}

# ensure_web: the page, built into src/web/dist from what src/web holds now. Needs ensure_python.
ensure_web() {
    local web="$ROOT/src/web" bin="$ROOT/.venv/bin" log="$ROOT/.local/web.log" packages sources
    mkdir -p "$ROOT/.local"
    packages="$("$bin/node" --version) $(sha256sum <"$web/package-lock.json")"
    sources="$packages $(cd "$web" && find . \( -path ./node_modules -o -path ./dist \) -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)"
    [ "$(cat "$web/dist/.sources" 2>/dev/null)" = "$sources" ] && return
    (
        # Two stacks may start at the same time.
        flock 8
        [ "$(cat "$web/dist/.sources" 2>/dev/null)" = "$sources" ] && exit
        cd "$web" || exit
        if [ "$(cat node_modules/.packages 2>/dev/null)" != "$packages" ]; then
            say "Installing the packages that build the page..."
            # Without install scripts, which none of these packages needs.
            env PATH="$bin:$PATH" "$bin/npm" ci --ignore-scripts --no-progress >"$log" 2>&1 || {
                cat "$log" >&2
                die "The packages of src/web/package-lock.json cannot be installed. The lines above say why; then try again."
            }
            printf '%s\n' "$packages" >node_modules/.packages
        fi
        say "Building the page..."
        env PATH="$bin:$PATH" "$bin/npm" run build >"$log" 2>&1 || {
            cat "$log" >&2
            die "The page cannot be built: see the lines above."
        }
        printf '%s\n' "$sources" >dist/.sources
    ) 8>"$ROOT/.local/web.lock"
}

# ensure_program NAME: a program whose Debian package has the same name, such as chromium.
ensure_program() {
    have "$1" && return
    have apt-get || die "$1 is missing. Install it, then try again."
    say "Installing $1 (once)..."
    install_packages "$1"
}

# run_in_gateway [--stack NAME | --kubernetes [--namespace NAME]] COMMAND...: runs a script's command in the gateway, in
# place of this shell. The script defines `gateway_command COMMAND...`, which sets the array `command`.
run_in_gateway() {
    local stack=dev namespace=video2mp3 kubernetes="" command=()
    while [ $# -gt 0 ]; do
        case "$1" in
            --help | -h)
                sed -n '2,/^set /{s/^# //p}' "$0"
                exit 0
                ;;
            --stack) stack="${2:?--stack needs a name}" && shift ;;
            --namespace) namespace="${2:?--namespace needs a name}" && shift ;;
            --kubernetes) kubernetes=1 ;;
            *) break ;;
        esac
        shift
    done
    gateway_command "$@"
    if [ -n "$kubernetes" ]; then
        exec kubectl --namespace "$namespace" exec deployment/gateway -- python -m "${command[@]}"
    fi
    exec "$ROOT/scripts/local.sh" exec --name "$stack" gateway python -m "${command[@]}"
}

# run_backup COMMAND [--stack NAME | --env | --kubernetes [--namespace NAME]] ARGUMENT...: runs `python -m backup`, in place
# of this shell.
run_backup() {
    local stack=dev namespace=video2mp3 where=stack arguments=()
    while [ $# -gt 0 ]; do
        case "$1" in
            --help | -h)
                sed -n '2,/^set /{s/^# //p}' "$0"
                exit 0
                ;;
            --stack) stack="${2:?--stack needs a name}" && shift ;;
            --namespace) namespace="${2:?--namespace needs a name}" && shift ;;
            --kubernetes) where=kubernetes ;;
            --env) where="env" ;;
            *) arguments+=("$1") ;;
        esac
        shift
    done
    if [ "$where" = kubernetes ]; then
        run_backup_job "$namespace" "${arguments[@]}"
        return
    fi
    ensure_program restic
    have mariadb-dump || install_packages mariadb-client
    export BACKUP_FOLDER="${BACKUP_FOLDER:-$ROOT/.local/backup/$stack}"
    export RESTIC_REPOSITORY="${RESTIC_REPOSITORY:-$BACKUP_FOLDER/repository}"
    [ "$where" = env ] || exec "$ROOT/scripts/local.sh" exec --name "$stack" backup python -m backup "${arguments[@]}"
    ensure_python
    exec env PYTHONSAFEPATH=1 PYTHONPATH="$ROOT/src" "$ROOT/.venv/bin/python" -m backup "${arguments[@]}"
}

# run_backup_job NAMESPACE ARGUMENT...: runs the CronJob `backup` once, with other arguments, and shows its log.
run_backup_job() {
    local in=(kubectl --namespace "$1") name word words ended
    name="backup-$2-$(date +%s)"
    for word in "${@:2}"; do
        [[ "$word" =~ ^[a-z0-9-]+$ ]] || die "invalid argument: $word"
    done
    words="$(printf ', "%s"' "${@:2}")"
    "${in[@]}" create job "$name" --from=cronjob/backup --dry-run=client --output=json |
        "${in[@]}" patch --local --filename=- --type=json --output=json --patch="[
            {\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/args\", \"value\": [${words#, }]},
            {\"op\": \"replace\", \"path\": \"/spec/backoffLimit\", \"value\": 0}]" |
        "${in[@]}" create --filename=- >&2
    # Fails until the pod has started.
    until "${in[@]}" logs --follow "job/$name" 2>/dev/null; do
        [ "$SECONDS" -lt 300 ] || die "The pod has not started: kubectl describe job $name"
        sleep 2
    done
    while sleep 1; do
        ended="$("${in[@]}" get "job/$name" --output='jsonpath={.status.conditions[*].type}')"
        case "$ended" in
            *Complete*) return 0 ;;
            *Failed*) return 1 ;;
        esac
    done
}
